"""Measures in the order in which they are played: repeats, endings and similes written out, split bars made whole.

A repeat without a sign at its start goes back to the last one's end, or to the beginning. What it replays of an upbeat
completes the bar before; where that is whole, the first bar after the upbeat comes next. Jumps by words (D.C., D.S.)
are not taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from services.notation.bounds import BARS_READ_MAX, NOTES_READ_MAX
from services.notation.musicxml_measures import Measure
from services.notation.xml_input import broken

PARTS_MAX = 4  # measures that are one bar


def played(measures: Sequence[Measure], bar_ticks: int) -> list[Measure]:
    """The bars that are played, each at most `bar_ticks` long. Raises Invalid for more than can be read."""
    written = _filled(measures)
    upbeat = bool(written) and 0 < written[0].ticks < bar_ticks
    out: list[Measure] = []
    notes = 0
    seen: set[int] = set()
    for count, place in enumerate(_order(written)):
        measure, again = written[place], place in seen
        seen.add(place)
        if again:
            measure = replace(measure, section=None, struck=[replace(s, id=None) for s in measure.struck])
        notes += len(measure.struck)
        # Counted as they are played: parts of bars that are joined make none.
        if len(out) >= BARS_READ_MAX or notes > NOTES_READ_MAX or count > PARTS_MAX * BARS_READ_MAX:
            raise broken(f"with its repeats it has more than {BARS_READ_MAX} bars or {NOTES_READ_MAX} notes")
        replayed = again and place == 0 and upbeat
        if len(out) > 1 and (measure.implicit or replayed) and 0 < out[-1].ticks <= bar_ticks - measure.ticks:
            out[-1] = _joined(out[-1], measure)
        elif not replayed:
            out.append(measure)
    return out


def _filled(measures: Sequence[Measure]) -> list[Measure]:
    """Bars under a simile that were left empty, filled with what they stand for."""
    out: list[Measure] = []
    notes = 0
    for measure in measures:
        empty = measure.simile and not measure.struck and len(out) >= measure.simile
        like = out[-measure.simile] if empty else measure
        notes += len(like.struck)
        if notes > NOTES_READ_MAX:
            raise broken(f"with its repeats it has more than {NOTES_READ_MAX} notes")
        again = [replace(struck, id=None) for struck in like.struck] if empty else measure.struck
        out.append(replace(measure, struck=again, ticks=like.ticks))
    return out


def _order(measures: Sequence[Measure]) -> Iterator[int]:
    """Numbers of measures as they are played: back at each repeat sign, past the endings of other passes."""
    place = start = 0
    passing, last = 1, _passes(measures, 0)
    while place < len(measures):
        measure = measures[place]
        begun = start
        if measure.forward and place != start:
            start, passing = place, 1
        end = place
        if measure.ending and passing not in measure.ending:
            while end + 1 < len(measures) and not (measures[end].ending_stop or measures[end].backward):
                end += 1
            over = True
        else:
            yield place
            if measure.backward and passing < (last if start == begun else _passes(measures, start)):
                passing, place = passing + 1, start
                last = last if start == begun else _passes(measures, start)
                continue
            over = bool(measure.backward or measure.ending_stop)
        place = end + 1
        if over and not (place < len(measures) and measures[place].ending):
            start, passing = place, 1
        if start != begun:
            last = _passes(measures, start)


def _passes(measures: Sequence[Measure], start: int) -> int:
    """How often the block that begins at a measure is played: as its repeat sign or its last ending says."""
    most = 1
    for place in range(start, len(measures)):
        measure = measures[place]
        if measure.forward and place > start:
            break
        most = max(most, measure.backward, *measure.ending, 1)
        more = place + 1 < len(measures) and bool(measures[place + 1].ending)
        if (measure.backward or measure.ending_stop) and not more:
            break
    return most


def _joined(first: Measure, rest: Measure) -> Measure:
    """A bar whose end another measure holds."""
    late = [replace(struck, at=struck.at + first.ticks) for struck in rest.struck]
    return replace(first, struck=[*first.struck, *late], ticks=first.ticks + rest.ticks)
