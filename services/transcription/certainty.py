"""Which bars of a score are uncertain, and why: drums that were hardly heard, hits between notes, beats that were not.

A bar is as certain as the least certain of three shares 0..1: the mean confidence of its hits; how many of them lie
near their notes; and how many of its beats the tracker found, from its first hit to its last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from services.analysis.types import Rhythm
from services.beats.grid import bar_starts_s
from services.beats.types import METERS, TICKS_PER_STEP, Grid
from services.transcription.barlines import cell_ticks
from services.transcription.quantise import Score
from services.transcription.strokes import Stroke

Reason = Literal["hits", "timing", "beats"]
REASONS: tuple[Reason, ...] = ("hits", "timing", "beats")
CERTAIN = 0.7  # a bar with less is named: of its hits three in ten may be wrong
NEAR_MS = 35.0  # from its note: three times what people scatter
BEAT_S = 0.070  # from its place: what evaluations of beat trackers call found (Davies et al. 2009)
DIGITS = 3

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class UncertainBar:
    """A bar of the grid, how certain it is (0..1), and which share is the lowest."""

    bar: int
    confidence: float
    reason: Reason


def uncertain_bars(score: Score, strokes: Sequence[Stroke], rhythm: Rhythm) -> tuple[UncertainBar, ...]:
    """The uncertain ones of the bars that have hits, in order; all of them where the rhythm has no beat."""
    grid = score.grid
    sure = {s.id: s.hit.confidence for s in strokes}
    bars = np.array([e.bar for e in score.played])
    hits = _mean(bars, np.array([sure[e.id] for e in score.played]), grid.bars)
    near = np.array([abs(e.offset_ms) <= NEAR_MS for e in score.played], dtype=np.float64)
    shares = np.stack([hits, _mean(bars, near, grid.bars), _beats(score, strokes, rhythm)])
    lowest = shares.argmin(axis=0)
    least = np.round(np.clip(shares.min(axis=0), 0.0, 1.0), DIGITS)
    return tuple(
        UncertainBar(bar, float(least[bar]), REASONS[lowest[bar]])
        for bar in sorted(set(bars.tolist()))
        if least[bar] < CERTAIN
    )


def _mean(bars: npt.NDArray[np.int64], values: Floats, count: int) -> Floats:
    """The mean of the values in each bar; 1 where there are none."""
    many = np.bincount(bars, minlength=count)
    total = np.bincount(bars, weights=values, minlength=count)
    return np.asarray(np.where(many > 0, total / np.maximum(many, 1), 1.0))


def _beats(score: Score, strokes: Sequence[Stroke], rhythm: Rhythm) -> Floats:
    """The share of each bar's beats that were found, of those from the piece's first hit to its last."""
    grid = score.grid
    if rhythm.bpm is None or not rhythm.beats_s:
        return np.zeros(grid.bars)
    bars, places = _places(grid)
    at = score.start_s + places
    times = [s.hit.time_s for s in strokes]
    asked = (at >= min(times) - BEAT_S) & (at <= max(times) + BEAT_S)
    found = np.asarray(rhythm.beats_s)
    after = np.clip(np.searchsorted(found, at), 1, max(1, len(found) - 1))
    nearest = np.minimum(np.abs(found[after - 1] - at), np.abs(found[np.minimum(after, len(found) - 1)] - at))
    return _mean(bars[asked], (nearest <= BEAT_S).astype(np.float64)[asked], grid.bars)


def _places(grid: Grid) -> tuple[npt.NDArray[np.int64], Floats]:
    """Every beat of a grid: its bar and its second from the grid's start; a pickup's are counted from its end."""
    cells = METERS[grid.meter] * TICKS_PER_STEP // cell_ticks(grid.meter)
    starts = bar_starts_s(grid)
    rows = []
    for bar in range(grid.bars):
        share = grid.pickup_steps / grid.steps_per_bar if bar == 0 and grid.pickup_steps else 1.0
        length = (starts[bar + 1] - starts[bar]) / share / cells
        rows += [(bar, starts[bar + 1] - (cells - i) * length) for i in range(cells) if cells - i <= share * cells]
    return np.array([r[0] for r in rows], dtype=np.int64), np.array([r[1] for r in rows])
