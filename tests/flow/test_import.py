"""Beats from MIDI files, scores and maps over HTTP: sounding, edited and written like any other; bad files refused."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import mido
import pytest
import requests

from services.beats.types import Beat
from services.notation.bsm import beat_bsm
from services.notation.midi import beat_midi
from services.notation.midi_reader import read_midi
from services.notation.musicxml import beat_musicxml
from tests.kits import kit_wavs
from tests.live import Live
from tests.services.notation.grooves import groove
from tests.services.notation.test_midi_reader import SONG, file_of, note
from tests.services.notation.test_musicxml import BOMB, OUTSIDE, packed

WAIT = {"Prefer": "wait=60"}
BEAT = groove("4/4", bars=4)
FILES = {
    "song.mid": beat_midi(BEAT),
    "song.musicxml": beat_musicxml(BEAT),
    "song.mxl": packed(beat_musicxml(BEAT)),
    "song.bsm": beat_bsm(BEAT),
}


def send(live: Live, data: bytes, name: str = "song.mid", headers: dict[str, str] | None = None, **fields: Any) -> Any:
    return live.post("/v1/beats/import", files={"file": (name, data)}, data=fields, headers=headers or WAIT)


def played(events: Any) -> list[tuple[Any, ...]]:
    return sorted((e["bar"], e["step"], e["tick"], e["instrument"], e["variant"] or "", e["role"]) for e in events)


def written(beat: Beat) -> list[tuple[Any, ...]]:
    return sorted((e.bar, e.step, e.tick, e.instrument, e.variant or "", e.role) for e in beat.events)


@pytest.mark.parametrize("name", FILES)
def test_a_file_becomes_a_beat_that_sounds(live: Live, name: str) -> None:
    answer = send(live, FILES[name], name)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    source = read_midi(FILES[name]) if name.endswith("mid") else BEAT
    assert played(body["events_json"]) == written(source)
    assert (body["title"], body["version"], body["grid_json"]["bpm"]) == ("A groove", 1, 112.0)
    assert all(e["sample_id"] and e["source"] == "import" for e in body["events_json"])
    assert body["meta"]["engines"]["sounds"] == "built-in"
    assert {s["instrument"] for s in body["meta"]["samples"]} == {e.instrument for e in BEAT.events}
    assert answer.headers["ETag"]
    audio = live.get(body["links"]["audio.wav"])
    assert audio.status_code == 200
    peaks = memoryview(audio.content[44:]).cast("b")
    assert max(peaks[2::3000]) > 20, "it can be heard"
    for file in ("score.svg", "beat.mid", "beat.bsm", "kit.zip"):
        assert live.get(body["links"][file]).status_code == 200


def test_it_is_edited_versioned_and_regenerated_like_any_other(live: Live) -> None:
    made = send(live, FILES["song.bsm"], "song.bsm", title="Mine")
    base = f"/v1/beat/{made.json()['beat_id']}"
    assert (live.get(base).headers["ETag"], live.get(base).json()["title"]) == (made.headers["ETag"], "Mine")
    ops = {"ops": [{"op": "delete", "id": "e0"}, {"op": "bpm", "bpm": 90}]}
    edited = live.http.patch(live.url + base, json=ops, headers={"If-Match": made.headers["ETag"]}, timeout=30)
    assert edited.status_code == 200, edited.text
    assert "e0" not in [e["id"] for e in edited.json()["events_json"]]
    again = live.post(
        f"{base}/regenerate", json={"roles": ["MOTION"]}, headers={"If-Match": edited.headers["ETag"], **WAIT}
    )
    assert again.status_code == 200, again.text
    kept = [e for e in again.json()["events_json"] if e["role"] != "MOTION"]
    assert kept == [e for e in edited.json()["events_json"] if e["role"] != "MOTION"]
    whole = live.post(f"{base}/regenerate", json={"seed": 3}, headers={"If-Match": again.headers["ETag"], **WAIT})
    assert whole.status_code == 200, whole.text
    assert [v["version"] for v in live.get(f"{base}/versions").json()["versions"]] == [4, 3, 2, 1]
    anew = live.post(
        f"{base}/regenerate", json={"from_stage": "preprocess"}, headers={"If-Match": whole.headers["ETag"], **WAIT}
    )
    assert (anew.status_code, anew.json()["code"]) == (422, "no_sounds"), "there is no recording to hear again"


def test_the_callers_own_sounds_play_it(live: Live) -> None:
    sounds = [("samples", (name, data, "audio/wav")) for name, data in kit_wavs(41).items()]
    answer = live.post(
        "/v1/beats/import",
        files=[("file", ("song.mid", FILES["song.mid"])), *sounds],
        data={"roles": json.dumps({"rain.wav": "TEXTURE"})},
        headers=WAIT,
    )
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert sorted(s["name"] for s in body["meta"]["samples"]) == sorted(kit_wavs(41))
    assert body["meta"]["engines"]["sounds"] == "samples"
    pools = {s["sample_id"]: s["pool_role"] for s in body["meta"]["samples"]}
    kicks = {pools[e["sample_id"]] for e in body["events_json"] if e["instrument"] == "kick"}
    assert kicks == {"CORE"}
    by_id = live.post(
        "/v1/beats/import",
        files={"file": ("song.mid", FILES["song.mid"])},
        data={"sample_ids": [body["meta"]["samples"][0]["sample_id"]]},
        headers=WAIT,
    )
    assert by_id.status_code == 200, by_id.text
    assert len(by_id.json()["meta"]["samples"]) == 1


def test_a_long_song_is_held_up_to_five_minutes_and_taken_in_parts_beyond(live: Live) -> None:
    song = groove("4/4", bars=90, tempo_map=((0, 120.0),))
    made = send(live, beat_bsm(song), "long.bsm")
    assert made.status_code == 200, made.text
    assert (made.json()["grid_json"]["bars"], len(made.json()["events_json"])) == (90, len(song.events))
    base = f"/v1/beat/{made.json()['beat_id']}"
    late = [e["id"] for e in made.json()["events_json"] if e["bar"] == 80]
    ops = {"ops": [{"op": "move", "id": late[0], "bar": 89, "step": 3}]}
    moved = live.http.patch(live.url + base, json=ops, headers={"If-Match": made.headers["ETag"]}, timeout=30)
    assert moved.status_code == 200, moved.text
    slow = {"ops": [{"op": "bpm", "bpm": 40}]}
    refused = live.http.patch(live.url + base, json=slow, headers={"If-Match": moved.headers["ETag"]}, timeout=30)
    assert refused.status_code == 422
    longer = beat_bsm(groove("4/4", bars=300, tempo_map=((0, 120.0),)))
    whole = send(live, longer, "longer.bsm")
    assert (whole.status_code, whole.json()["code"]) == (413, "too_long")
    assert "[0, 149]" in whole.json()["detail"]
    part = send(live, longer, "longer.bsm", bars="[0, 149]")
    assert (part.status_code, part.json()["grid_json"]["bars"]) == (200, 150)
    rest = send(live, longer, "longer.bsm", bars="[290, 299]", bpm=100)
    grid = rest.json()["grid_json"]
    assert (rest.status_code, grid["bars"], grid["bpm"]) == (200, 10, 100)
    beyond = send(live, longer, "longer.bsm", bars="[290, 300]")
    assert (beyond.status_code, beyond.json()["errors"][0]["field"]) == (422, "bars")


def test_a_kit_map_tells_the_drums_of_a_midi_file(live: Live) -> None:
    data = file_of([*note(26, 0), *note(36, 0)])
    plain, right = send(live, data).json(), send(live, data, map="vdrums").json()
    assert sorted(e["instrument"] for e in plain["events_json"]) == ["kick", "perc"]
    assert sorted(e["instrument"] for e in right["events_json"]) == ["hat_open", "kick"]
    back = live.get(f"/v1/beat/{right['beat_id']}/beat.mid?map=vdrums")
    notes = [m.note for t in mido.MidiFile(file=io.BytesIO(back.content)).tracks for m in t if m.type == "note_on"]
    assert sorted(notes) == [36, 46]
    assert live.get(f"/v1/beat/{right['beat_id']}/beat.mid?map=addictive").status_code == 422


def test_a_played_part_is_put_on_a_grid_and_sounds_the_same(live: Live) -> None:
    data = file_of([*note(36, 7), *note(42, 126), *note(38, 110)])
    exact, settled = send(live, data).json()["events_json"], send(live, data, grid="16").json()["events_json"]
    assert [e["tick"] for e in exact] != [0, 0, 0]
    assert [(e["step"], e["tick"]) for e in settled] == [(0, 0), (2, 0), (4, 0)]
    assert [e["time_s"] for e in settled] == pytest.approx([e["time_s"] for e in exact], abs=2e-6)
    assert send(live, data, grid="auto").status_code == 422


def test_of_a_song_the_drums_are_taken_and_it_is_said(live: Live) -> None:
    body = send(live, SONG).json()
    assert [e["instrument"] for e in body["events_json"]] == ["kick"]
    assert any("2 pitched notes" in w for w in body["meta"]["warnings"])


def test_the_same_request_again(live: Live) -> None:
    """An Idempotency-Key finds its job; an equal request reuses the work for a beat of its own; an id serves again."""
    headers = {**WAIT, "Idempotency-Key": "import-1"}
    data = beat_midi(groove("3/4", bars=3))
    first, again = send(live, data, headers=headers), send(live, data, headers=headers)
    assert first.json()["beat_id"] == again.json()["beat_id"]
    other = send(live, data, headers=headers, bpm=99)
    assert other.status_code == 422
    equal = send(live, data)
    assert equal.json()["meta"]["reused_from"] == first.json()["job_id"]
    assert equal.json()["beat_id"] != first.json()["beat_id"]
    assert equal.json()["title"] == "A groove"
    asset = next(a for a in live.get("/v1/assets?limit=5").json()["assets"] if a["media_type"] == "audio/midi")
    by_id = live.post("/v1/beats/import", json={"file_id": asset["asset_id"], "bpm": 77}, headers=WAIT)
    assert (by_id.status_code, by_id.json()["grid_json"]["bpm"]) == (200, 77)
    assert live.get(f"/v1/assets/{asset['asset_id']}/waveform").status_code == 415


def test_without_prefer_it_is_a_job(live: Live) -> None:
    answer = send(live, FILES["song.mid"], headers={"X-None": "1"}, bpm=101)
    assert (answer.status_code, answer.json()["kind"]) == (202, "import")
    shown = live.get(f"/v1/beat/{answer.json()['job_id']}")
    assert shown.status_code in (200, 202)


def test_another_owners_file_is_not_there(live: Live) -> None:
    asset = next(a for a in live.get("/v1/assets?limit=100").json()["assets"] if a["kind"] == "upload")
    made = subprocess.run(
        [sys.executable, "-m", "app", "keys", "create", "third", "--owner", "somebody"],
        env=live.env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    headers = {"X-API-Key": made.stdout.split()[0], **WAIT}
    body = {"file_id": asset["asset_id"]}
    answer = requests.post(f"{live.url}/v1/beats/import", json=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (404, "file_id")


def bomb() -> bytes:
    """An archive of 70 MB of blanks."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", '<container><rootfile full-path="s.xml"/></container>')
        archive.writestr("s.xml", b" " * (70 << 20))
    return sink.getvalue()


