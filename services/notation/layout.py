"""A beat as a drummer reads it: bars of two voices, each a row of chords and rests with values, beams and tuplets.

Hands and feet are written apart (drumset.py); a note lasts until the next one of its voice or the end of its beam
group, as is usual for drums. Feel (`offset_ms`) is not written; what a tick lies beside its written place is kept in
`late_ticks`. Muted events are left out. Nothing else is dropped: strokes of one drum on one place stay two heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from services.beats.grid import bar_bpms, bar_steps
from services.beats.types import TICKS_PER_STEP, Beat, Event, Grid
from services.notation.drumset import FEET, HANDS, PLACES, key_of
from services.notation.values import (
    CELL,
    FINEST,
    KINDS,
    QUARTER,
    SNAP,
    WRITTEN,
    Value,
    note_value,
    rests,
    snapped,
    unit_of,
)

DOTTED_QUARTER = QUARTER * 3 // 2
# What one beam joins, in ticks. Sevens are counted 2 + 2 + 3.
GROUPS: dict[str, tuple[int, ...]] = {
    "2/4": (QUARTER,) * 2, "3/4": (QUARTER,) * 3, "4/4": (QUARTER,) * 4, "5/4": (QUARTER,) * 5,
    "7/8": (QUARTER, QUARTER, DOTTED_QUARTER), "6/8": (DOTTED_QUARTER,) * 2, "12/8": (DOTTED_QUARTER,) * 4,
}  # fmt: skip
HALVES = {"4/4", "12/8"}  # meters in which two whole groups of silence are one rest, counted from the bar line
WHOLE_BAR = "whole"


@dataclass(frozen=True, slots=True)
class Head:
    """One notehead: an event and how many ticks after its written place it lies, negative before it; `key`: its row of
    drumset.PLACES."""

    event: Event
    late_ticks: int
    key: str


@dataclass(frozen=True, slots=True)
class Sign:
    """A chord, or a rest where `heads` is empty, at `at` ticks from the bar's start.

    `beams`: one word for each beam level of its value, as MusicXML names them. `edge`: "start" or "stop" at the ends of
    a tuplet. `bar_rest`: it stands for the whole bar.
    """

    at: int
    value: Value
    heads: tuple[Head, ...] = ()
    beams: tuple[str, ...] = ()
    edge: str | None = None
    bar_rest: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """One measure: `ticks` long, its voices (hands always, feet where they play), and its tempo if it changes here."""

    number: int
    ticks: int
    voices: dict[int, tuple[Sign, ...]]
    bpm: float | None = None

    @property
    def shown(self) -> tuple[object, ...]:
        """What a reader sees of it: two bars that show the same can be written once."""
        return tuple(
            (voice, tuple((s.at, s.value, tuple((h.key, h.event.articulation) for h in s.heads)) for s in signs))
            for voice, signs in self.voices.items()
        )


@dataclass(frozen=True, slots=True)
class _Group:
    """A beam group inside a bar: where it starts, how long it is, and how much of it a pickup leaves out."""

    start: int
    length: int
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A part of a group on one unit: `chords` by their written place, ticks from the group's start, in order."""

    start: int
    end: int
    unit: int
    chords: dict[int, list[Head]]


def bars_of(beat: Beat) -> tuple[Bar, ...]:
    """The measures of a beat, at least one; bar 0 is short where the beat has a pickup."""
    grid, by_bar = beat.grid, {}  # type: ignore[var-annotated]
    for event in beat.events:
        if not event.muted:
            by_bar.setdefault(event.bar, []).append(event)
    tempos = bar_bpms(grid)
    return tuple(
        Bar(
            number,
            bar_steps(grid, number) * TICKS_PER_STEP,
            _voices(grid, number, by_bar.get(number, ())),
            tempos[number] if number == 0 or tempos[number] != tempos[number - 1] else None,
        )
        for number in range(grid.bars)
    )


