"""Drum scores to render: the product's own patterns, with what a drummer adds, and where their beats lie.

A score is one of the product's styles played over 6 to 12 bars at a tempo, density and feel drawn from a seed. A part
of the scores gets a ride for its hats, crashes on its phrases, snare rolls, flams, ramps of tempo, an empty bar, or
silence before it begins. Perc, shaker and texture are left out: no class of the five is theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from services.beats.beat_gen import ComposeRequest, compose
from services.beats.grid import bar_starts_s, event_time_s, position_s
from services.beats.styles import STYLES
from services.beats.types import BEAT_STEPS, BPM_MAX, BPM_MIN, Event, Grid
from services.transcription.types import DRUMS

FIRST_SEED = 7_100_000  # of these scores; trainings have other code and seeds
LENGTH_S = (14.0, 24.0)
BARS_MIN, BARS_MAX = 4, 16
TEMPO_SPREAD = 0.1  # beyond the style's range, as a share of it
BEATS_OF_EIGHTHS = {"7/8": 2}  # steps of a beat where it is not what BEAT_STEPS says: analyses count eighths there

# How often a score has each of them.
RIDE, CRASHES, ROLL, FLAMS, RAMP, EMPTY_BAR, LATE_START = 0.3, 0.4, 0.3, 0.25, 0.12, 0.15, 0.3
RAMP_SHARE = (0.06, 0.15)  # of the tempo, over the whole score, up or down
LATE_S = (0.2, 1.6)
FLAM_S = (0.018, 0.028)  # the grace note comes so much earlier
FLAM_VELOCITY = 0.45  # of the main stroke's
UNEVEN = (0.03, 0.14)  # standard deviation of a score's velocities around those of the style, from player to player
SOFTEST = 0.08
ROLL_STEPS = 4  # a roll fills the last quarter of a bar in 32nds
ROLL_VELOCITY = (0.25, 0.85)

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Stroke:
    """One stroke: seconds, one of the nine drums, velocity 0..1; a `grace` note belongs to the stroke after it."""

    time_s: float
    drum: str
    velocity: float
    grace: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """Strokes in time order with beats and bar lines in seconds. `bpm` in quarter notes, None on a ramp.

    `half_time`: in 4/4, and no snare, rim or clap on the second quarter, so it may be heard at half the tempo.
    """

    style: str
    meter: str
    bpm: float | None
    strokes: tuple[Stroke, ...]
    beats_s: tuple[float, ...]
    downbeats_s: tuple[float, ...]
    end_s: float
    half_time: bool


def scores(takes: int) -> Iterator[Score]:
    """`takes` scores of every style, each with its own seed."""
    for take in range(takes):
        for place, style in enumerate(STYLES):
            yield score(style, FIRST_SEED + 100 * take + place)


def score(style: str, seed: int) -> Score:
    """A style played from a seed; the same in every process."""
    rng = np.random.default_rng([seed, 1])
    row = STYLES[style]
    low, high = row.bpm_range
    bpm = float(rng.uniform(low - TEMPO_SPREAD * (high - low), high + TEMPO_SPREAD * (high - low)))
    bpm = round(min(max(bpm, BPM_MIN), BPM_MAX), 2)
    meter = row.meters[int(rng.integers(len(row.meters)))]
    request = ComposeRequest(
        bpm=bpm, bars=1, style=style, meter=meter, seed=seed, density=float(rng.uniform(0.35, 1.0)),
        humanize=float(rng.uniform(0.2, 0.9)),
    )  # fmt: skip
    bar_s = bar_starts_s(compose(request).grid)[-1]
    bars = int(np.clip(round(rng.uniform(*LENGTH_S) / bar_s), BARS_MIN, BARS_MAX))
    made = compose(replace(request, bars=bars))
    ramp = rng.random() < RAMP
    grid = _ramped(made.grid, rng) if ramp else made.grid
    events = [e for e in made.events if e.instrument in DRUMS]
    if rng.random() < EMPTY_BAR:
        gone = int(rng.integers(2, bars - 1))
        events = [e for e in events if e.bar != gone]
    late_s = float(rng.uniform(*LATE_S)) if rng.random() < LATE_START else 0.0
    return _written(style, grid, _uneven(_dressed(events, grid, rng), rng), late_s, None if ramp else bpm)


def _ramped(grid: Grid, rng: Rng) -> Grid:
    """The grid with a tempo that changes evenly from bar to bar."""
    change = float(rng.uniform(*RAMP_SHARE)) * (1 if rng.random() < 0.5 else -1)
    steps = [(bar, grid.bpm * (1 + change * bar / max(1, grid.bars - 1))) for bar in range(grid.bars)]
    return replace(grid, tempo_map=tuple(steps))


def _dressed(events: list[Event], grid: Grid, rng: Rng) -> list[Stroke]:
    """Events as strokes with a ride, crashes, flams and rolls where the dice say so."""
    ride_from = int(rng.integers(0, grid.bars)) if rng.random() < RIDE else grid.bars
    flams = rng.random() < FLAMS
    strokes = []
    for e in events:
        drum = "ride" if e.instrument == "hat_closed" and e.bar >= ride_from else e.instrument
        time_s = event_time_s(grid, e)
        if flams and drum == "snare" and e.articulation != "ghost" and rng.random() < 0.3:
            ahead_s = float(rng.uniform(*FLAM_S))
            strokes.append(Stroke(time_s - ahead_s, drum, FLAM_VELOCITY * e.velocity, grace=True))
        strokes.append(Stroke(time_s, drum, e.velocity))
    if rng.random() < CRASHES:
        lines = range(0, grid.bars, 4)
        strokes += [Stroke(bar_starts_s(grid)[bar], "crash", float(rng.uniform(0.7, 1.0))) for bar in lines]
    if rng.random() < ROLL:
        strokes = _rolled(strokes, grid, int(rng.integers(grid.bars)))
    return [s for s in strokes if s.time_s >= 0.0]


def _rolled(strokes: list[Stroke], grid: Grid, bar: int) -> list[Stroke]:
    """A snare roll that grows into the next bar, instead of what the snare played there."""
    first = grid.steps_per_bar - ROLL_STEPS
    times = [position_s(grid, bar, first + i / 2) for i in range(2 * ROLL_STEPS)]
    kept = [s for s in strokes if s.drum not in ("snare", "tom") or not times[0] - 0.05 <= s.time_s <= times[-1] + 0.05]
    levels = np.linspace(*ROLL_VELOCITY, len(times))
    return kept + [Stroke(t, "snare", float(v)) for t, v in zip(times, levels, strict=True)]


def _uneven(strokes: list[Stroke], rng: Rng) -> list[Stroke]:
    """Strokes harder and softer by chance: styles play some drums all alike, and then nobody could rank them."""
    by = rng.normal(0, float(rng.uniform(*UNEVEN)), len(strokes))
    return [
        replace(s, velocity=round(min(1.0, max(SOFTEST, s.velocity + float(d))), 3))
        for s, d in zip(strokes, by, strict=True)
    ]


def _written(style: str, grid: Grid, strokes: list[Stroke], late_s: float, bpm: float | None) -> Score:
    starts = bar_starts_s(grid)
    every = BEATS_OF_EIGHTHS.get(grid.meter, BEAT_STEPS[grid.meter])
    beats = [
        starts[bar] + step * (starts[bar + 1] - starts[bar]) / grid.steps_per_bar
        for bar in range(grid.bars)
        for step in range(0, grid.steps_per_bar, every)
    ]
    moved = tuple(sorted((replace(s, time_s=s.time_s + late_s) for s in strokes), key=lambda s: (s.time_s, s.drum)))
    return Score(
        style,
        grid.meter,
        bpm,
        moved,
        tuple(round(b + late_s, 4) for b in beats),
        tuple(round(s + late_s, 4) for s in starts[:-1]),
        starts[-1] + late_s,
        grid.meter == "4/4" and not _backbeat(strokes, grid),
    )


def _backbeat(strokes: list[Stroke], grid: Grid) -> bool:
    """Whether a snare, rim or clap falls on the second quarter of some bar."""
    seconds = [position_s(grid, bar, 4.0) for bar in range(grid.bars)]
    times = np.array([s.time_s for s in strokes if s.drum in ("snare", "rim", "clap") and s.velocity >= 0.5])
    return any(times.size and np.abs(times - at).min() < 0.03 for at in seconds)
