"""Strokes that are one note: a grace note before a stroke, a stroke heard twice, a roll too fast to have notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from services.beats.types import Event
from services.transcription.strokes import Stroke

FLAM_S = 0.045  # closer strokes of one drum are one note with a grace note
TWICE_S = 0.020  # closer ones nobody plays: one stroke, heard twice
GRACE = 0.75  # of the stroke's velocity: a grace note is softer than what it leads to
ROLL_MORE_THAN = 2  # strokes that are one note


def leading(strokes: Sequence[Stroke]) -> list[int]:
    """For each stroke, in time order, the number of the one on whose note it lies: its own, or for the softer one of
    two that are one note, the other. Three and more close strokes are not told apart here: they may have notes."""
    by_drum: dict[str, list[int]] = {}
    for i, stroke in enumerate(strokes):
        by_drum.setdefault(stroke.hit.instrument, []).append(i)
    lead = list(range(len(strokes)))
    for rows in by_drum.values():
        times = [strokes[i].hit.time_s for i in rows]
        close = [False, *(b - a <= FLAM_S for a, b in pairwise(times)), False]
        for k in range(1, len(rows)):
            if not close[k] or close[k - 1] or close[k + 1]:
                continue
            first, second = rows[k - 1], rows[k]
            if strokes[first].hit.velocity <= GRACE * strokes[second].hit.velocity:
                lead[first] = second
            elif times[k] - times[k - 1] <= TWICE_S:
                louder = strokes[second].hit.velocity > strokes[first].hit.velocity
                lead[first if louder else second] = second if louder else first
    return lead


def merged(strokes: Sequence[Stroke], played: Sequence[Event]) -> list[Event]:
    """One event for the strokes of a drum that are on one note, each as close to the last as a grace note: the loudest,
    a flam where a softer one came before it, a roll where there are more than two. `played`: the strokes' own events.
    """
    groups: dict[tuple[int, int, int, str], list[list[int]]] = {}
    for i, event in enumerate(played):
        on_note = groups.setdefault((event.bar, event.step, event.tick, event.instrument), [])
        if on_note and strokes[i].hit.time_s - strokes[on_note[-1][-1]].hit.time_s <= FLAM_S:
            on_note[-1].append(i)
        else:
            on_note.append([i])
    return [_one([played[i] for i in group]) for on_note in groups.values() for group in on_note]


def _one(strokes: Sequence[Event]) -> Event:
    """The event that stands for strokes on one note, in time order."""
    main = max(range(len(strokes)), key=lambda i: (strokes[i].velocity, -i))
    if len(strokes) > ROLL_MORE_THAN:
        return replace(strokes[main], articulation="roll")
    return replace(strokes[main], articulation="flam") if main else strokes[main]
