"""More sounds for the judge of onsets to learn from, none of which the benchmark uses.

The judge would else know the sounds of a few kits by heart. Drums are made by `role_synth`, no two alike; strokes,
calls, mechanisms, trains of grains and pours are made here, since what goes on within one such sound is most easily
taken for a new one. `worn` makes another thing of any sound: another pitch, another colour, cut sooner.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import role_synth
import soxr
from scipy import signal

from tests.bench.ears.slices_sounds import COMPOUND, RATE_HZ, Mono, Rng, Sound, Wave, begun, even, modes, noise, times

DRUMS = (
    role_synth.kick, role_synth.thump, role_synth.snare, role_synth.tom, role_synth.clap, role_synth.rim,
    role_synth.knock, role_synth.hat_closed, role_synth.hat_open, role_synth.crash, role_synth.ride, role_synth.perc,
    role_synth.shaker, role_synth.keys,
)  # fmt: skip
TONES = (role_synth.bass, role_synth.tonal, role_synth.vocal)
PITCH_SEMITONES = 6.0  # either way
TILT = 0.5  # of a first-order filter, either way: some 10 dB between the ends of the spectrum
CUT_SHARE, CUT_S, CUT_FADE_S = 0.15, (0.05, 0.6), 0.02
ONE_SOUND = "compound"  # the family of whatever must not be struck twice in a row, since it is many strikes itself


def strokes(rng: Rng) -> Wave:
    """A record, a zip, a saw, a washboard: one to eight strokes to and fro of one surface, some cut off at once."""
    n = round(rng.uniform(0.1, 0.5) * RATE_HZ)
    low = even(rng, 100, 2500)
    surface = noise(rng, n, low, low * rng.uniform(2, 8), 1)
    tone = signal.sawtooth(2 * np.pi * even(rng, 80, 900) * np.arange(n) / RATE_HZ)
    surface = surface / surface.std() + rng.uniform(0, 2) * tone
    parts, forth = [], 1
    stroke_s, uneven = even(rng, 0.04, 0.2), rng.uniform(0, 0.6)
    for _ in range(int(rng.integers(1, 9))):
        size = round(stroke_s * (1 + rng.uniform(-uneven, uneven)) * RATE_HZ)
        arch = np.sin(np.pi * np.linspace(0, 1, size)) ** rng.uniform(0.2, 1.5)
        path = np.cumsum(0.1 + arch * rng.uniform(0.5, 3))
        part = surface[np.asarray(path if forth > 0 else path[-1] - path, dtype=np.int64) % n] * (arch + 0.05)
        if rng.random() < 0.3:
            part[int(rng.uniform(0.3, 1) * size) :] *= rng.uniform(0, 0.2)
        parts += [part * rng.uniform(0.4, 1), np.zeros(round(max(0.0, rng.uniform(-0.06, 0.06)) * RATE_HZ))]
        forth = -forth
    x = np.concatenate(parts)
    soft = even(rng, 0.0003, 0.003)
    return np.asarray(signal.filtfilt([1 - np.exp(-1 / (RATE_HZ * soft))], [1, -np.exp(-1 / (RATE_HZ * soft))], x) + x)


def call(rng: Rng) -> Wave:
    """A crow, a bark, a cough, a laugh, a belch: a rough voice that swells one to four times in one breath."""
    n = round(even(rng, 0.12, 1.2) * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    swells = int(rng.integers(1, 5))
    bend = np.interp(t, np.linspace(0, t[-1], 4), rng.uniform(-0.4, 0.4, 4))
    rough = rng.uniform(0, 0.4) * np.interp(t, np.arange(0, t[-1] + 0.02, 0.01), _draws(rng, t[-1] + 0.02, 0.01))
    voice = signal.sawtooth(2 * np.pi * np.cumsum(even(rng, 45, 700) * np.exp(bend + rough)) / RATE_HZ)
    voice = voice + even(rng, 0.02, 3) * rng.standard_normal(n)
    x = np.zeros(n)
    for low, high, gain in ((280, 950, 1.0), (850, 2400, 0.7), (2300, 4500, 0.5)):
        hz = np.exp(rng.uniform(np.log(low), np.log(high)))
        x += gain * signal.lfilter(*signal.iirpeak(hz, hz / even(rng, 60, 400), fs=RATE_HZ), voice)
    phase = (t / t[-1] * swells) % 1
    depth = rng.uniform(0, 0.9)
    course = np.interp(t, np.linspace(0, t[-1], swells + 2), rng.uniform(0.3, 1, swells + 2))
    rise = even(rng, 0.004, 0.1)
    level = course * (1 - depth * np.abs(2 * phase - 1) ** rng.uniform(0.5, 3)) * np.minimum(t / rise, 1)
    if rng.random() < 0.4:
        level *= 1 + rng.uniform(0, 0.9) * np.sin(2 * np.pi * even(rng, 15, 90) * t)
    return np.asarray(x * level * _stops(rng, t) * np.minimum((t[-1] - t) / (0.2 * t[-1]), 1))


def _stops(rng: Rng, t: Wave) -> Wave:
    """The gain of a voice that in half of its calls stops one to four times for a moment and sets in again at once."""
    gain = np.ones(t.size)
    at_s = 0.0
    for _ in range(int(rng.integers(1, 5)) if rng.random() < 0.5 else 0):
        at_s += rng.uniform(0.03, 0.2)
        end_s = at_s + even(rng, 0.01, 0.08)
        edge_s = even(rng, 0.001, 0.015)
        shut = np.clip((t - at_s) / edge_s, 0, 1) * np.clip((end_s - t) / edge_s, 0, 1)
        gain *= 1 - shut * rng.uniform(0.6, 1)
        at_s = end_s
    return gain


def _draws(rng: Rng, seconds: float, step_s: float) -> Wave:
    return rng.standard_normal(int(np.ceil(seconds / step_s)) + 1)[: np.arange(0, seconds, step_s).size]


def mechanism(rng: Rng) -> Wave:
    """A latch, a stapler, a lighter, a till, a toaster: three to ten unlike strikes, 8 to 60 ms apart."""
    starts_s = np.cumsum(np.exp(rng.uniform(np.log(0.008), np.log(0.06), int(rng.integers(3, 11)))))
    starts_s -= starts_s[0]
    out = np.zeros(round((starts_s[-1] + 0.8) * RATE_HZ))
    fall = rng.uniform(0.3, 1.1)
    for i, at_s in enumerate(starts_s):
        t = times(0.7)
        hz = np.exp(rng.uniform(np.log(even(rng, 150, 2500)), np.log(even(rng, 3000, 12_000)), 5))
        hit = modes(rng, t, hz, even(rng, 0.01, 0.5)) / 2
        hit += even(rng, 0.05, 2) * rng.standard_normal(t.size) * np.exp(-t / even(rng, 0.001, 0.01))
        at = round(at_s * RATE_HZ)
        out[at : at + hit.size] += hit * rng.uniform(0.2, 1) * fall**i
    return out


def grains(rng: Rng) -> Wave:
    """A guiro, a ratchet, a cabasa, a roll of the tongue, gravel: ten to sixty grains that change pace and level."""
    count = int(rng.integers(10, 61))
    gaps_s = even(rng, 0.004, 0.04) * np.linspace(1, rng.uniform(0.4, 2.0), count)
    gaps_s = gaps_s * (1 + rng.uniform(0, 0.7) * rng.uniform(-1, 1, count))
    starts_s = np.minimum(np.cumsum(gaps_s) - gaps_s[0], 1.4)
    out = np.zeros(round((starts_s[-1] + 0.15) * RATE_HZ))
    level = np.interp(np.arange(count), np.linspace(0, count - 1, 4), rng.uniform(0.15, 1, 4))
    low, ring_s = even(rng, 300, 5000), even(rng, 0.002, 0.03)
    for at_s, gain in zip(starts_s, level, strict=True):
        t = times(0.1)
        hit = noise(rng, t.size, low * rng.uniform(0.8, 1.2), min(low * 4, 18_000), 1) * np.exp(-t / ring_s)
        at = round(at_s * RATE_HZ)
        out[at : at + hit.size] += hit * gain * rng.uniform(0.5, 1)
    return out


def pour(rng: Rng) -> Wave:
    """Water, gravel from a shovel, a cloth: noise that swells and falls unevenly, with drops in it."""
    n = round(rng.uniform(0.15, 1.0) * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    rise = even(rng, 0.004, 0.07)
    x = noise(rng, n, even(rng, 150, 2500), even(rng, 3500, 16_000), 1)
    x *= np.minimum(t / rise, 1) ** rng.uniform(0.7, 2) * np.exp(-np.maximum(t - rise, 0) / even(rng, 0.05, 0.3))
    uneven = np.interp(t, np.arange(0, t[-1] + 0.06, 0.03), _draws(rng, t[-1] + 0.06, 0.03))
    x *= np.exp(rng.uniform(0, 0.7) * uneven)
    x /= np.abs(x).max()
    for _ in range(int(rng.integers(0, 9))):
        at = round(rng.uniform(0.0, 0.7) * n)
        late = t[: n - at]
        drop = np.sin(2 * np.pi * even(rng, 300, 3000) * late * (1 + rng.uniform(-1, 3) * late))
        x[at:] += rng.uniform(0.05, 0.6) * drop * np.exp(-late / even(rng, 0.004, 0.04))
    return np.asarray(x)


MANY: tuple[Callable[[Rng], Wave], ...] = (strokes, strokes, call, mechanism, grains, pour)


def other(rng: Rng) -> Sound:
    """A sound that the benchmark does not have."""
    share = rng.random()
    if share < 0.5:
        maker = DRUMS[int(rng.integers(len(DRUMS)))]
        return begun(np.asarray(maker(rng), np.float64), maker.__name__ if maker.__name__ != "keys" else ONE_SOUND)
    if share < 0.6:
        return begun(np.asarray(TONES[int(rng.integers(len(TONES)))](rng), np.float64), ONE_SOUND)
    return begun(MANY[int(rng.integers(len(MANY)))](rng), ONE_SOUND)


def worn(rng: Rng, sound: Sound) -> Sound:
    """The sound at another pitch and of another colour, in some cases cut off sooner."""
    ratio = 2 ** (rng.uniform(-PITCH_SEMITONES, PITCH_SEMITONES) / 12)
    x = soxr.resample(sound.audio.astype(np.float64), RATE_HZ, RATE_HZ * ratio)
    x = signal.lfilter([1, rng.uniform(-TILT, TILT)], [1], x)
    if sound.second_s is None and rng.random() < CUT_SHARE:
        x = x[: round(rng.uniform(*CUT_S) * RATE_HZ)]
        fade = min(x.size // 2, round(CUT_FADE_S * RATE_HZ))
        x[x.size - fade :] *= np.linspace(1, 0, fade)
    y: Mono = np.asarray(x, dtype=np.float32)
    done = begun(y, sound.family)
    second_s = None if sound.second_s is None else sound.second_s * ratio
    return Sound(done.audio, done.family, done.heard_s, second_s)


def repeatable(sound: Sound) -> bool:
    """Whether two such sounds in a row are heard as two."""
    return sound.family not in COMPOUND and sound.family != ONE_SOUND
