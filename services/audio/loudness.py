"""How loud a piece is, as a listener and a broadcaster hear it: LUFS, and peaks between the samples.

ITU-R BS.1770-4. Samples are K-weighted (a shelf for the head, a high-pass for the ear), their mean square is taken
over 400 ms windows every 100 ms, and the integrated loudness is the mean of the windows that pass two gates. Channels
weigh 1, surrounds 1.41 and the low-frequency channel nothing, in the order of WAVE (see `channel_weights`); what the
house decodes is mono or stereo. The loudness range is that of EBU Tech 3342. True peak is the largest sample after
four-fold oversampling. Mastering to a loudness is in `mastering`.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import signal

from services.audio.clip import Clip, Samples
from services.audio.dsp import SILENCE_DB, to_db

Energies = npt.NDArray[np.float64]

OFFSET_LUFS = -0.691  # makes a 997 Hz full-scale sine in one channel read -3.01 LUFS
GATE_ABSOLUTE_LUFS = -70.0
GATE_RELATIVE_LU = -10.0
HOP_S = 0.1
HOPS_PER_WINDOW = 4  # 400 ms windows, three quarters overlapping
PIECE_HOPS = 100  # filtered ten seconds at a time, so that float64 copies stay small
RANGE_HOPS = 30  # 3 s windows, EBU Tech 3342
RANGE_GATE_LU = -20.0
RANGE_LOW, RANGE_HIGH = 10.0, 95.0  # percentiles between which the range lies
SURROUND_WEIGHT = 1.41  # BS.1770-4 table 3: what comes from the sides sounds louder
_SURROUNDS = {4: (2, 3), 5: (3, 4), 6: (4, 5), 7: (5, 6), 8: (4, 5, 6, 7)}  # places in WAVE order
_LOW_FREQUENCY = 3  # the place of the LFE from six channels on

# The analog filters behind the 48 kHz coefficients of BS.1770-4 tables 1 and 2, warped to any rate.
_SHELF_HZ, _SHELF_DB, _SHELF_Q, _SHELF_SLOPE = (
    1681.974450955533,
    3.999843853973347,
    0.7071752369554196,
    0.4996667741545416,
)
_PASS_HZ, _PASS_Q = 38.13547087602444, 0.5003270373238773

OVERSAMPLING = 4  # BS.1770-4 annex 2
TAPS_PER_PHASE = 24  # passband to 20 kHz within 0.1 dB at 44.1 kHz
PEAK_BLOCK = 32  # samples whose true peak is found together: a power of two
KAISER = 7.0  # sidelobes of the interpolation kernel at about -70 dB
_BATCH_BLOCKS = 1024
_PIECE_BLOCKS = 4096  # half a megabyte
_NOTHING = 1e-9


def integrated(clip: Clip) -> float | None:
    """Integrated loudness in LUFS; None for silence (no window passes -70 LUFS). Under 400 ms counts as one window."""
    return gated(energies(clip))


def momentary(clip: Clip) -> npt.NDArray[np.float64]:
    """Momentary loudness in LUFS of each 400 ms window, every 100 ms, float64 (windows,); silence gives -120."""
    return np.maximum(_lufs(_windows(energies(clip))), SILENCE_DB)


def true_peak_db(clip: Clip) -> float:
    """True peak in dBTP over all channels, four-fold oversampled; -120 for silence and for an empty clip."""
    return to_db(true_peak(clip.samples))


def energies(clip: Clip) -> Energies:
    """K-weighted mean square of each 100 ms, summed over channels, float64 (hops,); a last partial hop counts less."""
    meter = HopMeter(clip.rate_hz, clip.channels)
    step = PIECE_HOPS * meter.hop
    pieces = [meter.energies(clip.samples[:, at : at + step]) for at in range(0, clip.frames, step)]
    return np.concatenate(pieces) if pieces else np.zeros(0)


class HopMeter:
    """`energies` of audio of any length that comes in pieces: it keeps the filter's state between them."""

    def __init__(self, rate_hz: int, channels: int) -> None:
        self.hop = round(rate_hz * HOP_S)
        self._sos = k_weighting(rate_hz)
        self._state = np.zeros((len(self._sos), channels, 2))
        self._weights = channel_weights(channels)

    def energies(self, piece: Samples) -> Energies:
        """Energies of the hops of the next piece, float32 (channels, n); n a multiple of `hop`, except in the last."""
        weighted, self._state = signal.sosfilt(self._sos, piece.astype(np.float64), zi=self._state)
        whole = weighted.shape[1] // self.hop
        found = np.zeros(-(-weighted.shape[1] // self.hop))
        blocks = weighted[:, : whole * self.hop].reshape(len(weighted), whole, self.hop)
        found[:whole] = self._weights @ np.einsum("cwh,cwh->cw", blocks, blocks) / self.hop
        if whole < len(found):
            found[whole] = self._weights @ np.square(weighted[:, whole * self.hop :]).sum(axis=1) / self.hop
        return found


def channel_weights(channels: int) -> Energies:
    """What each channel counts, float64 (channels,), in the order of WAVE: L R C LFE and surrounds from six on.

    1 for mono, left, right and centre, 1.41 for surrounds, 0 for the low-frequency channel (BS.1770-4 table 3). Four
    channels are L R and two surrounds, five L R C and two. More than eight have no agreed places and weigh 1.
    """
    weights = np.ones(channels)
    weights[list(_SURROUNDS.get(channels, ()))] = SURROUND_WEIGHT
    if channels in _SURROUNDS and channels > 5:
        weights[_LOW_FREQUENCY] = 0.0
    return weights


def squares(samples: Samples, hop: int) -> Energies:
    """The plain sum of squares of every `hop` samples of float32 (channels, n), over all channels: float64 (hops,).

    What shaping took from it is what it took from the K-weighted energies, good to a tenth of a LU.
    """
    starts = np.arange(0, samples.shape[1], hop)
    each = [np.add.reduceat(np.square(channel), starts, dtype=np.float64) for channel in samples]
    return np.asarray(np.sum(each, axis=0))


def gated(hop_energies: Energies) -> float | None:
    """Integrated loudness in LUFS of the hops of `energies`; None for silence."""
    windows = _windows(hop_energies)
    loud = windows[_lufs(windows) > GATE_ABSOLUTE_LUFS]
    if not len(loud):
        return None
    gate = float(_lufs(loud.mean(keepdims=True))[0]) + GATE_RELATIVE_LU
    return float(_lufs(loud[_lufs(loud) > gate].mean(keepdims=True))[0])


def range_lu(hop_energies: Energies) -> float | None:
    """Loudness range in LU of the hops of `energies`, EBU Tech 3342; None for silence and for less than 3 s.

    3 s windows every 100 ms pass a gate at -70 LUFS and one 20 LU below the mean of those; the range lies between the
    tenth and the 95th percentile of what is left.
    """
    windows = _window_means(hop_energies, RANGE_HOPS)
    loud = windows[_lufs(windows) > GATE_ABSOLUTE_LUFS]
    if not len(loud):
        return None
    levels = _lufs(loud)
    kept = levels[levels >= float(_lufs(loud.mean(keepdims=True))[0]) + RANGE_GATE_LU]
    low, high = np.percentile(kept, (RANGE_LOW, RANGE_HIGH))
    return float(high - low)


def true_peak(samples: Samples) -> float:
    """Largest absolute value of float32 (channels, n) after four-fold oversampling; 0 for silence."""
    best = float(max(samples.max(initial=0.0), -samples.min(initial=0.0)))
    return max(best, float(block_peaks(samples, best).max(initial=0.0)))


def block_peaks(samples: Samples, floor: float) -> Samples:
    """True peak over all channels of each `PEAK_BLOCK` samples of float32 (channels, n): float32 (blocks,).

    Exact where it could exceed `floor`; elsewhere only the sample peak, which then lies below `floor` too. A block's
    neighbourhood bounds what the interpolation can make of it, so few blocks of real music are interpolated at all.
    """
    between = _between()
    bound = float(np.abs(between).sum(axis=0).max())
    half = TAPS_PER_PHASE // 2
    count = -(-samples.shape[1] // PEAK_BLOCK)
    found = np.zeros(count, np.float32)
    if not count:
        return found
    for channel in samples:
        padded = np.zeros(count * PEAK_BLOCK + 2 * half, np.float32)
        padded[half : half + len(channel)] = channel
        peaks = _block_maxima(padded[half : half + count * PEAK_BLOCK])
        around = np.concatenate(([0.0], peaks, [0.0]))
        around = np.maximum(np.maximum(around[:-2], around[1:-1]), around[2:])
        hot = np.flatnonzero(around * bound > max(floor, _NOTHING))
        spread = np.lib.stride_tricks.sliding_window_view(padded, PEAK_BLOCK + 2 * half)[::PEAK_BLOCK]
        for at in range(0, len(hot), _BATCH_BLOCKS):
            some = hot[at : at + _BATCH_BLOCKS]
            points = spread[some] @ between
            peaks[some] = np.maximum(peaks[some], np.maximum(points.max(axis=1), -points.min(axis=1)))
        np.maximum(found, peaks, out=found)
    return found


def _block_maxima(channel: Samples) -> Samples:
    """Largest absolute value of each PEAK_BLOCK samples. Halving is several times faster than a maximum over rows, and
    in pieces that stay in the cache twice as fast again.
    """
    count = len(channel) // PEAK_BLOCK
    found = np.empty(count, np.float32)
    for at in range(0, count, _PIECE_BLOCKS):
        blocks = min(_PIECE_BLOCKS, count - at)
        held = np.abs(channel[at * PEAK_BLOCK : (at + blocks) * PEAK_BLOCK])
        while len(held) > blocks:
            held = np.maximum(held[::2], held[1::2])
        found[at : at + blocks] = held
    return found


@functools.cache
def k_weighting(rate_hz: int) -> Any:
    """The two second-order sections of K-weighting at a rate, float64 (2, 6)."""
    k = np.tan(np.pi * _SHELF_HZ / rate_hz)
    high = 10 ** (_SHELF_DB / 20)
    mid = high**_SHELF_SLOPE
    a0 = 1 + k / _SHELF_Q + k * k
    shelf = [high + mid * k / _SHELF_Q + k * k, 2 * (k * k - high), high - mid * k / _SHELF_Q + k * k]
    shelf += [a0, 2 * (k * k - 1), 1 - k / _SHELF_Q + k * k]
    k = np.tan(np.pi * _PASS_HZ / rate_hz)
    a0_pass = 1 + k / _PASS_Q + k * k
    high_pass = [a0_pass, -2 * a0_pass, a0_pass, a0_pass, 2 * (k * k - 1), 1 - k / _PASS_Q + k * k]
    return np.array([np.divide(shelf, a0), np.divide(high_pass, a0_pass)])


def _windows(hop_energies: Energies) -> Energies:
    """Mean square of each full 400 ms window; a shorter piece is one window, completed with silence."""
    if len(hop_energies) < HOPS_PER_WINDOW:
        return np.array([hop_energies.sum() / HOPS_PER_WINDOW])
    return _window_means(hop_energies, HOPS_PER_WINDOW)


def _window_means(hop_energies: Energies, hops: int) -> Energies:
    """Mean of every `hops` neighbours, float64 (windows,); none if there are fewer."""
    sums = np.concatenate(([0.0], np.cumsum(hop_energies)))
    return np.asarray(np.maximum(sums[hops:] - sums[:-hops], 0.0) / hops)


def _lufs(mean_squares: Energies) -> Energies:
    return np.asarray(OFFSET_LUFS + 10 * np.log10(np.maximum(mean_squares, 1e-20)))


@functools.cache
def _between() -> Samples:
    """Matrix from a block and its surroundings to the three points after each of its samples, float32.

    A windowed sinc of gain 1, as one product per block: (PEAK_BLOCK + TAPS_PER_PHASE, 3 * PEAK_BLOCK).
    """
    half = TAPS_PER_PHASE // 2
    x = np.arange(TAPS_PER_PHASE)[:, None] - (half - 1) - np.arange(1, OVERSAMPLING) / OVERSAMPLING
    kernel = np.sinc(x) * np.i0(KAISER * np.sqrt(1 - np.square(x / half).clip(max=1))) / np.i0(KAISER)
    kernel /= kernel.sum(axis=0)
    matrix = np.zeros((PEAK_BLOCK + TAPS_PER_PHASE, PEAK_BLOCK, OVERSAMPLING - 1), np.float32)
    for i in range(PEAK_BLOCK):
        matrix[i + 1 : i + 1 + TAPS_PER_PHASE, i] = kernel
    return np.asarray(matrix.reshape(len(matrix), -1), np.float32)
