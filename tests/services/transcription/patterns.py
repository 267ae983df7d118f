"""Patterns of every style as people play them, with the place of every note known, and figures of how many are found.

Onsets are those of the generator without its own feel, each off by a draw: `machine` none, `human` a bell curve of
12 ms, `drift` a slow walk of 10 ms (two seconds until it has forgotten) that the beats do not follow with 8 ms on top,
`heard` as human with one false hit to 25 true ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from services.beats.beat_gen import ComposeRequest, compose
from services.beats.grid import Placed, placed
from services.beats.styles import STYLES
from services.beats.types import TICKS_PER_STEP, Event, Grid
from services.transcription.quantise import Score
from services.transcription.strokes import Stroke, named
from services.transcription.types import DRUMS, Hit
from tests.services.transcription.played import START_S

HUMAN_S = 0.012
DRIFT_S, DRIFT_MEMORY_S, DRIFT_OWN_S, DRIFT_STEP_S = 0.010, 2.0, 0.008, 0.1
FALSE_SHARE = 0.04
CONFIDENCE, FALSE_CONFIDENCE = 0.9, (0.3, 0.6)
TIMINGS = ("machine", "human", "drift", "heard")

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A grid and its notes in time order; times from the grid's start."""

    grid: Grid
    notes: tuple[Placed, ...]

    @property
    def ticks(self) -> npt.NDArray[np.int64]:
        """Where in its bar each note is."""
        return np.array([tick_of(self.grid, n.event) for n in self.notes])


def pattern(style: str, bpm: float, density: float, seed: int, bars: int = 8) -> Pattern:
    """What a style plays on the drums that the network knows."""
    made = compose(ComposeRequest(bpm=bpm, bars=bars, style=style, humanize=0.0, density=density, seed=seed))
    events = [replace(e, offset_ms=0.0) for e in made.events if e.instrument in DRUMS]
    return Pattern(made.grid, tuple(placed(made.grid, events)))


def tempi(style: str) -> tuple[float, float, float]:
    """The slowest, the usual and the fastest of a style."""
    low, high = STYLES[style].bpm_range
    return low, (low + high) / 2, high


def tick_of(grid: Grid, event: Event) -> int:
    """Ticks from the whole bar's line."""
    missing = grid.steps_per_bar - grid.pickup_steps if event.bar == 0 and grid.pickup_steps else 0
    return (event.step + missing) * TICKS_PER_STEP + event.tick


def off_s(times: Floats, timing: str, rng: np.random.Generator) -> Floats:
    """How far off each note is played, seconds."""
    if timing == "machine":
        return np.zeros(len(times))
    if timing != "drift":
        return rng.normal(size=len(times)) * HUMAN_S
    at = np.arange(0.0, times.max() + DRIFT_STEP_S, DRIFT_STEP_S)
    keep = float(np.exp(-DRIFT_STEP_S / DRIFT_MEMORY_S))
    walk = rng.normal(size=len(at)) * DRIFT_S
    for i in range(1, len(at)):
        walk[i] = keep * walk[i - 1] + np.sqrt(1 - keep**2) * walk[i]
    return np.asarray(np.interp(times, at, walk) + rng.normal(size=len(times)) * DRIFT_OWN_S)


def performed(made: Pattern, timing: str, seed: int) -> tuple[tuple[Stroke, ...], list[int]]:
    """The strokes of a performance in time order, and the number of each one's note; -1: it is false."""
    rng = np.random.default_rng([seed, TIMINGS.index(timing), len(made.notes)])
    times = np.array([n.time_s for n in made.notes])
    times = START_S + times + off_s(times, timing, rng)
    rows = [
        (float(t), i, Hit(float(t), n.event.instrument, None, n.event.velocity, CONFIDENCE))
        for i, (t, n) in enumerate(zip(times, made.notes, strict=True))
    ]
    for _ in range(round(FALSE_SHARE * len(rows)) if timing == "heard" else 0):
        at = float(rng.uniform(START_S, times.max()))
        rows.append((at, -1, Hit(at, str(rng.choice(DRUMS)), None, 0.3, float(rng.uniform(*FALSE_CONFIDENCE)))))
    rows.sort(key=lambda row: row[0])
    return named([row[2] for row in rows]), [row[1] for row in rows]


def found(made: Pattern, played: tuple[Stroke, ...], numbers: list[int], score: Score | None, late: int = 0) -> Flags:
    """For each note whether it is where it was written, `late` bars later."""
    right = np.zeros(len(made.notes), dtype=bool)
    if score is None or score.grid.meter != made.grid.meter:
        return right
    events = {e.id: e for e in score.played}
    for stroke, i in zip(played, numbers, strict=True):
        if i >= 0:
            event, note = events[stroke.id], made.notes[i].event
            place = (event.bar - late, tick_of(score.grid, event))
            right[i] = place == (note.bar, tick_of(made.grid, note))
    return right