def _voices(grid: Grid, number: int, events: Sequence[Event]) -> dict[int, tuple[Sign, ...]]:
    groups = _groups(grid, number)
    parts = {voice: [e for e in events if PLACES[key_of(e)].voice == voice] for voice in (HANDS, FEET)}
    if not parts[HANDS] and parts[FEET]:
        return {FEET: _voice(grid, groups, parts[FEET])}
    return {voice: _voice(grid, groups, own) for voice, own in parts.items() if own or voice == HANDS}


def _groups(grid: Grid, number: int) -> list[_Group]:
    """The beam groups of a bar; a pickup keeps the last ones, the first of them perhaps in part."""
    skipped = (grid.steps_per_bar - bar_steps(grid, number)) * TICKS_PER_STEP
    out, start = [], -skipped
    for length in GROUPS[grid.meter]:
        if start + length > 0:
            out.append(_Group(start, length, max(0, -start)))
        start += length
    return out


def _voice(grid: Grid, groups: Sequence[_Group], events: Sequence[Event]) -> tuple[Sign, ...]:
    """The signs of one voice of a bar."""
    if not events:
        return (_bar_rest(groups),)
    rows = []
    for i, group in enumerate(groups):
        # A stroke just before a beat is that beat's, early; only before a bar line it stays in its bar.
        first = -SNAP if i else 0
        end = group.length - (SNAP if i + 1 < len(groups) else 0)
        inside = [(place, e) for e in events if first <= (place := _ticks(e) - group.start) < end]
        rows.append(_group_signs(group, inside) if inside else [])
    return tuple(_with_rests(grid.meter, groups, rows))


def _bar_rest(groups: Sequence[_Group]) -> Sign:
    ticks = sum(g.length - g.skipped for g in groups)
    return Sign(0, Value(WHOLE_BAR, 0, ticks), bar_rest=True)


def _ticks(event: Event) -> int:
    return event.step * TICKS_PER_STEP + event.tick


def _group_signs(group: _Group, placed: Sequence[tuple[int, Event]]) -> list[Sign]:
    """Chords and rests of a group that has notes. `placed`: (ticks from the group's start, event)."""
    placed = sorted(placed, key=lambda p: (p[0], PLACES[key_of(p[1])].rank, p[1].id))
    whole = _stretch(0, group.length, placed)
    plain = whole.unit != FINEST and not group.skipped % whole.unit
    stretches = [_Stretch(group.skipped, whole.end, whole.unit, whole.chords)] if plain else _cells(group, placed)
    signs: list[Sign] = []
    for stretch in stretches:
        own = _stretch_signs(stretch, group.length)
        if stretch.unit in WRITTEN:
            own[0], own[-1] = replace(own[0], edge="start"), replace(own[-1], edge="stop")
        signs += own
    # Not `replace`, which would take a third of the time of a whole score.
    return [Sign(s.at + group.start, s.value, s.heads, s.beams, s.edge) for s in beamed(signs)]


def _stretch(start: int, end: int, placed: Sequence[tuple[int, Event]]) -> _Stretch:
    """Notes on one unit, the plainest that explains them and keeps strokes of one drum apart."""
    last: dict[str, int] = {}
    clashes = []
    for place, event in placed:
        if key_of(event) in last:
            clashes.append((last[key_of(event)] - start, place - start))
        last[key_of(event)] = place
    length = end - start
    unit = unit_of(tuple(p - start for p, _ in placed), length, tuple(clashes)) if placed else length
    chords: dict[int, list[Head]] = {}
    for place, event in placed:
        at = start + max(0, snapped(place - start, unit, length))
        chords.setdefault(at, []).append(Head(event, place - at, key_of(event)))
    return _Stretch(start, end, unit, chords)


