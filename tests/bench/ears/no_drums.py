"""Recordings in which there is nothing to find: silence, hum, noises, tones, and sounds like speech."""

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
