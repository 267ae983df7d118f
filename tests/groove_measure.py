"""Measuring what a beat sounds like, from its stems: written without the product's own signal code.

Stems are float32 (2, n) at 44.1 kHz, events and grids the JSON of the contract. Times are seconds, levels dB or LU.

An onset is the time at which a hit reaches half of its first strong peak. Loudness is K-weighted by pyloudnorm's
filters, over the 400 ms that begin 5 ms before a hit (the momentary window of EBU Tech 3341).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyloudnorm
from scipy import fft, signal
from scipy.ndimage import maximum_filter1d

RATE = 44_100
Audio = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Event = Mapping[str, Any]
Place = tuple[str, int, int]  # role, step, tick

MOMENTARY_S = 0.4
BEFORE_HIT_S = 0.005  # a window opens so long before the attack, so that the attack itself is inside
ONSET_HIGH_PASS_HZ = 200.0  # below it a ringing body looks like hits
ONSET_RISE_DB = 6.0  # a hit stands so far over what still sounds
ONSET_APART_S = 0.025  # closer than this is one hit: 32nds at 300 bpm are 25 ms apart
ONSET_LOOK_S, ONSET_BACK_S, ONSET_GAP_S = 0.002, 0.010, 0.0005
ONSET_PEAK_S = 0.008  # the first strong peak comes within this of the rise
QUIET = 0.25  # of a hit: what sounds before it is that soft, or its body cannot be told from the last one's
ONSET_FLOOR_DB = -50.0  # against the stem's peak: softer is no hit
MATCH_S = 0.012  # an onset belongs to an event when it is no farther from it: a second click in a sound is
OFFBEATS_MIN = 3  # fewer say more of the player's jitter than of the swing
NOTHING = 1e-12


def db(power: float) -> float:
    """A power ratio in dB, -120 for nothing."""
    return 10.0 * math.log10(max(power, NOTHING))


# ---- when ----


def onsets_s(stem: Audio) -> Floats:
    """Every hit of a stem, found without looking at its events: seconds, rising, float64 (hits,)."""
    lead = RATE // 10
    plain = np.pad(stem.astype(np.float64), ((0, 0), (lead, 0)))
    sos = signal.butter(2, ONSET_HIGH_PASS_HZ, "high", fs=RATE, output="sos")
    whole, heard = np.abs(plain).max(axis=0), np.abs(signal.sosfilt(sos, plain)).max(axis=0)
    if heard.max() <= 0.0:
        return np.zeros(0)
    floor = heard.max() * 10 ** (ONSET_FLOOR_DB / 20)
    look, back, gap = (round(s * RATE) for s in (ONSET_LOOK_S, ONSET_BACK_S, ONSET_GAP_S))
    ahead = maximum_filter1d(heard, look, origin=-((look - 1) // 2))
    behind = np.concatenate((np.zeros(gap), maximum_filter1d(heard, back, origin=back // 2)[:-gap]))
    rise = 20 * np.log10((ahead + floor) / (behind + floor))
    rise[ahead < 2 * floor] = 0.0
    peaks, _ = signal.find_peaks(rise, height=ONSET_RISE_DB, plateau_size=1)
    found = [_half_of_first_peak(whole, heard, at) for at in _first_strong(heard, peaks.tolist())]
    return np.maximum(0.0, (np.array(found) - lead) / RATE)


def _first_strong(heard: Floats, peaks: Sequence[int]) -> list[int]:
    """Of the rises within 25 ms, which are one hit, the first that is at least half as loud as the loudest."""
    tops = [float(heard[at : at + round(ONSET_PEAK_S * RATE)].max()) for at in peaks]
    apart = round(ONSET_APART_S * RATE)
    found: list[int] = []
    for i, at in enumerate(peaks):
        if found and at - found[-1] < apart:
            continue
        near = [tops[j] for j in range(i, len(peaks)) if peaks[j] - at < apart]
        if tops[i] >= max(near) / 2:
            found.append(at)
    return found


def _half_of_first_peak(whole: Floats, heard: Floats, at: int) -> float:
    """The frame where the hit that rises around `at` reaches half of the largest value of its first 8 ms.

    In the whole sound where it begins in quiet, or else in what lies above the ringing of a low body.
    """
    start, end = max(0, at - round(0.001 * RATE)), at + round(ONSET_PEAK_S * RATE)
    before = whole[max(0, start - round(ONSET_BACK_S * RATE)) : start].max(initial=0.0)
    part = (whole if before < QUIET * whole[start:end].max() else heard)[start:end]
    return float(start + int(np.argmax(part >= part.max() / 2)))


def nominal_s(grid: Mapping[str, Any], bar: int, position: float, swing: float | None = None) -> float:
    """Second of a position (steps with a fraction) of a bar on the swung grid, reckoned from the beat's JSON."""
    ratio = grid["swing"] if swing is None else swing
    pair = 32 // grid["swing_unit"]
    step_s = 15.0 / grid["bpm"]
    start = bar * grid["steps_per_bar"] * step_s
    if position >= grid["steps_per_bar"] // pair * pair:
        return start + position * step_s
    inside = position % pair
    first = ratio * pair
    half = pair / 2
    warped = inside / half * first if inside <= half else first + (inside - half) / half * (pair - first)
    return start + (position - inside + warped) * step_s


