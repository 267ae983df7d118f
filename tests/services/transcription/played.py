"""Drumming whose notes are known: events of a grid as hits of a recording, and the beats a listener would find."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.analysis.types import Rhythm, TempoPoint
from services.beats.grid import bar_starts_s, placed
from services.beats.types import TICKS_PER_STEP, Event, Grid
from services.transcription.barlines import cell_ticks
from services.transcription.strokes import Stroke, named
from services.transcription.types import Hit

START_S = 1.25  # of the recording, before bar 0 begins
Row = tuple[int, int, str]  # bar, tick of the bar, instrument


def note(bar: int, tick: int, drum: str, *, pickup: int = 0, velocity: float = 0.8) -> Event:
    """An event of a drum; `pickup`: steps that bar 0 has, of a 4/4."""
    skipped = (16 - pickup) * TICKS_PER_STEP if pickup and bar == 0 else 0
    step, rest = divmod(tick - skipped, TICKS_PER_STEP)
    return Event(f"{bar}/{tick}/{drum}", bar, step, "CORE", drum, velocity, tick=rest, pitch=36)


def rock(bars: int, first: int = 0) -> list[Row]:
    """Eighths on the hat, kick on 1 and 3, snare on 2 and 4."""
    return [
        row
        for bar in range(first, first + bars)
        for row in (
            *((bar, 480 * i, "hat_closed") for i in range(8)),
            (bar, 0, "kick"), (bar, 1920, "kick"), (bar, 960, "snare"), (bar, 2880, "snare"),
        )
    ]  # fmt: skip


def strokes_of(grid: Grid, rows: Sequence[Row], jitter_s: float = 0.0, seed: int = 1) -> tuple[Stroke, ...]:
    """The rows as they are played, `jitter_s` off (standard deviation), in time order."""
    rng = np.random.default_rng(seed)
    events = placed(grid, [note(*row, pickup=grid.pickup_steps) for row in rows])
    times = [START_S + p.time_s + float(rng.normal()) * jitter_s for p in events]
    hits = [Hit(t, p.event.instrument, None, p.event.velocity, 0.9) for t, p in zip(times, events, strict=True)]
    return named(sorted(hits, key=lambda hit: hit.time_s))


def rhythm_of(grid: Grid, jitter_s: float = 0.0, seed: int = 2) -> Rhythm:
    """Beats and downbeats of a grid as a tracker finds them, `jitter_s` off."""
    rng = np.random.default_rng(seed)
    cells = grid.steps_per_bar * TICKS_PER_STEP // cell_ticks(grid.meter)
    starts = bar_starts_s(grid)
    first = 1 if grid.pickup_steps else 0
    spans = [(starts[b], (starts[b + 1] - starts[b]) / cells) for b in range(first, grid.bars)]
    beats = np.array([start + cell * i for start, cell in spans for i in range(cells)]) + START_S
    beats += rng.normal(size=len(beats)) * jitter_s
    points = tuple(TempoPoint(START_S + starts[bar], bar, bpm) for bar, bpm in grid.tempo_map)
    beats_s = tuple(beats.tolist())
    return Rhythm(grid.bpm, 0.9, (), 1.0, beats_s, beats_s[::cells], points, grid.meter, 0.9)


def places(grid: Grid, events: Sequence[Event]) -> list[Row]:
    """Where events lie: bar, tick of the whole bar, instrument."""
    skipped = (grid.steps_per_bar - grid.pickup_steps) * TICKS_PER_STEP if grid.pickup_steps else 0
    rows = [(e.bar, e.step * TICKS_PER_STEP + e.tick + (skipped if e.bar == 0 else 0), e.instrument) for e in events]
    return sorted(rows)
