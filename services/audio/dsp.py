"""Small signal tools that several rooms need: decibels, resampling, fades, filters. None writes to its argument."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import soxr

from services.audio.clip import Clip, Samples

SILENCE_DB = -120.0  # what a level of nothing is called
_SILENCE = 10 ** (SILENCE_DB / 20)
SOXR_QUALITY = "HQ"  # 20-bit precision: its noise lies below 16-bit dither


def to_db(level: float) -> float:
    """An amplitude as dB, never below `SILENCE_DB`."""
    return float(20 * np.log10(max(abs(level), _SILENCE)))


def from_db(db: float) -> float:
    """The amplitude factor of a level in dB."""
    return float(10 ** (db / 20))


def resample(clip: Clip, rate_hz: int) -> Clip:
    """`clip` at another rate (soxr HQ, linear phase, no delay), or itself at its own. Silence stays silence."""
    if clip.rate_hz == rate_hz:
        return clip
    out = soxr.resample(clip.samples.T, clip.rate_hz, rate_hz, quality=SOXR_QUALITY)
    return Clip(np.ascontiguousarray(out.T, dtype=np.float32), rate_hz)


def faded(samples: Samples, fade_in: int, fade_out: int) -> Samples:
    """A copy of float32 (…, n) with raised-cosine fades of so many frames at its ends (shortened to fit)."""
    out = samples.copy()
    n = out.shape[-1]
    rise, fall = min(fade_in, n), min(fade_out, n)
    if rise > 0:
        out[..., :rise] *= ramp(rise)
    if fall > 0:
        out[..., n - fall :] *= ramp(fall)[::-1]
    return out


@lru_cache(maxsize=256)
def ramp(frames: int) -> Samples:
    """A raised-cosine rise from 0 to 1, float32 (frames,), read-only; reversed it is the fall."""
    phase = (np.arange(frames, dtype=np.float64) + 0.5) / max(1, frames)
    rise = (0.5 - 0.5 * np.cos(np.pi * phase)).astype(np.float32)
    rise.setflags(write=False)
    return rise


def shelf(kind: Literal["low", "high"], hz: float, db: float, rate_hz: int) -> npt.NDArray[np.float64]:
    """A second-order shelf of slope 1 that lifts what lies below or above `hz` by `db`, float64 sections (1, 6).

    After R. Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients".
    """
    a, w = 10 ** (db / 40), 2 * math.pi * hz / rate_hz
    side = 1.0 if kind == "low" else -1.0
    c, alpha = side * math.cos(w), math.sqrt(2 * a) * math.sin(w)
    up, down = a + 1, a - 1
    forward = [a * (up - down * c + alpha), side * 2 * a * (down - up * c), a * (up - down * c - alpha)]
    back = [up + down * c + alpha, side * -2 * (down + up * c), up + down * c - alpha]
    return np.array([[*forward, *back]]) / back[0]
