"""What all made sounds are put together from: draws, envelopes, filtered noise, struck resonances. 44.1 kHz.

Waves are float32: half the memory to move, and enough for what is measured.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.signal

RATE_HZ = 44_100
Wave = npt.NDArray[np.float32]
Rng = np.random.Generator


def log_uniform(rng: Rng, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def times(seconds: float) -> Wave:
    return np.arange(max(64, round(seconds * RATE_HZ)), dtype=np.float32) / np.float32(RATE_HZ)


def decay(t: Wave, seconds: float) -> Wave:
    """Exponential fall that reaches -60 dB after `seconds`."""
    return np.exp(-6.9 * t / seconds)


def noise(rng: Rng, n: int, low_hz: float = 0, high_hz: float = 0, order: int = 2) -> Wave:
    """White noise through a band-pass, high-pass, low-pass, or nothing (bounds of 0)."""
    x = rng.standard_normal(n, np.float32)
    high_hz = min(high_hz, 20_000) or 0
    if low_hz and high_hz and high_hz > low_hz * 1.05:
        sos = scipy.signal.butter(order, [low_hz, high_hz], "bandpass", fs=RATE_HZ, output="sos")
    elif low_hz:
        sos = scipy.signal.butter(order, min(low_hz, 16_000), "highpass", fs=RATE_HZ, output="sos")
    elif high_hz:
        sos = scipy.signal.butter(order, high_hz, "lowpass", fs=RATE_HZ, output="sos")
    else:
        return x
    return np.asarray(scipy.signal.sosfilt(sos, x))


def modes(rng: Rng, t: Wave, hz: Wave, ring_s: float, tilt: float) -> Wave:
    """Struck resonances: partials at `hz`, higher ones weaker by `tilt` and shorter."""
    out = np.zeros(t.size, np.float32)
    base = float(hz.min())
    for f in hz[hz < 19_000].tolist():
        ring = ring_s * (base / f) ** rng.uniform(0.2, 0.8)
        out += (
            (base / f) ** tilt * rng.uniform(0.3, 1) * np.sin(2 * np.pi * f * t + rng.uniform(0, 6.3)) * decay(t, ring)
        )
    return out
