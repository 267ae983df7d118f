"""What surrounds a possible onset: the numbers from which `onset_judge` tells the beginning of a sound from the rest.

What it does. For each frame in question and each band: how far the level rises, at once and over 25 ms, above what was
there before, above the noise floor and above what is usual thereabouts, and whether it stays. For all bands together:
how the rise and the level compare with their neighbours of half a second and with the loudest of some seconds, so that
a syllable among syllables, or a grain of a rattle, can be told from a knock.

Conventions. Levels in dB, frames of `onsets`; traits are float32 (n, TRAITS), of about unit size. Before its first
frame a recording is taken to be at its noise floor; after its last one it stays as it ends.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import maximum_filter1d, percentile_filter, uniform_filter1d

from services.beats.onsets import BANDS, Array, BandLevels, Indices, Novelty, novelty_over

PAD = 160  # frames on either side, more than any window below reaches
BLOCK = 32  # frames, 93 ms: what is usual changes no faster
USUAL_PERCENT, BUSY_PERCENT = 60, 90  # of the time a band is below these levels: the bed, and the bed's own peaks
USUAL_SPAN, BUSY_SPAN = 38, 75  # blocks, 3.5 s and 7 s: some hits must not count as the bed
NEAR_SPAN = 63  # blocks, 5.9 s: hits compared with one another
SMOOTH = 3  # frames averaged before a highest level is taken
FLOOR_OVER_DB = 2.0  # rises are counted from this much above the floor, which is a low quantile
FLOOR_LEAST_DB = -88.0  # and from here in digital silence
RISE_DB = (-10.0, 30.0)  # what a rise may count
OVER_DB = (-20.0, 30.0)  # what a level above the usual may count
SHARP_DB = 6.0  # a band that rises by this within 6 ms does so sharply
BAND_UNIT_DB, NOVELTY_UNIT_DB = 10.0, 40.0  # divide traits of one band, and sums over the bands

# Windows in frames from the onset, both ends included.
AT, SOON, LATER, LATEST = (0, 6), (-1, 7), (8, 23), (24, 47)
JUST, BEFORE, LONG_BEFORE = (-21, -4), (-24, -4), (-70, -25)
EDGE_BEFORE, EDGE_AFTER = (-5, -3), (0, 2)
TOTAL_AT, TOTAL_AROUND = (0, 8), ((-6, -2), (-52, -7), (-140, -52), (9, 60), (0, 2))
NEIGHBOURS = ((-140, -53), (-52, -17), (-16, -6), (6, 16), (17, 52), (53, 140))
BAND_TRAITS = 11
TRAITS = BAND_TRAITS * BANDS + 11 + len(TOTAL_AROUND) + 2 * len(NEIGHBOURS)
TOTAL_RISE = BAND_TRAITS * BANDS + 4  # the trait that is the rise of all bands together over the 135 ms before
AT_ONCE = 4096  # frames described at a time: some 50 MB


def traits(levels: BandLevels, novelty: Novelty, frames: Indices) -> Array:
    """The traits of the possible onsets at `frames` (n,), float32 (n, TRAITS). Silence gives zero rises."""
    scene = _Scene(levels, novelty)
    parts = [scene.describe(frames[i : i + AT_ONCE]) for i in range(0, frames.size, AT_ONCE)]
    return np.concatenate(parts) if parts else np.zeros((0, TRAITS), np.float32)


def _blocks(x: Array) -> Array:
    """(…, frames) as (…, blocks, BLOCK), the last block filled up with its last value."""
    pad = -x.shape[-1] % BLOCK
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, pad)], mode="edge")
    return padded.reshape(*x.shape[:-1], -1, BLOCK)


def _running(blocks: Array, percent: int, span: int) -> Array:
    """The running quantile of (bands, blocks)."""
    return np.stack([percentile_filter(band, percent, size=span, mode="nearest") for band in blocks])


def _decibels(power: Array) -> Array:
    return np.asarray(10 * np.log10(np.maximum(power, np.float32(1e-9))), dtype=np.float32)


class _Scene:
    """A recording's levels and what is usual in it, padded by PAD frames, ready to be looked at around any frame."""

    def __init__(self, levels: BandLevels, novelty: Novelty) -> None:
        before = np.repeat(levels.floor_db[:, :1], PAD, axis=1)
        level = np.concatenate([before, levels.level_db, np.repeat(levels.level_db[:, -1:], PAD, axis=1)], axis=1)
        self.floor = levels.floor_db
        self.power = np.asarray(10 ** (level / 10), dtype=np.float32)
        self.smooth = uniform_filter1d(level, SMOOTH, axis=1, mode="nearest")
        self.total = _decibels(self.power.sum(axis=0))
        means = _blocks(levels.level_db).mean(axis=-1)
        self.usual = _running(means, USUAL_PERCENT, USUAL_SPAN)
        self.busy = _running(means, BUSY_PERCENT, BUSY_SPAN)
        totals = _blocks(self.total[PAD:-PAD])
        self.total_busy = _running(totals.mean(axis=-1)[None], BUSY_PERCENT, BUSY_SPAN)[0]
        self.total_most = maximum_filter1d(totals.max(axis=-1), NEAR_SPAN, mode="nearest")
        usual = np.repeat(self.usual, BLOCK, axis=1)[:, : levels.frames]
        over = novelty_over(levels, np.maximum(levels.floor_db, usual))
        self.curves = [np.pad(x, PAD) for x in (novelty.sharp_db, over, novelty.slow_db)]
        tops = [_blocks(x).max(axis=-1) for x in (novelty.sharp_db, novelty.slow_db)]
        self.tops_busy = [_running(x[None], BUSY_PERCENT, NEAR_SPAN)[0] for x in tops]
        self.tops_most = [maximum_filter1d(x, NEAR_SPAN, mode="nearest") for x in tops]

    def describe(self, frames: Indices) -> Array:
        """The traits of some frames."""
        bands, soon = self._bands(frames)
        whole = self._whole(frames)
        over = np.maximum(soon - self.busy[:, frames // BLOCK], 0).sum(axis=0) / NOVELTY_UNIT_DB
        sharp = (bands[9] * BAND_UNIT_DB > SHARP_DB).sum(axis=0) / BANDS
        columns = [*bands.reshape(-1, frames.size), *whole, over, sharp]
        return np.asarray(np.stack(columns, axis=1), dtype=np.float32)

    def _bands(self, frames: Indices) -> tuple[Array, Array]:
        """(BAND_TRAITS, BANDS, n), and the level of the first 25 ms (BANDS, n)."""

        def highest(window: tuple[int, int]) -> Array:
            return np.asarray(_around(self.smooth, frames, window).max(axis=-1))

        def mean(window: tuple[int, int]) -> Array:
            return _decibels(_around(self.power, frames, window).mean(axis=-1))

        floor, usual = self.floor[:, frames], self.usual[:, frames // BLOCK]
        base = np.maximum(floor, FLOOR_LEAST_DB) + FLOOR_OVER_DB
        soon, before = mean(SOON), mean(BEFORE)
        rises = (
            (highest(AT), highest(JUST)), (soon, before), (soon, mean(LONG_BEFORE)), (soon, base),
            (mean(LATER), before), (mean(LATEST), before), (mean(EDGE_AFTER), mean(EDGE_BEFORE)),
        )  # fmt: skip
        rise = [np.clip(now - np.maximum(then, base), *RISE_DB) for now, then in rises]
        over = [np.clip(x, *OVER_DB) for x in (soon - usual, soon - self.busy[:, frames // BLOCK])]
        under = [np.clip(x, 0, RISE_DB[1]) for x in (before - floor, usual - floor)]
        order = [*rise[:6], over[0], *under, rise[6], over[1]]
        return np.asarray(np.stack(order) / np.float32(BAND_UNIT_DB), dtype=np.float32), soon

    def _whole(self, frames: Indices) -> list[Array]:
        """What all bands together do, each (n,)."""
        block = frames // BLOCK
        sharp, over, slow = (curve[frames + PAD] for curve in self.curves)
        found = [x / NOVELTY_UNIT_DB for x in (sharp, over, slow)]
        now = _around(self.total, frames, TOTAL_AT).max(axis=-1)
        found += [(now - _around(self.total, frames, w).max(axis=-1)) / BAND_UNIT_DB for w in TOTAL_AROUND]
        for curve, own in zip(self.curves[:2], (sharp, over), strict=True):
            found += [(_around(curve, frames, w).max(axis=-1) - own) / NOVELTY_UNIT_DB for w in NEIGHBOURS]
        found += [(now - self.total_busy[block]) / BAND_UNIT_DB, (now - self.total_most[block]) / BAND_UNIT_DB]
        for own, busy, most in zip((sharp, slow), self.tops_busy, self.tops_most, strict=True):
            found += [(own - busy[block]) / NOVELTY_UNIT_DB, (own - most[block]) / NOVELTY_UNIT_DB]
        return found


def _around(padded: Array, frames: Indices, window: tuple[int, int]) -> Array:
    """(…, n, window) of an array (…, PAD + frames + PAD)."""
    places = frames[:, None] + np.arange(PAD + window[0], PAD + window[1] + 1)
    return padded[..., places]
