"""A beat as the contract shows it: exactly these fields, in this order, with these numbers."""

import json
from dataclasses import replace

import pytest

from app.components import SCHEMAS
from services.beats.grid import event_time_s
from services.beats.types import ROLES, Event, Grid
from services.beats.view import beat_json, events_json, grid_json, meta_json
from tests.composing import boombap

BEAT = boombap()
EVENT_FIELDS = [
    "id",
    "bar",
    "step",
    "tick",
    "offset_ms",
    "time_s",
    "duration_steps",
    "role",
    "instrument",
    "sample_id",
    "pitch",
    "velocity",
    "articulation",
    "variant",
    "probability",
    "muted",
    "source",
    "confidence",
]
META_FIELDS = [
    "style",
    "why",
    "seed",
    "parameters",
    "code_version",
    "inputs",
    "engines",
    "pools",
    "role_counts",
    "samples",
    "timings_ms",
    "warnings",
    "reused_from",
]
SAMPLE_FIELDS = [
    "sample_id",
    "name",
    "asset_id",
    "role",
    "roles",
    "pool_role",
    "reason",
    "instrument",
    "instruments",
    "confidence",
    "features",
    "processing",
    "benched",
    "source",
    "onset_s",
    "attack_s",
    "locked",
    "trim",
    "gain_db",
    "pan",
    "alternatives",
    "quality",
    "loudness_db",
    "tags",
    "corrected_by",
]


def test_grid_json():
    grid = Grid(tempo_map=((0, 120.0), (2, 60.0)), meter="3/4", bars=3, swing=0.6, swing_unit=8)
    assert grid_json(grid) == {
        "bpm": 120.0,
        "tempo_map": [[0, 120.0], [2, 60.0]],
        "meter": "3/4",
        "steps_per_bar": 12,
        "bars": 3,
        "swing": 0.6,
        "swing_unit": 8,
        "step_s": 0.125,
        "bar_starts_s": [0.0, 1.5, 3.0],
        "duration_s": 6.0,
        "pickup_steps": 0,
    }


def test_events_json_has_the_fields_of_the_contract():
    assert list(events_json(BEAT)[0]) == EVENT_FIELDS


def test_events_json_is_sorted_as_it_sounds():
    shown = events_json(replace(BEAT, events=tuple(reversed(BEAT.events))))
    keys = [(e["time_s"], ROLES.index(e["role"]), e["id"]) for e in shown]
    assert keys == sorted(keys)
    by_id = {e.id: e for e in BEAT.events}
    assert all(e["time_s"] == pytest.approx(event_time_s(BEAT.grid, by_id[e["id"]]), abs=1e-6) for e in shown)
    assert all(e["time_s"] >= 0 for e in shown)


def test_muted_events_are_shown():
    muted = tuple(replace(e, muted=True) for e in BEAT.events)
    assert all(e["muted"] for e in events_json(replace(BEAT, events=muted)))


def test_meta_json():
    meta = meta_json(BEAT)
    assert list(meta) == META_FIELDS
    assert meta["style"] == "boombap"
    assert meta["pools"]["MOTION"] == ["motion0", "motion1", "motion2"]
    assert meta["role_counts"] == {"CORE": 2, "ACCENT": 2, "MOTION": 3, "FILL": 2, "TEXTURE": 1}
    assert list(meta["samples"][0]) == SAMPLE_FIELDS
    assert meta["samples"][0]["source"] == {"asset_id": "asset-core0", "start_s": 0.5, "end_s": 1.5}


def test_a_sample_shows_how_it_is_played():
    sample = replace(BEAT.kit["core0"], gain_db=-3.5, pan=0.25, quality=0.75, loudness_db=-6.0)
    shown = meta_json(replace(BEAT, kit={"core0": sample}))["samples"][0]
    assert {name: shown[name] for name in SAMPLE_FIELDS[-8:]} == {
        "trim": {"start_s": 0.0, "end_s": 0.8},
        "gain_db": -3.5,
        "pan": 0.25,
        "alternatives": [{"start_s": 0.8, "end_s": 1.0}],
        "quality": 0.75,
        "loudness_db": -6.0,
        "tags": ["kitchen"],
        "corrected_by": [],
    }


def test_the_schema_knows_every_field_of_a_sample():
    assert set(SAMPLE_FIELDS) <= set(SCHEMAS["Sample"]["properties"])


def test_the_body_is_json():
    body = json.loads(json.dumps(beat_json(BEAT), allow_nan=False))
    assert set(body) == {"grid_json", "events_json", "meta", "sections", "mix"}
    assert body["sections"] == [{"name": "A", "first_bar": 0, "bars": 4, "low_pass_hz": None}]


def test_a_beat_without_events_or_sounds_is_shown_too():
    empty = replace(BEAT, events=(), kit={}, meta={})
    body = beat_json(empty)
    assert body["events_json"] == []
    assert body["meta"]["role_counts"] == dict.fromkeys(ROLES, 0)


def test_a_pitched_event_shows_its_pitch():
    event = Event(id="n", bar=0, step=0, role="CORE", instrument="kick", velocity=1.0, pitch=36)
    (shown,) = events_json(replace(BEAT, events=(event,)))
    assert (shown["pitch"], shown["sample_id"]) == (36, None)
