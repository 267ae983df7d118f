"""Maps (.bsm): back to the same beat, valid by their schema, older drafts read, anything else refused with its path."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from services.beats.types import Beat, Event, Grid
from services.errors import Invalid
from services.notation.bsm import COMPONENTS, beat_bsm
from services.notation.bsm_reader import ROWS, read_bsm
from services.notation.bsm_shape import faults
from services.notation.difficulty import LEVELS, levels
from services.notation.drumset import PLACES
from services.notation.midi import beat_midi
from services.notation.midi_reader import read_midi
from services.notation.score import events_csv
from tests.services.notation.grooves import groove
from tests.services.notation.random_beats import beats, notated

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "deploy/bsm.schema.json").read_text())


@settings(max_examples=2000, deadline=None)
@given(beats())
def test_a_beat_comes_back_from_its_map(beat: Beat) -> None:
    read = read_bsm(beat_bsm(beat))
    assert notated(read) == notated(beat)
    assert (read.grid, read.sections, read.meta) == (beat.grid, beat.sections, beat.meta)


@settings(max_examples=150, deadline=None)
@given(beats())
def test_any_map_is_valid(beat: Beat) -> None:
    jsonschema.validate(json.loads(beat_bsm(beat)), SCHEMA)


def test_feel_confidence_length_and_ids_come_back() -> None:
    event = Event("a/b", 1, 3, "FILL", "tom", 0.51, 7, -12.5, 2.25, pitch=50, variant="high", confidence=0.25)
    beat = Beat(Grid(((0, 97.3),), "4/4", 2), (event,), {})
    (read,) = read_bsm(beat_bsm(beat)).events
    assert read == replace(event, source="import")


def test_times_are_of_the_audio() -> None:
    beat = groove("4/4", bars=2)
    hits = json.loads(beat_bsm(beat, start_s=1.5))["hitObjects"]
    assert hits[0]["time"] == 1500.0
    assert [h["time"] for h in hits] == sorted(h["time"] for h in hits)


def test_the_same_beat_gives_the_same_map() -> None:
    assert beat_bsm(groove()) == beat_bsm(groove())
    names = [json.loads(beat_bsm(b))["metadata"]["beatmapId"] for b in (groove(), groove(bars=5))]
    assert len(set(names)) == 2


def test_every_place_has_a_component_of_its_own() -> None:
    assert set(COMPONENTS) == set(PLACES)
    assert len(set(COMPONENTS.values())) == len(COMPONENTS)
    assert all(ROWS[name] == row for row, name in COMPONENTS.items())


def test_easier_levels_keep_the_groove() -> None:
    """Each level holds the easier ones; the easiest keeps kick and backbeat on beats, and no ornament."""
    beat = groove("4/4", bars=4)
    first = levels(beat)
    kept = [[e for e in beat.events if first[e.id] <= i] for i in range(len(LEVELS))]
    counts = [len(k) for k in kept]
    assert counts == sorted(counts)
    assert counts[0] < counts[2] < counts[4]
    assert len(kept[-1]) == len(beat.events)
    assert {(e.bar, e.step) for e in kept[0] if e.instrument == "snare"} == {(b, s) for b in range(4) for s in (4, 12)}
    assert {(e.bar, e.step) for e in kept[0] if e.instrument == "kick"} >= {(b, 0) for b in range(4)}
    assert not [e for e in kept[3] if e.articulation in ("ghost", "flam", "roll")]
    assert not [e for e in kept[0] if e.step % 4 or e.tick]


OLD: dict[str, Any] = {
    "version": "1.1.0",
    "metadata": {"title": "Old", "artist": "Someone"},
    "timing": {"bpm": 120, "offset": 100, "timeSignature": "4/4"},
    "hitObjects": [
        {"time": 1100, "component": "snare", "velocity": 0.9, "lane": 2},
        {"time": 100, "component": "kick"},
        {"time": 2131, "component": "hihat_pedal"},
        {"time": 600, "component": "custom_x"},
    ],
}


def test_an_older_map_is_put_on_its_grid() -> None:
    beat = read_bsm(json.dumps(OLD).encode())
    assert (beat.grid, beat.meta) == (Grid(((0, 120.0),), "4/4", 2), {"title": "Old"})
    rows = [(e.instrument, e.bar, e.step, e.offset_ms, e.velocity) for e in beat.events]
    assert rows == [
        ("kick", 0, 0, 0.0, 0.8), ("perc", 0, 4, 0.0, 0.8), ("snare", 0, 8, 0.0, 0.9), ("hat_closed", 1, 0, 31.0, 0.8),
    ]  # fmt: skip


def test_pascal_case_and_early_hits_are_read() -> None:
    old = {
        "Version": "1.0.0",
        "Metadata": {"Title": "P"},
        "Timing": {"Bpm": 120.0, "Offset": 1000, "TimeSignature": "4/4"},
        "HitObjects": [{"Time": 500, "Component": "Kick"}, {"Time": 1000, "Component": "Snare"}],
    }
    beat = read_bsm(json.dumps(old).encode())
    assert [(e.instrument, e.bar, e.step) for e in beat.events] == [("kick", 0, 12), ("snare", 1, 0)]


def changed(path: str, value: Any) -> bytes:
    said = json.loads(beat_bsm(groove("4/4", bars=1)))
    at = said
    *way, last = path.split(".")
    for step in way:
        at = at[int(step)] if step.isdigit() else at[step]
    at[last] = value
    return json.dumps(said).encode()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", "3.0.0"), ("version", None), ("timing", []), ("hitObjects", {}), ("hitObjects.0.velocity", "loud"),
        ("hitObjects.0.velocity", 2), ("hitObjects.0.place.bar", 9), ("hitObjects.0.place.step", 1.5),
        ("hitObjects.0.role", "KICK"), ("hitObjects.0.articulation", "x"), ("timing.bars", 10**9),
        ("timing.bars", True), ("timing.timeSignature", "9/8"), ("timing.tempoMap", []), ("timing.bpm", 1e400),
    ],
)  # fmt: skip
def test_a_broken_map_is_refused(path: str, value: Any) -> None:
    if path == "timing.bpm":
        path = "timing.swing"
    with pytest.raises(Invalid):
        read_bsm(changed(path, value))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"1", b"\xff\xfe", b"[" * 100_000, b"{}"])
def test_what_is_no_map_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        read_bsm(data)
    assert refused.value.code == "broken_map"


WHOLE = json.loads(beat_bsm(groove("4/4", bars=1)))
ODD: list[Any] = [None, True, -1, 0, 0.5, 1.5, 2, 99, 1e8, "", "x", "kick", [], [1], {}, {"a": 1}, "2.1.0", "3.0.0"]


def ways(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside a document, through the first entry of each list."""
    found = [way] if way else []
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    return found + [deeper for key, one in inner for deeper in ways(one, (*way, key))]


