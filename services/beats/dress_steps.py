"""The steps of a dress that shape what is there: cut, transpose, filter, gate, let decay, lift.

Every step takes a `Hit` and its numbers (see `dress`) and returns a new one; silence stays silence. A decay is a
ceiling that falls by 40 dB in its time and that a sound is held under, so what falls faster by itself is untouched. The
gate is a downward expander with the law of Zölzer (ed.), "DAFX", chapter 4, on a level smoothed without delay.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import soxr
from scipy import signal

from services.audio import dsp
from services.audio.dsp import ramp
from services.beats.cuts import first_strong_peak
from services.beats.dress_hit import (
    RATE,
    TINY,
    Curve,
    Hit,
    curved,
    high_passed,
    levels,
    placed,
    power_spectrum,
    times_s,
)
from services.beats.dress_layers import as_closed, lengthened
from services.beats.dress_types import Step
from services.beats.types import Role

DECAY_DB = 40.0
SILENT_AT = 1.15  # times the decay: faded out from one to the other
SMOOTH_MS: dict[Role, float] = {"CORE": 20.0, "ACCENT": 12.0, "MOTION": 4.0, "FILL": 20.0, "TEXTURE": 20.0}
# a level over less than a period of the lowest partial would wobble with it
ANCHOR_MS: dict[Role, float] = {"CORE": 20.0, "ACCENT": 12.0, "MOTION": 2.0, "FILL": 25.0, "TEXTURE": 25.0}
# after the attack, where the ceiling's height is taken
MOVED_S = 0.001  # an attack that moves by less has stayed
STEEP: dict[Role, int] = {"CORE": 4, "ACCENT": 4, "MOTION": 6, "FILL": 4, "TEXTURE": 8}
# orders of the high-pass: a hat or a bed made of a thump is loud below what is left of it; phases matter less there
BEFORE_S = 0.2  # of a bed's reflection: longer than its filter rings
GATE_LOWEST_DB = -40.0  # what a gate takes at most
SHELF_MAX_DB = 12.0
LOW_SPAN = round(0.5 * RATE)  # samples after the attack, where the share of the lows is measured
SEARCH_STEPS = 12  # halvings of a shelf's range: a hundredth of a dB
SEEK_S = (0.010, 0.200)  # before and after the attack, where the first strong peak of what is left may lie
LEAD_LAST = round(0.002 * RATE)  # samples before the attack in which a lead comes up to it
LEAD_LAST_SHARE = 0.4  # of its dB, 10 of 24: when the hit's spike is bent by 6 dB, what precedes stays under half of it
LIFT_MS = 1.5  # in which a lift falls back
QUALITY = "HQ"  # of soxr: 20 bits


def lead(hit: Hit, step: Step) -> Hit:
    """At most `ms` before the attack, rising there from `db`: slowly, in decibels, and the last two fifths in 2 ms."""
    keep = min(hit.attack, round(step["ms"] * RATE / 1000))
    samples = hit.samples[:, hit.attack - keep :].copy()
    last = min(keep, LEAD_LAST)
    missing = np.interp(np.arange(keep, 0, -1), [0, last, max(keep, last + 1)], [0.0, LEAD_LAST_SHARE, 1.0])
    samples[:, :keep] *= (10 ** (step["db"] / 20 * missing)).astype(np.float32)
    return Hit(samples, keep)


def pitch(hit: Hit, step: Step) -> Hit:
    """Transposed by `semitones`, and as much shorter or longer."""
    ratio = 2.0 ** (step["semitones"] / 12.0)
    if ratio == 1.0:
        return hit
    resampled = soxr.resample(np.ascontiguousarray(hit.samples.T), RATE * ratio, RATE, quality=QUALITY)
    samples = np.ascontiguousarray(resampled.T, dtype=np.float32)
    if samples.shape[1] == 0:  # of a frame or two nothing is left
        return hit
    return Hit(samples, min(samples.shape[1] - 1, round(hit.attack / ratio)))


def high_pass(hit: Hit, step: Step) -> Hit:
    """Without what lies below `hz`. A bed is cut out of its sound: the filter has heard its reflection before it."""
    order = STEEP[step["role"]]
    before = min(hit.frames - 1, round(BEFORE_S * RATE)) if step["role"] == "TEXTURE" else 0
    if before <= 0:
        return Hit(high_passed(hit.samples, step["hz"], order), hit.attack)
    reflected = 2.0 * hit.samples[:, :1] - hit.samples[:, before:0:-1]
    wider = np.concatenate((reflected, hit.samples), axis=1)
    return Hit(np.ascontiguousarray(high_passed(wider, step["hz"], order)[:, before:]), hit.attack)


def shelf(hit: Hit, step: Step) -> Hit:
    """Lows or highs lifted just enough for their share of the energy; nothing where it is there, or in silence."""
    low_one = step["step"] == "low_shelf"
    part = hit.after()[:, :LOW_SPAN] if low_one else as_closed(hit)
    if not part.any():
        return hit
    power, hz = power_spectrum(part)
    inside = hz < step["hz"] if low_one else hz >= step["hz"]
    lifting = partial(dsp.shelf, "low" if low_one else "high", step["hz"], rate_hz=RATE)

    def reached(db: float) -> bool:
        _, response = signal.sosfreqz(lifting(db), hz, fs=RATE)
        shaped = power * np.abs(response) ** 2
        return bool(shaped[inside].sum() >= step["share"] * shaped.sum())

    low, high = 0.0, SHELF_MAX_DB
    if reached(low):
        return hit
    for _ in range(SEARCH_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return Hit(np.asarray(signal.sosfilt(lifting(high), hit.samples), np.float32), hit.attack)


def gate(hit: Hit, step: Step) -> Hit:
    """After the attack, what lies `under_db` below the peak sinks by `ratio` - 1 dB for each dB."""
    level = levels(hit.samples, SMOOTH_MS[step["role"]])
    top = float(level.max(initial=0.0))
    if top <= 0.0:
        return hit
    under_db = np.minimum(0.0, 20 * np.log10(level / top + TINY) - step["under_db"])
    gain = 10 ** (np.maximum(GATE_LOWEST_DB, (step["ratio"] - 1) * under_db) / 20)
    return Hit(curved(hit.samples, np.where(times_s(hit) > 0, gain, 1.0)), hit.attack)


def decay(hit: Hit, step: Step) -> Hit:
    """Held under a level that falls by 40 dB in `ms` after the attack; with `fill_db`, lengthened to it as well."""
    seconds = step["ms"] / 1000
    held = _held(hit, step, seconds)
    early = (hit.attack - held.attack) / RATE
    if early > MOVED_S:  # held, a slow rise has its first strong peak sooner: from there the time counts
        held = _held(hit, step, max(seconds - early, seconds / 2))
    return held


def _held(hit: Hit, step: Step, seconds: float) -> Hit:
    role = step["role"]
    end = hit.attack + math.ceil(SILENT_AT * seconds * RATE)
    short = hit.samples[:, :end]
    if "fill_db" in step and short.any():
        short = np.pad(short, ((0, 0), (0, end - short.shape[1])))
    cut = Hit(short, hit.attack)
    level = levels(cut.samples, SMOOTH_MS[role])
    t = times_s(cut)
    top = float(level[(t >= 0) & (t <= ANCHOR_MS[role] / 1000)].max(initial=0.0))
    if top <= 0.0:
        return cut
    ceiling = _ceiling(t, top, seconds)
    gain = np.minimum(1.0, ceiling / np.maximum(level, TINY))
    gain *= np.clip((SILENT_AT * seconds - t) / ((SILENT_AT - 1) * seconds), 0.0, 1.0)
    held = curved(cut.samples, np.where(t < 0, 1.0, gain))
    if "fill_db" in step:
        return lengthened(Hit(held, hit.attack), ceiling, seconds, step["fill_db"])
    return placed(held, hit.attack)


def transient(hit: Hit, step: Step) -> Hit:
    """The first `ms` from the attack on lifted by `db`, at once and falling back smoothly."""
    lifted, back = round(step["ms"] * RATE / 1000), round(LIFT_MS * RATE / 1000)
    gain = np.full(lifted + back, 10 ** (step["db"] / 20), np.float32)
    gain[lifted:] += (1 - gain[0]) * ramp(back)
    first = max(0, hit.attack - back)
    samples = hit.samples.copy()
    rising = samples[:, first : hit.attack]
    rising *= 1 + (gain[0] - 1) * ramp(rising.shape[1])
    part = samples[:, hit.attack : hit.attack + gain.size]
    part *= gain[: part.shape[1]]
    return placed(samples, hit.attack)


def onset(hit: Hit, step: Step) -> Hit:
    """Begins `rise_ms` before what is left has its first strong peak, fading in over that time."""
    if not hit.samples.any():
        return hit
    first = max(0, hit.attack - round(SEEK_S[0] * RATE))
    at = first + first_strong_peak(hit.samples[:, first : hit.attack + round(SEEK_S[1] * RATE)])
    start = max(0, at - round(step["rise_ms"] * RATE / 1000))
    samples = hit.samples[:, start:].copy()
    samples[:, : at - start] *= ramp(at - start)
    return Hit(samples, at - start)


def _ceiling(t: Curve, top: float, seconds: float) -> Curve:
    return np.asarray(top * 10 ** (-DECAY_DB / 20 * np.maximum(t, 0.0) / seconds))