PIANO = file_of(note(60, 0, channel=0))
NEXT_VERSION = FILES["song.bsm"].replace(b'"version":"2.0.0"', b'"version":"3.0.0"')
OFF = beat_bsm(BEAT).replace(b'"confidence":1.0', b'"confidence":7.0')
TITLED = beat_musicxml(replace(BEAT, meta={"title": "x"})).replace(
    b"<work-title>x<", b"<work-title>" + b"x" * 10_000 + b"<"
)
BAD: dict[str, tuple[bytes, int, str]] = {
    "half a score": (FILES["song.musicxml"][:2000], 422, "broken_score"),
    "half a MIDI file": (FILES["song.mid"][:60], 422, "broken_midi"),
    "half a map": (FILES["song.bsm"][:500], 422, "broken_map"),
    "a map of another version": (NEXT_VERSION, 422, "broken_map"),
    "a map that is out of range": (OFF, 422, "broken_map"),
    "an XML bomb": (BOMB, 422, "broken_score"),
    "an external entity": (OUTSIDE, 422, "broken_score"),
    "a zip bomb": (bomb(), 422, "broken_score"),
    "a web page": (b"<html><body>no</body></html>", 422, "broken_score"),
    "a WAV file": (kit_wavs()["stomp.wav"], 415, "not_notes"),
    "a text": (b"kick snare kick snare", 415, "not_notes"),
    "nothing": (b"", 415, "not_notes"),
    "a piano": (PIANO, 422, "no_drums"),
    "an empty MIDI file": (file_of([]), 422, "no_drums"),
    "five megabytes of MIDI": (b"MThd" + bytes(5 << 20), 413, "too_large"),
    "a day": (beat_midi(groove("4/4", bars=2000)), 413, "too_long"),
}  # fmt: skip