@pytest.mark.parametrize("way", ways(WHOLE), ids=lambda way: ".".join(map(str, way)))
def test_what_the_schema_refuses_the_reader_refuses_by_its_own_name(way: tuple[Any, ...]) -> None:
    """Every field of a map takes every odd value, or is left out."""
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for odd in [*ODD, "left out"]:
        said = json.loads(json.dumps(WHOLE))
        at = said
        for step in way[:-1]:
            at = at[step]
        if odd == "left out":
            del at[way[-1]]
        else:
            at[way[-1]] = odd
        if validator.is_valid(said):
            assert not list(faults(said)), (way, odd)
            continue
        with pytest.raises(Invalid) as refused:
            read_bsm(json.dumps(said).encode())
        assert refused.value.code == "broken_map"
        named = refused.value.errors[0].field.replace("[", ".").replace("]", "").split(".")
        assert named[0] == str(way[0]), (way, odd, named)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("hitObjects.0.place.bar", 1, "hitObjects[0].place.bar"), ("timing.pickupSteps", 16, "timing.pickupSteps"),
        ("hitObjects.1.id", WHOLE["hitObjects"][0]["id"], "hitObjects[1].id"), ("timing.bars", 30_000, "timing.bars"),
        ("hitObjects.0.duration", 900, "hitObjects[0].duration"), ("sections.0.bars", 9, "sections[0]"),
        ("hitObjects.0.confidence", 1.5, "hitObjects[0].confidence"),
        ("hitObjects.0.component", "gong", "hitObjects[0].component"),
    ],
)  # fmt: skip
def test_what_does_not_hold_together_is_named_as_the_map_names_it(path: str, value: Any, named: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_bsm(changed(path, value))
    assert (refused.value.code, refused.value.errors[0].field) == ("broken_map", named)


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\uDFFFx"', "NaN", "Infinity"])
def test_half_a_character_and_no_number_are_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_bsm(beat_bsm(groove("4/4", bars=1)).replace(b'"A groove"', text.encode()))
    assert refused.value.code == "broken_map"


def test_half_a_character_in_a_title_does_not_stop_a_file() -> None:
    beat = replace(groove("4/4", bars=1), meta={"title": "half \ud800"})
    assert read_bsm(beat_bsm(beat)).meta["title"] == "half ?"
    assert read_midi(beat_midi(beat)).meta["title"] == "half ?"
    odd = replace(beat, events=(replace(beat.events[0], id="\udfff"),))
    assert events_csv(odd).splitlines()[1].startswith(b"?,")
