"""Note values: how a stretch of time is written as notes and rests inside one beam group.

Times are ticks, 960 a quarter. A group is what a beam joins (a beat, a dotted beat, the long end of 7/8). Its notes lie
on one unit: a binary one (quarter .. 64th) or a third or sixth of a quarter. The coarsest unit that explains every
note within SNAP ticks is taken, so that human timing does not become 32nds; what is left over stays with the note.
Where no unit explains a whole group, each of its eighths has a unit of its own: so a group of three eighths holds
triplets, and an upbeat that begins inside a beat does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

QUARTER = 960
KINDS = {3840: "whole", 1920: "half", 960: "quarter", 480: "eighth", 240: "16th", 120: "32nd", 60: "64th"}
DOTTED = {5760: 3840, 2880: 1920, 1440: 960, 720: 480, 360: 240, 180: 120}
SNAP = 20  # ticks a note may lie off its written place: 10 ms at 120 bpm
UNITS = (960, 480, 240, 320, 120, 160, 60)  # of a quarter, from plain to busy
COMPOUND_UNITS = (1440, 480, 240, 120, 60)
CELL = 480  # ticks of an eighth, the part of a group that may have a unit of its own
CELL_UNITS = (480, 240, 160, 120, 80, 60)
FINEST = 60
WRITTEN = {320: 480, 160: 240, 80: 120}  # units of tuplets, and the value that is written for one: 3 in the time of 2
FLAGS = {kind: max(0, i - 2) for i, kind in enumerate(KINDS.values())}
SAME = 4096  # answers kept: bars repeat, and human timing does not fill memory


@dataclass(frozen=True, slots=True)
class Value:
    """A written note value. `ticks`: how long it lasts; `tuplet`: (actual, normal) notes, None outside one."""

    kind: str
    dots: int
    ticks: int
    tuplet: tuple[int, int] | None = None

    @property
    def flags(self) -> int:
        """How many beams it has."""
        return FLAGS[self.kind]


@lru_cache(maxsize=SAME)
def unit_of(places: tuple[int, ...], length: int, clashes: tuple[tuple[int, int], ...] = ()) -> int:
    """The unit for notes at `places` (ticks from the start) in a group or a part of one, `length` ticks long.

    `clashes`: pairs of places that must not become one, since they are strokes of one drum.
    """
    units = UNITS if length == QUARTER else COMPOUND_UNITS if length > QUARTER else CELL_UNITS
    for unit in units:
        if length % unit or any(abs(p - snapped(p, unit, length)) > SNAP for p in places):
            continue
        if all(snapped(a, unit, length) != snapped(b, unit, length) for a, b in clashes):
            return unit
    return FINEST


def snapped(place: int, unit: int, length: int) -> int:
    """The written place of a note: a multiple of the unit inside the group."""
    return min(round(place / unit) * unit, length - unit)


@lru_cache(maxsize=SAME)
def note_value(ticks: int, unit: int, length: int = QUARTER) -> Value:
    """The longest value, at most `ticks`, that one notehead can have on a unit of a stretch `length` ticks long."""
    if unit in WRITTEN:
        return _scaled(_plain(ticks // unit * WRITTEN[unit]), unit, length)
    return _plain(ticks)


def rests(start: int, end: int, unit: int, length: int = QUARTER) -> list[tuple[int, Value]]:
    """Rests that fill a part of a stretch `length` ticks long, each on a multiple of its own length: (place, value)."""
    written_unit = WRITTEN.get(unit, unit)
    out: list[tuple[int, Value]] = []
    at, left = start * written_unit // unit, (end - start) * written_unit // unit  # as if there were no tuplet
    while left:
        written = next((w for w in KINDS if w <= left and at % w == 0), FINEST)
        value = Value(KINDS[written], 0, written)
        out.append((at * unit // written_unit, _scaled(value, unit, length) if unit in WRITTEN else value))
        at, left = at + written, max(0, left - written)
    return out


def _plain(ticks: int) -> Value:
    """A binary value, dotted only where it fits exactly."""
    if ticks in DOTTED:
        return Value(KINDS[DOTTED[ticks]], 1, ticks)
    whole = max(w for w in KINDS if w <= ticks)
    return Value(KINDS[whole], 0, whole)


def _scaled(value: Value, unit: int, length: int) -> Value:
    """A written value as it lasts inside the tuplet of a unit, which fills `length` ticks."""
    written = WRITTEN[unit]
    return Value(value.kind, value.dots, value.ticks * unit // written, (length // unit, length // written))