def _cells(group: _Group, placed: Sequence[tuple[int, Event]]) -> list[_Stretch]:
    """Each eighth of a group on a unit of its own; neighbours that hold no tuplet are one stretch again."""
    edges = [group.skipped, *range(group.skipped // CELL * CELL + CELL, group.length, CELL), group.length]
    out: list[_Stretch] = []
    for i, (start, end) in enumerate(pairwise(edges)):
        first = start - SNAP if i else -SNAP
        stop = end - SNAP if end < group.length else end
        cell = _stretch(start, end, [(place, e) for place, e in placed if first <= place < stop])
        before = out[-1] if out else None
        if before is None or before.unit in WRITTEN or cell.unit in WRITTEN:
            out.append(cell)
        else:
            out[-1] = _Stretch(before.start, end, min(before.unit, cell.unit), {**before.chords, **cell.chords})
    return out


def _stretch_signs(stretch: _Stretch, length: int) -> list[Sign]:
    """The signs of a stretch of a group of `length` ticks. Rests lie as the group is counted, or the tuplet."""
    unit = stretch.unit
    origin, length = (stretch.start, stretch.end - stretch.start) if unit in WRITTEN else (0, length)

    def silence(start: int, end: int) -> list[Sign]:
        found = rests(start - origin, end - origin, unit, length)
        return [Sign(at + origin, value) for at, value in found]

    signs = silence(stretch.start, min(stretch.chords, default=stretch.end))
    for at, end in pairwise([*stretch.chords, stretch.end]):
        value = note_value(end - at, unit, length)
        signs.append(Sign(at, value, tuple(sorted(stretch.chords[at], key=_order))))
        signs += silence(at + value.ticks, end)
    return signs


def _order(head: Head) -> tuple[object, ...]:
    """From the bottom of the staff up; of strokes of one drum the flams first, as their grace notes come."""
    event = head.event
    return PLACES[head.key].rank, head.key, event.role, event.articulation != "flam", event.id


def beamed(signs: Sequence[Sign]) -> list[Sign]:
    """Signs of one group with beams over each run of short notes; rests and quarters part runs."""
    out = list(signs)
    run: list[int] = []
    for i in range(len(out) + 1):
        if i < len(out) and out[i].heads and out[i].value.flags:
            run.append(i)
            continue
        if len(run) > 1:
            for place, words in zip(run, _beams([out[j] for j in run]), strict=True):
                sign = out[place]
                out[place] = Sign(sign.at, sign.value, sign.heads, words, sign.edge)
        run = []
    return out


def _beams(run: Sequence[Sign]) -> list[tuple[str, ...]]:
    """For each note of a run the word of every level: begin, continue, end, or a hook towards what it belongs to."""
    flags = [s.value.flags for s in run]
    words = []
    for i, sign in enumerate(run):
        own = []
        for level in range(1, flags[i] + 1):
            before = i > 0 and flags[i - 1] >= level
            after = i + 1 < len(run) and flags[i + 1] >= level
            if before and after:
                own.append("continue")
            elif before or after:
                own.append("end" if before else "begin")
            else:
                on_beat = sign.at % (2 * sign.value.ticks) == 0
                own.append("forward hook" if i == 0 or (i + 1 < len(run) and on_beat) else "backward hook")
        words.append(tuple(own))
    return words


def _with_rests(meter: str, groups: Sequence[_Group], rows: list[list[Sign]]) -> list[Sign]:
    """All signs of a voice, groups without notes as rests, two of them as one where the meter allows it."""
    out: list[Sign] = []
    i = 0
    while i < len(groups):
        group = groups[i]
        if rows[i]:
            out += rows[i]
        elif i + 1 < len(groups) and meter in HALVES and i % 2 == 0 and not rows[i + 1] and not group.skipped:
            out.append(Sign(group.start, _rest(group.length * 2)))
            i += 1
        elif group.skipped:
            unit = FINEST
            out += [Sign(group.start + at, value) for at, value in rests(group.skipped, group.length, unit)]
        else:
            out.append(Sign(group.start, _rest(group.length)))
        i += 1
    return out


def _rest(ticks: int) -> Value:
    """A plain or dotted rest."""
    return note_value(ticks, FINEST) if ticks not in KINDS else Value(KINDS[ticks], 0, ticks)
