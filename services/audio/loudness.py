"""How loud a piece is, as a listener and a broadcaster hear it: LUFS, and peaks between the samples.

ITU-R BS.1770-4. Samples are K-weighted (a shelf for the head, a high-pass for the ear), their mean square is taken
over 400 ms windows every 100 ms, and the integrated loudness is the mean of the windows that pass two gates. Each
channel weighs 1: the house knows mono and stereo only. True peak is the largest sample after four-fold oversampling.
Mastering to a loudness is in `mastering`.
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
_PIECE_HOPS = 100  # filtered ten seconds at a time, so that float64 copies stay small

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
    hop = round(clip.rate_hz * HOP_S)
    sos = k_weighting(clip.rate_hz)
    state = np.zeros((len(sos), clip.channels, 2))
    found = np.zeros(-(-clip.frames // hop))
    for at in range(0, len(found), _PIECE_HOPS):
        piece = clip.samples[:, at * hop : (at + _PIECE_HOPS) * hop].astype(np.float64)
        weighted, state = signal.sosfilt(sos, piece, zi=state)
        whole = weighted.shape[1] // hop
        blocks = weighted[:, : whole * hop].reshape(clip.channels, whole, hop)
        found[at : at + whole] = np.einsum("cwh,cwh->w", blocks, blocks) / hop
        if whole * hop < weighted.shape[1]:
            found[at + whole] = np.square(weighted[:, whole * hop :]).sum() / hop
    return found


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
    sums = np.concatenate(([0.0], np.cumsum(hop_energies)))
    return np.asarray(np.maximum(sums[HOPS_PER_WINDOW:] - sums[:-HOPS_PER_WINDOW], 0.0) / HOPS_PER_WINDOW)


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