@pytest.fixture(scope="module")
def counts(live: Live) -> Iterator[Any]:
    def count() -> tuple[list[str], list[str]]:
        beats = [b["beat_id"] for b in live.get("/v1/beats?limit=100").json()["beats"]]
        return beats, [a["asset_id"] for a in live.get("/v1/assets?limit=100").json()["assets"]]

    yield count


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_bad_files_are_named_and_leave_nothing(live: Live, counts: Any, case: tuple[bytes, int, str]) -> None:
    data, status, code = case
    before = counts()
    answer = send(live, data, "file.bin")
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json()["errors"][0]["field"] == "file"
    assert counts() == before


FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "a title of 10,000 characters": ({"title": "x" * 10_000}, "title"),
    "a bpm of 10": ({"bpm": 10}, "bpm"),
    "bars backwards": ({"bars": "[3, 1]"}, "bars"),
    "one bar": ({"bars": "[3]"}, "bars"),
    "an unknown map": ({"map": "pads"}, "map"),
    "an unknown field": ({"meter": "4/4"}, "meter"),
    "a lock without sounds": ({"roles": '{"a": "CORE"}'}, "roles"),
}


@pytest.mark.parametrize("case", FIELDS.values(), ids=FIELDS.keys())
def test_bad_fields_are_named(live: Live, counts: Any, case: tuple[dict[str, Any], str]) -> None:
    sent, field = case
    before = counts()
    answer = send(live, FILES["song.mid"] + b"", **sent)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text
    assert counts()[0] == before[0]
    none = live.post("/v1/beats/import", json={}, headers=WAIT)
    assert (none.status_code, none.json()["errors"][0]["field"]) == (422, "file")


