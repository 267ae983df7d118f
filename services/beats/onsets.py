"""Where something may begin: band levels of a whole recording, then the frames in which bands jump or swell.

What it does. One pass over the source gives a small matrix of band levels (`band_levels`), read block by block, so an
hour needs about 40 MB. On it, `possible_onsets` compares every band with its own recent past, twice. At once: a rise
counts when it stands above the local noise floor and above what was heard in the last 60 ms, less a forward-masking
slope, so a quiet hit after a loud one is found and the beating of a bell is not. Over 25 ms: means of power ripple
less, so that a thump close to the room's rumble, or a slow swash, shows too. It would rather say too much than miss a
hit: `onset_judge` decides.

Sources. Spectral flux over bands with a moving threshold: J. P. Bello et al., "A Tutorial on Onset Detection in Music
Signals", IEEE TSAP 13(5), 2005. Reference to the recent maximum instead of the last frame: S. Böck and G. Widmer,
"Maximum Filter Vibrato Suppression for Onset Detection", DAFx 2013. Noise floor as a running low quantile:
R. Martin, "Noise Power Spectral Density Estimation Based on Optimal Smoothing and Minimum Statistics", IEEE TSAP 9(5),
2001.

Conventions. Frame k is centred on sample k * HOP of the source, 44.1 kHz; band arrays are (bands, frames), power or dB
re full scale; channels are added as power, so a hit out of phase between them does not vanish.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import rfft
from scipy.ndimage import maximum_filter1d, percentile_filter

from services.audio.clip import HOUSE_RATE_HZ, AudioSource, Samples

Array = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

WINDOW = 512  # samples, 11.6 ms: short enough to separate hits 45 ms apart
HOP = 128  # samples, 2.9 ms: the sample-exact place is found later, in cuts
BLOCK_FRAMES = 4096  # frames computed at a time: 12 s, some 20 MB
# Hz: about an octave each, so a thump, a knock, a clink and a hiss each own at least one band
BAND_EDGES_HZ = (40.0, 130.0, 300.0, 690.0, 1400.0, 2900.0, 6000.0, 11_000.0, 18_500.0)
BANDS = len(BAND_EDGES_HZ) - 1

LOUDEST = 1e4  # full scales: beyond, a float file is broken, and squares must not overflow
SILENCE_DB = -90.0  # per band; below the dither of 16 bits, so that dither is not heard as hits
LEVEL_STEP_DB = 1 / 64  # levels are rounded to this, so block borders cannot leak in through float rounding

FLOOR_FRAMES = 8  # frames averaged before the quantile: 23 ms
FLOOR_SPAN = 151  # such averages: 3.5 s, longer than most single sounds ring
FLOOR_PERCENT = 15  # of the time nothing happens, even in a busy kitchen
FLOOR_BIAS_DB = 3.0  # added noise that flattens the floor's own ripple before levels are compared

LAG_MIN = 3  # frames: the window no longer overlaps the onset
LAG_MAX = 21  # frames, 61 ms: the past that masks
MASK_SLOPE_DB = 0.35  # per frame, 0.12 dB/ms: how fast the past stops masking
RISE_BASE_DB = 2.5  # a rise that every band must exceed; a 300 ms swell stays under it
RISE_SPREAD_DB = 7.0  # and more in narrow bands, whose noise ripples by 5.6 dB / sqrt(bins)
RISE_CAP_DB = 24.0  # one band alone cannot outvote all others
POSSIBLE_SHARP_DB = 3.0  # sum of rises over all bands from which something may begin; chance gives this once a second
PEAK_RADIUS = 5  # frames either side in which such an onset is the highest
SLOW_NOW = (-1, 8)  # frames from the onset whose mean power ...
SLOW_PAST = (-24, -3)  # ... is compared with the mean of these
SLOW_BASE_DB, SLOW_SPREAD_DB = 1.5, 4.0  # as RISE_*: means of nine frames ripple less
SLOW_FLOOR_DB = 1.0  # above the noise floor, from which a slow rise counts
POSSIBLE_SLOW_DB = 1.0  # sum of slow rises over all bands; at 3, twice as many hits 6 dB over a room go unseen
SLOW_RADIUS = 8  # frames either side in which a slow onset is the highest, and no sharp one lies
FIRST_WHOLE = WINDOW // 2 // HOP  # the first frame whose window lies within the source: up to it, nothing was before


@dataclass(frozen=True, slots=True)
class BandLevels:
    """Levels of a source. `level_db`, `floor_db`: float32 (BANDS, frames), dB re full scale, ≥ SILENCE_DB."""

    level_db: Array
    floor_db: Array

    @property
    def frames(self) -> int:
        return int(self.level_db.shape[1])


@dataclass(frozen=True, slots=True)
class Onsets:
    """Coarse onsets in time order. `frame`: int64 (n,); `strength_db`: float32 (n,), summed rise over the bands."""

    frame: Indices
    strength_db: Array


@dataclass(frozen=True, slots=True)
class Novelty:
    """Summed rises over the bands, float32 (frames,), ≥ 0: at once, and of means over 25 ms."""

    sharp_db: Array
    slow_db: Array


def _band_matrix() -> Array:
    """Weights (WINDOW // 2 + 1, BANDS) from a differenced power spectrum to band power re full scale."""
    bins_hz = np.arange(WINDOW // 2 + 1) * HOUSE_RATE_HZ / WINDOW
    # differencing keeps offset and hum from leaking through the window's side lobes; here its slope is undone
    slope = np.abs(1 - np.exp(-2j * np.pi * bins_hz / HOUSE_RATE_HZ)) ** 2
    slope[0] = 1.0
    energy = WINDOW * float(np.sum(np.hanning(WINDOW + 1)[:-1] ** 2)) / 2
    edges = np.asarray(BAND_EDGES_HZ)
    inside = (bins_hz[:, None] >= edges[:-1]) & (bins_hz[:, None] < edges[1:])
    inside[1] = False
    inside[1, 0] = True  # 86 Hz is all that this window knows of the lowest band
    return np.asarray(inside / slope[:, None] / energy, dtype=np.float32)


_LN = np.float32(np.log(10) / 10)  # dB to natural log of power
_WEIGHTS = _band_matrix()
_HANN = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
BAND_BINS = np.maximum(_WEIGHTS.astype(bool).sum(axis=0), 1)  # of the window in each band
NEED_DB = np.asarray(RISE_BASE_DB + RISE_SPREAD_DB / np.sqrt(BAND_BINS), dtype=np.float32)
SLOW_NEED_DB = np.asarray(SLOW_BASE_DB + SLOW_SPREAD_DB / np.sqrt(BAND_BINS), dtype=np.float32)


def _block_power(x: Samples) -> Array:
    """Band power (BANDS, frames) of samples (channels, 1 + frames * HOP + WINDOW - HOP)."""
    total: Array | None = None
    for channel in x:
        frames = np.lib.stride_tricks.sliding_window_view(np.diff(channel), WINDOW)[::HOP]
        spectrum = rfft(frames * _HANN, axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        total = power if total is None else total + power
    assert total is not None
    return np.asarray((total @ _WEIGHTS).T / x.shape[0], dtype=np.float32)


def read_finite(source: AudioSource, start: int, count: int) -> Samples:
    """Samples start..start+count of the source, zeros outside it and for what is not finite."""
    a, b = max(0, start), min(source.frames, start + count)
    out = np.zeros((source.channels, count), dtype=np.float32)
    if b > a:
        got = source.read(a, b - a)
        if got.size and not max(float(got.max()), -float(got.min())) <= LOUDEST:  # NaN fails this too
            got = np.clip(np.nan_to_num(got, nan=0.0, posinf=0.0, neginf=0.0), -LOUDEST, LOUDEST)
        out[:, a - start : a - start + got.shape[1]] = got
    return out


def band_levels(
    source: AudioSource, block_frames: int = BLOCK_FRAMES, progress: Callable[[float], None] | None = None
) -> BandLevels:
    """Band levels and noise floor of a whole source, in one reading from start to end.

    The answer does not depend on `block_frames`; silence gives SILENCE_DB everywhere. `progress` hears 0..1.
    """
    total = source.frames // HOP + 1
    level = np.empty((BANDS, total), dtype=np.float32)
    for first in range(0, total, block_frames):
        count = min(block_frames, total - first)
        x = read_finite(source, first * HOP - WINDOW // 2 - 1, 1 + count * HOP + WINDOW - HOP)
        power = _block_power(x)[:, :count]
        level[:, first : first + count] = 10 * np.log10(power + np.float32(10 ** (SILENCE_DB / 10)))
        if progress is not None:
            progress((first + count) / total)
    np.round(level / LEVEL_STEP_DB, out=level)
    level *= LEVEL_STEP_DB
    level = _with_mended_edges(level, source.frames)
    return BandLevels(level, _noise_floor(level))


def _with_mended_edges(level: Array, samples: int) -> Array:
    """Frames that reach past the source get the level of the nearest whole one: its border is no jump of the sound."""
    first, last = FIRST_WHOLE, (samples - WINDOW // 2) // HOP
    return level[:, np.clip(np.arange(level.shape[1]), first, last)] if last >= first else level


def _averages(x: Array) -> Array:
    """Means of FLOOR_FRAMES frames along the last axis, the last one of what is left."""
    pad = -x.shape[-1] % FLOOR_FRAMES
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, pad)], mode="edge")
    return np.asarray(padded.reshape(*x.shape[:-1], -1, FLOOR_FRAMES).mean(axis=-1), dtype=np.float32)


def _noise_floor(level: Array) -> Array:
    """The running quantile of each band (BANDS, frames)."""
    coarse = _averages(level)
    floor = np.stack([percentile_filter(b, FLOOR_PERCENT, size=FLOOR_SPAN, mode="nearest") for b in coarse])
    return np.repeat(floor, FLOOR_FRAMES, axis=1)[:, : level.shape[1]]


def novelty_over(levels: BandLevels, floor_db: Array) -> Array:
    """Rises at once over a floor (BANDS, frames), summed over the bands: float32 (frames,), ≥ 0, 0 in silence."""
    total = np.zeros(levels.frames, dtype=np.float32)
    for band in range(BANDS):
        floor = floor_db[band] + FLOOR_BIAS_DB
        level = np.logaddexp(levels.level_db[band] * _LN, floor * _LN) / _LN
        past = np.concatenate([np.full(LAG_MAX, floor[0], dtype=np.float32), level])
        mask = floor.copy()
        for lag in range(LAG_MIN, LAG_MAX + 1):
            np.maximum(mask, past[LAG_MAX - lag : LAG_MAX - lag + level.size] - MASK_SLOPE_DB * lag, out=mask)
        total += np.clip(level - mask - NEED_DB[band], 0, RISE_CAP_DB)
    return total


def _slow_novelty(levels: BandLevels) -> Array:
    """Rises of the mean power of 25 ms, summed over the bands."""
    total = np.zeros(levels.frames, dtype=np.float32)
    for band in range(BANDS):
        least = 10 ** ((levels.floor_db[band] + SLOW_FLOOR_DB) / 10)
        before = np.full(-SLOW_PAST[0], least[0], dtype=np.float32)
        power = np.concatenate([before, 10 ** (levels.level_db[band] / 10)])
        sums = np.concatenate([[0.0], np.cumsum(power, dtype=np.float64)])
        now, past = (_means(sums, levels.frames, window) for window in (SLOW_NOW, SLOW_PAST))
        rise = 10 * np.log10(now / np.maximum(past, least))
        total += np.clip(rise - SLOW_NEED_DB[band], 0, RISE_CAP_DB).astype(np.float32)
    return total


def _means(sums: npt.NDArray[np.float64], frames: int, window: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Means over frames k + window[0] .. k + window[1] - 1 of all k, from running sums that begin SLOW_PAST early."""
    k = np.arange(frames) - SLOW_PAST[0]
    last = np.minimum(k + window[1], frames - SLOW_PAST[0])
    first = np.minimum(k + window[0], last - 1)
    return np.asarray((sums[last] - sums[first]) / (last - first))


def novelty(levels: BandLevels) -> Novelty:
    """How much begins in each frame; zeros in silence, hum and constant noise, nearly so in slow swells."""
    return Novelty(novelty_over(levels, levels.floor_db), _slow_novelty(levels))


def presence_db(levels: BandLevels, first: int, last: int) -> float:
    """The highest novelty that frames first..last would have if nothing had sounded before them."""
    above = levels.level_db[:, first:last] - levels.floor_db[:, first:last] - FLOOR_BIAS_DB
    return float(np.clip(above - NEED_DB[:, None], 0, RISE_CAP_DB).sum(axis=0).max(initial=0.0))


def possible_onsets(found: Novelty) -> Onsets:
    """Where something may begin: local maxima of either novelty, strength as `sharp_db`. None in silence."""
    sharp = _peaks(found.sharp_db, POSSIBLE_SHARP_DB, PEAK_RADIUS)
    slow = _peaks(found.slow_db, POSSIBLE_SLOW_DB, SLOW_RADIUS)
    around = np.searchsorted(sharp, slow)
    fenced = np.concatenate([[-np.inf], sharp, [np.inf]])
    alone = np.minimum(slow - fenced[around], fenced[around + 1] - slow) > SLOW_RADIUS
    frame = np.sort(np.concatenate([sharp, slow[alone]]))
    return Onsets(frame, found.sharp_db[frame])


def _peaks(curve: Array, least: float, radius: int) -> Indices:
    """Frames that are the highest within `radius` and above `least`; of a plateau, the first."""
    highest = maximum_filter1d(curve, 2 * radius + 1, mode="constant")
    peaks = np.flatnonzero((curve >= highest) & (curve > least)).astype(np.int64)
    if peaks.size:
        peaks = peaks[np.concatenate([[True], np.diff(peaks) > radius])]
    return peaks
