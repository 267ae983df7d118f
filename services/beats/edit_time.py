"""The edit operations on time itself: copies of bars, tempo, swing, sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.beats.edit_shapes import EVENTS_MAX
from services.beats.event_ids import free_id
from services.beats.types import BARS_MAX, Beat, Event, Section
from services.errors import FieldError, Invalid

Tempos = tuple[tuple[int, float], ...]


def duplicate_bars(beat: Beat, op: Mapping[str, Any]) -> Beat:
    """Copies of bars [first, last] after `last`, `count` times; later bars move back with their events, sections and
    tempos. Copies get ids of their new place. Raises Invalid for bars outside the beat, more than 64 bars after it, or
    more than 20,000 events.
    """
    first, last = op["bars"]
    count = op.get("count", 1)
    span = last - first + 1
    if last >= beat.grid.bars:
        raise Invalid("", errors=(FieldError("bars", f"are 0 to {beat.grid.bars - 1} in this beat"),))
    if beat.grid.bars + count * span > BARS_MAX:
        raise Invalid("", errors=(FieldError("count", f"would make more than {BARS_MAX} bars"),))
    if first == 0 and beat.grid.pickup_steps:
        raise Invalid("", errors=(FieldError("bars", "the pickup bar cannot be copied"),))
    shift = count * span
    moved = [replace(e, bar=e.bar + shift) if e.bar > last else e for e in beat.events]
    originals = [e for e in beat.events if first <= e.bar <= last]
    if len(beat.events) + count * len(originals) > EVENTS_MAX:
        raise Invalid("", errors=(FieldError("count", f"would make more than {EVENTS_MAX} events"),))
    copied = _copies(originals, (span, count), {e.id for e in beat.events})
    tempo_map = _tempos(beat.grid.tempo_map, (first, last), count)
    grid = replace(beat.grid, bars=beat.grid.bars + shift, tempo_map=tempo_map)
    return replace(beat, grid=grid, events=(*moved, *copied), sections=_repeated(beat.sections, (first, last), count))


def _copies(originals: Sequence[Event], repeats: tuple[int, int], taken: set[str]) -> list[Event]:
    """The events again, `repeats` = (bars apart, how often), each with a free id of its new place."""
    span, count = repeats
    used = set(taken)
    found: list[Event] = []
    for n in range(1, count + 1):
        for event in originals:
            bar = event.bar + n * span
            new = free_id((bar, event.step, event.tick), event.role, used)
            used.add(new)
            found.append(replace(event, id=new, bar=bar))
    return found


def _repeated(sections: Sequence[Section], bars: tuple[int, int], count: int) -> tuple[Section, ...]:
    """The sections around copied bars: those behind move back. One that holds all of the bars grows; where the bars
    lie in several, the copies have their own sections, and what is cut off at the end comes again after them."""
    first, last = bars
    shift = count * (last - first + 1)
    touched = [s for s in sections if s.first_bar <= last and _end(s) > first]
    within = len(touched) == 1 and touched[0].first_bar <= first and _end(touched[0]) > last
    before = [s for s in sections if s.first_bar <= last]
    behind = [replace(s, first_bar=s.first_bar + shift) for s in sections if s.first_bar > last]
    if within:
        grown = [replace(s, bars=s.bars + shift) if s is touched[0] else s for s in before]
        return (*grown, *behind)
    pieces = [_cut(s, first, last + 1) for s in touched]
    copies = [replace(s, first_bar=s.first_bar + n * (last - first + 1)) for n in range(1, count + 1) for s in pieces]
    kept = [_cut(s, s.first_bar, last + 1) for s in before]
    rest = [_cut(s, last + 1, _end(s)) for s in before if _end(s) > last + 1]
    moved = [replace(s, first_bar=s.first_bar + shift) for s in rest]
    return (*kept, *copies, *moved, *behind)


def _end(section: Section) -> int:
    return section.first_bar + section.bars


def _cut(section: Section, start: int, end: int) -> Section:
    """The part of a section from bar `start` up to bar `end`."""
    first, stop = max(section.first_bar, start), min(_end(section), end)
    return replace(section, first_bar=first, bars=stop - first)


def set_sections(beat: Beat, op: Mapping[str, Any]) -> Beat:
    """All sections anew. Raises Invalid for one that leaves the beat, or begins before the one before it has ended."""
    found = tuple(
        Section(
            one["name"],
            one["first_bar"],
            one["bars"],
            None if one.get("low_pass_hz") is None else float(one["low_pass_hz"]),
        )
        for one in op["sections"]
    )
    errors: list[FieldError] = []
    free = 0
    for i, section in enumerate(found):
        if _end(section) > beat.grid.bars:
            errors.append(FieldError(f"sections[{i}].bars", f"leaves the beat of {beat.grid.bars} bars"))
        if section.first_bar < free:
            errors.append(FieldError(f"sections[{i}].first_bar", f"is {free} or later, behind the section before"))
        free = max(free, _end(section))
    if errors:
        raise Invalid("", errors=tuple(errors))
    return replace(beat, sections=found)


def _tempos(tempo_map: Tempos, bars: tuple[int, int], count: int) -> Tempos:
    """The tempo map with the bars' tempos repeated, every bar keeping its own."""
    first, last = bars
    total = max(last + 2, tempo_map[-1][0] + 1)
    each: list[float] = []
    for bar in range(total):
        each.append(dict(tempo_map).get(bar, each[-1] if each else tempo_map[0][1]))
    each = each[: last + 1] + each[first : last + 1] * count + each[last + 1 :]
    return _compact(each, keep=len(each))


def _compact(each: list[float], keep: int) -> Tempos:
    """A tempo per bar as a map of its changes."""
    found: list[tuple[int, float]] = []
    for bar, bpm in enumerate(each[:keep]):
        if not found or found[-1][1] != bpm:
            found.append((bar, bpm))
    return tuple(found)


def set_bpm(beat: Beat, op: Mapping[str, Any]) -> Beat:
    """One tempo for the whole beat, or a tempo from a bar up to the next change. Raises Invalid for a bar outside."""
    bpm = float(op["bpm"])
    if "bar" not in op:
        return replace(beat, grid=replace(beat.grid, tempo_map=((0, bpm),)))
    if op["bar"] >= beat.grid.bars:
        raise Invalid("", errors=(FieldError("bar", f"is 0 to {beat.grid.bars - 1} in this beat"),))
    changes = {**dict(beat.grid.tempo_map), op["bar"]: bpm}
    return replace(beat, grid=replace(beat.grid, tempo_map=tuple(sorted(changes.items()))))


def set_swing(beat: Beat, op: Mapping[str, Any]) -> Beat:
    """Swing (.50..0.75) and its unit (8 or 16); what is missing stays."""
    swing = float(op.get("swing", beat.grid.swing))
    return replace(beat, grid=replace(beat.grid, swing=swing, swing_unit=op.get("swing_unit", beat.grid.swing_unit)))
