"""Notes moved towards the grid: how much of a player's timing a quantised export takes away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.beats.grid import event_time_s
from services.beats.types import TICKS_PER_STEP, Event, Grid
from services.transcription.barlines import cell_ticks

MS = 1000.0
TRIPLET, SIXTEENTH = 160, 240  # ticks: what is a multiple of the first alone is a note of triplets


def tightened(grid: Grid, events: Sequence[Event], strength: float) -> list[Event]:
    """Events with this share (0..1) of their offsets taken away: at 0 as played, at 1 on the grid.

    Swing is of the grid and stays. Triplets between swung notes are even: where a player's lie nearer to even ones than
    to swung ones, even is where the grid has them.
    """
    even = _even_beats(grid, events)
    found = []
    for event in events:
        home = _even_ms(grid, event) if _beat_of(grid, event) in even else 0.0
        if abs(event.offset_ms - home) >= abs(event.offset_ms):
            home = 0.0
        found.append(replace(event, offset_ms=home + (1.0 - strength) * (event.offset_ms - home)))
    return found


def _even_beats(grid: Grid, events: Sequence[Event]) -> set[tuple[int, int]]:
    """The beats with triplets in them, of a grid that swings."""
    if grid.swing == 0.5:
        return set()
    return {_beat_of(grid, e) for e in events if _tick(grid, e) % TRIPLET == 0 and _tick(grid, e) % SIXTEENTH}


def _tick(grid: Grid, event: Event) -> int:
    """Ticks from the whole bar's line."""
    missing = grid.steps_per_bar - grid.pickup_steps if event.bar == 0 and grid.pickup_steps else 0
    return (event.step + missing) * TICKS_PER_STEP + event.tick


def _beat_of(grid: Grid, event: Event) -> tuple[int, int]:
    return event.bar, _tick(grid, event) // cell_ticks(grid.meter)


def _even_ms(grid: Grid, event: Event) -> float:
    """How much later than in the swung grid an event's note lies in a straight one, milliseconds."""
    on_note = replace(event, offset_ms=0.0)
    return MS * (event_time_s(replace(grid, swing=0.5), on_note) - event_time_s(grid, on_note))
