"""To a loudness and a ceiling: gain, a soft clip of at most 2 dB, a look-ahead limiter of at most 3 dB.

A beat of sharp hits has peaks far above its loudness. What clip and limiter may take off is small, so that hits stay
hits; where that does not suffice the result is quieter than asked, and the report says so. The limiter works on true
peaks, block by block: the gain falls within 3 ms before a peak and recovers within about 100 ms after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter1d

from services.audio.clip import Clip, Samples
from services.audio.dsp import from_db
from services.audio.loudness import (
    GATE_ABSOLUTE_LUFS,
    HOP_S,
    PEAK_BLOCK,
    Energies,
    block_peaks,
    energies,
    gated,
    integrated,
    squares,
    true_peak_db,
)

TARGET_LUFS = -14.0  # what streaming services play at
CEILING_DBTP = -1.0  # room for the overshoot of lossy encoders
CLIP_MAX_DB = 2.0
LIMIT_MAX_DB = 3.0
_CLIP_SHARE = CLIP_MAX_DB / (CLIP_MAX_DB + LIMIT_MAX_DB)
_CLIP_KNEE = 0.5  # of the peak: below it nothing is bent
_ATTACK_BLOCKS = 4  # 128 samples: 2.9 ms at 44.1 kHz
_RELEASE_DB_PER_S = 30.0  # 3 dB come back in 100 ms
_MARGIN_DB = 0.35  # kept from the ceiling: meters that oversample more than four times read up to so much higher
TOLERANCE_LU = 0.5


@dataclass(frozen=True, slots=True)
class MasterReport:
    """What mastering did. Loudness is None for silence. `reached`: within 0.5 LU of the target."""

    lufs_in: float | None
    lufs: float | None
    true_peak_db: float
    gain_db: float
    clip_db: float
    limit_db: float
    reached: bool


class Mastered(NamedTuple):
    """A mastered clip and what was done to it."""

    clip: Clip
    report: MasterReport


class Limited(NamedTuple):
    """Limited samples and the largest reduction."""

    samples: Samples
    by_db: float


def master(clip: Clip, target_lufs: float = TARGET_LUFS, ceiling_dbtp: float = CEILING_DBTP) -> Mastered:
    """`clip` at target_lufs ± 0.5 LUFS with no true peak above ceiling_dbtp, as far as its crest allows.

    Deterministic. Silence (nothing above -70 LUFS) comes back as it is. float32 (channels, n) in and out.
    """
    hops, peak_db = energies(clip), true_peak_db(clip)
    loud = gated(hops)
    if loud is None:
        return Mastered(clip, MasterReport(None, None, peak_db, 0.0, 0.0, 0.0, reached=False))
    ceiling_db = ceiling_dbtp - _MARGIN_DB
    most_db = ceiling_db + CLIP_MAX_DB + LIMIT_MAX_DB - peak_db
    done = _shaped(clip, min(target_lufs - loud, most_db), peak_db, ceiling_db)
    if not done.clip_db:  # a plain gain moves both measures with it
        near = abs(loud + done.gain_db - target_lufs) <= TOLERANCE_LU
        tp_db, lufs = peak_db + done.gain_db, loud + done.gain_db
        return Mastered(done.clip, MasterReport(loud, lufs, tp_db, done.gain_db, 0.0, 0.0, reached=near))
    if done.gain_db < most_db:
        lost_db = loud + done.gain_db - _estimate(hops, clip, done)
        done = _shaped(clip, min(target_lufs - loud + lost_db, most_db), peak_db, ceiling_db)
    return _finished(done, loud, (target_lufs, ceiling_db))


@dataclass(frozen=True, slots=True)
class _Shaped:
    clip: Clip
    gain_db: float
    clip_db: float
    limit_db: float


def _shaped(clip: Clip, gain_db: float, peak_db: float, ceiling_dbtp: float) -> _Shaped:
    """Gain, and what it takes to stay under the ceiling. `peak_db` is the true peak before the gain."""
    over_db = peak_db + gain_db - ceiling_dbtp
    loud = clip.samples * np.float32(from_db(gain_db))
    if over_db <= 0:
        return _Shaped(Clip(loud, clip.rate_hz), gain_db, 0.0, 0.0)
    clip_db = min(CLIP_MAX_DB, over_db * _CLIP_SHARE)
    bent = soft_clipped(loud, from_db(peak_db + gain_db), clip_db)
    held = limited(bent, clip.rate_hz, from_db(ceiling_dbtp))
    return _Shaped(Clip(held.samples, clip.rate_hz), gain_db, clip_db, held.by_db)


def _estimate(hops: Energies, clip: Clip, done: _Shaped) -> float:
    """Loudness after shaping, from the K-weighted energies before it and what each 100 ms lost of its plain energy.

    Good to a tenth of a LU, at a tenth of the price of a measurement.
    """
    hop = round(clip.rate_hz * HOP_S)
    after = squares(done.clip.samples, hop)
    before = squares(clip.samples, hop)
    kept = np.divide(after, before, out=np.zeros_like(after), where=before > 0)
    loud = gated(hops * kept)
    return GATE_ABSOLUTE_LUFS if loud is None else loud


def _finished(done: _Shaped, loud_in: float, aims: tuple[float, float]) -> Mastered:
    """Trim what the limiter's moving gain left above the ceiling (hundredths of a dB), measure, report."""
    target_lufs, ceiling_db = aims
    clip = done.clip
    peak_db = true_peak_db(clip)
    if peak_db > ceiling_db:
        clip = Clip(clip.samples * np.float32(from_db(ceiling_db - peak_db)), clip.rate_hz)
        peak_db = ceiling_db
    loud = integrated(clip)
    near = loud is not None and abs(loud - target_lufs) <= TOLERANCE_LU
    report = MasterReport(loud_in, loud, peak_db, done.gain_db, done.clip_db, done.limit_db, reached=near)
    return Mastered(clip, report)


