"""Which bars need not be written again: similes of one or two bars, and blocks between repeat signs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from services.beats.types import Section
from services.notation.layout import Bar

BLOCKS = (16, 8, 4, 2)  # bars between repeat signs, the longest first
SIMILES = (1, 2)  # bars of a simile


@dataclass(frozen=True, slots=True)
class Folding:
    """Bars by number. `dropped`: not written. `forward`, `backward` (with how often it is played): repeat signs.

    `simile`: where a run of similes begins, with its bars; `simile_stop`: the bar after one; `under`: every bar that is
    one, with the simile's bars and which of them it is.
    """

    dropped: frozenset[int] = frozenset()
    forward: frozenset[int] = frozenset()
    backward: dict[int, int] = field(default_factory=dict)
    simile: dict[int, int] = field(default_factory=dict)
    simile_stop: frozenset[int] = frozenset()
    under: dict[int, tuple[int, int]] = field(default_factory=dict)


NO_FOLDING = Folding()


def folded(bars: Sequence[Bar], sections: Sequence[Section], how: str, apart: Collection[int] = frozenset()) -> Folding:
    """What may be left out of these bars. A bar that begins a section or changes the tempo always stays.

    `apart`: bars that no simile of two bars may end in.
    """
    starts = {s.first_bar for s in sections}
    marked = {b.number for b in bars if b.number in starts or b.bpm is not None}
    shown = [b.shown for b in bars]
    return _with_signs(shown, marked) if how == "signs" else _with_similes(shown, marked, apart)


def _with_signs(shown: Sequence[object], marked: set[int]) -> Folding:
    """Blocks that come again at once, from the first bar on, the longest at each place."""
    dropped: set[int] = set()
    forward: set[int] = set()
    backward: dict[int, int] = {}
    at = 0
    while at < len(shown):
        for size in BLOCKS:
            times = _times(shown, marked, at, size)
            if times > 1:
                forward.add(at)
                backward[at + size - 1] = times
                dropped |= set(range(at + size, at + size * times))
                at += size * times
                break
        else:
            at += 1
    return Folding(frozenset(dropped), frozenset(forward), backward)


def _times(shown: Sequence[object], marked: set[int], at: int, size: int) -> int:
    """How often the block at a bar is played in a row."""
    times = 1
    while at + size * (times + 1) <= len(shown):
        place = at + size * times
        if marked & set(range(place, place + size)) or list(shown[at : at + size]) != list(shown[place : place + size]):
            break
        times += 1
    return times


def _with_similes(shown: Sequence[object], marked: set[int], apart: Collection[int]) -> Folding:
    """Runs of bars like the one before, else pairs like the two before."""
    simile: dict[int, int] = {}
    stops: set[int] = set()
    under: dict[int, tuple[int, int]] = {}
    at = 1
    while at < len(shown):
        for size in SIMILES:
            end = at
            while (
                at >= size
                and end + size <= len(shown)
                and not marked & set(range(end, end + size))
                and not (size > 1 and end + 1 in apart)
                and list(shown[end : end + size]) == list(shown[at - size : at])
            ):
                end += size
            if end > at:
                simile[at] = size
                stops.add(end)
                under |= {bar: (size, (bar - at) % size) for bar in range(at, end)}
                at = end
                break
        else:
            at += 1
    return Folding(simile=simile, simile_stop=frozenset(stops), under=under)
