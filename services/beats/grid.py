"""When things sound: bar starts, swung steps, event times.

A position is (bar, step, tick); a step is a sixteenth, a tick 1/240 of it. bpm counts quarter notes in every meter, so
a step lasts 60 / bpm / 4 seconds in 7/8 and 12/8 too. Swing is the place of the second note of a pair (the ratio that
drum machines print: 0.50 straight, 0.667 triplet); the time inside a pair is warped piecewise linearly, so ticks move
with their step, nothing overtakes anything, and a pair's ends stay where they are. Pairs are counted from the bar
line; what is left over at a bar's end (7/8 with pairs of eighths) stays straight.

`pickup_steps` > 0: bar 0 is an upbeat that holds only its last `pickup_steps` steps, numbered from 0. Time 0 is the
start of bar 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from services.beats.types import (
    BARS_HELD_MAX,
    BARS_MAX,
    BPM_MAX,
    BPM_MIN,
    HELD_MAX_S,
    METERS,
    ROLES,
    STEPS_PER_QUARTER,
    TICKS_PER_STEP,
    Event,
    Grid,
)
from services.errors import FieldError, Invalid

SWING_MIN, SWING_MAX = 0.50, 0.75  # place of a pair's second note; past 0.75 it merges with the next pair
SWING_UNITS: tuple[int, ...] = (8, 16)  # note value of a pair's halves
OFFSET_MAX_MS = 250.0  # feel, not displacement: a step at 60 bpm
_ROLE_ORDER = {role: i for i, role in enumerate(ROLES)}
_CACHED_GRIDS = 64  # a worker sees a handful of grids at once


class Placed(NamedTuple):
    """An event and the second at which it sounds (rounded to 1e-6)."""

    time_s: float
    event: Event


def step_s_at(grid: Grid, bar: int = 0) -> float:
    """Length of a straight step of a bar in seconds."""
    return 60.0 / bar_bpms(grid)[bar] / STEPS_PER_QUARTER


@lru_cache(maxsize=_CACHED_GRIDS)
def bar_bpms(grid: Grid) -> tuple[float, ...]:
    """The tempo of each bar, quarter notes per minute."""
    bpms: list[float] = []
    changes = dict(grid.tempo_map)
    now = grid.bpm
    for bar in range(grid.bars):
        now = changes.get(bar, now)
        bpms.append(now)
    return tuple(bpms)


def bar_steps(grid: Grid, bar: int) -> int:
    """Steps of a bar: the meter's, fewer in a pickup bar."""
    return grid.pickup_steps if bar == 0 and grid.pickup_steps else grid.steps_per_bar


@lru_cache(maxsize=_CACHED_GRIDS)
def bar_starts_s(grid: Grid) -> tuple[float, ...]:
    """Second at which each bar begins, and one more: the end of the last bar. Length bars + 1."""
    starts = [0.0]
    for bar, bpm in enumerate(bar_bpms(grid)):
        starts.append(starts[-1] + bar_steps(grid, bar) * 60.0 / bpm / STEPS_PER_QUARTER)
    return tuple(starts)


def duration_s(grid: Grid) -> float:
    """Length of the whole grid in seconds."""
    return bar_starts_s(grid)[-1]


@lru_cache(maxsize=_CACHED_GRIDS)
def _edges(steps: int, skipped: int, swing: float, swing_unit: int) -> tuple[float, ...]:
    """Swung place of each step boundary 0..steps of a bar, in straight steps; its first `skipped` are missing."""
    half = 16 // swing_unit
    pair = 2 * half
    whole = (steps + skipped) // pair * pair

    def warp(position: int) -> float:
        if position >= whole:
            return float(position)
        start, inside = position // pair * pair, position % pair
        late = pair * swing  # where the second half begins
        if inside <= half:
            return start + inside / half * late
        return start + late + (inside - half) / half * (pair - late)

    zero = warp(skipped)
    return tuple(warp(skipped + s) - zero for s in range(steps + 1))


def swung_steps(grid: Grid, position: float, bar: int = 0) -> float:
    """Where a position inside a bar (steps from the bar line, fractions are ticks) lies after swing, in straight steps.

    Monotone and continuous; a position outside the bar is left as it is.
    """
    steps = bar_steps(grid, bar)
    if position < 0 or position >= steps:
        return position
    edges = _edges(steps, grid.steps_per_bar - steps, grid.swing, grid.swing_unit)
    i = int(position)
    return edges[i] + (position - i) * (edges[i + 1] - edges[i])


def position_s(grid: Grid, bar: int, position: float) -> float:
    """Second of a position: steps (with fraction) from the start of `bar`; it may run past the bar, even past the grid.

    Past the last bar the time runs on at the last tempo, straight.
    """
    while bar < grid.bars and position >= bar_steps(grid, bar):
        position -= bar_steps(grid, bar)
        bar += 1
    starts = bar_starts_s(grid)
    if bar >= grid.bars:
        return starts[-1] + position * step_s_at(grid, grid.bars - 1)
    return starts[bar] + swung_steps(grid, position, bar) * step_s_at(grid, bar)


