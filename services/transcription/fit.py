"""Which note values a beat's hits are: how well each subdivision fits them, against what its notation costs.

Every cell (a beat, see barlines.py) takes the subdivision with the least cost in nats: half the squared distance of its
hits to the nearest note in units of the scatter, capped; what it takes to say which notes each drum plays; and a price
for the subdivision, so that human timing does not become 32nds and sextuplets. A drum that fills a subdivision says
little by that (a full roll is told in a word, four strokes on four of eight notes are not), and a note on which the
drum is also heard in other bars is no surprise, for drummers repeat themselves (habits.py). Drums of one beat may be in
two subdivisions, each in its own, as a roll over somebody else's sixteenths is.

Neighbouring cells agree on binary or ternary unless changing pays (dynamic programming over two layers; Cemgil, Desain
and Kappen 2000 weigh fit against complexity alike). Swing is one number for the piece: the place of a pair's second
half, taken when it explains the hits more cheaply than straight notes and triplets do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from services.beats.grid import SWING_MAX
from services.beats.types import TICKS_PER_STEP
from services.transcription.habits import Habits, as_usual

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

BOTH, BINARY, TERNARY = 0, 1, 2
UNITS = {"8": 480, "16": 240, "32": 120, "8t": 320, "16t": 160}  # ticks of a forced grid


@dataclass(frozen=True, slots=True)
class Way:
    """A subdivision of a cell: a note every `unit` ticks, at a price in nats; `second`: the unit of its second half.

    `stiff`: its notes do not swing with the piece, as most triplets between swung eighths do not.
    """

    unit: int
    price: float
    layer: int
    second: int | None = None
    stiff: bool = False


def _ways(*plain: Way) -> tuple[Way, ...]:
    """Subdivisions, the ternary ones also stiff."""
    return (*plain, *(replace(way, stiff=True) for way in plain if way.layer == TERNARY))


# Of a quarter, a dotted quarter and an eighth: the price says how rarely drummers play it, in nats of its surprise.
WAYS: dict[int, tuple[Way, ...]] = {
    960: _ways(
        Way(960, 0.0, BOTH),
        Way(480, 0.2, BINARY),
        Way(240, 0.6, BINARY),
        Way(120, 5.0, BINARY),
        Way(320, 2.0, TERNARY),
        Way(160, 5.0, TERNARY),
        Way(240, 5.0, BINARY, second=120),
        Way(120, 5.0, BINARY, second=240),
        Way(240, 6.0, TERNARY, second=160),
        Way(160, 6.0, TERNARY, second=240),
    ),
    1440: _ways(
        Way(1440, 0.0, BOTH),
        Way(480, 0.1, BINARY),
        Way(240, 0.6, BINARY),
        Way(120, 5.0, BINARY),
        Way(720, 3.0, TERNARY),
        Way(160, 5.0, TERNARY),
    ),
    480: _ways(Way(480, 0.0, BOTH), Way(240, 0.4, BINARY), Way(120, 3.0, BINARY), Way(160, 3.0, TERNARY)),
}
FELT_IN_THREE = 0.62  # place of the second eighth from which a swung beat is felt in three
IN_FOUR = 3.5  # nats that sixteenths then cost: three notes of such a beat are a triplet
TOGETHER = 2.0  # nats for drums in two subdivisions at once, beside the prices of both
SIXTEENTH = 240  # ticks: the subdivision beside which another one is played
CHANGE = 1.0  # nats for a change between binary and ternary
CAP = 10.0  # nats: a hit that is more than four times the scatter off is no scatter, and says little more
TAIL = 0.3  # nats for each further standard deviation
CLASH = 6.0  # nats for two strokes of one drum on one note: a roll needs its own notes
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
    the same drum is a grace note away. `habits`: what these drums keep doing, in bars of `bar_cells`; None: not asked.
    """

    cells: Whole
    phases: Floats
    drums: Whole
    cell_s: Floats
    weights: Floats
    close: npt.NDArray[np.bool_]
    bar_cells: int
    habits: Habits | None = None

    def first(self, count: int) -> Played:
        """The first so many hits."""
        rows = {
            name: getattr(self, name)[:count] for name in ("cells", "phases", "drums", "cell_s", "weights", "close")
        }
        return replace(self, **rows)


