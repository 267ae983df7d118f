"""From hits in seconds to notes on a grid: bar, step and tick, and the rest as feel.

hits + rhythm -> line through the beats (barlines.py) -> swing and note values (fit.py) -> the line again, now through
the hits themselves, which are heard more exactly than beats -> events of the beats room.

Nothing is dropped: what the grid does not explain of a hit's time is its `offset_ms`, so a score position plus its
offset is the time as played. Strokes of one drum closer than a grace note are one event with the loudest one's time and
the id of it; `played` keeps every stroke. Bar 0 is the first downbeat's bar, or the bar of the first hit where that is
earlier; when hits begin inside the bar before the first downbeat, that bar is a pickup.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from services.analysis.types import Rhythm
from services.beats.grid import in_order, placed
from services.beats.types import STEPS_PER_QUARTER, TICKS_PER_STEP, Articulation, Event, Grid
from services.errors import FieldError, Invalid
from services.notation.drumset import HEIGHTS, PLACES, ROLE_OF
from services.transcription.barlines import Line, fitted, line_of
from services.transcription.fit import (
    BINARY,
    TERNARY,
    UNITS,
    WAYS,
    Choice,
    Floats,
    Played,
    Swing,
    Tried,
    Way,
    Whole,
    choose,
    swing_of,
)
from services.transcription.habits import Habits, habits_of
from services.transcription.ornaments import FLAM_S, leading, merged
from services.transcription.strokes import Stroke
from services.transcription.types import DRUMS

GridName = Literal["auto", "8", "16", "32", "8t", "16t"]
GRIDS: tuple[GridName, ...] = ("auto", "8", "16", "32", "8t", "16t")

SCATTER_S = 0.015  # of a drummer and of what is heard of one, before it is measured
SCATTER_MIN_S, SCATTER_MAX_S = 0.005, 0.020  # machines are still heard some milliseconds off
MAD_SIGMA = 1.4826  # from the median absolute deviation to the standard deviation of a bell curve
SAYS_MIN = 0.25  # the weight of the least certain hit
REFIT_HITS = 8  # fewer do not say more than the beats do
REFIT_MAX_S = 0.030  # a hit further from its note does not steer the line
STEER_MAX_S = 0.040  # the line moves by no more at once: beats are right about which note is which
ROUNDS = 2  # line and notes are found in turn
MS = 1000.0
OFFSET_DIGITS, BPM_DIGITS = 3, 6  # of milliseconds; of a bent line's tempos


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user wants of the notes. `grid` forces one note value: every hit lies on a multiple of it from its bar
    line. `swing`: the place of a pair's second half, 0.50..0.75; `swing_unit`: the note value of the halves, 8 or 16;
    None: as the hits have it.
    """

    grid: GridName = "auto"
    swing: float | None = None
    swing_unit: int | None = None


AS_HEARD = Wanted()


@dataclass(frozen=True, slots=True)
class Score:
    """Hits as notes: `events` in the order of the beats room, one a note; `played`: one for each stroke, as a player.

    Times of `grid` begin at `start_s` of the recording: what sounds at t there is heard at start_s + t here.
    """

    grid: Grid
    start_s: float
    events: tuple[Event, ...]
    played: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class _Notes:
    """Each stroke's place: its bar, counted from the first bar line (negative before), and ticks from that bar's."""

    bars: Whole
    ticks: Whole


def quantise(strokes: Sequence[Stroke], rhythm: Rhythm, wanted: Wanted = AS_HEARD) -> Score | None:
    """The score of strokes in time order (seconds of the recording), or None without any.

    Where the rhythm has no beat, the grid is 120 bpm from the first hit on, in 4/4 or the rhythm's meter. Raises
    Invalid for pairs that do not fit into a beat of the meter.
    """
    if not strokes:
        return None
    lead = leading(strokes)
    fitted_ones = sorted(set(lead))
    line, swing, choice = _noted([strokes[i] for i in fitted_ones], rhythm, wanted)
    own = np.searchsorted(fitted_ones, lead)
    return _score(strokes, line, _Notes(choice.bars[own], choice.ticks[own]), swing)


