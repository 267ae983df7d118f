"""Beats as documents: lossless, strict."""

import copy
import json
from dataclasses import replace

import pytest

from services import canonical
from services.beats.document import beat_from_doc, beat_to_doc, event_from_doc, sample_from_doc, to_doc
from services.beats.types import Event, Grid
from services.errors import Invalid
from tests.composing import boombap

BEAT = boombap()


def test_round_trip():
    assert beat_from_doc(beat_to_doc(BEAT)) == BEAT


def test_round_trip_through_canonical_json_keeps_values_and_kit_order():
    back = beat_from_doc(json.loads(canonical.dumps(beat_to_doc(BEAT))))
    assert back == BEAT
    assert list(back.kit) == list(BEAT.kit)
    assert canonical.dumps(beat_to_doc(back)) == canonical.dumps(beat_to_doc(BEAT))
    assert isinstance(back.events[0].offset_ms, float) and isinstance(back.grid.bpm, float)


def test_every_field_travels():
    event = Event(
        id="x", bar=1, step=2, role="FILL", instrument="tom", velocity=0.5, tick=3, offset_ms=-4.5,
        duration_steps=2.5, sample_id=None, pitch=47, probability=0.25, articulation="flam", muted=True,
        source="transcription", confidence=0.75, alternatives=("perc", "tom"),
    )  # fmt: skip
    assert event_from_doc(to_doc(event)) == event
    grid = Grid(((0, 90.5), (2, 91.25)), "7/8", 3, 0.6, 8, 4)
    beat = replace(BEAT, grid=grid, events=(replace(event, bar=1),), sections=())
    assert beat_from_doc(beat_to_doc(beat)) == beat
    kicked = next(iter(BEAT.kit.values()))
    assert sample_from_doc(json.loads(json.dumps(to_doc(kicked)))) == kicked


def test_a_document_shares_nothing_with_its_beat():
    doc = beat_to_doc(BEAT)
    doc["mix"]["roles"]["CORE"]["gain_db"] = 99
    doc["kit"][0]["features"]["decay_40db_ms"] = 0
    assert BEAT.mix["roles"]["CORE"]["gain_db"] == -1.5
    assert beat_from_doc(beat_to_doc(BEAT)) == BEAT


def test_older_documents_may_lack_fields_that_have_defaults():
    doc = beat_to_doc(BEAT)
    for event in doc["events"]:
        del event["alternatives"]
    del doc["kit"][0]["tags"]
    back = beat_from_doc(doc)
    assert back.events == BEAT.events
    assert next(iter(back.kit.values())).tags == ()


def changed(path, value):
    doc = copy.deepcopy(beat_to_doc(BEAT))
    *way, last = path
    part = doc
    for key in way:
        part = part[key]
    if value is DROP:
        del part[last]
    else:
        part[last] = value
    return doc


DROP = object()


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (["grid"], DROP, "grid"),
        (["extra"], 1, "extra"),
        (["grid"], [], "grid"),
        (["grid", "tempo_map"], DROP, "grid.tempo_map"),
        (["grid", "tempo_map"], [[0]], "grid.tempo_map[0]"),
        (["grid", "tempo_map"], [["0", 90]], "grid.tempo_map[0][0]"),
        (["grid", "bars"], 4.5, "grid.bars"),
        (["grid", "bars"], True, "grid.bars"),
        (["grid", "swing"], "0.5", "grid.swing"),
        (["grid", "swing"], float("nan"), "grid.swing"),
        (["grid", "swing"], 0.9, "swing"),
        (["events"], {}, "events"),
        (["events", 0, "id"], DROP, "events[0].id"),
        (["events", 0, "id"], 5, "events[0].id"),
        (["events", 0, "role"], "DRUM", "events[0].role"),
        (["events", 0, "colour"], "red", "events[0].colour"),
        (["events", 0, "articulation"], "loud", "events[0].articulation"),
        (["events", 0, "muted"], 1, "events[0].muted"),
        (["events", 0, "step"], 16, "events[0].step"),
        (["events", 0, "velocity"], 1.5, "events[0].velocity"),
        (["events", 0, "sample_id"], "unknown", "events[0].sample_id"),
        (["events", 0, "sample_id"], None, "events[0].sample_id"),
        (["kit", 0, "roles"], {"CORE": "much"}, "kit[0].roles.CORE"),
        (["kit", 0, "source"], {"asset_id": "a", "start_s": 0}, "kit[0].source.end_s"),
        (["kit", 0, "trim", "start_s"], None, "kit[0].trim.start_s"),
        (["kit", 0, "sample_id"], "core1", "kit"),
        (["sections", 0, "bars"], 9, "sections[0]"),
        (["mix"], [], "mix"),
    ],
)
def test_what_no_beat_could_have_written_is_refused(path, value, named):
    with pytest.raises(Invalid) as error:
        beat_from_doc(changed(path, value))
    assert named in [e.field for e in error.value.errors]


def test_an_id_twice_is_refused():
    with pytest.raises(Invalid) as error:
        beat_from_doc(beat_to_doc(replace(BEAT, events=(BEAT.events[0], BEAT.events[0]))))
    assert error.value.errors[0].field == "events[1].id"
