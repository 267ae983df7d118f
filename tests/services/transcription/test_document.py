"""Transcriptions as JSON and files; activations as bytes."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import mido
import numpy as np
import pytest

from services.analysis.activations import RhythmActivations
from services.analysis.types import NO_RHYTHM, BeatHints
from services.beats.types import Grid
from services.errors import Invalid, NotFound
from services.notation.midi import DRUM_CHANNEL
from services.transcription import pipeline
from services.transcription.document import (
    corrections_of,
    pack,
    strokes_from_doc,
    strokes_to_doc,
    transcription_to_doc,
    unpack,
)
from services.transcription.files import COLUMNS, drums_midi, events_csv, file_name
from services.transcription.pipeline import FEW_HITS, HPSS, NO_BEAT, NO_DRUMS, NONE, Asked, engines, transcribe
from services.transcription.strokes import Correction, named
from services.transcription.types import Activations, Alternative, Hit
from tests.services.transcription.played import START_S, rhythm_of, rock, strokes_of

GRID = Grid(((0, 120.0),), bars=4)
LENGTH_S = 10.0
PLAYED, QUANTISED = {"timing": "played"}, {"timing": "quantised", "strength": 1.0}


def heard(seconds: float = LENGTH_S, peak: float = 0.5) -> RhythmActivations:
    frames = int(seconds * 100)
    return RhythmActivations(np.zeros((6, frames), np.float32), np.zeros((24, frames // 10), np.float32), peak, seconds)


@pytest.fixture
def body(monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.setattr(pipeline, "rhythm", lambda _heard, _hints: rhythm_of(GRID))
    strokes = strokes_of(GRID, rock(4), 0.006)
    flam = named([Hit(START_S + 0.47, "snare", None, 0.2, 0.5, (Alternative("rim", 0.3),))])
    together = tuple(sorted((*strokes, *flam), key=lambda s: s.hit.time_s))
    made = transcription_to_doc(transcribe(strokes_from_doc(strokes_to_doc(together)), heard(), Asked()))
    return json.loads(json.dumps(made, allow_nan=False))


def test_activations_survive_their_bytes() -> None:
    rng = np.random.default_rng(1)
    rows = [rng.random((n, 50)).astype(np.float16).astype(np.float32) for n in (5, 9, 9)]
    low = (rng.random(50) * 200).astype(np.float16).astype(np.float32)
    risen = (-rng.random((5, 50)) * 100).astype(np.float16).astype(np.float32)
    made = Activations(0.01, *rows, low, risen, 0.7)
    back = unpack(pack(made))
    assert (back.frame_s, back.peak, back.frames) == (0.01, 0.7, 50)
    for name in ("families", "drums", "velocities", "low_hz", "rises"):
        assert np.array_equal(getattr(back, name), getattr(made, name)), name
    assert pack(back) == pack(made)


@pytest.mark.parametrize("data", [b"", b"null\n", b'{"kind": "other"}\n'])
def test_other_bytes_are_no_activations(data: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(data)


def test_strokes_survive_their_document() -> None:
    strokes = named([Hit(0.5, "tom", "low", 0.25, 0.5, (Alternative("kick", 0.25),)), Hit(1, "kick", None, 1, 1)])
    assert strokes_from_doc(json.loads(json.dumps(strokes_to_doc(strokes)))) == strokes


def test_a_body_holds_strokes_and_score(body: dict) -> None:
    assert (body["bpm"], body["meter"], body["warnings"]) == (120, "4/4", [])
    assert body["beat"]["start_s"] == pytest.approx(START_S, abs=0.004)
    assert body["tempo_map"] == [{"time_s": body["beat"]["start_s"], "bar": 0, "bpm": 120}]
    assert len(body["events"]) == len(rock(4)) + 1
    assert len(body["beat"]["events_json"]) == len(rock(4)), "two strokes of a flam are one note"
    by_id = {e["id"]: e for e in body["events"]}
    for note in body["beat"]["events_json"]:
        assert note["time_s"] + body["beat"]["start_s"] == pytest.approx(by_id[note["id"]]["time_s"], abs=1e-4)
        assert (note["source"], note["sample_id"]) == ("transcription", None)


def test_silence_and_music_without_drums_say_so() -> None:
    for peak in (0.0, 0.5):
        made = transcription_to_doc(transcribe((), replace(heard(), peak=peak), Asked()))
        assert (made["events"], made["beat"], made["bpm"], made["tempo_map"]) == ([], None, None, [])
        assert made["warnings"] == [NO_DRUMS]
        assert events_csv(made) == ",".join(COLUMNS).encode() + b"\r\n"
        with pytest.raises(NotFound):
            drums_midi(made, PLAYED, "")


def test_few_hits_without_a_beat_are_on_a_grid_that_says_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "rhythm", lambda _heard, _hints: NO_RHYTHM)
    made = transcription_to_doc(transcribe(named([Hit(3.0, "kick", None, 0.9, 0.9)]), heard(), Asked()))
    assert (made["bpm"], made["tempo_map"], made["beat"]["grid_json"]["bpm"]) == (None, [], 120)
    assert made["warnings"] == [FEW_HITS, NO_BEAT]


def test_corrections_change_notes_and_not_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "rhythm", lambda _heard, _hints: rhythm_of(GRID))
    strokes = strokes_of(GRID, rock(4))
    one, two = strokes[0].id, strokes[5].id
    said = corrections_of({one: {"instrument": "tom"}, two: {"deleted": True}})
    assert said == {one: Correction("tom"), two: Correction(deleted=True)}
    made = transcription_to_doc(transcribe(strokes, heard(), Asked(corrections=said)))
    assert made["events"][0] | {"velocity": 0} == {
        "id": one, "time_s": round(strokes[0].hit.time_s, 6), "instrument": "tom", "variant": None, "velocity": 0,
        "confidence": 1.0, "alternatives": [], "corrected": True,
    }  # fmt: skip
    assert next(e for e in made["beat"]["events_json"] if e["id"] == one)["role"] == "FILL"
    assert [e["id"] for e in made["events"]] == [s.id for s in strokes if s.id != two]


def test_a_downbeat_past_the_end_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        transcribe((), heard(2.0), Asked(hints=BeatHints(first_downbeat_s=2.5)))
    assert refused.value.errors[0].field == "first_downbeat_s"


def test_the_table_has_every_hit(body: dict) -> None:
    rows = list(csv.DictReader(io.StringIO(events_csv(body).decode())))
    assert [r["id"] for r in rows] == [e["id"] for e in body["events"]]
    grace = next(r for r in rows if r["alternative"] == "rim")
    assert (grace["bar"], grace["alternative_probability"], grace["corrected"]) == ("", "0.3", "false")
    assert [r["step"] for r in rows if r["instrument"] == "kick" and r["bar"] == "0"] == ["0", "8"]


def notes_on(data: bytes) -> list[tuple[float, int, int]]:
    """(second, key, velocity) of every note of channel 10."""
    found, at = [], 0.0
    for message in mido.MidiFile(file=io.BytesIO(data)):
        at += message.time
        if message.type == "note_on" and message.velocity:
            assert message.channel == DRUM_CHANNEL
            found.append((at, message.note, message.velocity))
    return found


def test_midi_as_played_has_each_stroke_where_it_was(body: dict) -> None:
    notes = notes_on(drums_midi(body, PLAYED, "Song"))
    played = sorted(max(0.0, e["time_s"] - body["beat"]["start_s"]) for e in body["events"])
    assert [n[0] for n in notes] == pytest.approx(played, abs=0.0015)
    assert {n[1] for n in notes} == {36, 38, 42}


def test_midi_quantised_lies_on_the_grid(body: dict) -> None:
    graced = [n for n in notes_on(drums_midi(body, QUANTISED, "Song")) if abs(n[0] / 0.25 - round(n[0] / 0.25)) > 1e-4]
    assert len(graced) == 1, "the grace note of the flam"
    assert drums_midi(body, QUANTISED, "Song") == drums_midi(body, QUANTISED, "Song")


def test_files_have_names_that_a_person_would_choose(body: dict) -> None:
    assert file_name(body, "My/Song", "drums") == "My Song - 120bpm - drums"
    assert file_name({**body, "bpm": None}, "", "events") == "drums - events"


def test_engines_say_what_was_used() -> None:
    assert [pipeline.separator_of(s) for s in ("true", "false")] == [HPSS, NONE]
    assert pipeline.separator_of("auto") in {HPSS, NONE}
    assert engines(HPSS)["separator"] == "hpss"
    assert len(engines(NONE)["transcriber"]["sha256"]) == 64
    assert [p.name for p in pipeline.parts(HPSS)] == ["percussion", "rhythm"]


def test_the_cut_end_of_a_recording_is_no_stroke(monkeypatch: pytest.MonkeyPatch) -> None:
    found = (Hit(0.5, "kick", None, 0.9, 0.9), Hit(0.995, "snare", None, 0.9, 0.9))
    monkeypatch.setattr(pipeline, "pick", lambda _activations: found)
    rows = [np.zeros((n, 101), np.float32) for n in (5, 9, 9)]
    made = pipeline.strokes_of(Activations(0.01, *rows, np.zeros(101, np.float32), rows[0], 0.5))
    assert [s.hit for s in made] == [found[0]]
