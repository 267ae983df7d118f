"""Everyday recordings with known truth: struck things, rustles and voices at known samples over room noise. Seeded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from services.audio.clip import Clip

RATE = 44_100
Wave = NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """A recording and the times (s) at which its sounds begin."""

    clip: Clip
    truth_s: tuple[float, ...]


def knock(rng: np.random.Generator, decay_s: float) -> Wave:
    """Wood: some modes that die away, the higher the sooner, and a click of 2 ms."""
    t = np.arange(round(decay_s * 7 * RATE) + 200) / RATE
    lowest = rng.uniform(90, 400)
    x = np.zeros(t.size)
    for i in range(int(rng.integers(3, 7))):
        hz = lowest * rng.uniform(1, 8)
        x += rng.uniform(0.2, 1) / (1 + i) * np.exp(-t / decay_s * (1 + 0.7 * i)) * np.sin(2 * np.pi * hz * t + 0.3)
    x += rng.uniform(0.1, 0.5) * rng.standard_normal(t.size) * np.exp(-t / 0.002)
    return x / np.abs(x).max()


def clink(rng: np.random.Generator) -> Wave:
    """Glass: six high modes."""
    decay_s = rng.uniform(0.05, 0.2)
    t = np.arange(round(decay_s * 7 * RATE)) / RATE
    x = 0.3 * rng.standard_normal(t.size) * np.exp(-t / 0.001)
    for _ in range(6):
        hz, mode_s = rng.uniform(1800, 9000), decay_s * rng.uniform(0.3, 1)
        x += rng.uniform(0.2, 1) * np.exp(-t / mode_s) * np.sin(2 * np.pi * hz * t)
    return x / np.abs(x).max()


def thump(rng: np.random.Generator, hz: float = 60.0) -> Wave:
    """A foot on the floor."""
    decay_s = rng.uniform(0.05, 0.12)
    t = np.arange(round(decay_s * 7 * RATE)) / RATE
    x = np.exp(-t / decay_s) * np.sin(2 * np.pi * (hz * t + 2 * (1 - np.exp(-t / 0.02))))
    x += 0.05 * rng.standard_normal(t.size) * np.exp(-t / 0.003)
    return x / np.abs(x).max()


def rustle(rng: np.random.Generator) -> Wave:
    """A bag: noise that rises within 20 ms."""
    t = np.arange(round(0.3 * RATE)) / RATE
    x = rng.standard_normal(t.size) * np.minimum(t / 0.02, 1) * np.exp(-t / 0.08)
    x = signal.sosfilt(signal.butter(2, [1500, 9000], "bandpass", fs=RATE, output="sos"), x)
    return x / np.abs(x).max()


def bell(seconds: float) -> Wave:
    """Beating partials that fall by 60 dB over a length."""
    t = np.arange(round(seconds * RATE)) / RATE
    x = sum(a * np.sin(2 * np.pi * hz * t) for a, hz in ((1, 620), (0.8, 627), (0.6, 1490), (0.5, 2650), (0.3, 2663)))
    return 0.3 * x * np.exp(-6.9 * t / seconds)


def pink(n: int, seed: int, level: float) -> Wave:
    """Room noise of an RMS level, falling by 3 dB an octave."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(n, 1 / RATE), 30.0))
    x = np.fft.irfft(spectrum, n)
    return level * x / np.sqrt(np.mean(x**2))


def loudest_rms(x: Wave) -> float:
    """RMS of the loudest 20 ms."""
    width = round(0.02 * RATE)
    power = np.convolve(np.pad(x**2, (0, width)), np.ones(width) / width, "full")
    return float(np.sqrt(power.max()))


def scene(waves: list[Wave], starts_s: list[float], snr_db: tuple[float, float], seed: int = 0) -> Scene:
    """Waves at their times in stereo over pink noise of -60 dB, each so many dB (its loudest 20 ms) above the noise."""
    rng = np.random.default_rng(seed)
    noise_rms = 0.001
    n = round((max(starts_s) + 2.0) * RATE)
    out = np.stack([pink(n, seed + 1, noise_rms), pink(n, seed + 2, noise_rms)])
    truth = []
    for wave, start_s in zip(waves, starts_s, strict=True):
        gain = noise_rms * 10 ** (rng.uniform(*snr_db) / 20) / loudest_rms(wave)
        a = round(start_s * RATE)
        part = gain * wave[: n - a]
        out[:, a : a + part.size] += np.stack([part, 0.8 * part])
        truth.append(a / RATE)
    return Scene(Clip(out.astype(np.float32), RATE), tuple(truth))


def spaced(count: int, gap_s: tuple[float, float], seed: int) -> list[float]:
    """Start times with random gaps, from one second on."""
    return [float(t) for t in 1.0 + np.cumsum(np.random.default_rng(seed).uniform(*gap_s, count))]


def clip_of(*channels: Wave) -> Clip:
    return Clip(np.stack(channels).astype(np.float32), RATE)
