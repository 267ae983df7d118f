"""Hits to notes: exact for machines, right for people, nothing dropped, nothing invented."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analysis.types import NO_RHYTHM
from services.beats.grid import event_time_s
from services.beats.types import METERS, Grid
from services.transcription.quantise import AS_HEARD, GRIDS, Score, Wanted, quantise
from services.transcription.strokes import named
from services.transcription.types import DRUMS, Hit
from tests.services.transcription.played import START_S, Row, places, rhythm_of, rock, strokes_of

HUMAN_S = 0.012
BEATS_OFF_S = 0.008


def scored(grid: Grid, rows: list[Row], jitter_s: float = 0.0, wanted: Wanted = AS_HEARD) -> Score:
    score = quantise(strokes_of(grid, rows, jitter_s), rhythm_of(grid, BEATS_OFF_S if jitter_s else 0.0), wanted)
    assert score is not None
    return score


def right(grid: Grid, rows: list[Row], score: Score) -> float:
    """The share of notes that are where they were written."""
    found = places(score.grid, score.played)
    left = list(found)
    for row in rows:
        if row in left:
            left.remove(row)
    return 1 - len(left) / len(rows)


def test_machine_timing_is_read_exactly() -> None:
    grid = Grid(((0, 123.0),), bars=8)
    score = scored(grid, rock(8))
    assert score.grid == grid
    assert score.start_s == pytest.approx(START_S, abs=1e-4)
    assert places(score.grid, score.events) == sorted(rock(8))
    assert max(abs(e.offset_ms) for e in score.events) < 0.5


def test_time_as_played_is_place_plus_offset() -> None:
    grid = Grid(((0, 97.3),), bars=6)
    strokes = strokes_of(grid, rock(6), HUMAN_S)
    score = quantise(strokes, rhythm_of(grid, BEATS_OFF_S))
    assert score is not None
    played = {s.id: s.hit.time_s for s in strokes}
    assert len(score.played) == len(strokes)
    for event in score.played:
        place_s = event_time_s(score.grid, replace(event, offset_ms=0.0))
        assert score.start_s + place_s + event.offset_ms / 1000 == pytest.approx(played[event.id], abs=1e-5)


@pytest.mark.parametrize("meter", METERS)
def test_every_meter(meter: str) -> None:
    grid = Grid(((0, 110.0),), meter=meter, bars=8)
    steps = METERS[meter]
    rows = [(b, s * 240, "hat_closed") for b in range(8) for s in range(0, steps, 2)] + [
        (b, 0, "kick") for b in range(8)
    ]
    assert right(grid, rows, scored(grid, rows)) == 1.0
    human = scored(grid, rows, HUMAN_S)
    assert (human.grid.meter, human.grid.bars) == (meter, 8)
    assert right(grid, rows, human) >= 0.97


@pytest.mark.parametrize(("place", "unit"), [(0.667, 8), (0.6, 8), (0.62, 16), (0.58, 16)])
def test_swing_is_one_number_of_the_piece(place: float, unit: int) -> None:
    grid = Grid(((0, 100.0),), bars=8, swing=place, swing_unit=unit)
    every = 480 if unit == 8 else 240
    rows = rock(8) + [(b, t, "ride") for b in range(8) for t in range(0, 3840, every)]
    score = scored(grid, rows, HUMAN_S)
    assert score.grid.swing_unit == unit
    assert score.grid.swing == pytest.approx(place, abs=0.015)
    assert right(grid, rows, score) >= 0.97


def test_straight_playing_has_no_swing() -> None:
    grid = Grid(((0, 120.0),), bars=8)
    rows = [(b, t, "hat_closed") for b in range(8) for t in range(0, 3840, 240)]
    assert scored(grid, rows, HUMAN_S).grid.swing == 0.5


def test_triplets_among_straight_notes() -> None:
    grid = Grid(((0, 104.0),), bars=8)
    fills = [(b, 2880 + t, "tom") for b in (3, 7) for t in (0, 320, 640)]
    rows = [row for row in rock(8) if not (row[0] in (3, 7) and row[1] >= 2880)] + fills
    score = scored(grid, rows, HUMAN_S)
    assert score.grid.swing == 0.5
    assert right(grid, rows, score) >= 0.97
    assert [p for p in places(score.grid, score.events) if p[2] == "tom"] == fills


def test_a_roll_gets_its_own_notes() -> None:
    grid = Grid(((0, 96.0),), bars=4)
    roll = [(3, 1920 + 120 * i, "snare") for i in range(8)]
    rows = [row for row in rock(4) if row[0] < 3] + roll
    assert right(grid, rows, scored(grid, rows, 0.004)) == 1.0


def test_human_timing_does_not_become_fine_notes() -> None:
    grid = Grid(((0, 120.0),), bars=16)
    score = scored(grid, rock(16), HUMAN_S)
    assert {(e.step * 240 + e.tick) % 240 for e in score.events} == {0}


def test_a_tempo_that_moves_bends_the_line() -> None:
    ramp = Grid(tuple((bar, 100.0 + 2.5 * bar) for bar in range(16)), bars=16)
    score = scored(ramp, rock(16), HUMAN_S)
    assert score.grid.bars == 16
    assert len(score.grid.tempo_map) > 3
    assert score.grid.tempo_map[-1][1] == pytest.approx(ramp.tempo_map[-1][1], abs=4)
    assert right(ramp, rock(16), score) >= 0.97


def test_a_pickup_is_a_short_first_bar() -> None:
    grid = Grid(((0, 90.0),), bars=5, pickup_steps=4)
    rows = [(0, 2880, "snare"), (0, 3360, "snare"), *rock(4, first=1)]
    score = scored(grid, rows)
    assert score.grid == grid
    assert places(score.grid, score.events) == sorted(rows)


def test_bars_without_hits_before_the_drums_are_counted() -> None:
    grid = Grid(((0, 120.0),), bars=12)
    score = scored(grid, rock(4, first=8))
    assert score.grid.bars == 12
    assert places(score.grid, score.events) == sorted(rock(4, first=8))


def test_a_gap_in_the_beats_is_counted_through() -> None:
    grid = Grid(((0, 120.0),), bars=12)
    rhythm = rhythm_of(grid)
    gap = [t for t in rhythm.beats_s if not 8 < t < 13]
    rows = rock(4) + rock(4, first=8)
    score = quantise(strokes_of(grid, rows), replace(rhythm, beats_s=tuple(gap)))
    assert score is not None
    assert places(score.grid, score.events) == sorted(rows)


def test_the_same_drum_twice_at_once_is_one_note_of_the_score() -> None:
    hits = [Hit(1.0, "snare", None, 0.3, 0.9), Hit(1.03, "snare", None, 0.8, 0.9), Hit(1.031, "kick", None, 0.8, 0.9)]
    score = quantise(named(hits), NO_RHYTHM)
    assert score is not None
    assert [(e.instrument, e.velocity, e.articulation) for e in score.events if e.instrument == "snare"] == [
        ("snare", 0.8, "flam")
    ]
    assert len(score.played) == 3


def test_without_beats_the_grid_is_120_from_the_first_hit() -> None:
    score = quantise(named([Hit(3.2, "kick", None, 0.9, 0.9), Hit(3.71, "snare", "ghost", 0.2, 0.5)]), NO_RHYTHM)
    assert score is not None
    assert (score.grid.bpm, score.grid.meter, score.grid.bars, score.start_s) == (120.0, "4/4", 1, pytest.approx(3.2))
    assert [(e.step, e.role, e.articulation) for e in score.events] == [(0, "CORE", None), (4, "ACCENT", "ghost")]


def test_no_hits_no_score() -> None:
    assert quantise((), NO_RHYTHM) is None
    assert quantise((), rhythm_of(Grid(((0, 120.0),)))) is None


@pytest.mark.parametrize(("name", "unit"), [("8", 480), ("16", 240), ("32", 120), ("8t", 320), ("16t", 160)])
def test_a_forced_grid_has_nothing_between_its_notes(name: str, unit: int) -> None:
    grid = Grid(((0, 100.0),), bars=4)
    rows = [*rock(4), (1, 1300, "tom"), (2, 100, "tom")]
    score = scored(grid, rows, HUMAN_S, Wanted(name))  # type: ignore[arg-type]
    assert {tick % unit for _, tick, _ in places(score.grid, score.played)} == {0}
    assert len(score.played) == len(rows)


TIMES = st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(times=TIMES, drum=st.lists(st.sampled_from(DRUMS), min_size=40, max_size=40), name=st.sampled_from(GRIDS))
def test_whatever_is_played_keeps_its_time(times: list[float], drum: list[str], name: str) -> None:
    hits = [Hit(t, d, None, 0.5, 0.5) for t, d in zip(sorted(times), drum, strict=False)]
    strokes = named(hits)
    score = quantise(strokes, NO_RHYTHM, Wanted(name))  # type: ignore[arg-type]
    assert score is not None
    by_id = {s.id: s.hit for s in strokes}
    assert len(score.played) == len(by_id) == len(hits)
    for event in score.played:
        assert 0 <= event.bar < score.grid.bars
        assert 0 <= event.step < score.grid.steps_per_bar
        place_s = event_time_s(score.grid, replace(event, offset_ms=0.0))
        assert np.isclose(score.start_s + place_s + event.offset_ms / 1000, by_id[event.id].time_s, atol=1e-5)
