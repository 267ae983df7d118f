"""Which note values a beat's hits are: how well each subdivision fits them, against what its notation costs.

Every cell (a beat, see barlines.py) takes the subdivision with the least cost: half the squared distance of its hits to
the nearest note in units of the scatter, capped, plus what it takes to say which note it is (the logarithm of how many
there are) and a price for the subdivision, so that human timing does not become 32nds and sextuplets. Neighbouring
cells agree on binary or ternary unless changing pays (dynamic programming over two layers; Cemgil, Desain and Kappen
2000 weigh fit against complexity alike). Swing is one number for the piece: the place of a pair's second half, taken
when it explains the hits more cheaply than straight notes and triplets do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from services.beats.grid import SWING_MAX
from services.beats.types import TICKS_PER_STEP

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

BOTH, BINARY, TERNARY = 0, 1, 2
UNITS = {"8": 480, "16": 240, "32": 120, "8t": 320, "16t": 160}  # ticks of a forced grid


@dataclass(frozen=True, slots=True)
class Way:
    """A subdivision of a cell: a note every `unit` ticks, at a price in nats; `beside`: and those of another one.

    `stiff`: its notes do not swing with the piece, as most triplets between swung eighths do not.
    """

    unit: int
    price: float
    layer: int
    beside: int | None = None
    stiff: bool = False


def _ways(*plain: Way) -> tuple[Way, ...]:
    """Subdivisions, the ternary ones also stiff."""
    return (*plain, *(replace(way, stiff=True) for way in plain if way.layer == TERNARY))


# Of a quarter, a dotted quarter and an eighth: the price says how rarely drummers play it, in nats of its surprise.
# A roll of sextuplets over somebody else's sixteenths is dear, but it is played.
WAYS: dict[int, tuple[Way, ...]] = {
    960: _ways(
        Way(960, 0.0, BOTH),
        Way(480, 0.2, BINARY),
        Way(240, 0.6, BINARY),
        Way(120, 5.0, BINARY),
        Way(320, 2.0, TERNARY),
        Way(160, 5.0, TERNARY),
        Way(160, 7.0, TERNARY, beside=240),
    ),
    1440: _ways(
        Way(1440, 0.0, BOTH),
        Way(480, 0.1, BINARY),
        Way(240, 0.6, BINARY),
        Way(120, 5.0, BINARY),
        Way(720, 3.0, TERNARY),
        Way(160, 5.0, TERNARY),
    ),
    480: _ways(Way(480, 0.0, BOTH), Way(240, 0.4, BINARY), Way(120, 3.0, BINARY), Way(160, 4.0, TERNARY)),
}
CHANGE = 1.0  # nats for a change between binary and ternary
CAP = 8.0  # nats that a single hit can cost: one that is four times the scatter off says no more
CLASH = 6.0  # nats for two strokes of one drum on one note: a roll needs its own notes
FLAM_S = 0.045  # closer strokes of one drum are one note with a grace note
SWINGS = tuple(round(0.54 + 0.02 * i, 2) for i in range(11))  # 0.54..0.74; less is feel, not swing
FINE = tuple(round(-0.018 + 0.002 * i, 3) for i in range(19))  # around the best of them
SWING_PRICE = 6.0  # nats: what straight notes explain as well is straight
SWING_HITS = 4_000  # so many hits tell a piece's swing


@dataclass(frozen=True, slots=True)
class Swing:
    """Place of a pair's second half 0.50..0.75, and the note value of the halves (8 or 16)."""

    place: float = 0.5
    unit: int = 16

    @property
    def pair_ticks(self) -> int:
        return 2 * (16 // self.unit) * TICKS_PER_STEP


@dataclass(frozen=True, slots=True)
class Played:
    """Hits in time order: the cell of each (whole numbers), where in it (0..1), and what kind of drum it is.

    `cell_s`: the length of each hit's cell in seconds; `weights`: how much each says; `close`: whether the last hit of
    the same drum is within FLAM_S.
    """

    cells: Whole
    phases: Floats
    drums: Whole
    cell_s: Floats
    weights: Floats
    close: npt.NDArray[np.bool_]

    def first(self, count: int) -> Played:
        """The first so many hits."""
        rows = {name: getattr(self, name)[:count] for name in self.__dataclass_fields__}
        return replace(self, **rows)


def swung(ticks: Floats, swing: Swing, span: int) -> Floats:
    """Where ticks of a span (0..span, counted from a bar line or a beat) lie after swing; what is left over past the
    last whole pair stays straight."""
    if swing.place == 0.5:
        return ticks
    pair, half = swing.pair_ticks, swing.pair_ticks / 2
    start = np.floor(ticks / pair) * pair
    inside, late = ticks - start, pair * swing.place
    warped = np.where(inside <= half, inside / half * late, late + (inside - half) / half * (pair - late))
    return np.asarray(np.where(start + pair <= span, start + warped, ticks))


def notes(way: Way, span: int, swing: Swing) -> tuple[Floats, Floats]:
    """The notes of a subdivision of a span in ticks, its end included: as written, and where they sound (0..1)."""
    units = (way.unit,) if way.beside is None else (way.unit, way.beside)
    written = np.array(sorted({t for unit in units for t in range(0, span, unit)} | {span}), dtype=np.float64)
    sounding = written if way.stiff else swung(written, swing, span)
    return written, sounding / span


def nearest(phases: Floats, sounding: Floats) -> Whole:
    """The number of the note next to each phase, the later of two equally near."""
    return np.searchsorted((sounding[1:] + sounding[:-1]) / 2, phases, side="right").astype(np.int64)


@dataclass(frozen=True, slots=True)
class Fit:
    """What a subdivision makes of every hit: its note in ticks of the cell, how far off it is in seconds, its cost."""

    ticks: Floats
    off_s: Floats
    costs: Floats


def fit(played: Played, way: Way, span: int, swing: Swing, scatter_s: float) -> Fit:
    """Every hit on its nearest note of one subdivision. `scatter_s`: the standard deviation of timing, seconds."""
    written, sounding = notes(way, span, swing)
    note = nearest(played.phases, sounding)
    off = (played.phases - sounding[note]) * played.cell_s
    costs = played.weights * np.minimum((off / scatter_s) ** 2 / 2, CAP) + np.log(len(written) - 1)
    ticks = written[note]
    return Fit(ticks, off, costs + CLASH * _clashes(played, played.cells * span + ticks))


def _clashes(played: Played, places: Floats) -> npt.NDArray[np.bool_]:
    """Whether the same drum has an earlier stroke on the same note that is no grace note of this one."""
    order = np.lexsort((np.arange(len(places)), played.drums))
    same = (np.diff(played.drums[order]) == 0) & (np.diff(places[order]) == 0)
    found = np.zeros(len(places), dtype=bool)
    found[order[1:]] = same
    return found & ~played.close


@dataclass(frozen=True, slots=True)
class Choice:
    """The note of each hit in ticks of its cell (a cell's end is the next one's 0) and how late it is in seconds."""

    ticks: Whole
    off_s: Floats
    ternary: npt.NDArray[np.bool_]


def choose(played: Played, ways: tuple[Way, ...], span: int, swing: Swing, scatter_s: float) -> Choice:
    """The cheapest subdivision of every cell, and what it makes of its hits. `played` may not be empty."""
    rows, cell_of = np.unique(played.cells, return_inverse=True)
    fits = [fit(played, way, span, swing, scatter_s) for way in ways]
    costs = _cell_costs(fits, ways, cell_of, len(rows))
    layers = [np.array([w.layer in (BOTH, layer) for w in ways]) for layer in (BINARY, TERNARY)]
    by_layer = np.stack([np.where(mask, costs, np.inf) for mask in layers])
    path = _path(by_layer.min(axis=2).T)
    way_of_cell = by_layer[path, np.arange(len(rows))].argmin(axis=1)
    own = way_of_cell[cell_of]
    at = np.arange(len(own))
    ticks = np.stack([f.ticks for f in fits])[own, at]
    off = np.stack([f.off_s for f in fits])[own, at]
    ternary = np.array([w.layer == TERNARY for w in ways])[own]
    return Choice(np.rint(ticks).astype(np.int64), off, ternary)


def _cell_costs(fits: list[Fit], ways: tuple[Way, ...], cell_of: Whole, count: int) -> Floats:
    """What each way costs each cell with hits (cells, ways)."""
    table = [np.bincount(cell_of, weights=f.costs, minlength=count) + w.price for f, w in zip(fits, ways, strict=True)]
    return np.stack(table, axis=1)


def _path(costs: Floats) -> Whole:
    """The cheaper of two layers for each cell (cells, 2), a change between neighbours costing CHANGE (Viterbi)."""
    count = len(costs)
    change = np.zeros((count, 2), dtype=np.int64)
    now = [float(costs[0, 0]), float(costs[0, 1])]
    for i in range(1, count):
        last = now
        for layer in (0, 1):
            stay, cross = last[layer], last[1 - layer] + CHANGE
            change[i, layer] = layer if stay <= cross else 1 - layer
        now = [float(costs[i, layer]) + min(last[layer], last[1 - layer] + CHANGE) for layer in (0, 1)]
    path = np.zeros(count, dtype=np.int64)
    path[-1] = 0 if now[0] <= now[1] else 1
    for i in range(count - 1, 0, -1):
        path[i - 1] = change[i, path[i]]
    return path


def swing_of(played: Played, ways: tuple[Way, ...], span: int, scatter_s: float) -> Swing:
    """The swing of a piece: straight unless another place of a pair's second half saves more than it costs."""
    played = played.first(SWING_HITS)
    rows, cell_of = np.unique(played.cells, return_inverse=True)

    def cost(swing: Swing) -> float:
        fits = [fit(played, way, span, swing, scatter_s) for way in ways]
        return float(_cell_costs(fits, ways, cell_of, len(rows)).min(axis=1).sum())

    units = [unit for unit in (8, 16) if span % Swing(unit=unit).pair_ticks == 0]
    tried = [Swing(place, unit) for unit in units for place in SWINGS]
    if not tried:
        return Swing()
    best = min(tried, key=cost)
    fine = [Swing(round(best.place + d, 3), best.unit) for d in FINE if best.place + d <= SWING_MAX]
    best = min(fine, key=cost)
    return best if cost(best) + SWING_PRICE < cost(Swing()) else Swing()
