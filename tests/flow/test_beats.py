"""A beat through the API, from sounds to files and back through its versions, as a client meets it."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import mido
import numpy as np
import pytest
import soundfile as sf

from tests.kits import kit_wavs
from tests.live import Live

ROLES = ("CORE", "ACCENT", "MOTION", "FILL", "TEXTURE")


@pytest.fixture(scope="module")
def sounds() -> dict[str, bytes]:
    return kit_wavs()


@pytest.fixture(scope="module")
def beat(live: Live, sounds: dict[str, bytes]) -> dict[str, Any]:
    answer = live.beat(sounds, style="boombap", bars=4, seed=5, title="First")
    assert answer.status_code == 200, answer.text
    return answer.json()


def head(live: Live, beat_id: str) -> str:
    return live.get(f"/v1/beat/{beat_id}").headers["ETag"]


def test_a_beat_has_what_the_contract_says(beat: dict[str, Any], sounds: dict[str, bytes]) -> None:
    grid, events, meta = beat["grid_json"], beat["events_json"], beat["meta"]
    assert (grid["bpm"], grid["meter"], grid["steps_per_bar"], grid["bars"]) == (96, "4/4", 16, 4)
    assert grid["duration_s"] == pytest.approx(10.0)
    assert grid["step_s"] == pytest.approx(60 / 96 / 4)
    assert events == sorted(events, key=lambda e: (e["time_s"], ROLES.index(e["role"]), e["id"]))
    kit = {s["sample_id"] for s in meta["samples"]}
    assert len(kit) == len(sounds)
    for event in events:
        assert 0 <= event["bar"] < 4
        assert 0 <= event["step"] < 16
        assert 0 <= event["tick"] < 240
        assert 0 < event["velocity"] <= 1
        assert event["sample_id"] in kit
    assert all(meta["pools"][role] for role in ("CORE", "ACCENT", "MOTION"))
    for sample in meta["samples"]:
        assert sum(sample["roles"].values()) == pytest.approx(1, abs=1e-3)
        assert set(sample["roles"]) == set(ROLES)
        assert len(sample["instruments"]) == 15
    assert {"audio.wav", "beat.mid", "kit.zip", "stems.zip"} <= set(beat["links"])
    assert meta["engines"]["separator"] == "none"


def test_the_wav_has_the_length_and_the_loudness(live: Live, beat: dict[str, Any]) -> None:
    answer = live.get(beat["links"]["audio.wav"])
    assert answer.headers["Content-Type"] == "audio/wav"
    assert "First - boombap - 96bpm" in answer.headers["Content-Disposition"]
    audio, rate = sf.read(io.BytesIO(answer.content), always_2d=True)
    assert (rate, audio.shape[1], sf.info(io.BytesIO(answer.content)).subtype) == (44100, 2, "PCM_24")
    assert len(audio) >= 10 * rate
    import pyloudnorm

    assert pyloudnorm.Meter(rate).integrated_loudness(audio) == pytest.approx(-14, abs=0.5)
    assert np.abs(audio).max() < 10 ** (-0.9 / 20)


def test_a_loop_is_exactly_its_bars(live: Live, beat: dict[str, Any]) -> None:
    audio, rate = sf.read(io.BytesIO(live.get(f"{beat['links']['audio.wav']}?loop=1&bits=16").content))
    assert len(audio) == round(beat["grid_json"]["duration_s"] * rate)


@pytest.mark.parametrize(("name", "magic"), [("audio.flac", b"fLaC"), ("audio.ogg", b"OggS"), ("beat.mid", b"MThd")])
def test_each_file_is_what_its_name_says(live: Live, beat: dict[str, Any], name: str, magic: bytes) -> None:
    assert live.get(beat["links"][name]).content.startswith(magic)


def test_the_mp3_decodes_to_the_same_length(live: Live, beat: dict[str, Any]) -> None:
    audio, rate = sf.read(io.BytesIO(live.get(beat["links"]["audio.mp3"]).content))
    assert len(audio) / rate == pytest.approx(10, abs=3)


def test_the_midi_has_the_tempo_the_meter_and_a_track_for_each_role(live: Live, beat: dict[str, Any]) -> None:
    midi = mido.MidiFile(file=io.BytesIO(live.get(beat["links"]["beat.mid"]).content))
    metas = [m for track in midi.tracks for m in track if m.is_meta]
    assert [round(mido.tempo2bpm(m.tempo), 3) for m in metas if m.type == "set_tempo"] == [96]
    assert [(m.numerator, m.denominator) for m in metas if m.type == "time_signature"] == [(4, 4)]
    notes = sum(m.type == "note_on" and m.velocity > 0 for track in midi.tracks for m in track)
    assert notes == sum(not e["muted"] for e in beat["events_json"])


def test_the_stems_sum_to_one_length_and_the_kit_has_an_instrument(live: Live, beat: dict[str, Any]) -> None:
    with zipfile.ZipFile(io.BytesIO(live.get(beat["links"]["stems.zip"]).content)) as stems:
        lengths = {sf.info(io.BytesIO(stems.read(n))).frames for n in stems.namelist() if n.endswith(".wav")}
        assert len([n for n in stems.namelist() if n.endswith(".wav")]) == 5
        assert len(lengths) == 1
    with zipfile.ZipFile(io.BytesIO(live.get(beat["links"]["kit.zip"]).content)) as kit:
        assert any(n.endswith(".sfz") for n in kit.namelist())
        assert any(n.endswith(".json") for n in kit.namelist())


def test_ranges_and_etags_of_files(live: Live, beat: dict[str, Any]) -> None:
    path = beat["links"]["audio.wav"]
    whole = live.get(path)
    part = live.get(path, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert live.get(path, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    late = live.get(path, headers={"Range": "bytes=0-9", "If-Range": '"another"'})
    assert (late.status_code, len(late.content)) == (200, len(whole.content))
    outside = live.get(path, headers={"Range": f"bytes={len(whole.content) + 5}-"})
    assert (outside.status_code, outside.headers["Content-Type"]) == (416, "application/problem+json")
    assert live.http.head(live.url + path, timeout=30).headers["Content-Length"] == str(len(whole.content))


def test_media_links_need_no_key_and_cannot_be_bent(live: Live, beat: dict[str, Any]) -> None:
    import requests

    link = live.url + beat["media"]["audio.wav"]
    assert requests.get(link, timeout=30).content == live.get(beat["links"]["audio.wav"]).content
    assert requests.get(link.replace("audio.wav", "audio.flac"), timeout=30).status_code == 401
    assert requests.get(link + "&loop=1", timeout=30).status_code == 401
    assert requests.get(link.replace("owner=lab", "owner=other"), timeout=30).status_code == 401
    assert requests.delete(link, timeout=30).status_code in (401, 405)


def test_the_same_request_is_reused_and_another_seed_is_not(
    live: Live, sounds: dict[str, bytes], beat: dict[str, Any]
) -> None:
    again = live.beat(sounds, style="boombap", bars=4, seed=5, title="First").json()
    assert again["job_id"] != beat["job_id"]
    assert again["meta"]["reused_from"] == beat["job_id"]
    assert again["events_json"] == beat["events_json"]
    other = live.beat(sounds, style="boombap", bars=4, seed=6, title="First").json()
    assert other["meta"]["reused_from"] is None
    assert other["events_json"] != beat["events_json"]


def test_computing_again_gives_the_promised_bytes(live: Live, sounds: dict[str, bytes], beat: dict[str, Any]) -> None:
    parts = [("samples", (name, data, "audio/wav")) for name, data in sounds.items()]
    fields = {"bpm": 96, "style": "boombap", "bars": 4, "seed": 5, "title": "First"}
    again = live.post("/v1/beat", files=parts, data=fields, headers={"Cache-Control": "no-cache"}).json()
    assert again["meta"]["reused_from"] is None
    for key in ("grid_json", "events_json", "sections", "mix"):
        assert again[key] == beat[key]
    drop = {"timings_ms", "reused_from"}
    assert {k: v for k, v in again["meta"].items() if k not in drop} == {
        k: v for k, v in beat["meta"].items() if k not in drop
    }
    for name in ("audio.wav", "audio.flac", "beat.mid"):
        assert live.get(again["links"][name]).content == live.get(beat["links"][name]).content


def test_edits_make_versions_that_undo_redo_and_restore_move_between(live: Live, sounds: dict[str, bytes]) -> None:
    beat = live.beat(sounds, style="house", bars=2, seed=77).json()
    path = f"/v1/beat/{beat['job_id']}"
    first = live.get(path)
    gone = beat["events_json"][0]["id"]

    def change(ops: list[dict[str, Any]]) -> Any:
        return live.http.patch(
            live.url + path, json={"ops": ops}, headers={"If-Match": head(live, beat["job_id"])}, timeout=30
        )

    edited = change([{"op": "delete", "id": gone}])
    assert edited.status_code == 200, edited.text
    assert gone not in {e["id"] for e in edited.json()["events_json"]}
    undone = change([{"op": "undo"}]).json()
    assert undone["events_json"] == beat["events_json"]
    redone = change([{"op": "redo"}]).json()
    assert redone["events_json"] == edited.json()["events_json"]
    tempo = change([{"op": "bpm", "bpm": 140}]).json()
    assert tempo["grid_json"]["bpm"] == 140
    versions = live.get(f"{path}/versions").json()["versions"]
    assert [v["version"] for v in versions] == [3, 2, 1]
    assert [v["head"] for v in versions] == [True, False, False]
    restored = live.post(f"{path}/restore", json={"version": 1}, headers={"If-Match": head(live, beat["job_id"])})
    assert restored.json()["events_json"] == beat["events_json"]
    assert live.get(f"{path}/versions").json()["versions"][0]["version"] == 4
    assert live.http.patch(live.url + path, json={"ops": [{"op": "undo"}]}, timeout=30).status_code == 428
    stale = live.http.patch(
        live.url + path, json={"ops": [{"op": "undo"}]}, headers={"If-Match": first.headers["ETag"]}, timeout=30
    )
    assert stale.status_code == 412
    wrong = change([{"op": "delete", "id": "nobody"}, {"op": "bpm", "bpm": 100}])
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "ops[0].id")
    assert live.get(path).json()["grid_json"]["bpm"] == 96


def test_an_edit_never_shows_in_a_reused_beat(live: Live, sounds: dict[str, bytes]) -> None:
    fields = {"style": "rock", "bars": 2, "seed": 31}
    first = live.beat(sounds, **fields).json()
    etag = head(live, first["job_id"])
    live.http.patch(
        f"{live.url}/v1/beat/{first['job_id']}",
        json={"ops": [{"op": "bpm", "bpm": 200}]},
        headers={"If-Match": etag},
        timeout=30,
    )
    again = live.beat(sounds, **fields).json()
    assert again["meta"]["reused_from"] == first["job_id"]
    assert again["grid_json"]["bpm"] == 96


def test_regenerate_runs_the_later_stages_only_and_keeps_the_rest(live: Live, sounds: dict[str, bytes]) -> None:
    beat = live.beat(sounds, style="boombap", bars=4, seed=3).json()
    path = f"/v1/beat/{beat['job_id']}/regenerate"
    options = {"headers": {"If-Match": head(live, beat["job_id"]), "Prefer": "wait=20"}}
    answer = live.post(path, json={"from_stage": "beat", "seed": 4, "roles": ["MOTION"]}, **options)
    assert answer.status_code == 200, answer.text
    taken = answer.json()
    others = [e for e in beat["events_json"] if e["role"] != "MOTION"]
    assert [e for e in taken["events_json"] if e["role"] != "MOTION"] == others
    assert [e for e in taken["events_json"] if e["role"] == "MOTION"] != [
        e for e in beat["events_json"] if e["role"] == "MOTION"
    ]
    assert taken["version"] == 2
    stale = live.post(path, json={"seed": 5}, **options)
    assert stale.status_code == 412


def test_a_lock_puts_a_sound_where_the_user_wants_it(live: Live, sounds: dict[str, bytes]) -> None:
    name = next(iter(sounds))
    beat = live.beat(sounds, style="house", bars=1, roles=json.dumps({name: "FILL"})).json()
    sample = next(s for s in beat["meta"]["samples"] if s["name"] == name)
    assert (sample["role"], sample["pool_role"], sample["locked"]) == ("FILL", "FILL", True)
    unknown = live.beat(sounds, style="house", bars=1, roles=json.dumps({"nobody.wav": "CORE"}))
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "roles.nobody.wav")


def test_sounds_can_be_named_by_earlier_ids(live: Live, sounds: dict[str, bytes], beat: dict[str, Any]) -> None:
    ids = [s["sample_id"] for s in beat["meta"]["samples"]]
    by_id = live.post("/v1/beat", json={"bpm": 100, "bars": 1, "style": "house", "sample_ids": ids})
    assert by_id.status_code == 200, by_id.text
    assert {s["sample_id"] for s in by_id.json()["meta"]["samples"]} == set(ids)
    assets = [s["asset_id"] for s in beat["meta"]["samples"]]
    by_asset = live.post("/v1/beat", json={"bpm": 100, "bars": 1, "style": "house", "sample_ids": assets})
    assert {s["sample_id"] for s in by_asset.json()["meta"]["samples"]} == set(ids)


def test_equal_names_are_told_apart(live: Live, sounds: dict[str, bytes]) -> None:
    parts = [("samples", ("knock.wav", data, "audio/wav")) for data in list(sounds.values())[:3]]
    beat = live.post("/v1/beat", files=parts, data={"bpm": 96, "bars": 1}).json()
    assert {s["name"] for s in beat["meta"]["samples"]} == {"knock.wav", "knock (2).wav", "knock (3).wav"}


def test_a_recording_is_cut_into_a_beat(live: Live, sounds: dict[str, bytes]) -> None:
    gap = np.zeros((round(0.4 * 44100), 1))
    pieces = [p for data in sounds.values() for p in (sf.read(io.BytesIO(data), always_2d=True)[0][:, :1], gap)]
    recording = io.BytesIO()
    sf.write(recording, np.vstack(pieces), 44100, format="WAV", subtype="PCM_16")
    beat = live.beat({"kitchen.wav": recording.getvalue()}, mode="preprocess", style="boombap", bars=2).json()
    assert len(beat["meta"]["samples"]) >= 4
    assert all(s["name"].startswith("kitchen ") for s in beat["meta"]["samples"])


def test_a_deleted_beat_is_gone(live: Live, sounds: dict[str, bytes]) -> None:
    beat = live.beat(sounds, bars=1, seed=99).json()
    path = f"/v1/beat/{beat['job_id']}"
    assert live.http.delete(live.url + path, timeout=30).status_code == 204
    for gone in (path, f"{path}/audio.wav", f"{path}/versions"):
        assert live.get(gone).status_code == 404


def test_beats_are_listed_newest_first_with_a_next_link(live: Live, beat: dict[str, Any]) -> None:
    page = live.get("/v1/beats?limit=1")
    assert len(page.json()["beats"]) == 1
    assert 'rel="next"' in page.headers["Link"]
    following = page.headers["Link"].partition("<")[2].partition(">")[0]
    assert live.get(following).json()["beats"][0]["created_at"] <= page.json()["beats"][0]["created_at"]
