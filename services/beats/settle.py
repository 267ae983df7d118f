"""Notes settled on a grid: each on the nearest note of one value, counted from its bar line, and the rest as feel.

Nothing is heard differently: what a place moves by, `offset_ms` takes back. So a played part reads well and still
sounds as it was played.
"""

from __future__ import annotations

from dataclasses import replace

from services.beats.grid import OFFSET_MAX_MS, bar_steps, in_order, position_s
from services.beats.types import TICKS_PER_STEP, Beat, Event, Grid

MS = 1000.0
DIGITS = 6  # of a millisecond


def settled(beat: Beat, unit: int) -> Beat:
    """The beat with every event on a multiple of `unit` ticks; one that would be further off than 250 ms stays."""
    return replace(beat, events=in_order(beat.grid, [_settled(beat.grid, e, unit) for e in beat.events]))


def _settled(grid: Grid, event: Event, unit: int) -> Event:
    bar_ticks = grid.steps_per_bar * TICKS_PER_STEP
    skipped = bar_ticks - bar_steps(grid, event.bar) * TICKS_PER_STEP
    exact = skipped + event.step * TICKS_PER_STEP + event.tick
    bar, place = event.bar, (2 * exact + unit) // (2 * unit) * unit
    if place >= bar_ticks and bar + 1 < grid.bars:
        bar, place, skipped = bar + 1, 0, 0
    place = min(place, (bar_ticks - 1) // unit * unit)
    if place < skipped:
        place = -(-skipped // unit) * unit
    if place >= bar_ticks:
        return event  # an upbeat shorter than the value
    step, tick = divmod(place - skipped, TICKS_PER_STEP)
    moved = _second(grid, event.bar, event.step, event.tick) - _second(grid, bar, step, tick)
    offset_ms = round(event.offset_ms + moved * MS, DIGITS)
    if abs(offset_ms) > OFFSET_MAX_MS:
        return event
    return replace(event, bar=bar, step=step, tick=tick, offset_ms=offset_ms)


def _second(grid: Grid, bar: int, step: int, tick: int) -> float:
    return position_s(grid, bar, step + tick / TICKS_PER_STEP)
