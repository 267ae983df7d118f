"""Where bars, swung steps and events lie in time: golden numbers, then properties."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.beats.grid import (
    bar_starts_s,
    check_grid,
    duration_s,
    event_end_s,
    event_time_s,
    in_order,
    outside,
    placed,
    position_s,
    step_s_at,
    swung_steps,
)
from services.beats.types import METERS, TICKS_PER_STEP, Event, Grid
from services.errors import Invalid

PLAIN = Grid(tempo_map=((0, 120.0),), bars=2)
grids = st.builds(
    Grid,
    tempo_map=st.floats(40, 300).map(lambda bpm: ((0, bpm),)),
    meter=st.sampled_from(sorted(METERS)),
    bars=st.integers(1, 5),
    swing=st.floats(0.5, 0.75),
    swing_unit=st.sampled_from([8, 16]),
)


def at(bar=0, step=0, tick=0, **fields):
    return Event(
        **{"id": f"{bar}.{step}.{tick}", "role": "CORE", "instrument": "kick", "velocity": 1.0, "sample_id": "a"}
        | {"bar": bar, "step": step, "tick": tick}
        | fields
    )


@pytest.mark.parametrize(
    ("meter", "bar_s"),
    [("4/4", 2.0), ("3/4", 1.5), ("2/4", 1.0), ("5/4", 2.5), ("7/8", 1.75), ("6/8", 1.5), ("12/8", 3.0)],
)
def test_bpm_counts_quarters_in_every_meter(meter, bar_s):
    grid = replace(PLAIN, meter=meter)
    assert bar_starts_s(grid) == pytest.approx((0, bar_s, 2 * bar_s))
    assert step_s_at(grid) == 0.125
    assert duration_s(grid) == pytest.approx(2 * bar_s)


@pytest.mark.parametrize(
    ("swing", "unit", "places"),
    [
        (0.5, 16, [0, 1, 2, 3, 4]),
        (0.6, 16, [0, 1.2, 2, 3.2, 4]),
        (2 / 3, 16, [0, 4 / 3, 2, 10 / 3, 4]),
        (0.75, 16, [0, 1.5, 2, 3.5, 4]),
        (0.6, 8, [0, 1.2, 2.4, 3.2, 4]),
        (2 / 3, 8, [0, 4 / 3, 8 / 3, 10 / 3, 4]),
    ],
)
def test_swing_is_the_place_of_the_second_note_of_a_pair(swing, unit, places):
    grid = replace(PLAIN, swing=swing, swing_unit=unit)
    assert [swung_steps(grid, s) for s in range(5)] == pytest.approx(places)


def test_ticks_are_warped_with_their_step():
    grid = replace(PLAIN, swing=0.6)
    assert event_time_s(grid, at(step=0, tick=120)) == pytest.approx(0.6 * 0.125)
    assert event_time_s(grid, at(step=1, tick=120)) == pytest.approx(1.6 * 0.125)


def test_what_is_left_over_of_a_bar_stays_straight():
    seven = Grid(tempo_map=((0, 120.0),), meter="7/8", bars=1, swing=0.7, swing_unit=8)
    assert [swung_steps(seven, s) for s in (10, 12, 13)] == pytest.approx([8 + 2 * 1.4, 12, 13])


@settings(deadline=None)
@given(grids, st.data())
def test_swing_is_monotone_and_keeps_bar_lines(grid, data):
    last = grid.steps_per_bar * TICKS_PER_STEP - 1
    a, b = sorted(data.draw(st.tuples(st.integers(0, last), st.integers(0, last))))
    first, second = (swung_steps(grid, t / TICKS_PER_STEP) for t in (a, b))
    assert 0 <= first <= second < grid.steps_per_bar
    assert (a == b) == (first == second)
    assert position_s(grid, 0, grid.steps_per_bar) == pytest.approx(bar_starts_s(grid)[1])


def test_a_tempo_map_changes_bars():
    grid = Grid(tempo_map=((0, 120.0), (1, 60.0), (3, 240.0)), bars=4)
    assert bar_starts_s(grid) == pytest.approx((0, 2, 6, 10, 11))
    assert event_time_s(grid, at(bar=2, step=4)) == pytest.approx(7.0)


def test_a_pickup_bar_is_short_and_keeps_the_pairs_of_the_full_bar():
    grid = Grid(tempo_map=((0, 120.0),), bars=2, swing=0.6, pickup_steps=3)
    assert bar_starts_s(grid) == pytest.approx((0, 0.375, 2.375))
    # the bar's last three steps: the second of a pair, then a whole pair
    assert [swung_steps(grid, s) for s in (0, 1, 2)] == pytest.approx([0, 0.8, 2.0])
    assert outside(grid, at(step=3)).field == "step"


def test_offset_moves_and_never_below_zero():
    assert event_time_s(PLAIN, at(step=4, offset_ms=12)) == pytest.approx(0.512)
    assert event_time_s(PLAIN, at(offset_ms=-30)) == 0.0


def test_an_event_may_end_past_the_grid():
    assert event_end_s(PLAIN, at(bar=1, step=15, duration_steps=4)) == pytest.approx(4 + 3 * 0.125)
    assert event_end_s(PLAIN, at(duration_steps=32, offset_ms=5)) == pytest.approx(4.005)


@settings(deadline=None)
@given(grids, st.data())
def test_placed_agrees_with_event_time_and_is_sorted(grid, data):
    step, bar = st.integers(0, grid.steps_per_bar - 1), st.integers(0, grid.bars - 1)
    rows = data.draw(st.lists(st.tuples(bar, step, st.integers(0, 239), st.floats(-50, 50)), max_size=8))
    events = [at(b, s, t, offset_ms=o, id=str(i)) for i, (b, s, t, o) in enumerate(rows)]
    found = placed(grid, events)
    assert [p.time_s for p in found] == sorted(p.time_s for p in found)
    assert all(p.time_s == pytest.approx(event_time_s(grid, p.event), abs=1e-6) for p in found)
    assert in_order(grid, events) == tuple(p.event for p in found)


def test_equal_times_are_sorted_by_role_then_id():
    events = [at(id="b", role="MOTION"), at(id="z", role="CORE"), at(id="a", role="MOTION")]
    assert [e.id for e in in_order(PLAIN, events)] == ["z", "a", "b"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"meter": "9/8"}, "meter"),
        ({"bars": 0}, "bars"),
        ({"bars": 257}, "bars"),
        ({"bars": 65, "tempo_map": ((0, 40.0),)}, "bars"),
        ({"swing": 0.76}, "swing"),
        ({"swing_unit": 4}, "swing_unit"),
        ({"tempo_map": ()}, "tempo_map"),
        ({"tempo_map": ((1, 90.0),)}, "tempo_map"),
        ({"tempo_map": ((0, 90.0), (2, 90.0))}, "tempo_map"),
        ({"tempo_map": ((0, float("nan")),)}, "bpm"),
        ({"tempo_map": ((0, 301.0),)}, "bpm"),
        ({"pickup_steps": 16}, "pickup_steps"),
    ],
)
def test_a_grid_out_of_range_is_refused(fields, named):
    with pytest.raises(Invalid) as error:
        check_grid(replace(PLAIN, **fields))
    assert [e.field for e in error.value.errors] == [named]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"bar": 2}, "bar"),
        ({"step": 16}, "step"),
        ({"tick": 240}, "tick"),
        ({"offset_ms": 251.0}, "offset_ms"),
        ({"offset_ms": float("nan")}, "offset_ms"),
        ({"duration_steps": 0.0}, "duration_steps"),
        ({"duration_steps": 33.0}, "duration_steps"),
    ],
)
def test_an_event_outside_the_grid_is_named(fields, named):
    assert outside(PLAIN, at(**fields)).field == named
    assert outside(PLAIN, at()) is None
