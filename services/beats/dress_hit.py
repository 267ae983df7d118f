"""A sound while it is dressed, and what every step measures on it: levels, spectra, its first strong peak.

Samples are float32 (1 or 2, n) at 44.1 kHz, never written to once a `Hit` holds them. Levels are taken in hops of
`HOP` samples (1.5 ms), which is finer than any attack that is shaped here and makes curves cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft, signal
from scipy.ndimage import uniform_filter1d

from services.audio.clip import HOUSE_RATE_HZ, Samples
from services.beats.cuts import first_strong_peak
from services.beats.streams import noise

Curve = npt.NDArray[np.float64]

RATE = HOUSE_RATE_HZ
HOP = 64  # samples
BEFORE_S, AFTER_S = 0.15, 0.30  # around its expected place, where an attack is looked for
TINY = 1e-12


_RAMP = (np.arange(HOP, dtype=np.float32) / HOP)[None]


@dataclass(frozen=True, slots=True)
class Hit:
    """A sound, and the frame of it that goes on the event."""

    samples: Samples
    attack: int

    @property
    def frames(self) -> int:
        return int(self.samples.shape[1])

    def after(self) -> Samples:
        """What sounds from the attack on."""
        return self.samples[:, self.attack :]


def placed(samples: Samples, expected: int) -> Hit:
    """The hit with its attack where its first strong peak is half reached, near an expected frame; there in silence."""
    if samples.shape[1] == 0:
        return Hit(samples, 0)
    expected = min(max(0, expected), samples.shape[1] - 1)
    first = max(0, expected - round(BEFORE_S * RATE))
    part = samples[:, first : expected + round(AFTER_S * RATE)]
    return Hit(samples, first + first_strong_peak(part) if part.any() else expected)


def levels(samples: Samples, smooth_ms: float) -> Curve:
    """Root mean power of each hop, summed over channels and smoothed (centred), float64 (ceil(n / HOP),)."""
    power = np.einsum("cn,cn->n", samples, samples)
    padded = np.pad(power, (0, -power.size % HOP)).reshape(-1, HOP).mean(axis=1, dtype=np.float64)
    width = max(1, round(smooth_ms * RATE / 1000 / HOP))
    return np.asarray(np.sqrt(np.maximum(uniform_filter1d(padded, width, mode="constant"), 0.0)))


def times_s(hit: Hit) -> Curve:
    """Seconds from the attack of the middle of each hop."""
    return (np.arange(-(-hit.frames // HOP)) * HOP + HOP / 2 - hit.attack) / RATE


def curved(samples: Samples, gain: Curve) -> Samples:
    """The samples times a gain per hop, drawn as straight lines between the middles of the hops."""
    points = np.concatenate((gain[:1], gain, gain[-1:])).astype(np.float32)
    drawn = points[:-1, None] + np.diff(points)[:, None] * _RAMP
    return np.asarray(samples * drawn.reshape(-1)[HOP // 2 : HOP // 2 + samples.shape[1]], np.float32)


def power_spectrum(samples: Samples, size: int | None = None) -> tuple[Curve, Curve]:
    """Power summed over the channels of float32 (c, n), and the frequency in Hz of each bin; `size`: the FFT's."""
    n = size or fft.next_fast_len(max(2, samples.shape[1]), real=True)
    spectrum = fft.rfft(samples, n, axis=1)
    return (spectrum.real**2 + spectrum.imag**2).sum(axis=0, dtype=np.float64), fft.rfftfreq(n, 1 / RATE)


@lru_cache(maxsize=256)
def _butterworth(kind: str, hz: float, order: int) -> Samples:
    limited = min(max(hz, 1.0), 0.49 * RATE)
    return np.asarray(signal.butter(order, limited, kind, fs=RATE, output="sos"), np.float32)


def high_passed(samples: Samples, hz: float, order: int = 4) -> Samples:
    """Through a causal Butterworth high-pass."""
    return np.asarray(signal.sosfilt(_butterworth("high", hz, order), samples), np.float32)


def low_passed(samples: Samples, hz: float, order: int = 4) -> Samples:
    """Through a causal Butterworth low-pass."""
    return np.asarray(signal.sosfilt(_butterworth("low", hz, order), samples), np.float32)


@lru_cache(maxsize=16)
def hiss(frames: int, low_hz: float, high_hz: float, name: str) -> Samples:
    """Noise between two frequencies, float32 (1, frames), RMS 1, the same in every process; read-only."""
    white = noise(frames, "dress", name).astype(np.float32)[None]
    band = high_passed(white, low_hz)
    if high_hz < RATE / 2:
        band = low_passed(band, high_hz)
    band /= np.sqrt(np.mean(band**2)) + TINY
    band.setflags(write=False)
    return band


def hiss_of(frames: int, low_hz: float, high_hz: float, name: str) -> Samples:
    """The first `frames` of a noise that is drawn once per power of two, so that lengths do not redraw it."""
    return hiss(1 << max(10, (frames - 1).bit_length()), low_hz, high_hz, name)[:, :frames]
