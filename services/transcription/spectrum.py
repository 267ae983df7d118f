"""The picture of a recording that the drum network looks at: 84 logarithmic bands, a hundred frames a second.

Frame k is centred on sample k * HOP at 44.1 kHz. Bands are triangles, narrow at the bottom (a kick and a bass lie
within an octave) and about a sixth of an octave wide above. Levels are log10(1 + 10^4 magnitude) of a signal whose
loudest sample is 1, so that nothing depends on how loud the recording is.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.fft import rfft

from services.audio.clip import HOUSE_RATE_HZ

HOP = 441  # samples: 10 ms
WINDOW = 2048  # samples, 46 ms
BANDS = 84
LOW_HZ, HIGH_HZ = 35.0, 18_000.0
LINEAR_HZ = 500.0  # below it bands are equally wide, since a bin is 21.5 Hz
GAIN = 1e4  # -80 dBFS is where levels begin to count
DRUM_HZ = (55.0, 420.0)  # among which the tone of a tom lies
STRUCK = (1, 7)  # frames after a stroke over which its tone is measured
BEFORE = 3  # frames before it, which are taken away
FRAME_S = HOP / HOUSE_RATE_HZ
# Bands in which a family's strokes are weighed, Hz, in the order of types.FAMILIES.
FAMILY_HZ = ((50.0, 150.0), (1000.0, 9000.0), (70.0, 400.0), (5000.0, 16_000.0), (3000.0, 16_000.0))
RISE_FRAMES = 6  # from a stroke on, among which it is loudest
RISE_LEAST = 0.1  # of what is heard then, counted as new at least
RISE_FLOOR_DB = -120.0

Floats = npt.NDArray[np.float32]


def _centres() -> npt.NDArray[np.float64]:
    """Centres of the bands with one more at each end, Hz: equal steps of hz / LINEAR_HZ + ln hz bent smoothly."""
    low, high = (np.arcsinh(hz / LINEAR_HZ * 2) for hz in (LOW_HZ, HIGH_HZ))
    return np.asarray(np.sinh(np.linspace(low, high, BANDS + 2)) * LINEAR_HZ / 2)


@cache
def _matrix() -> Floats:
    """Weights (WINDOW // 2 + 1, BANDS) of triangles at least a bin wide either side; a full-scale sine gives 1."""
    hz, edges = np.arange(WINDOW // 2 + 1) * HOUSE_RATE_HZ / WINDOW, _centres()
    width = HOUSE_RATE_HZ / WINDOW
    left = np.maximum(edges[1:-1] - edges[:-2], width)
    right = np.maximum(edges[2:] - edges[1:-1], width)
    off = hz[:, None] - edges[None, 1:-1]
    weights = np.maximum(0, np.where(off < 0, 1 + off / left, 1 - off / right))
    return np.asarray(weights / weights.sum(axis=0) * 4 / WINDOW * 2, dtype=np.float32)


_HANN = np.hanning(WINDOW + 1)[:-1].astype(np.float32)


def frames_of(samples: int) -> int:
    """How many frames a recording of so many samples has."""
    return samples // HOP + 1 if samples else 0


def bands(x: Floats, count: int) -> Floats:
    """Levels float32 (count, BANDS), 0..4, of a mono piece (n,) that begins WINDOW // 2 samples before its first frame.

    `x` is scaled so that the recording's loudest sample is 1, and holds at least (count - 1) * HOP + WINDOW samples.
    Silence gives 0.
    """
    windows = np.lib.stride_tricks.sliding_window_view(x, WINDOW)[: (count - 1) * HOP + 1 : HOP]
    spectrum = rfft(windows * _HANN, axis=1)
    magnitude = np.sqrt(spectrum.real**2 + spectrum.imag**2)
    return np.asarray(np.log10(1 + np.float32(GAIN) * (magnitude @ _matrix())), dtype=np.float32)


def low_tones(levels: Floats) -> Floats:
    """The tone that rises most at each frame, Hz within DRUM_HZ, float32 (frames,), of levels (frames, BANDS).

    Meaningful where a drum is struck. A frame near an end looks at what there is; silence gives the lowest band.
    """
    centres = _centres()[1:-1]
    inside = np.flatnonzero((centres >= DRUM_HZ[0]) & (centres <= DRUM_HZ[1]))
    first, last = STRUCK
    padded = np.pad(levels[:, inside].astype(np.float64), ((BEFORE + 1, last), (0, 0)), mode="edge")
    total, n = np.cumsum(padded, axis=0), len(levels)
    at = np.arange(n) + BEFORE + 1
    after = (total[at + last - 1] - total[at + first - 1]) / (last - first)
    before = (total[at - 1] - total[at - 1 - BEFORE]) / BEFORE
    rise = after - np.minimum(before, after)
    top = np.clip(np.argmax(rise, axis=1), 1, inside.size - 2)
    rows = np.arange(n)
    a, b, c = (rise[rows, top + k] for k in (-1, 0, 1))
    bend = np.minimum(a - 2 * b + c, -1e-9)
    place = top + np.clip(0.5 * (a - c) / bend, -0.5, 0.5)
    return np.asarray(np.interp(place, np.arange(inside.size), centres[inside]), dtype=np.float32)


def rises(levels: Floats) -> Floats:
    """How much louder each family's band gets at each frame, dB, float32 (5, frames), of levels (frames, BANDS).

    The power of the loudest of RISE_FRAMES less the mean of BEFORE frames before them; silence gives RISE_FLOOR_DB. A
    frame near an end looks at what there is.
    """
    centres = _centres()[1:-1]
    magnitude = (10.0 ** np.asarray(levels, dtype=np.float64) - 1.0) / GAIN
    out = np.empty((len(FAMILY_HZ), len(levels)), dtype=np.float32)
    for row, (low, high) in enumerate(FAMILY_HZ):
        power = np.square(magnitude[:, (centres >= low) & (centres <= high)]).sum(axis=1)
        padded = np.pad(power, (BEFORE + 1, RISE_FRAMES), mode="edge")
        ahead = np.lib.stride_tricks.sliding_window_view(padded[BEFORE + 1 :], RISE_FRAMES)[: len(levels)]
        behind = np.lib.stride_tricks.sliding_window_view(padded, BEFORE)[: len(levels)]
        after, before = ahead.max(axis=1), behind.mean(axis=1)
        new = np.maximum(after - before, RISE_LEAST**2 * after)
        out[row] = np.maximum(RISE_FLOOR_DB, 10.0 * np.log10(new + 1e-30))
    return out