def event_time_s(grid: Grid, event: Event) -> float:
    """Second at which an event sounds: bar + swung step + tick + offset, never below 0."""
    place = position_s(grid, event.bar, event.step + event.tick / TICKS_PER_STEP)
    return max(0.0, place + event.offset_ms / 1000.0)


def event_end_s(grid: Grid, event: Event) -> float:
    """Second at which an event's written length ends (its offset shifts it too), never before it sounds."""
    place = position_s(grid, event.bar, event.step + event.tick / TICKS_PER_STEP + event.duration_steps)
    return max(event_time_s(grid, event), place + event.offset_ms / 1000.0)


def placed(grid: Grid, events: Iterable[Event]) -> list[Placed]:
    """Events with their seconds, sorted by time, then role (CORE … TEXTURE), then id: the order of `events_json`."""
    starts, bpms = bar_starts_s(grid), bar_bpms(grid)
    steps = [60.0 / bpm / STEPS_PER_QUARTER for bpm in bpms]
    edges = [
        _edges(bar_steps(grid, b), grid.steps_per_bar - bar_steps(grid, b), grid.swing, grid.swing_unit)
        for b in (range(grid.bars) if grid.pickup_steps else [0])
    ]
    listed = list(events)
    rows: list[tuple[float, int, str, int]] = []
    for i, e in enumerate(listed):
        edge = edges[e.bar if len(edges) > 1 else 0]
        place = edge[e.step]
        if e.tick:
            place += e.tick / TICKS_PER_STEP * (edge[e.step + 1] - place)
        time_s = round(max(0.0, starts[e.bar] + place * steps[e.bar] + e.offset_ms / 1000.0), 6)
        rows.append((time_s, _ROLE_ORDER[e.role], e.id, i))
    rows.sort()
    return [Placed(row[0], listed[row[3]]) for row in rows]


def in_order(grid: Grid, events: Iterable[Event]) -> tuple[Event, ...]:
    """Events sorted as they sound (see `placed`)."""
    return tuple([p.event for p in placed(grid, events)])


def is_held(grid: Grid) -> bool:
    """Whether a beat may be so long: 64 bars, or up to 256 that last at most 300 s."""
    return grid.bars <= BARS_MAX or (grid.bars <= BARS_HELD_MAX and duration_s(grid) <= HELD_MAX_S)


def check_grid(grid: Grid, bars_max: int = BARS_HELD_MAX) -> None:
    """Raises Invalid, naming each field, unless the grid lies in the ranges of the contract.

    `bars_max`: what a beat may hold, see `is_held`; more for files that are read.
    """
    errors: list[FieldError] = []
    if grid.meter not in METERS:
        errors.append(FieldError("meter", f"is one of {', '.join(METERS)}"))
    if not 1 <= grid.bars <= bars_max:
        errors.append(FieldError("bars", f"is 1 to {bars_max}"))
    if not SWING_MIN <= grid.swing <= SWING_MAX:
        errors.append(FieldError("swing", f"is {SWING_MIN:g} to {SWING_MAX:g}"))
    if grid.swing_unit not in SWING_UNITS:
        errors.append(FieldError("swing_unit", "is 8 or 16"))
    bars = [bar for bar, _ in grid.tempo_map]
    if not bars or bars[0] != 0 or bars != sorted(set(bars)) or bars[-1] >= max(1, grid.bars):
        errors.append(FieldError("tempo_map", "begins at bar 0, rises, and stays inside the beat"))
    if not all(math.isfinite(bpm) and BPM_MIN <= bpm <= BPM_MAX for _, bpm in grid.tempo_map):
        errors.append(FieldError("bpm", f"is {BPM_MIN:g} to {BPM_MAX:g} quarter notes per minute"))
    if grid.meter in METERS and not 0 <= grid.pickup_steps < grid.steps_per_bar:
        errors.append(FieldError("pickup_steps", "is shorter than a bar"))
    if not errors and bars_max == BARS_HELD_MAX and not is_held(grid):
        errors.append(FieldError("bars", f"past {BARS_MAX}, a beat lasts at most {HELD_MAX_S:g} s"))
    if errors:
        raise Invalid("The grid is out of range.", errors=tuple(errors))


def outside(grid: Grid, event: Event) -> FieldError | None:
    """Why an event does not lie in the grid, or None. Fields: bar, step, tick, offset_ms, duration_steps."""
    if not 0 <= event.bar < grid.bars:
        return FieldError("bar", f"is 0 to {grid.bars - 1} in this beat")
    steps = bar_steps(grid, event.bar)
    if not 0 <= event.step < steps:
        return FieldError("step", f"is 0 to {steps - 1} in this bar")
    if not 0 <= event.tick < TICKS_PER_STEP:
        return FieldError("tick", f"is 0 to {TICKS_PER_STEP - 1}")
    if not abs(event.offset_ms) <= OFFSET_MAX_MS:
        return FieldError("offset_ms", f"is within ±{OFFSET_MAX_MS:g} ms")
    if not 0 < event.duration_steps <= grid.bars * grid.steps_per_bar:
        return FieldError("duration_steps", f"is above 0 and at most {grid.bars * grid.steps_per_bar}, the whole beat")
    return None