def limited(samples: Samples, rate_hz: int, ceiling: float) -> Limited:
    """float32 (channels, n) with true peaks brought to `ceiling` (an amplitude), by at most 3 dB: look-ahead limiter.

    One gain for all channels, so that the stereo picture stands still. What exceeds the ceiling by more than 3 dB
    still exceeds it afterwards.
    """
    peaks = block_peaks(samples, ceiling)
    need_db = np.minimum(20 * np.log10(np.maximum(peaks.astype(np.float64), ceiling) / ceiling), LIMIT_MAX_DB)
    if not need_db.any():
        return Limited(samples, 0.0)
    edges_db = _smoothed(need_db, _RELEASE_DB_PER_S * PEAK_BLOCK / rate_hz)
    gain = (10 ** (-edges_db / 20)).astype(np.float32)  # at each border between two blocks
    ramp = (np.arange(PEAK_BLOCK, dtype=np.float32) + 0.5) / PEAK_BLOCK
    curve = (gain[:-1, None] + np.diff(gain)[:, None] * ramp).reshape(-1)[: samples.shape[1]]
    return Limited(np.asarray(samples * curve, np.float32), float(edges_db.max()))


def _smoothed(need_db: Energies, release_db: float) -> Energies:
    """Gain reduction in dB at the len + 1 block borders: never less than both neighbours need, no steps."""
    at = np.arange(len(need_db)) * release_db
    falling = np.maximum.accumulate(need_db + at) - at  # after a peak the reduction falls by release_db a block
    edges = np.maximum(np.append(falling, 0.0), np.append(0.0, falling))
    # Running maximum over the coming blocks, then a mean over the same width: a ramp that is there in time.
    ahead = maximum_filter1d(edges, _ATTACK_BLOCKS, origin=-(_ATTACK_BLOCKS // 2), mode="nearest")
    padded = np.concatenate((np.repeat(ahead[0], _ATTACK_BLOCKS - 1), ahead))
    sums = np.concatenate(([0.0], np.cumsum(padded)))
    return (sums[_ATTACK_BLOCKS:] - sums[:-_ATTACK_BLOCKS]) / _ATTACK_BLOCKS


def soft_clipped(samples: Samples, peak: float, by_db: float) -> Samples:
    """float32 (channels, n) with `peak` brought down by_db along a smooth curve that starts at half the peak."""
    knee, top = _CLIP_KNEE * peak, peak * from_db(-by_db)
    slope = (peak - knee) / (top - knee)  # of the curve in units of its own range, 1 in samples: no corner at the knee
    out = samples.copy()
    for channel in out:
        hot = np.flatnonzero(np.abs(channel) > knee)
        u = np.minimum((np.abs(channel[hot]) - knee) / (peak - knee), 1.0)
        channel[hot] = np.copysign(knee + (top - knee) * (slope * u + (1 - slope) * u * u), channel[hot])
    return out
