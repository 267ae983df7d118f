"""What a user says of the notes is heeded: swing, how tight an export is; and what is uncertain is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.analysis.types import NO_RHYTHM
from services.beats.grid import event_time_s, placed
from services.beats.types import Event, Grid
from services.errors import Invalid
from services.transcription.certainty import CERTAIN, REASONS, uncertain_bars
from services.transcription.quantise import Score, Wanted, quantise
from services.transcription.strokes import Stroke, named
from services.transcription.tighten import tightened
from services.transcription.types import Hit
from tests.services.transcription.played import START_S, Row, note, places, rhythm_of, rock, strokes_of

HUMAN_S = 0.012
SWUNG = Grid(((0, 100.0),), bars=8, swing=0.62, swing_unit=16)
SIXTEENTHS: list[Row] = [(b, t, "ride") for b in range(8) for t in range(0, 3840, 240)]


def scored(grid: Grid, rows: list[Row], wanted: Wanted, jitter_s: float = HUMAN_S) -> Score:
    score = quantise(strokes_of(grid, rows, jitter_s), rhythm_of(grid, 0.004), wanted)
    assert score is not None
    return score


@pytest.mark.parametrize(("swing", "unit"), [(0.58, 16), (0.66, 16), (0.6, 8), (0.75, 8)])
def test_a_swing_that_is_asked_for_is_the_score_s(swing: float, unit: int) -> None:
    score = scored(Grid(((0, 100.0),), bars=8), rock(8), Wanted(swing=swing, swing_unit=unit))
    assert (score.grid.swing, score.grid.swing_unit) == (swing, unit)


def test_straight_is_a_swing_that_can_be_asked_for() -> None:
    assert scored(SWUNG, SIXTEENTHS, Wanted()).grid.swing == pytest.approx(0.62, abs=0.015)
    asked = scored(replace(SWUNG, swing=0.56), SIXTEENTHS, Wanted(swing=0.5))
    assert asked.grid.swing == 0.5
    late = [float(np.mean([e.offset_ms for e in asked.played if e.step % 2 == odd])) for odd in (0, 1)]
    assert late[1] - late[0] == pytest.approx(0.12 * 150, abs=6), "what the grid does not swing is the hits' lateness"


def test_the_note_value_of_a_swing_is_found_where_it_is_not_said() -> None:
    score = scored(SWUNG, SIXTEENTHS, Wanted(swing=0.62))
    assert (score.grid.swing, score.grid.swing_unit) == (0.62, 16)
    assert places(score.grid, score.events) == sorted(SIXTEENTHS)


def test_a_note_value_alone_leaves_the_swing_to_the_hits() -> None:
    assert scored(SWUNG, SIXTEENTHS, Wanted(swing_unit=8)).grid.swing_unit in {8, 16}
    assert scored(SWUNG, SIXTEENTHS, Wanted(swing_unit=16)).grid.swing == pytest.approx(0.62, abs=0.015)


@pytest.mark.parametrize("meter", ["6/8", "12/8", "7/8"])
def test_pairs_of_eighths_do_not_fit_into_every_beat(meter: str) -> None:
    grid = Grid(((0, 100.0),), meter=meter, bars=4)
    rows: list[Row] = [(b, t, "kick") for b in range(4) for t in (0, 1440)]
    with pytest.raises(Invalid) as refused:
        scored(grid, rows, Wanted(swing=0.6, swing_unit=8))
    assert refused.value.errors[0].field == "swing_unit"
    assert scored(grid, rows, Wanted(swing=0.6)).grid.swing_unit == 16


def test_a_forced_grid_and_a_forced_swing_go_together() -> None:
    score = scored(SWUNG, SIXTEENTHS, Wanted("16", 0.62, 16))
    assert (score.grid.swing, score.grid.swing_unit) == (0.62, 16)
    assert places(score.grid, score.events) == sorted(SIXTEENTHS)


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_strength_is_the_share_of_the_offsets_that_goes(strength: float) -> None:
    score = scored(SWUNG, SIXTEENTHS, Wanted())
    tight = tightened(score.grid, score.events, strength)
    for before, after in zip(score.events, tight, strict=True):
        assert after == replace(before, offset_ms=after.offset_ms)
        assert after.offset_ms == pytest.approx((1 - strength) * before.offset_ms, abs=1e-9)


def test_triplets_among_swung_notes_are_even_in_a_tight_export() -> None:
    grid = Grid(((0, 100.0),), bars=1, swing=0.667, swing_unit=8)
    beat_s = 0.6
    triplet = [(0, 0.0), (320, beat_s / 3), (640, 2 * beat_s / 3)]
    events: list[Event] = []
    for tick, at_s in triplet:
        plain = note(0, tick, "snare")
        events.append(replace(plain, offset_ms=1000 * (at_s - event_time_s(grid, plain)) + 5.0))
    swung = replace(note(0, 1440, "ride"), offset_ms=5.0)
    times = [p.time_s for p in placed(grid, tightened(grid, [*events, swung], 1.0))]
    assert times[:3] == pytest.approx([0.0, beat_s / 3, 2 * beat_s / 3], abs=1e-5)
    assert times[3] == pytest.approx(beat_s * 1.667, abs=1e-5)
    half = [p.time_s for p in placed(grid, tightened(grid, [*events, swung], 0.5))]
    assert half == pytest.approx([t + 0.0025 for t in times], abs=1e-5)


def uncertain(grid: Grid, strokes: tuple[Stroke, ...], beats_s: tuple[float, ...] | None = None) -> dict[int, str]:
    rhythm = rhythm_of(grid)
    heard = rhythm if beats_s is None else replace(rhythm, beats_s=beats_s)
    score = quantise(strokes, heard)
    assert score is not None
    told = uncertain_bars(score, strokes, heard)
    assert [u.bar for u in told] == sorted({u.bar for u in told})
    assert all(0 <= u.confidence < CERTAIN and u.reason in REASONS for u in told)
    return {u.bar: u.reason for u in told}


GRID = Grid(((0, 120.0),), bars=8)
BAR_S = 2.0


def test_what_is_played_and_heard_well_is_certain() -> None:
    assert uncertain(GRID, strokes_of(GRID, rock(8), HUMAN_S)) == {}


def test_bars_of_doubtful_hits_are_named() -> None:
    begin = START_S + 3 * BAR_S - 0.1
    strokes = tuple(
        replace(s, hit=replace(s.hit, confidence=0.4)) if begin < s.hit.time_s < begin + BAR_S else s
        for s in strokes_of(GRID, rock(8))
    )
    assert uncertain(GRID, strokes) == {3: "hits"}


def test_bars_of_hits_between_notes_are_named() -> None:
    rng = np.random.default_rng(4)
    hits = [s.hit for s in strokes_of(GRID, rock(8))]
    begin = START_S + 5 * BAR_S
    loose = [
        replace(h, time_s=h.time_s + float(rng.choice((-0.09, 0.08)))) if begin + 0.1 < h.time_s < begin + 1.8 else h
        for h in hits
    ]
    strokes = named(sorted(loose, key=lambda h: h.time_s))
    rhythm = rhythm_of(GRID)
    score = quantise(strokes, rhythm, Wanted("8"))
    assert score is not None
    assert {u.bar: u.reason for u in uncertain_bars(score, strokes, rhythm)} == {5: "timing"}


def test_bars_without_heard_beats_are_named() -> None:
    beats = tuple(t for t in rhythm_of(GRID).beats_s if not START_S + 4 * BAR_S - 0.1 < t < START_S + 6 * BAR_S - 0.1)
    assert uncertain(GRID, strokes_of(GRID, rock(8)), beats) == {4: "beats", 5: "beats"}


def test_bars_before_the_drums_are_not_named_and_without_a_beat_all_others_are() -> None:
    assert uncertain(GRID, strokes_of(GRID, rock(4, first=4))) == {}
    strokes = named([Hit(3.2, "kick", None, 0.9, 0.9), Hit(5.71, "snare", None, 0.9, 0.9)])
    score = quantise(strokes, NO_RHYTHM)
    assert score is not None
    assert [(u.bar, u.reason) for u in uncertain_bars(score, strokes, NO_RHYTHM)] == [(0, "beats"), (1, "beats")]