def test_a_huge_title_inside_a_file_is_cut(live: Live) -> None:
    body = send(live, TITLED, "song.musicxml").json()
    assert len(body["title"]) == 200


def test_one_bad_sound_refuses_the_whole(live: Live, counts: Any) -> None:
    before = counts()
    files = [("file", ("new.mid", beat_midi(groove("5/4", bars=1)))), ("samples", ("a.wav", b"no sound"))]
    answer = live.post("/v1/beats/import", files=files, headers=WAIT)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (415, "samples[0]")
    assert counts() == before


def test_what_a_transcription_writes_comes_in_again(live: Live) -> None:
    """Its map, its score and its MIDI files, each a beat with the notes of the transcription."""
    wav = live.get(send(live, FILES["song.mid"]).json()["links"]["audio.wav"] + "?bits=16").content
    made = live.post("/v1/transcriptions", files={"audio": ("song.wav", wav)}, headers=WAIT)
    assert made.status_code == 200, made.text
    base, notes = f"/v1/transcriptions/{made.json()['transcription_id']}", made.json()["beat"]["events_json"]
    for name in ("map.bsm", "score.musicxml", "drums.mid?timing=quantised"):
        data = live.get(f"{base}/{name}").content
        body = send(live, data, name.partition("?")[0]).json()
        found = sorted((e["bar"], e["step"], e["instrument"]) for e in body["events_json"])
        if name == "drums.mid?timing=quantised":
            assert {drum for _, _, drum in found} == {e["instrument"] for e in notes}
        else:
            assert found == sorted((e["bar"], e["step"], e["instrument"]) for e in notes)
    kit = live.get(f"{base}/drums.mid?map=vdrums").content
    again = send(live, kit, "drums.mid", map="vdrums").json()["events_json"]
    assert {e["instrument"] for e in again} == {e["instrument"] for e in notes}
    assert live.get(f"{base}/drums.mid?map=pads").status_code == 422
