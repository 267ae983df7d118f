"""Edit operations: each one, each refusal, all or nothing, ids that stay."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.beats.document import beat_from_doc, beat_to_doc
from services.beats.edit import OP_SHAPES, apply
from services.beats.edit_shapes import EVENTS_MAX, OPS, check_shapes
from services.beats.grid import duration_s, placed
from services.beats.types import Trim
from services.errors import Invalid
from tests.composing import boombap

BEAT = boombap()
KICK = next(e for e in BEAT.events if e.role == "CORE")


def one(beat, event_id):
    (found,) = [e for e in beat.events if e.id == event_id]
    return found


def edit(*ops, beat=BEAT):
    return apply(beat, list(ops))


def others(beat, event_id):
    return {e for e in beat.events if e.id != event_id}


def test_add():
    after = edit({"op": "add", "bar": 2, "step": 5, "tick": 120, "role": "CORE", "sample_id": "core1"})
    (added,) = set(after.events) - set(BEAT.events)
    assert added.id == "b2s5t120-CORE-0"
    assert (added.velocity, added.duration_steps, added.source, added.instrument) == (0.8, 1.0, "edit", "perc")
    assert len(after.events) == len(BEAT.events) + 1


def test_add_where_something_is_gets_the_next_ordinal():
    op = {"op": "add", "bar": 0, "step": 0, "role": "CORE", "sample_id": "core1", "velocity": 1}
    after = edit(op, op)
    assert {e.id for e in after.events if e.id.startswith("b0s0t0-CORE")} == {f"b0s0t0-CORE-{i}" for i in range(3)}


def test_add_a_pitch():
    after = edit({"op": "add", "bar": 0, "step": 1, "role": "FILL", "pitch": 47, "instrument": "tom", "muted": True})
    added = one(after, "b0s1t0-FILL-0")
    assert (added.pitch, added.sample_id, added.muted, added.instrument) == (47, None, True, "tom")


def test_add_takes_a_sound_off_the_bench():
    kit = {**BEAT.kit, "core1": replace(BEAT.kit["core1"], benched="no free place")}
    after = edit({"op": "add", "bar": 0, "step": 1, "role": "CORE", "sample_id": "core1"}, beat=replace(BEAT, kit=kit))
    assert after.kit["core1"].benched is None


def test_move_keeps_the_id_and_the_rest():
    after = edit({"op": "move", "id": KICK.id, "bar": 3, "step": 9})
    assert one(after, KICK.id) == replace(KICK, bar=3, step=9, tick=0)
    assert others(after, KICK.id) == others(BEAT, KICK.id)


def test_move_by_tick_only():
    assert one(edit({"op": "move", "id": KICK.id, "tick": 80}), KICK.id) == replace(KICK, tick=80)


def test_delete():
    after = edit({"op": "delete", "id": KICK.id})
    assert set(after.events) == others(BEAT, KICK.id)


def test_set():
    after = edit(
        {
            "op": "set", "id": KICK.id, "velocity": 1, "offset_ms": -7.5, "duration_steps": 3, "probability": 0.5,
            "articulation": "flam", "instrument": "tom", "sample_id": "core0", "muted": True,
        }
    )  # fmt: skip
    assert one(after, KICK.id) == replace(
        KICK, velocity=1.0, offset_ms=-7.5, duration_steps=3.0, probability=0.5, articulation="flam",
        instrument="tom", sample_id="core0", muted=True,
    )  # fmt: skip


def test_set_clears_an_articulation_and_swaps_sound_for_pitch():
    after = edit({"op": "set", "id": KICK.id, "articulation": None, "pitch": 36})
    assert (one(after, KICK.id).articulation, one(after, KICK.id).sample_id, one(after, KICK.id).pitch) == (
        None,
        None,
        36,
    )


def test_mute_an_event_a_sound_a_role():
    assert one(edit({"op": "mute", "id": KICK.id}), KICK.id).muted
    after = edit({"op": "mute", "sample_id": "motion0"})
    assert {e.muted for e in after.events if e.sample_id == "motion0"} == {True}
    assert not any(e.muted for e in after.events if e.sample_id != "motion0")
    after = edit({"op": "mute", "role": "CORE"})
    assert after.mix["roles"]["CORE"] == {"gain_db": -1.5, "muted": True}
    assert edit({"op": "mute", "role": "CORE", "muted": False}, beat=after).mix["roles"]["CORE"]["muted"] is False


def test_role_locks_a_sound_and_takes_its_events_along():
    after = edit({"op": "role", "sample_id": "motion0", "role": "ACCENT"})
    changed = after.kit["motion0"]
    assert (changed.role, changed.pool_role, changed.locked) == ("ACCENT", "ACCENT", True)
    assert {e.role for e in after.events if e.sample_id == "motion0"} == {"ACCENT"}
    assert {e.id for e in after.events} == {e.id for e in BEAT.events}


def test_replace_sample_everywhere_or_in_some_bars():
    user = next(e.sample_id for e in BEAT.events if e.role == "MOTION")
    after = edit({"op": "replace_sample", "sample_id": user, "with": "fill1"})
    assert not any(e.sample_id == user for e in after.events)
    after = edit({"op": "replace_sample", "sample_id": user, "with": "fill1", "bars": [1, 1], "role": "MOTION"})
    assert {e.bar for e in after.events if e.sample_id == "fill1" and e.role == "MOTION"} == {1}
    assert any(e.sample_id == user and e.bar != 1 for e in after.events)


def test_trim():
    after = edit({"op": "trim", "sample_id": "core0", "start_s": 0.01, "end_s": 1.0})
    assert after.kit["core0"].trim == Trim(0.01, 1.0)
    assert edit({"op": "trim", "sample_id": "core0", "end_s": 0.2}).kit["core0"].trim == Trim(0.0, 0.2)


def test_gain_and_pan_of_a_sound_and_a_role():
    after = edit(
        {"op": "gain", "sample_id": "core0", "gain_db": -6},
        {"op": "pan", "sample_id": "core0", "pan": -0.5},
        {"op": "gain", "role": "MOTION", "gain_db": 2.5},
        {"op": "pan", "role": "MOTION", "pan": 1},
    )
    assert (after.kit["core0"].gain_db, after.kit["core0"].pan) == (-6.0, -0.5)
    assert after.mix["roles"]["MOTION"] == {"gain_db": 2.5, "pan": 1.0}
    assert after.mix["roles"]["CORE"] == BEAT.mix["roles"]["CORE"]


def test_duplicate_bars():
    after = edit({"op": "duplicate_bars", "bars": [1, 2], "count": 2})
    assert after.grid.bars == 8
    assert [(s.name, s.first_bar, s.bars) for s in after.sections] == [("A", 0, 8)]

    def bar(beat, index):
        return sorted((e.step, e.tick, e.role, e.sample_id, e.velocity) for e in beat.events if e.bar == index)

    assert [bar(after, i) for i in range(8)] == [bar(BEAT, i) for i in (0, 1, 2, 1, 2, 1, 2, 3)]
    assert len({e.id for e in after.events}) == len(after.events)
    assert {e.id for e in BEAT.events} <= {e.id for e in after.events}
    assert one(after, next(e.id for e in BEAT.events if e.bar == 3)).bar == 7


def test_duplicate_bars_keeps_every_bars_tempo_and_moves_sections():
    beat = edit({"op": "bpm", "bpm": 60, "bar": 1}, {"op": "bpm", "bpm": 120, "bar": 3}, beat=boombap(bars=8))
    after = edit({"op": "duplicate_bars", "bars": [0, 1]}, beat=beat)
    assert after.grid.tempo_map == ((0, 90.0), (1, 60.0), (2, 90.0), (3, 60.0), (5, 120.0))
    assert [(s.first_bar, s.bars) for s in after.sections] == [(0, 6), (6, 4)]


def test_bpm():
    after = edit({"op": "bpm", "bpm": 120})
    assert after.grid.tempo_map == ((0, 120.0),)
    assert duration_s(after.grid) == 8.0
    assert edit({"op": "bpm", "bpm": 100, "bar": 2}).grid.tempo_map == ((0, 90.0), (2, 100.0))


def test_swing():
    after = edit({"op": "swing", "swing": 0.66, "swing_unit": 8})
    assert (after.grid.swing, after.grid.swing_unit) == (0.66, 8)
    assert list(after.events) == [p.event for p in placed(after.grid, after.events)]


def test_operations_build_on_each_other():
    after = edit(
        {"op": "add", "bar": 0, "step": 1, "role": "CORE", "sample_id": "core0"},
        {"op": "set", "id": "b0s1t0-CORE-0", "velocity": 0.1},
        {"op": "duplicate_bars", "bars": [0, 0]},
        {"op": "delete", "id": "b0s1t0-CORE-0"},
    )
    assert "b0s1t0-CORE-0" not in {e.id for e in after.events}
    assert one(after, "b1s1t0-CORE-0").velocity == 0.1


BAD = [
    ("ops", []),
    ("ops[0]", ["add"]),
    ("ops[0].op", [{}]),
    ("ops[0].op", [{"op": "undo"}]),
    ("ops[0].op", [{"op": ["add"]}]),
    ("ops[0].colour", [{"op": "delete", "id": KICK.id, "colour": 1}]),
    ("ops[0].id", [{"op": "delete"}]),
    ("ops[0].id", [{"op": "delete", "id": "nowhere"}]),
    ("ops[0].id", [{"op": "delete", "id": 5}]),
    ("ops[0].id", [{"op": "delete", "id": ""}]),
    ("ops[0].bar", [{"op": "add", "step": 0, "role": "CORE", "sample_id": "core0"}]),
    ("ops[0].bar", [{"op": "add", "bar": 4, "step": 0, "role": "CORE", "sample_id": "core0"}]),
    ("ops[0].bar", [{"op": "add", "bar": -1, "step": 0, "role": "CORE", "sample_id": "core0"}]),
    ("ops[0].bar", [{"op": "add", "bar": 1.5, "step": 0, "role": "CORE", "sample_id": "core0"}]),
    ("ops[0].bar", [{"op": "add", "bar": True, "step": 0, "role": "CORE", "sample_id": "core0"}]),
    ("ops[0].step", [{"op": "add", "bar": 0, "step": 16, "role": "CORE", "sample_id": "core0"}]),
    ("ops[0].role", [{"op": "add", "bar": 0, "step": 0, "role": "DRUM", "sample_id": "core0"}]),
    ("ops[0].sample_id", [{"op": "add", "bar": 0, "step": 0, "role": "CORE"}]),
    ("ops[0].sample_id", [{"op": "add", "bar": 0, "step": 0, "role": "CORE", "sample_id": "core0", "pitch": 36}]),
    ("ops[0].sample_id", [{"op": "add", "bar": 0, "step": 0, "role": "CORE", "sample_id": "unknown"}]),
    ("ops[0].velocity", [{"op": "set", "id": KICK.id, "velocity": 1.01}]),
    ("ops[0].velocity", [{"op": "set", "id": KICK.id, "velocity": None}]),
    ("ops[0].velocity", [{"op": "set", "id": KICK.id, "velocity": float("nan")}]),
    ("ops[0].velocity", [{"op": "set", "id": KICK.id}]),
    ("ops[0].articulation", [{"op": "set", "id": KICK.id, "articulation": "loud"}]),
    ("ops[0].instrument", [{"op": "set", "id": KICK.id, "instrument": "banjo"}]),
    ("ops[0].pitch", [{"op": "set", "id": KICK.id, "pitch": 36, "sample_id": "core0"}]),
    ("ops[0].duration_steps", [{"op": "set", "id": KICK.id, "duration_steps": 0}]),
    ("ops[0].duration_steps", [{"op": "set", "id": KICK.id, "duration_steps": 65}]),
    ("ops[0].bar", [{"op": "move", "id": KICK.id}]),
    ("ops[0].step", [{"op": "move", "id": KICK.id, "step": 16}]),
    ("ops[0].tick", [{"op": "move", "id": KICK.id, "tick": 240}]),
    ("ops[0].id", [{"op": "mute"}]),
    ("ops[0].id", [{"op": "mute", "id": KICK.id, "role": "CORE"}]),
    ("ops[0].muted", [{"op": "mute", "id": KICK.id, "muted": 1}]),
    ("ops[0].sample_id", [{"op": "role", "sample_id": "unknown", "role": "CORE"}]),
    ("ops[0].with", [{"op": "replace_sample", "sample_id": "core0", "with": "unknown"}]),
    ("ops[0].bars", [{"op": "replace_sample", "sample_id": "core0", "with": "core1", "bars": [0, 4]}]),
    ("ops[0].bars", [{"op": "replace_sample", "sample_id": "core0", "with": "core1", "bars": [2, 1]}]),
    ("ops[0].bars", [{"op": "replace_sample", "sample_id": "core0", "with": "core1", "bars": [0]}]),
    ("ops[0].start_s", [{"op": "trim", "sample_id": "core0"}]),
    ("ops[0].end_s", [{"op": "trim", "sample_id": "core0", "end_s": 1.1}]),
    ("ops[0].start_s", [{"op": "trim", "sample_id": "core0", "start_s": 0.798}]),
    ("ops[0].gain_db", [{"op": "gain", "sample_id": "core0", "gain_db": 25}]),
    ("ops[0].gain_db", [{"op": "gain", "sample_id": "core0"}]),
    ("ops[0].sample_id", [{"op": "gain", "gain_db": 0}]),
    ("ops[0].pan", [{"op": "pan", "role": "CORE", "pan": -1.1}]),
    ("ops[0].bars", [{"op": "duplicate_bars", "bars": [0, 4]}]),
    ("ops[0].bars", [{"op": "duplicate_bars", "bars": [0, 1.5]}]),
    ("ops[0].count", [{"op": "duplicate_bars", "bars": [0, 3], "count": 16}]),
    ("ops[0].bpm", [{"op": "bpm", "bpm": 39}]),
    ("ops[0].bar", [{"op": "bpm", "bpm": 90, "bar": 4}]),
    ("ops[0].swing", [{"op": "swing"}]),
    ("ops[0].swing", [{"op": "swing", "swing": 0.76}]),
    ("ops[0].swing_unit", [{"op": "swing", "swing_unit": 4}]),
    ("ops[1].id", [{"op": "delete", "id": KICK.id}, {"op": "delete", "id": KICK.id}]),
    ("ops[1].op", [{"op": "bpm", "bpm": 90}, {"op": "explode"}]),
]


NUMBERS = [
    (op, field) for op, shapes in OPS.items() for field, s in shapes.items() if s.kind in ("int", "number", "bars")
]


@pytest.mark.parametrize(
    "value", [10**400, -(10**400), float("inf"), float("nan"), True], ids=["huge", "-huge", "inf", "nan", "true"]
)
@pytest.mark.parametrize(("op", "field"), NUMBERS)
def test_a_number_of_any_size_is_refused_by_name(op, field, value):
    given = [value, value] if OPS[op][field].kind == "bars" else value
    with pytest.raises(Invalid) as error:
        check_shapes([{"op": op, field: given}])
    assert f"ops[0].{field}" in {e.field for e in error.value.errors}


@pytest.mark.parametrize(("named", "ops"), BAD, ids=[f"{i}-{n}" for i, (n, _) in enumerate(BAD)])
def test_what_does_not_fit_is_refused_by_name(named, ops):
    before = beat_to_doc(BEAT)
    with pytest.raises(Invalid) as error:
        apply(BEAT, ops)
    assert named in [e.field for e in error.value.errors]
    assert beat_to_doc(BEAT) == before


def test_every_unreadable_field_is_named_at_once():
    with pytest.raises(Invalid) as error:
        apply(BEAT, [{"op": "bpm", "bpm": 1}, {"op": "swing", "swing": 1, "swing_unit": 3}])
    assert [e.field for e in error.value.errors] == ["ops[0].bpm", "ops[1].swing", "ops[1].swing_unit"]


def test_the_pickup_bar_is_not_copied():
    beat = replace(BEAT, grid=replace(BEAT.grid, pickup_steps=4), events=())
    with pytest.raises(Invalid):
        apply(beat, [{"op": "duplicate_bars", "bars": [0, 1]}])
    assert apply(beat, [{"op": "duplicate_bars", "bars": [1, 1]}]).grid.bars == 5


def test_no_edit_makes_more_events_than_a_beat_holds():
    crowd = tuple(replace(KICK, id=f"x{i}", bar=0, step=i % 16, tick=i // 16 % 240) for i in range(EVENTS_MAX // 2))
    beat = replace(BEAT, events=crowd)
    full = apply(beat, [{"op": "duplicate_bars", "bars": [0, 0]}])
    assert len(full.events) == EVENTS_MAX
    for count in (2, 60):
        with pytest.raises(Invalid) as error:
            apply(beat, [{"op": "duplicate_bars", "bars": [0, 0], "count": count}])
        assert [e.field for e in error.value.errors] == ["ops[0].count"]
    with pytest.raises(Invalid) as error:
        apply(full, [{"op": "add", "bar": 2, "step": 0, "role": "CORE", "sample_id": "core0"}])
    assert [e.field for e in error.value.errors] == ["ops[0].op"]


def test_shapes_are_json_schemas_of_the_documented_operations():
    assert list(OP_SHAPES) == [
        "add", "move", "delete", "set", "mute", "role", "replace_sample", "trim", "gain", "pan", "duplicate_bars",
        "bpm", "swing", "sections",
    ]  # fmt: skip
    for op, schema in OP_SHAPES.items():
        assert schema["properties"]["op"]["enum"] == [op]
        assert schema["additionalProperties"] is False
        assert set(schema["required"]) <= set(schema["properties"])
    assert OP_SHAPES["bpm"]["properties"]["bpm"] == {
        "type": "number",
        "description": "quarter notes per minute",
        "minimum": 40.0,
        "maximum": 300.0,
    }


# Any list of well-formed operations either applies and leaves a beat that survives a round trip, or is refused whole.

ids = st.sampled_from([e.id for e in BEAT.events])
kit = st.sampled_from(sorted(BEAT.kit))
roles = st.sampled_from(["CORE", "ACCENT", "MOTION", "FILL", "TEXTURE"])
bar, step, tick = st.integers(0, 9), st.integers(0, 15), st.integers(0, 239)
pair = st.tuples(st.integers(0, 5), st.integers(0, 3)).map(lambda p: [p[0], p[0] + p[1]])


def op(name, required, optional=None):
    return st.fixed_dictionaries({"op": st.just(name), **required}, optional=optional or {})


operations = st.one_of(
    op("add", {"bar": bar, "step": step, "role": roles, "sample_id": kit}, {"tick": tick, "velocity": st.floats(0, 1)}),
    op("move", {"id": ids, "step": step}, {"bar": bar, "tick": tick}),
    op("delete", {"id": ids}),
    op("set", {"id": ids, "velocity": st.floats(0, 1)}, {"offset_ms": st.floats(-250, 250), "sample_id": kit}),
    op("mute", {"role": roles}, {"muted": st.booleans()}),
    op("role", {"sample_id": kit, "role": roles}),
    op("replace_sample", {"sample_id": kit, "with": kit}, {"role": roles, "bars": pair}),
    op("trim", {"sample_id": kit, "start_s": st.floats(0, 0.5), "end_s": st.floats(0.5, 1)}),
    op("gain", {"sample_id": kit, "gain_db": st.floats(-60, 24)}),
    op("pan", {"role": roles, "pan": st.floats(-1, 1)}),
    op("duplicate_bars", {"bars": pair}, {"count": st.integers(1, 9)}),
    op("bpm", {"bpm": st.floats(40, 300)}, {"bar": bar}),
    op("swing", {"swing": st.floats(0.5, 0.75)}, {"swing_unit": st.sampled_from([8, 16])}),
)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(operations, min_size=1, max_size=5))
def test_edits_apply_or_are_refused_whole(ops):
    try:
        after = apply(BEAT, ops)
    except Invalid as error:
        assert error.errors and all(e.field.startswith("ops[") for e in error.errors)
        return
    assert beat_from_doc(beat_to_doc(after)) == after
    assert list(after.events) == [p.event for p in placed(after.grid, after.events)]
    assert apply(BEAT, ops) == after