def _noted(strokes: Sequence[Stroke], rhythm: Rhythm, wanted: Wanted) -> tuple[Line, Swing, _Notes]:
    """The line of strokes that have a note each, their swing, and the notes."""
    times = np.array([s.hit.time_s for s in strokes])
    line = line_of(rhythm, float(times[0]))
    ways, per_bar = _ways(line, wanted.grid)
    tried = _swings(line, wanted)
    scatter, swing = SCATTER_S, Swing()
    for left in reversed(range(ROUNDS + 1)):
        played = _played(strokes, line, times, per_bar=per_bar)
        span = line.cell_ticks * (line.bar_cells if per_bar else 1)
        if left in (ROUNDS, 0):  # the line between is as good as the last one
            swing = swing_of(played, ways, span, scatter, tried)
        if not per_bar:
            played = replace(played, habits=_habits(played, scatter))
        choice = choose(played, ways, span, swing, scatter)
        if left:
            scatter = _scatter(choice)
            line = _steered(line, times, played, choice, per_bar=per_bar)
    places = played.cells * span + choice.ticks
    bar_ticks = line.cell_ticks * line.bar_cells
    return line, swing, _Notes(places // bar_ticks, places % bar_ticks)


def _swings(line: Line, wanted: Wanted) -> Tried:
    """The swings to choose from, whose pairs lie inside a beat."""
    units = [u for u in (8, 16) if line.cell_ticks % Swing(unit=u).pair_ticks == 0 and wanted.swing_unit in (None, u)]
    if not units:
        message = f"pairs of eighths do not fit into a beat of {line.meter}: send 16, or leave it out"
        raise Invalid(f"swing_unit: {message}.", errors=(FieldError("swing_unit", message),))
    return Tried(tuple(units), wanted.swing)


def _ways(line: Line, grid: GridName) -> tuple[tuple[Way, ...], bool]:
    """The subdivisions to choose from, and whether they are of a bar instead of a cell."""
    if grid == "auto":
        return WAYS[line.cell_ticks], False
    return (Way(UNITS[grid], 0.0, TERNARY if grid.endswith("t") else BINARY),), True


def _played(strokes: Sequence[Stroke], line: Line, times: Floats, *, per_bar: bool) -> Played:
    """Strokes as the fit takes them, in cells of the line or in bars."""
    size = line.bar_cells if per_bar else 1
    places = line.places(times) / size
    cells = np.floor(places)
    kinds = np.array([DRUMS.index(s.hit.instrument) for s in strokes])
    ends = line.times(np.stack([cells, cells + 1]) * size)
    close = np.zeros(len(times), dtype=bool)
    last: dict[int, float] = {}
    for i, (kind, time_s) in enumerate(zip(kinds.tolist(), times.tolist(), strict=True)):
        close[i] = time_s - last.get(kind, -math.inf) <= FLAM_S
        last[kind] = time_s
    weights = np.clip([s.hit.confidence for s in strokes], SAYS_MIN, 1.0)
    whole = cells.astype(np.int64)
    return Played(whole, places - cells, kinds, ends[1] - ends[0], weights, close, 1 if per_bar else line.bar_cells)


def _habits(played: Played, scatter_s: float) -> Habits:
    """What the drums keep doing, blurred by the scatter."""
    scatter = scatter_s / float(np.median(played.cell_s))
    return habits_of(played.cells + played.phases, played.drums, played.bar_cells, scatter)


def _scatter(choice: Choice) -> float:
    """How far off hits usually are, in seconds, within what is credible."""
    off = choice.off_s - np.median(choice.off_s)
    return float(np.clip(MAD_SIGMA * np.median(np.abs(off)), SCATTER_MIN_S, SCATTER_MAX_S))


def _steered(line: Line, times: Floats, played: Played, choice: Choice, *, per_bar: bool) -> Line:
    """The line through the hits' notes: fitted anew where one straight line serves, else moved as a whole."""
    near = np.abs(choice.off_s) <= REFIT_MAX_S
    if near.sum() < REFIT_HITS:
        return line
    middle = float(np.median(choice.off_s[near]))
    if not line.straight:
        return line.moved(middle)
    size = line.bar_cells if per_bar else 1
    notes = (played.cells + played.phases - choice.off_s / played.cell_s) * size
    if np.ptp(notes[near]) < line.bar_cells:
        return line.moved(middle)
    better = fitted(notes[near], times[near], line.meter, played.weights[near])
    ends = np.array([notes[near].min(), notes[near].max()])
    return better if np.abs(better.times(ends) - line.times(ends)).max() <= STEER_MAX_S else line


def _score(strokes: Sequence[Stroke], line: Line, notes: _Notes, swing: Swing) -> Score:
    """Events of strokes whose notes are known."""
    first, skipped = _beginning(line, notes, swing)
    last = int(notes.bars.max())
    grid = Grid(
        tempo_map=_tempo_map(line, first, last),
        meter=line.meter,
        bars=last - first + 1,
        swing=swing.place,
        swing_unit=swing.unit,
        pickup_steps=_bar_steps(line) - skipped if skipped else 0,
    )
    second_bar = float(line.times([(first + 1) * line.bar_cells])[0])
    start_s = second_bar - _first_bar_s(grid)
    steps = notes.ticks // TICKS_PER_STEP - np.where(notes.bars == first, skipped, 0)
    straight = [
        _event(stroke, int(bar), int(step), int(tick))
        for stroke, bar, step, tick in zip(
            strokes, notes.bars - first, steps, notes.ticks % TICKS_PER_STEP, strict=True
        )
    ]
    at = {p.event.id: p.time_s for p in placed(grid, straight)}
    played = [
        replace(e, offset_ms=round((s.hit.time_s - start_s - at[e.id]) * MS, OFFSET_DIGITS))
        for s, e in zip(strokes, straight, strict=True)
    ]
    return Score(grid, start_s, in_order(grid, merged(strokes, played)), in_order(grid, played))


def _bar_steps(line: Line) -> int:
    return line.cell_ticks * line.bar_cells // TICKS_PER_STEP


def _beginning(line: Line, notes: _Notes, swing: Swing) -> tuple[int, int]:
    """The first bar of the grid, and how many of its steps are missing because it is a pickup."""
    first = min(0, int(notes.bars.min()))
    if first != -1:
        return first, 0
    whole = swing.pair_ticks // TICKS_PER_STEP if swing.place != 0.5 else 1  # a pair is not cut
    step = int(notes.ticks[notes.bars == first].min()) // TICKS_PER_STEP
    return first, step // whole * whole


def _tempo_map(line: Line, first: int, last: int) -> tuple[tuple[int, float], ...]:
    """(bar of the grid, quarter notes per minute) for the line's pieces between these bars, the first at bar 0."""
    found: dict[int, float] = {}
    for piece, cell in enumerate(line.cells[:-1]):
        bar = round(cell) // line.bar_cells - first
        if bar <= last - first:
            found[max(0, bar)] = round(line.bpm(piece), BPM_DIGITS)  # of pieces before the grid the last counts
    if 0 not in found:
        found[0] = round(line.bpm(), BPM_DIGITS)
    rows = sorted(found.items())
    return tuple(row for i, row in enumerate(rows) if i == 0 or row[1] != rows[i - 1][1])


def _first_bar_s(grid: Grid) -> float:
    """The length of the grid's first bar in seconds."""
    steps = grid.pickup_steps or grid.steps_per_bar
    return steps * 60.0 / grid.bpm / STEPS_PER_QUARTER


def _event(stroke: Stroke, bar: int, step: int, tick: int) -> Event:
    """A stroke as an event on its note, without its offset."""
    hit = stroke.hit
    variant = hit.variant if hit.instrument == "tom" and hit.variant in HEIGHTS else None
    return Event(
        id=stroke.id,
        bar=bar,
        step=step,
        tick=tick,
        role=ROLE_OF[hit.instrument],
        instrument=hit.instrument,
        velocity=hit.velocity,
        pitch=PLACES[f"tom/{variant}" if variant else hit.instrument].note,  # it has no sound of a kit
        articulation=_articulation(hit.variant),
        variant=variant,
        source="transcription",
        confidence=hit.confidence,
        alternatives=tuple(a.instrument for a in hit.alternatives),
    )


def _articulation(variant: str | None) -> Articulation | None:
    if variant == "ghost":
        return "ghost"
    return "flam" if variant == "flam" else None
