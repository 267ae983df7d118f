"""Sections as an edit: the whole list in order, refused by field, and what copies of bars do to it."""

from dataclasses import replace

import pytest

from services.beats.document import beat_from_doc, beat_to_doc
from services.beats.edit import OP_SHAPES, apply
from services.beats.edit_shapes import NAME_MAX
from services.beats.types import BARS_MAX, Section
from services.errors import Invalid
from tests.composing import boombap

BEAT = boombap()
FOUR = [
    {"name": "intro", "first_bar": 0, "bars": 1, "low_pass_hz": 800},
    {"name": "A", "first_bar": 1, "bars": 2},
    {"name": "out", "first_bar": 3, "bars": 1, "low_pass_hz": None},
]


def told(rows, beat=BEAT):
    return apply(beat, [{"op": "sections", "sections": rows}])


def spans(beat):
    return [(s.name, s.first_bar, s.bars, s.low_pass_hz) for s in beat.sections]


def refused(rows):
    with pytest.raises(Invalid) as caught:
        told(rows)
    return [e.field for e in caught.value.errors]


def test_the_list_replaces_the_old_one():
    after = told(FOUR)
    assert spans(after) == [("intro", 0, 1, 800.0), ("A", 1, 2, None), ("out", 3, 1, None)]
    assert beat_from_doc(beat_to_doc(after)) == after
    assert after.events == BEAT.events
    assert told([], after).sections == ()


def test_gaps_are_fine():
    assert spans(told([{"name": "only", "first_bar": 2, "bars": 1}])) == [("only", 2, 1, None)]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * (NAME_MAX + 1)}, "name"),
        ({"name": 4}, "name"),
        ({"first_bar": -1}, "first_bar"),
        ({"first_bar": True}, "first_bar"),
        ({"bars": 0}, "bars"),
        ({"bars": 1.5}, "bars"),
        ({"low_pass_hz": 99}, "low_pass_hz"),
        ({"low_pass_hz": 20_001}, "low_pass_hz"),
        ({"low_pass_hz": float("nan")}, "low_pass_hz"),
        ({"colour": "red"}, "colour"),
        ({"first_bar": 0}, "first_bar"),
        ({"first_bar": 2}, "bars"),
    ],
)
def test_each_mistake_is_named(change, field):
    assert f"ops[0].sections[1].{field}" in refused([FOUR[0], {**FOUR[1], "bars": 3, **change}])


@pytest.mark.parametrize("rows", [None, "A", {}, [FOUR[0]] * (BARS_MAX + 1)])
def test_no_list_is_named(rows):
    assert refused(rows) == ["ops[0].sections"]


def test_a_section_that_is_no_object_and_a_missing_field_are_named():
    assert refused([7, {"name": "A", "bars": 1}]) == ["ops[0].sections[0]", "ops[0].sections[1].first_bar"]


def test_the_shape_is_in_the_schema():
    schema = OP_SHAPES["sections"]["properties"]["sections"]
    assert schema["items"]["required"] == ["name", "first_bar", "bars"]
    assert schema["items"]["properties"]["name"]["maxLength"] == NAME_MAX
    assert schema["items"]["properties"]["low_pass_hz"]["type"] == ["number", "null"]


def copied(bars, count=1):
    return spans(apply(told(FOUR), [{"op": "duplicate_bars", "bars": bars, "count": count}]))


def test_copies_inside_a_section_make_it_longer():
    assert copied([0, 0]) == [("intro", 0, 2, 800.0), ("A", 2, 2, None), ("out", 4, 1, None)]
    assert copied([1, 1], 2) == [("intro", 0, 1, 800.0), ("A", 1, 4, None), ("out", 5, 1, None)]


def test_copies_of_several_sections_have_their_own():
    whole = [("intro", 0, 1, 800.0), ("A", 1, 2, None), ("out", 3, 1, None)]
    again = [(name, bar + 4, bars, hz) for name, bar, bars, hz in whole]
    assert copied([0, 3]) == whole + again


def test_a_section_that_is_cut_goes_on_behind_the_copies():
    assert copied([0, 1]) == [
        ("intro", 0, 1, 800.0),
        ("A", 1, 1, None),
        ("intro", 2, 1, 800.0),
        ("A", 3, 1, None),
        ("A", 4, 1, None),
        ("out", 5, 1, None),
    ]


def test_copies_of_bars_without_a_section_have_none():
    bare = replace(BEAT, sections=(Section("A", 0, 1), Section("B", 3, 1, 500.0)))
    after = apply(bare, [{"op": "duplicate_bars", "bars": [1, 2]}])
    assert spans(after) == [("A", 0, 1, None), ("B", 5, 1, 500.0)]
