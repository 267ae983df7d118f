"""Whether two hits are one sound heard again, whatever their loudness and however much noise hides of either.

What it does. A picture of a hit holds its spectrum in bands of two semitones over the first 93 ms and its course in
eight wide bands over 240 ms, less the noise heard just before it, and for each of these cells the level under which
that noise hides everything. Two pictures are brought to the same loudness and compared cell by cell: where both are
heard, by their difference; where one is heard and the other is hidden, by how far the first would have stood out; where
both are hidden, not at all. So noise makes two hits neither alike nor different.

Source. Leaving out what noise hides: M. Cooke et al., "Robust automatic speech recognition with missing and unreliable
acoustic data", Speech Communication 34, 2001. The rest is our own.

Conventions. Input float32 (channels, n) at 44.1 kHz, from the onset on; levels in dB, differences in dB ≥ 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.fft import rfft

from services.audio.clip import HOUSE_RATE_HZ, Samples
from services.beats.embedding import Vector

Cells = npt.NDArray[np.float32]

LONG = 4096  # samples, 93 ms: tells modes two semitones apart from 100 Hz on
LOWEST_HZ, BANDS_PER_OCTAVE, BANDS = 40.0, 6, 52  # to 16 kHz
SHORT, STEP = 512, 256  # samples, 11.6 and 5.8 ms
COURSE_EDGES_HZ = (0.0, 200.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 12_000.0, HOUSE_RATE_HZ / 2)
COURSE_ENDS_S = (0.012, 0.03, 0.06, 0.12, 0.24)  # each cell of the course lasts until then
COURSE = (len(COURSE_EDGES_HZ) - 1) * len(COURSE_ENDS_S)
CELLS = BANDS + COURSE
HIDDEN = 3.0  # times the noise power (5 dB): what is left above it is the sound
NOISE_LEAST = 512  # samples from which noise can be learnt
NOTHING = 1e-13  # power: digital silence hides nothing
RANGE_DB = 30.0  # below the strongest cell, where a cell's weight ends
GAIN_RANGE_DB = 20.0  # the same for the cells that tell the difference in loudness
CELL_MOST_DB = 15.0  # what a cell may differ: two sounds are different, not infinitely so
COURSE_WEIGHT = 0.5  # of the course against the spectrum: rooms and what rings beside change it more
COMMON = 2  # bands that must be heard in both, else nothing is known
UNKNOWN_DB = 200.0  # louder than anything: hidden
UNLIKE_DB = 99.0  # said where nothing is known
HEARD = round(COURSE_ENDS_S[-1] * HOUSE_RATE_HZ)  # samples that a picture looks at
PERHAPS = 7.0  # distance of embeddings up to which two hits may be the same sound: noise moves them this far
NEAREST = 12  # representatives compared closely
AGAIN_DB = 3.0  # up to here it is the same sound: slight filtering differs by 1 dB, two semitones by 3.5


@dataclass(frozen=True, slots=True)
class Picture:
    """A hit in CELLS cells, float32: `level_db` of the sound, `hidden_db` under which noise hides it."""

    level_db: Cells
    hidden_db: Cells


def _spread(bands_hz: npt.NDArray[np.float64], size: int) -> Cells:
    """(size // 2 + 1, bands): how much of each bin of a spectrum lies in each band."""
    width = HOUSE_RATE_HZ / size
    bins_hz = np.arange(size // 2 + 1)[:, None] * width
    inside = np.minimum(bins_hz + width / 2, bands_hz[1:]) - np.maximum(bins_hz - width / 2, bands_hz[:-1])
    return np.asarray(np.clip(inside / width, 0, 1), dtype=np.float32)


_FINE = _spread(LOWEST_HZ * 2 ** (np.arange(BANDS + 1) / BANDS_PER_OCTAVE), LONG)
_WIDE = _spread(np.asarray(COURSE_EDGES_HZ), SHORT)
_FALLING = (np.cos(np.linspace(0, np.pi / 2, LONG)) ** 2).astype(np.float32)
_HANN = np.hanning(SHORT).astype(np.float32)
_ENDS = np.asarray(COURSE_ENDS_S) * HOUSE_RATE_HZ  # samples
_STEPS = np.ceil(_ENDS / STEP).astype(np.int64)  # frames


def picture(x: Samples, noise: Samples) -> Picture:
    """The picture of a hit: nothing is known of it after the end of `x`, and nothing at all in silence.

    `noise`: what was heard just before it; shorter than NOISE_LEAST it is taken for none.
    """
    sound = np.concatenate([_spectrum(x, _FALLING[: x.shape[1]]), _course(x)])
    if noise.shape[1] >= NOISE_LEAST:
        size = min(noise.shape[1], LONG)
        fine = _spectrum(noise[:, -size:], _falling(size)) * np.float32(LONG / size)
        wide = _frames(noise).mean(axis=0)
        hidden = np.concatenate([fine, np.repeat(wide, len(COURSE_ENDS_S))])
    else:
        hidden = np.zeros(CELLS, np.float32)
    unknown = np.tile(x.shape[1] + STEP < _ENDS, len(COURSE_EDGES_HZ) - 1)
    hidden_db = _db(np.float32(HIDDEN) * hidden)
    hidden_db[BANDS:][unknown] = UNKNOWN_DB
    return Picture(_db(sound - hidden), hidden_db)


@lru_cache(maxsize=8)
def _falling(size: int) -> Cells:
    """A window of fewer samples, of the shape of the long one, so that its power is too."""
    return np.asarray(_FALLING[np.arange(size) * LONG // size])


def _db(power: Cells) -> Cells:
    return np.asarray(10 * np.log10(np.maximum(power, NOTHING)), dtype=np.float32)


def _spectrum(x: Samples, window: Cells) -> Cells:
    """Power in BANDS bands of the first LONG samples."""
    spectrum = rfft(x[:, : window.size] * window, LONG, axis=1)
    return np.asarray((spectrum.real**2 + spectrum.imag**2).mean(axis=0) @ _FINE, dtype=np.float32)


def _frames(x: Samples) -> Cells:
    """Power in the wide bands, (frames, bands)."""
    frames = np.lib.stride_tricks.sliding_window_view(x, SHORT, axis=1)[:, ::STEP]
    spectrum = rfft(frames * _HANN, axis=2)
    return np.asarray((spectrum.real**2 + spectrum.imag**2).mean(axis=0) @ _WIDE, dtype=np.float32)


def _course(x: Samples) -> Cells:
    """Mean power of each wide band in each stretch, band by band, (COURSE,)."""
    n = (int(_STEPS[-1]) - 1) * STEP
    part = x[:, : n + SHORT // 2]
    padded = np.zeros((x.shape[0], n + SHORT), dtype=np.float32)
    padded[:, SHORT // 2 : SHORT // 2 + part.shape[1]] = part
    frames = _frames(padded)
    sums = np.add.reduceat(frames, np.concatenate([[0], _STEPS[:-1]]), axis=0)
    return np.asarray((sums / np.diff(_STEPS, prepend=0)[:, None]).T.ravel(), dtype=np.float32)


def difference_db(one: Picture, others: Sequence[Picture]) -> npt.NDArray[np.float64]:
    """How far a hit is from each of some others, dB (n,); UNLIKE_DB where too little is heard of both."""
    level, hidden = (np.stack([getattr(o, k) for o in others]) for k in ("level_db", "hidden_db"))
    heard, mine = level > hidden, one.level_db > one.hidden_db
    gain = _gain_db(one.level_db, level, heard & mine)
    level, hidden = level + gain[:, None], hidden + gain[:, None]
    only_mine = np.maximum(one.level_db - hidden, 0)
    only_theirs = np.maximum(level - one.hidden_db, 0)
    apart = np.where(heard & mine, np.abs(level - one.level_db), np.where(mine, only_mine, only_theirs))
    top = np.maximum(np.where(mine, one.level_db, -np.inf), np.where(heard, level, -np.inf))
    square = np.square(np.minimum(apart, CELL_MOST_DB))
    parts = []
    for cells in (slice(0, BANDS), slice(BANDS, CELLS)):
        below = top[:, cells] - top[:, cells].max(axis=1, initial=-200.0, keepdims=True)
        weight = np.clip(1 + below / RANGE_DB, 0, 1)
        parts.append((weight * square[:, cells]).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-9))
    known = (heard & mine)[:, :BANDS].sum(axis=1) >= COMMON
    return np.where(known, np.sqrt(parts[0] + COURSE_WEIGHT * parts[1]), UNLIKE_DB)


def _gain_db(mine: Cells, theirs: Cells, both: npt.NDArray[np.bool_]) -> Cells:
    """What brings each of (n, CELLS) to the loudness of `mine`: the weighted median over the bands heard in both."""
    mine, theirs, both = mine[:BANDS], theirs[:, :BANDS], both[:, :BANDS]
    stronger = np.maximum(mine - mine.max(), theirs - theirs.max(axis=1, keepdims=True))
    weight = np.where(both, np.clip(1 + stronger / GAIN_RANGE_DB, 0, 1), 0)
    apart = mine - theirs
    order = np.argsort(apart, axis=1, kind="stable")
    sums = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1)
    middle = np.argmax(sums >= sums[:, -1:] / 2, axis=1)
    return np.asarray(np.take_along_axis(apart, order, axis=1)[np.arange(len(apart)), middle], dtype=np.float32)


def same_sounds(embeddings: Vector, pictures: Sequence[Picture], order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each of n hits the index of the one that stands for it (itself, if none is the same sound).

    `embeddings`: float32 (n, DIMENSIONS), of `embedding`: only the NEAREST representatives within PERHAPS of them are
    looked at closely. Hits are taken in `order` (best first): each joins the most similar representative within
    AGAIN_DB or becomes one.
    """
    stands = np.arange(len(embeddings), dtype=np.int64)
    chosen = np.empty_like(embeddings)
    ids: list[int] = []
    for i in order:
        distance = np.square(chosen[: len(ids)] - embeddings[i]).sum(axis=1)
        near = np.argsort(distance, kind="stable")[:NEAREST]
        near = near[distance[near] <= PERHAPS**2]
        if near.size:
            apart = difference_db(pictures[i], [pictures[ids[k]] for k in near])
            best = int(np.argmin(apart))
            if apart[best] <= AGAIN_DB:
                stands[i] = ids[near[best]]
                continue
        chosen[len(ids)] = embeddings[i]
        ids.append(int(i))
    return stands
