"""How strongly a recording repeats after each length of time, second by second, and the pulse that runs through it.

The autocorrelation of onset strength in a sliding window (Grosche and Müller, "Tempogram toolbox", 2011), summed over
a few multiples of each period, and the smoothest strong path through it by dynamic programming. The path may be any
level of the rhythm; which level is the beat is decided elsewhere, on more evidence.

Periods are in seconds, arrays of frames at 100 a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from services.analysis.activations import FRAMES_PER_S, RhythmActivations

WINDOW_S, HOP_S = 12.0, 1.0  # of the sliding autocorrelation: three bars at 60 bpm
BLOCK_HOPS = 300  # correlated at once: memory does not grow with the recording
LAG_S = 4.8  # the longest repetition looked for
LOCAL_S = 8.0  # of the mean that strength is measured against
QUIET = 0.15  # of the recording's mean: keeps silence from being raised
LOUDEST = 8.0  # times the mean: a stroke cannot count for more
WEIGHTS = (1.2, 0.6, 0.6, 0.8, 0.8, 0.7)  # of the six bands in the strength: lows and hats carry the pulse
GROUPS = ((0,), (1, 2), (3,), (4, 5))  # bands that are correlated together, beside all of them
MULTIPLES = ((1, 1.0), (2, 0.8), (3, 0.4), (4, 0.6))  # of a period, and how much each says
PULSE_LOW_S, PULSE_HIGH_S = 0.24, 1.05  # periods the path may take
BINS_AN_OCTAVE = 96  # 0.7 % a bin
REACH_BINS, BEND = 6, 0.004  # how far the path may bend within a hop, and the cost of each squared bin
LEAP = 0.6  # the cost of a new tempo from one hop to the next
USUAL_S, SPREAD_OCTAVES, PREFERENCE = 0.5, 1.2, 0.15  # of the pulse, which breaks ties only

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pulse:
    """`strength` (frames,) of onsets, deviation 1; `bands` (6, frames) against their local mean.

    `centres_s` (hops,) of the windows, `periods_s` (hops,) of the path, `correlation` (hops, lags) of all bands
    together, -1..1.
    """

    strength: Floats
    bands: Floats
    centres_s: Floats
    periods_s: Floats
    correlation: Floats

    def period_at(self, seconds: Floats) -> Floats:
        """The path's period at any time, between the centres on a line."""
        return np.interp(seconds, self.centres_s, self.periods_s)

    def salience(self, ratios: Floats) -> Floats:
        """How well the recording repeats after each ratio (n,) of the path's period and its multiples, about -1..1."""
        return np.asarray(_comb(self.correlation, self.periods_s[:, None] * ratios).mean(axis=0))


def pulse(activations: RhythmActivations) -> Pulse:
    """The pulse of a recording of one second or more with some onsets."""
    bands = local(activations.onsets)
    strength = np.asarray(WEIGHTS) @ bands
    strength = ndimage.gaussian_filter1d(strength, 1.0)
    strength = strength / max(1e-9, float(strength.std()))
    correlation, centres = _correlation(bands, strength)
    bins = round(BINS_AN_OCTAVE * np.log2(PULSE_HIGH_S / PULSE_LOW_S))
    periods = PULSE_LOW_S * 2 ** (np.arange(bins) / BINS_AN_OCTAVE)
    salience = _comb(correlation, np.broadcast_to(periods, (len(centres), len(periods))))
    preference = PREFERENCE * np.exp(-0.5 * (np.log2(periods / USUAL_S) / SPREAD_OCTAVES) ** 2)
    path = _path(salience + preference)
    return Pulse(strength, bands, centres, periods[path], correlation)


def local(onsets: npt.NDArray[np.float32], most: float = LOUDEST) -> Floats:
    """Each band (bands, frames) against its mean over some seconds, 0..`most`."""
    raw = onsets.astype(np.float64)
    mean = raw.mean(axis=1, keepdims=True)
    near = ndimage.uniform_filter1d(raw, round(LOCAL_S * FRAMES_PER_S), axis=1, mode="reflect")
    return np.asarray(np.minimum(raw / (near + QUIET * mean + 1e-9), most))


def _correlation(bands: Floats, strength: Floats) -> tuple[Floats, Floats]:
    """(hops, lags) unbiased and normalised, the mean over the groups of bands; and the windows' centres (hops,)."""
    signals = [strength, *(bands[list(group)].sum(axis=0) for group in GROUPS)]
    size, hop = round(WINDOW_S * FRAMES_PER_S), round(HOP_S * FRAMES_PER_S)
    n = len(strength)
    size = min(size, n)
    starts = np.arange(0, n - size + 1, hop)
    lags = min(round(LAG_S * FRAMES_PER_S), size - 1)
    weight = size / np.maximum(size - np.arange(lags), size / 3)
    total = np.zeros((len(starts), lags))
    length = fft.next_fast_len(size + lags)
    for x in signals:
        windows = np.lib.stride_tricks.sliding_window_view(x, size)[::hop]
        for at in range(0, len(starts), BLOCK_HOPS):
            cut = windows[at : at + BLOCK_HOPS]
            spectrum = fft.rfft(cut - cut.mean(axis=1, keepdims=True), length, axis=1)
            found = fft.irfft(np.abs(spectrum) ** 2, length, axis=1)[:, :lags]
            total[at : at + BLOCK_HOPS] += found / np.maximum(found[:, :1], 1e-9) * weight
    return total / len(signals), (starts + size / 2) / FRAMES_PER_S


def _comb(correlation: Floats, periods_s: Floats) -> Floats:
    """The weighted mean of (hops, lags) at multiples of (hops, periods) seconds, as far as lags reach."""
    hops, lags = correlation.shape
    rows = np.arange(hops)[:, None]
    total, weights = np.zeros(periods_s.shape), np.full(periods_s.shape, 1e-9)
    for times, weight in MULTIPLES:
        at = periods_s * times * FRAMES_PER_S
        inside = at < lags - 1
        low = np.minimum(at, lags - 2).astype(int)
        part = at - low
        value = correlation[rows, low] * (1 - part) + correlation[rows, low + 1] * part
        total += np.where(inside, weight * value, 0.0)
        weights += np.where(inside, weight, 0.0)
    return np.asarray(total / weights)


def _path(salience: Floats) -> npt.NDArray[np.intp]:
    """The best path through (hops, periods): each step bends a little, or leaps at a price."""
    hops, bins = salience.shape
    came = np.zeros((hops, bins), np.intp)
    best = salience[0].copy()
    for t in range(1, hops):
        padded = np.pad(best, REACH_BINS, constant_values=-np.inf)
        near = np.lib.stride_tricks.sliding_window_view(padded, 2 * REACH_BINS + 1)
        bent = near - BEND * np.arange(-REACH_BINS, REACH_BINS + 1) ** 2
        step = bent.argmax(axis=1)
        reached = bent[np.arange(bins), step]
        leap, top = float(best.max()) - LEAP, int(best.argmax())
        came[t] = np.where(reached >= leap, np.arange(bins) + step - REACH_BINS, top)
        best = np.maximum(reached, leap) + salience[t]
    out = np.empty(hops, np.intp)
    out[-1] = best.argmax()
    for t in range(hops - 1, 0, -1):
        out[t - 1] = came[t, out[t]]
    return out
