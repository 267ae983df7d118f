"""What is no drum, made from nothing: recordings in which there is nothing to find (silence, hum, noises, tones, sounds
like speech), and single sounds of voice, bass, pitch and texture.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import signal

from deploy.training import role_material

RATE = role_material.RATE_HZ
SECONDS = 15.0
N = round(SECONDS * RATE)
# First three formants of five vowels in Hz (Peterson and Barney 1952, rounded), and their bandwidths.
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
BANDWIDTHS = (80.0, 100.0, 140.0)
PAUSE_S = 0.35

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator


def silence(_: Rng) -> Floats:
    """Nothing."""
    return np.zeros(N)


def hiss(rng: Rng) -> Floats:
    """A quiet amplifier, -66 dB."""
    return 5e-4 * rng.standard_normal(N)


def white(rng: Rng) -> Floats:
    """White noise."""
    return float(rng.uniform(0.02, 0.3)) * rng.standard_normal(N)


def rumble(rng: Rng) -> Floats:
    """Noise that falls by 6 dB an octave, swelling slowly: traffic, wind."""
    sos = signal.butter(1, 120, fs=RATE, output="sos")
    swell = 1 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.05, 0.15) * np.arange(N) / RATE)
    return np.asarray(0.5 * signal.sosfilt(sos, rng.standard_normal(N)) * swell)


def hum(rng: Rng) -> Floats:
    """The mains and its harmonics."""
    t = np.arange(N) / RATE
    return np.asarray(sum(0.1 / k * np.sin(2 * np.pi * 50 * k * t + rng.uniform(0, 6)) for k in (1, 2, 3, 5)))


def tone(rng: Rng) -> Floats:
    """A sine of one pitch."""
    return 0.4 * np.sin(2 * np.pi * rng.uniform(150, 2_000) * np.arange(N) / RATE)


def speech(rng: Rng) -> Floats:
    """Syllables: a buzz of falling pitch through the formants of a vowel, hisses between, pauses after phrases."""
    out = np.zeros(N)
    at, pitch = round(0.3 * RATE), float(rng.uniform(95, 220))
    while at < N - RATE:
        for _ in range(int(rng.integers(3, 9))):
            sounding = _syllable(pitch * float(rng.uniform(0.85, 1.2)), rng)
            fits = sounding[: N - at]
            out[at : at + len(fits)] += fits
            at = min(N - 1, at + len(sounding) + round(rng.uniform(0.0, 0.05) * RATE))
        at += round(PAUSE_S * rng.uniform(0.6, 2.0) * RATE)
    return 0.5 * out / np.abs(out).max() + 3e-4 * rng.standard_normal(N)


def _syllable(pitch_hz: float, rng: Rng) -> Floats:
    n = round(rng.uniform(0.09, 0.25) * RATE)
    glide = pitch_hz * np.linspace(1.05, 0.92, n)
    phase = np.cumsum(glide) / RATE
    buzz = np.diff(np.floor(phase), prepend=0.0)
    voice = buzz
    for hz, width in zip(VOWELS[int(rng.integers(len(VOWELS)))], BANDWIDTHS, strict=True):
        r = np.exp(-np.pi * width / RATE)
        voice = signal.lfilter([1 - r], [1, -2 * r * np.cos(2 * np.pi * hz / RATE), r * r], voice)
    voice = voice / max(1e-9, float(np.abs(voice).max())) * np.hanning(n) ** 0.5
    if rng.random() >= 0.5:
        return np.asarray(voice)
    length = round(rng.uniform(0.04, 0.1) * RATE)
    sos = signal.butter(2, rng.uniform(2_500, 5_000), "high", fs=RATE, output="sos")
    fricative = 0.15 * signal.sosfilt(sos, rng.standard_normal(length)) * np.hanning(length)
    return np.concatenate([fricative, voice])


KINDS: dict[str, tuple[Callable[[Rng], Floats], ...]] = {
    "silence": (silence, hiss),
    "noise": (white, rumble),
    "tone": (tone, hum),
    "speech": (speech,),
}


def recordings(each: int, seed: int) -> list[tuple[str, Floats]]:
    """Kind and mono audio (n,), `each` of every maker; seeded."""
    found = []
    for place, (kind, makers) in enumerate(KINDS.items()):
        for which, maker in enumerate(makers):
            for i in range(each):
                found.append((kind, maker(np.random.default_rng([seed, place, which, i]))))
    return found


def vocal(rng: Rng) -> Floats:
    """A syllable."""
    return _syllable(float(rng.uniform(90, 350)), rng)


def bass(rng: Rng) -> Floats:
    """A low note of few harmonics that dies away."""
    return _struck(float(rng.uniform(36, 85)), 4, float(rng.uniform(0.3, 0.8)), rng)


def tonal(rng: Rng) -> Floats:
    """A note of many harmonics that dies away."""
    return _struck(float(rng.uniform(180, 1_200)), 8, float(rng.uniform(0.2, 0.9)), rng)


def texture(rng: Rng) -> Floats:
    """A band of noise that comes and goes slowly."""
    n = round(rng.uniform(1.8, 3.5) * RATE)
    low = float(rng.uniform(100, 2_000))
    sos = signal.butter(2, (low, low * rng.uniform(2, 6)), "band", fs=RATE, output="sos")
    swell = np.hanning(n) ** rng.uniform(0.3, 1.0)
    return np.asarray(signal.sosfilt(sos, rng.standard_normal(n)) * swell)


def _struck(hz: float, harmonics: int, decay_s: float, rng: Rng) -> Floats:
    t = np.arange(round(3 * decay_s * RATE)) / RATE
    rise = np.minimum(1.0, t / rng.uniform(0.002, 0.012))
    slope = rng.uniform(0.8, 1.8)
    parts = [k**-slope * np.sin(2 * np.pi * k * hz * t + rng.uniform(0, 6)) for k in range(1, harmonics + 1)]
    return np.asarray(sum(parts) * rise * np.exp(-t / decay_s))


SOUNDS: dict[str, Callable[[Rng], Floats]] = {"vocal": vocal, "bass": bass, "tonal": tonal, "texture": texture}


def sounds(each: int, seed: int) -> list[tuple[str, Floats]]:
    """Instrument and mono audio (n,) with a peak of 0.7, `each` of every maker; seeded."""
    found = []
    for place, (instrument, maker) in enumerate(SOUNDS.items()):
        for i in range(each):
            x = maker(np.random.default_rng([seed, 9, place, i]))
            found.append((instrument, 0.7 * x / np.abs(x).max()))
    return found