@dataclass(frozen=True, slots=True)
class _Groups:
    """The strokes of one drum in one cell, of all hits: whose group each hit is in, how many are in it, its cell.

    `by_drum`: the hits drum by drum, in time order.
    """

    by_drum: Whole
    of_hit: Whole
    sizes: Whole
    cells: Whole
    count: int

    @classmethod
    def of(cls, played: Played) -> _Groups:
        rows, cell_of = np.unique(played.cells, return_inverse=True)
        kinds = int(played.drums.max()) + 1
        groups, of_hit = np.unique(cell_of * kinds + played.drums, return_inverse=True)
        return cls(np.argsort(played.drums, kind="stable"), of_hit, np.bincount(of_hit), groups // kinds, len(rows))


def in_swing(ways: tuple[Way, ...], swing: Swing) -> tuple[Way, ...]:
    """Subdivisions as they are priced in a swing: between swung eighths sixteenths are not at home."""
    if swing.unit != 8 or swing.place < FELT_IN_THREE:
        return ways
    return tuple(replace(w, price=IN_FOUR) if (w.unit, w.second) == (SIXTEENTH, None) else w for w in ways)


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
    middle = span if way.second is None else span // 2
    second = [] if way.second is None else range(middle, span, way.second)
    written = np.array([*range(0, middle, way.unit), *second, span], dtype=np.float64)
    sounding = written if way.stiff else swung(written, swing, span)
    return written, sounding / span


@dataclass(frozen=True, slots=True)
class Fit:
    """What a subdivision makes of every hit: its note in ticks of the cell, how far off it is in seconds; and what it
    costs each group of hits."""

    ticks: Floats
    off_s: Floats
    costs: Floats


def _fit(played: Played, way: Way, span: int, swing: Swing, scatter_s: float, groups: _Groups) -> Fit:
    """Every hit on one of the two notes around it. `scatter_s`: the standard deviation of timing, seconds."""
    written, sounding = notes(way, span, swing)
    among = len(written) - 1
    low = np.clip(np.searchsorted(sounding, played.phases, side="right") - 1, 0, among - 1)
    off, costs = _around(played, sounding, low, scatter_s, among / groups.sizes[groups.of_hit])
    nearer = np.abs(off[1]) <= np.abs(off[0])
    taken = np.where(costs[0] == costs[1], nearer, costs[1] < costs[0]).astype(np.int64)
    base = played.cells * span
    clashing = _clashing(played, base + written[low + taken], groups.by_drum)
    taken = _apart(clashing, taken, np.abs(costs[1] - costs[0]))
    at = np.arange(len(taken))
    ticks = written[low + taken]
    told = costs[taken, at] + CLASH * (_clashing(played, base + ticks, groups.by_drum) >= 0)
    grouped = np.bincount(groups.of_hit, weights=told) + _choices(among)[np.minimum(groups.sizes, among)]
    return Fit(ticks, off[taken, at] * played.cell_s, grouped)


def _around(played: Played, sounding: Floats, low: Whole, scatter_s: float, among: Floats) -> tuple[Floats, Floats]:
    """Of the note before each hit and the one after it (2, hits): how early it is in cells, and what it would cost."""
    note = np.stack([low, low + 1])
    off = played.phases - sounding[note]
    costs = played.weights * _misfit(np.abs(off) * played.cell_s / scatter_s)
    if played.habits is None:
        return off, costs
    at = played.cells % played.bar_cells + sounding[note]
    return off, costs - played.habits.surprise(played.drums, at, off, among)


def _apart(clashing: Whole, taken: Whole, more: Floats) -> Whole:
    """Which of its two notes each hit takes, when of two strokes of a drum on one note the one that can do so more
    cheaply (`more`: nats) goes to its other note, the earlier stroke back or the later one on."""
    later = np.flatnonzero(clashing >= 0)
    if not later.size:
        return taken
    earlier = clashing[later]
    back = np.where(taken[earlier] == 1, more[earlier], np.inf)
    on = np.where(taken[later] == 0, more[later], np.inf)
    goes = np.minimum(back, on) < CLASH
    out = taken.copy()
    out[earlier[goes & (back <= on)]] = 0
    out[later[goes & (on < back)]] = 1
    return out


def _misfit(off: Floats) -> Floats:
    """Nats that hits so many standard deviations off cost: a bell curve's, with tails for what is no scatter."""
    return np.asarray(np.minimum(off**2 / 2, CAP + TAIL * (off - np.sqrt(2 * CAP))))


@lru_cache(maxsize=64)
def _choices(among: int) -> Floats:
    """Nats it takes to say which 0..`among` of so many notes are struck: the logarithm of the binomials."""
    steps = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, among + 1)))])
    return np.asarray(steps[-1] - steps - steps[::-1])


def _clashing(played: Played, places: Floats, by_drum: Whole) -> Whole:
    """The earlier stroke of the same drum on the same note of which this one is no grace note; -1 where none is."""
    same = (np.diff(played.drums[by_drum]) == 0) & (np.diff(places[by_drum]) == 0)
    found = np.full(len(places), -1)
    found[by_drum[1:][same]] = by_drum[:-1][same]
    found[played.close] = -1
    return found


