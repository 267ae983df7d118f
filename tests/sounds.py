"""Synthesised everyday sounds and test signals. Deterministic: one seed, one sound. float32 (channels, n), 44.1 kHz."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from services.audio.clip import Clip

RATE = 44_100


def _noise(n: int, seed: int) -> NDArray[np.float64]:
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(n)


def mono(values: NDArray[np.floating]) -> Clip:
    """One channel as a clip."""
    return Clip(np.asarray(values, np.float32)[None, :], RATE)


def stereo(clip: Clip, right_db: float = 0.0) -> Clip:
    """A mono clip in two channels, the right one louder or softer."""
    right = clip.samples[0] * np.float32(10 ** (right_db / 20))
    return Clip(np.stack([clip.samples[0], right]), clip.rate_hz)


def silence(seconds: float, channels: int = 1) -> Clip:
    return Clip(np.zeros((channels, round(seconds * RATE)), np.float32), RATE)


def tone(hz: float = 440.0, seconds: float = 1.0, level: float = 0.5) -> Clip:
    """A sine from phase zero, without fades."""
    return mono(level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE))


def noise(seconds: float = 1.0, level: float = 0.1, seed: int = 1) -> Clip:
    """White noise of an RMS level."""
    return mono(level * _noise(round(seconds * RATE), seed))


def room(seconds: float, level: float = 0.002, seed: int = 7) -> Clip:
    """Room tone: soft noise with most of its energy below 500 Hz."""
    sos = signal.butter(1, 500, fs=RATE, output="sos")
    values = signal.sosfilt(sos, _noise(round(seconds * RATE), seed))
    return mono(level * values / values.std())


def burst(hz: float, decay_s: float, noisy: float, seed: int = 1, seconds: float = 0.3) -> Clip:
    """A struck object: a falling sine and noise that both die away. Starts at once, peak 0.8."""
    n = round(seconds * RATE)
    t = np.arange(n) / RATE
    pitch = hz * (1 + 0.5 * np.exp(-t / 0.01))
    body = np.sin(2 * np.pi * np.cumsum(pitch) / RATE)
    grain = _noise(n, seed) * np.exp(-t / (decay_s / 3))
    values = ((1 - noisy) * body + noisy * 0.5 * grain) * np.exp(-t / decay_s)
    values[-200:] *= np.linspace(1, 0, 200)
    return mono(0.8 * values / np.abs(values).max())


def click(seed: int = 1) -> Clip:
    """A pen's click: 20 ms, bright."""
    return burst(3_000, 0.004, 0.8, seed, seconds=0.03)


def knock(seed: int = 1) -> Clip:
    """Knuckles on wood: a dull body and a short knock."""
    return burst(220, 0.04, 0.5, seed)


def thump(seed: int = 1) -> Clip:
    """A foot on the floor: low and soft."""
    return burst(60, 0.09, 0.05, seed, seconds=0.4)


def rattle(seed: int = 1) -> Clip:
    """Keys, rice in a box: short, bright noise."""
    t = np.arange(round(0.12 * RATE)) / RATE
    sos = signal.butter(2, 5_000, "high", fs=RATE, output="sos")
    values = signal.sosfilt(sos, _noise(len(t), seed)) * np.exp(-t / 0.03)
    return mono(0.5 * values / np.abs(values).max())


def placed(sounds: list[tuple[float, Clip]], seconds: float, background: Clip | None = None) -> Clip:
    """Mono sounds at their times (s) in a recording of a length, over a background."""
    out = np.zeros(round(seconds * RATE), np.float32)
    if background is not None:
        out[: background.frames] += background.samples[0][: len(out)]
    for at_s, sound in sounds:
        a = round(at_s * RATE)
        part = sound.samples[0][: max(0, len(out) - a)]
        out[a : a + len(part)] += part
    return mono(out)


def knocks(times_s: list[float] | None = None, seconds: float = 3.0, level: float = 0.5) -> Clip:
    """A phone clip with six knocks (or those at the given times) over room tone."""
    times = times_s or [0.3, 0.7, 1.1, 1.6, 2.0, 2.5]
    hits = [(t, Clip(knock(i + 1).samples * np.float32(level), RATE)) for i, t in enumerate(times)]
    return placed(hits, seconds, room(seconds))


def beat(seconds: float = 10.0, bpm: float = 120.0) -> Clip:
    """A plain stereo rock loop of thump, knock and rattle, peak below 1, for loudness and speed."""
    step = 30.0 / bpm
    hits = []
    for i in range(int(seconds / step)):
        hits.append((i * step, rattle(i % 4 + 1)))
        if i % 4 in {0, 2}:
            hits.append((i * step, thump(1) if i % 4 == 0 else knock(2)))
    mixed = placed(hits, seconds, room(seconds))
    return stereo(Clip(mixed.samples * np.float32(0.6), RATE), right_db=-1.0)
