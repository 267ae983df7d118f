"""Where beats and bars lie in a recording: a line through the beats that were found, bent only where the tempo moves.

Places are counted in cells from the first bar line: a cell is what a beat tracker counts (a quarter, in 6/8 and 12/8 a
dotted quarter, in 7/8 an eighth). Single beats are found some milliseconds off; a line through many of them is not, so
hits are measured against the line. A grid has one meter: bar lines are counted through from the place on which most
downbeats agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from services.analysis.types import Rhythm
from services.beats.types import METERS, STEPS_PER_QUARTER, TICKS_PER_STEP

Floats = npt.NDArray[np.float64]

QUARTER_TICKS = STEPS_PER_QUARTER * TICKS_PER_STEP
COMPOUND = {"6/8", "12/8"}  # beaten in dotted quarters
ODD = {"7/8"}  # beaten in eighths
USUAL_METER = "4/4"
FALLBACK_BPM = 120.0  # of recordings that have no beat
BEND_S = 0.020  # a line bends where beats lie further from it: trackers and drummers scatter by less
SNAP_S = 0.004  # a tempo is told with as few digits as keep the piece's ends this close: nobody hears less
SNAP_DIGITS = 3  # of the tempo at most, where one line fits
BEATS_MIN = 2  # a line needs so many


@dataclass(frozen=True, slots=True)
class Line:
    """Time against cells: linear between knots and beyond the outer ones. `cells`, `seconds`: the knots, rising.

    Cell 0 is a bar line, and every knot but those of a straight line lies on one. `meter` is one of METERS.
    """

    cells: tuple[float, ...]
    seconds: tuple[float, ...]
    meter: str

    @property
    def cell_ticks(self) -> int:
        return cell_ticks(self.meter)

    @property
    def bar_cells(self) -> int:
        return METERS[self.meter] * TICKS_PER_STEP // self.cell_ticks

    @property
    def straight(self) -> bool:
        return len(self.cells) == 2

    def bpm(self, piece: int = 0) -> float:
        """Quarter notes per minute between a knot and the next."""
        span = (self.seconds[piece + 1] - self.seconds[piece]) / (self.cells[piece + 1] - self.cells[piece])
        return 60.0 / span * self.cell_ticks / QUARTER_TICKS

    def places(self, seconds: Sequence[float] | Floats) -> Floats:
        """The cells at which these seconds lie, float64 of the same length; negative before the first bar line."""
        return _through(np.asarray(seconds, dtype=np.float64), self.seconds, self.cells)

    def times(self, places: Sequence[float] | Floats) -> Floats:
        """The seconds at which these cells lie, float64 of the same length: the inverse of `places`."""
        return _through(np.asarray(places, dtype=np.float64), self.cells, self.seconds)

    def moved(self, by_s: float) -> Line:
        """The same line so many seconds later."""
        return replace(self, seconds=tuple(s + by_s for s in self.seconds))


def cell_ticks(meter: str) -> int:
    """The ticks of a cell in a meter, 960 a quarter."""
    if meter in COMPOUND:
        return QUARTER_TICKS * 3 // 2
    return QUARTER_TICKS // 2 if meter in ODD else QUARTER_TICKS


def line_of(rhythm: Rhythm, first_s: float) -> Line:
    """The line of a rhythm, straight where its tempo map has one point. Without beats: 120 bpm from `first_s` on."""
    meter = rhythm.meter if rhythm.meter in METERS else USUAL_METER
    beats = np.asarray(rhythm.beats_s, dtype=np.float64)
    if rhythm.bpm is None or len(beats) < BEATS_MIN:
        length = 60.0 / FALLBACK_BPM * cell_ticks(meter) / QUARTER_TICKS
        return Line((0.0, 1.0), (first_s, first_s + length), meter)
    counted = _counted(beats)
    bar = METERS[meter] * TICKS_PER_STEP // cell_ticks(meter)
    cells = (counted - _first_line(beats, counted, rhythm.downbeats_s, bar)).astype(np.float64)
    if len(rhythm.tempo_map) <= 1:
        return fitted(cells, beats, meter)
    return _bent(cells, beats, meter, bar)


def fitted(cells: Floats, seconds: Floats, meter: str, weights: Floats | None = None) -> Line:
    """The straight line nearest to these places by least squares; its tempo told with as few digits as fit them."""
    weights = np.ones(len(cells)) if weights is None else weights
    middle, at = float(np.average(cells, weights=weights)), float(np.average(seconds, weights=weights))
    spread = float((weights * (cells - middle) ** 2).sum())
    slope = float((weights * (cells - middle) * (seconds - at)).sum()) / spread
    quarters = cell_ticks(meter) / QUARTER_TICKS
    reach = max(float(cells.max()) - middle, middle - float(cells.min()))
    exact = 60.0 / slope * quarters
    for digits in range(SNAP_DIGITS + 1):
        told = 60.0 / round(exact, digits) * quarters
        if abs(told - slope) * reach <= SNAP_S:
            slope = told
            break
    start = at - middle * slope
    return Line((0.0, 1.0), (start, start + slope), meter)


def _through(values: Floats, xs: tuple[float, ...], ys: tuple[float, ...]) -> Floats:
    """Values through a line of knots, the outer pieces running on."""
    x, y = np.asarray(xs), np.asarray(ys)
    piece = np.clip(np.searchsorted(x, values, side="right") - 1, 0, len(x) - 2)
    slope = np.diff(y) / np.diff(x)
    return np.asarray(y[piece] + (values - x[piece]) * slope[piece])


def _counted(beats: Floats) -> npt.NDArray[np.int64]:
    """The number of each beat: one more than that before it, or more where beats are missing."""
    gaps = np.diff(beats)
    usual = np.median(gaps)
    return np.concatenate([[0], np.cumsum(np.maximum(1, np.rint(gaps / usual)))]).astype(np.int64)


def _first_line(beats: Floats, counted: npt.NDArray[np.int64], downbeats_s: Sequence[float], bar: int) -> int:
    """The number of the first bar line, 0 <= it < bar: that on which most downbeats agree."""
    if not downbeats_s:
        return 0
    nearest = np.searchsorted((beats[1:] + beats[:-1]) / 2, np.asarray(downbeats_s))
    return int(np.bincount(counted[nearest] % bar, minlength=bar).argmax())


def _bent(cells: Floats, seconds: Floats, meter: str, bar: int) -> Line:
    """A line with knots on bar lines, each piece as long as it stays near its beats. Starts at the first beat's bar."""
    knot = np.floor(cells[0] / bar) * bar
    near = cells <= cells[0] + 2 * bar
    slope, start = np.polyfit(cells[near] - knot, seconds[near], 1)
    knots, times = [float(knot)], [float(start)]
    while knots[-1] < cells[-1]:
        end, slope = _reach(cells - knots[-1], seconds - times[-1], bar, float(slope))
        times.append(times[-1] + slope * end)
        knots.append(knots[-1] + end)
    assert all(a < b for a, b in pairwise(times)), "time runs forwards"
    return Line(tuple(knots), tuple(times), meter)


def _reach(cells: Floats, seconds: Floats, bar: int, before: float) -> tuple[float, float]:
    """How many cells the next piece is long, and its seconds a cell; `before` is the last piece's, kept where no beats
    are. Both are counted from the last knot."""
    best: tuple[float, float] | None = None
    end = 0.0
    while best is None or end < cells[-1]:
        end += bar
        inside = (cells > 0) & (cells <= end)
        if not inside.any():
            if end >= cells[-1]:
                return end, before
            continue
        x, y = cells[inside], seconds[inside]
        slope = max(float((x * y).sum() / (x * x).sum()), before / 2)
        if best is not None and np.abs(y - slope * x).max() > BEND_S:
            break
        best = (end, slope)
    return best