@dataclass(frozen=True, slots=True)
class Choice:
    """The note of each hit in ticks of its cell (a cell's end is the next one's 0) and how late it is in seconds."""

    ticks: Whole
    off_s: Floats


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to write a cell, or two at once: what it costs each cell, of that its price; its layer, and the way of
    each group."""

    costs: Floats
    price: float
    layer: int
    ways: Whole | int


def choose(played: Played, ways: tuple[Way, ...], span: int, swing: Swing, scatter_s: float) -> Choice:
    """The cheapest subdivision of every cell, and what it makes of its hits. `played` may not be empty."""
    groups, ways = _Groups.of(played), in_swing(ways, swing)
    fits = [_fit(played, way, span, swing, scatter_s, groups) for way in ways]
    readings = _readings(fits, ways, groups)
    costs = np.stack([r.costs for r in readings], axis=1)
    if played.habits is not None:
        beats = np.unique(played.cells) % played.bar_cells
        costs = as_usual(costs, np.array([r.price for r in readings]), beats)
    layers = [np.array([r.layer in (BOTH, layer) for r in readings]) for layer in (BINARY, TERNARY)]
    by_layer = np.stack([np.where(mask, costs, np.inf) for mask in layers])
    path = _path(by_layer.min(axis=2).T)
    reading_of_cell = by_layer[path, np.arange(groups.count)].argmin(axis=1)
    table = np.stack([np.broadcast_to(r.ways, groups.sizes.shape) for r in readings])
    way_of_group = table[reading_of_cell[groups.cells], np.arange(len(groups.sizes))]
    own, at = way_of_group[groups.of_hit], np.arange(len(groups.of_hit))
    ticks = np.stack([f.ticks for f in fits])[own, at]
    off = np.stack([f.off_s for f in fits])[own, at]
    return Choice(np.rint(ticks).astype(np.int64), off)


def _readings(fits: Sequence[Fit], ways: Sequence[Way], groups: _Groups) -> list[_Reading]:
    """Each way by itself, and sixteenths beside each that is finer and of another kind."""
    found = [
        _Reading(np.asarray(np.bincount(groups.cells, weights=fit.costs) + way.price), way.price, way.layer, i)
        for i, (fit, way) in enumerate(zip(fits, ways, strict=True))
    ]
    plain = next((i for i, way in enumerate(ways) if way.unit == SIXTEENTH and way.second is None), None)
    if plain is None or len(ways) == 1:
        return found
    for i, way in enumerate(ways):
        if way.layer == TERNARY and way.unit <= SIXTEENTH:
            both = np.where(fits[i].costs < fits[plain].costs, i, plain)
            costs = np.bincount(groups.cells, weights=np.minimum(fits[i].costs, fits[plain].costs))
            price = way.price + ways[plain].price + TOGETHER
            found.append(_Reading(np.asarray(costs + price), price, BOTH, both))
    return found


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


@dataclass(frozen=True, slots=True)
class Tried:
    """The swings to choose from: note values of the halves, and the place of the second one; None: find it."""

    units: tuple[int, ...]
    place: float | None = None

    def first(self) -> list[Swing]:
        """What is tried first, besides straight notes."""
        places = SWINGS if self.place is None else (self.place,)
        return [Swing(place, unit) for unit in self.units for place in places]


def swing_of(played: Played, ways: tuple[Way, ...], span: int, scatter_s: float, tried: Tried) -> Swing:
    """The swing of a piece: straight unless another place of a pair's second half saves more than it costs."""
    played = played.first(SWING_HITS)
    groups = _Groups.of(played)

    def told(way: Way, swing: Swing) -> Floats:
        costs = _fit(played, way, span, swing, scatter_s, groups).costs
        return np.asarray(np.bincount(groups.cells, weights=costs), dtype=np.float64)

    stiff = {way: told(way, Swing()) for way in ways if way.stiff}

    def cost(swing: Swing) -> float:
        tables = [(stiff[way] if way.stiff else told(way, swing)) + way.price for way in in_swing(ways, swing)]
        return float(np.min(tables, axis=0).sum())

    if tried.place == Swing().place:
        return Swing()
    best = min(tried.first(), key=cost)
    if tried.place is not None:
        return best
    fine = [Swing(round(best.place + d, 3), best.unit) for d in FINE if best.place + d <= SWING_MAX]
    best = min(fine, key=cost)
    return best if cost(best) + SWING_PRICE < cost(Swing()) else Swing()