def place_s(grid: Mapping[str, Any], event: Event) -> float:
    """Where an event would lie without feel."""
    return nominal_s(grid, event["bar"], event["step"] + event["tick"] / 240)


def nearest(onsets: Floats, time_s: float, within_s: float = MATCH_S) -> float | None:
    """The onset nearest to a time, None where there is none."""
    if not onsets.size:
        return None
    best = float(onsets[np.abs(onsets - time_s).argmin()])
    return best if abs(best - time_s) <= within_s else None


def lateness_ms(grid: Mapping[str, Any], onsets: Floats, events: Iterable[Event]) -> list[float]:
    """How late the hits of these events were heard against the swung grid; events not heard are left out."""
    found = []
    for event in events:
        heard = nearest(onsets, event["time_s"])
        if heard is not None:
            found.append((heard - place_s(grid, event)) * 1000)
    return found


def swing_ratio(grid: Mapping[str, Any], onsets: Floats, events: Sequence[Event]) -> float | None:
    """Where the second note of a pair was heard (0.5 straight), from hits on the halves of pairs; None where fewer
    than three second notes were heard.

    A pair begins where hits on its first half were heard, or else where the grid says.
    """
    pair = 32 // grid["swing_unit"]
    pair_s = pair * 15.0 / grid["bpm"]
    on: list[float] = []
    off: list[float] = []
    for event in events:
        inside = event["step"] % pair
        if event["tick"] or inside not in {0, pair // 2}:
            continue
        if (event["step"] // pair + 1) * pair > grid["steps_per_bar"]:
            continue  # what is left over at a bar's end stays straight
        heard = nearest(onsets, event["time_s"])
        if heard is not None:
            start = nominal_s(grid, event["bar"], event["step"] - inside)
            (off if inside else on).append((heard - start) / pair_s)
    if len(off) < OFFBEATS_MIN:
        return None
    return float(np.mean(off) - (np.mean(on) if on else 0.0))


# ---- how loud ----


def weighted_power(stem: Audio) -> Floats:
    """The running sum of the K-weighted square over both channels, float64 (n + 1,)."""
    x = stem.astype(np.float64)
    for kind in pyloudnorm.Meter(RATE)._filters.values():
        x = signal.lfilter(kind.b, kind.a, x, axis=1)
    return np.concatenate(([0.0], np.cumsum(np.square(x).sum(axis=0))))


def hit_lufs(power: Floats, times_s: Iterable[float]) -> list[float]:
    """Momentary loudness of the hits at these times; `power` as `weighted_power` gives it. Silent ones are left out."""
    found = []
    for time_s in times_s:
        a = max(0, round((time_s - BEFORE_HIT_S) * RATE))
        b = min(len(power) - 1, a + round(MOMENTARY_S * RATE))
        mean = (power[b] - power[a]) / (MOMENTARY_S * RATE) if b > a else 0.0
        if mean > NOTHING:
            found.append(-0.691 + db(mean))
    return found


def lufs(audio: Audio) -> float:
    """Integrated loudness of BS.1770-4, -inf for silence. Audio under 400 ms is padded."""
    padded = np.pad(audio, ((0, 0), (0, max(0, round(0.5 * RATE) - audio.shape[1]))))
    with np.errstate(divide="ignore"):
        return float(pyloudnorm.Meter(RATE).integrated_loudness(padded.T.astype(np.float64)))


def true_peak_db(audio: Audio) -> float:
    """True peak in dBTP, eight-fold oversampled around the largest samples."""
    top = np.abs(audio).max(initial=0.0)
    if top <= 0.0:
        return -120.0
    best = float(top)
    for channel in audio.astype(np.float64):
        hot = np.flatnonzero(np.abs(channel) > 0.6 * top)
        for block in np.unique(hot // 4096):
            a, b = max(0, block * 4096 - 256), (block + 1) * 4096 + 256
            fine = signal.resample_poly(channel[a:b], 8, 1)
            best = max(best, float(np.abs(fine[1024:-1024] if len(fine) > 4096 else fine).max()))
    return 20 * math.log10(best)


def mono_loss_lu(audio: Audio) -> float:
    """How much softer the mono sum is than the stereo: 0 for what is in the middle, 3 for what is uncorrelated."""
    middle = audio.mean(axis=0, keepdims=True)
    return lufs(audio) - lufs(np.repeat(middle, 2, axis=0))


def side_share(audio: Audio, below_hz: float) -> float:
    """Share of the energy below a frequency that lies in the side signal, 0..1: 0 is mono."""
    left, right = (signal.sosfilt(_low(below_hz), c.astype(np.float64)) for c in audio)
    side, middle = np.square(left - right).sum(), np.square(left + right).sum()
    return float(side / max(side + middle, NOTHING))


def _low(hz: float) -> Floats:
    return np.asarray(signal.butter(8, hz, fs=RATE, output="sos"))


def band_share(audio: Audio, low_hz: float, high_hz: float) -> float:
    """Share of the energy between two frequencies, 0..1."""
    n = fft.next_fast_len(audio.shape[1], real=True)
    spectrum = np.square(np.abs(fft.rfft(audio.astype(np.float64), n, axis=1))).sum(axis=0)
    hz = fft.rfftfreq(n, 1 / RATE)
    total = spectrum[1:].sum()
    return float(spectrum[(hz >= max(low_hz, 1.0)) & (hz < high_hz)].sum() / max(total, NOTHING))


def duck_curve_db(ducked: Audio, plain: Audio, block: int = 128) -> Floats:
    """By how many dB a bus was lowered in each block (2.9 ms), against the loudest block; NaN where it is silent."""
    n = min(ducked.shape[1], plain.shape[1]) // block * block
    a, b = (np.square(x[:, :n].astype(np.float64)).sum(axis=0).reshape(-1, block).sum(axis=1) for x in (ducked, plain))
    heard = b > 1e-4 * b.max(initial=0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        curve = np.where(heard, 10 * np.log10(a / b), np.nan)
    return np.asarray(curve - np.nanmax(curve)) if heard.any() else curve


# ---- the same, or not ----


def same_hit(stem: Audio, first_s: float, second_s: float, length_s: float) -> bool:
    """Whether two hits of a stem are one recording twice: alike sample for sample within -60 dB, gain included."""
    n = round(length_s * RATE)
    a0, b0 = round(first_s * RATE), round(second_s * RATE)
    a = stem[:, a0 : a0 + n].astype(np.float64)
    best = math.inf
    for shift in (-1, 0, 1):  # a time between two frames may fall on either
        if b0 + shift < 0:
            continue
        b = stem[:, b0 + shift : b0 + shift + n].astype(np.float64)
        m = min(a.shape[1], b.shape[1])
        energy = max(float(np.square(a[:, :m]).sum()), NOTHING)
        best = min(best, float(np.square(a[:, :m] - b[:, :m]).sum()) / energy)
    return best < 1e-6


def seam_jump(loop: Audio) -> float:
    """How sharply a loop bends where its end meets its start, against its sharpest bend elsewhere.

    A hit on the first beat bends there as any hit does: about 1. A cut through a sound bends more than all hits.
    """
    touch = round(0.001 * RATE)
    around = np.concatenate((loop[:, -touch:], loop[:, :touch]), axis=1).astype(np.float64)
    near = np.abs(np.diff(around, n=2, axis=1)).max(initial=0.0)
    rest = np.abs(np.diff(loop[:, touch:-touch].astype(np.float64), n=2, axis=1)).max(initial=0.0)
    return float(near / max(rest, 1e-4 * np.abs(loop).max(initial=0.0), NOTHING))


def places(events: Iterable[Event], bar: int, without: Sequence[str] = ("TEXTURE",)) -> frozenset[Place]:
    """What a bar plays: role, step and tick of its hits. Beds last a phrase and are left out."""
    return frozenset((e["role"], e["step"], e["tick"]) for e in events if e["bar"] == bar and e["role"] not in without)


def jaccard(a: frozenset[Place], b: frozenset[Place]) -> float:
    """Shared over all, 1 for equal sets."""
    return len(a & b) / len(a | b) if a | b else 1.0


LEVELS: dict[str, tuple[int, ...]] = {
    "4/4": (2, 2, 2, 2), "3/4": (3, 2, 2), "2/4": (2, 2, 2), "5/4": (5, 2, 2), "7/8": (7, 2),
    "6/8": (2, 3, 2), "12/8": (2, 2, 3, 2),
}  # fmt: skip


def lhl(steps: Iterable[int], meter: str) -> int:
    """Longuet-Higgins and Lee's syncopation of a bar heard as a loop: for each hit the strongest silent position
    before the next one, where it is stronger than the hit's own, counts by the difference.
    """
    parts = LEVELS[meter]
    length = math.prod(parts)
    strength = []
    for step in range(length):
        span, depth = length, 0
        while step % span:
            span //= parts[depth]
            depth += 1
        strength.append(-depth)
    marks = sorted(set(steps))
    total = 0
    for here, after in zip(marks, [*marks[1:], marks[0] + length] if marks else [], strict=True):
        silent = [strength[s % length] for s in range(here + 1, after)]
        total += max(0, max(silent, default=-99) - strength[here])
    return total
