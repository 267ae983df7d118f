"""Analyses over HTTP: asked for, waited for, listed, corrected, deleted; what was heard once is not heard again."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
import requests
import soundfile as sf

from app.deps import Deps
from db import analyses as repo
from db import marks
from services.audio.clip import Clip
from tests.encoded import by_sndfile
from tests.kits import kit_wavs
from tests.live import Live
from tests.song import song
from tests.sounds import RATE, noise, silence, tone

WAIT = {"Prefer": "wait=60"}
KNOWN_BPM, KNOWN_KEY = 120.0, "D major"
SECONDS = 24.0
FIELDS = {
    "analysis_id", "name", "asset_id", "duration_s", "bpm", "bpm_confidence", "bpm_alternatives", "bpm_stability",
    "beats_s", "downbeats_s", "tempo_map", "meter", "meter_confidence", "key", "key_confidence", "keys", "tuning_cents",
    "loudness_lufs", "loudness_range_lu", "true_peak_db", "sections", "warnings", "hints", "engines", "created_at",
    "updated_at", "links",
}  # fmt: skip


def wav(clip: Clip, rate_hz: int = RATE, subtype: str = "PCM_16") -> bytes:
    out = io.BytesIO()
    sf.write(out, clip.samples.T, rate_hz, format="WAV", subtype=subtype)
    return out.getvalue()


def analyse(live: Live, data: bytes, name: str = "song.wav", **fields: Any) -> requests.Response:
    return live.post("/v1/analyses", files={"audio": (name, data, "audio/wav")}, data=fields, headers=WAIT)


@pytest.fixture(scope="module")
def known() -> bytes:
    return wav(song(SECONDS, KNOWN_BPM, tonic=2))


@pytest.fixture(scope="module")
def made(live: Live, known: bytes) -> dict[str, Any]:
    answer = analyse(live, known)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def patched(live: Live, path: str, etag: str, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    sent = {"If-Match": etag, **(headers or {})}
    return live.http.patch(live.url + path, json=fields, headers=sent, timeout=60)


def test_a_song_is_analysed(made: dict[str, Any]) -> None:
    assert FIELDS | {"job_id", "reused_from"} == set(made)
    assert made["duration_s"] == pytest.approx(SECONDS)
    assert made["bpm"] == pytest.approx(KNOWN_BPM, rel=0.02)
    assert (made["meter"], made["key"]) == ("4/4", KNOWN_KEY)
    assert made["keys"][0]["key"] == KNOWN_KEY
    assert np.diff(made["beats_s"]).mean() == pytest.approx(60 / KNOWN_BPM, abs=0.01)
    assert set(made["downbeats_s"]) <= set(made["beats_s"])
    assert len(made["tempo_map"]) == 1
    assert -40 < made["loudness_lufs"] < -5
    assert made["true_peak_db"] < 3
    assert made["sections"][0]["start_s"] == 0
    assert made["sections"][-1]["end_s"] == pytest.approx(SECONDS)
    assert made["hints"] == {"bpm_min": None, "bpm_max": None, "meter": None, "first_downbeat_s": None}
    assert made["warnings"] == []


def test_it_is_shown_and_listed(live: Live, made: dict[str, Any]) -> None:
    shown = live.get(made["links"]["self"])
    assert shown.json() == {k: v for k, v in made.items() if k not in {"job_id", "reused_from"}}
    again = live.get(made["links"]["self"], headers={"If-None-Match": shown.headers["ETag"]})
    assert again.status_code == 304
    listed = live.get("/v1/analyses?limit=100").json()["analyses"]
    one = next(a for a in listed if a["analysis_id"] == made["analysis_id"])
    assert one["bpm"] == made["bpm"]
    assert "beats_s" not in one
    job = live.get(f"/v1/jobs/{made['job_id']}").json()
    assert job["result"] == made


def test_without_prefer_it_is_a_job(live: Live) -> None:
    answer = live.post("/v1/analyses", files={"audio": ("a.wav", wav(tone(seconds=0.3)), "audio/wav")})
    assert (answer.status_code, answer.json()["kind"]) == (202, "analysis")


def test_an_equal_request_is_another_analysis_without_another_job(live: Live, known: bytes, made: dict) -> None:
    again = analyse(live, known).json()
    assert again["reused_from"] == made["job_id"]
    assert again["analysis_id"] != made["analysis_id"]
    own = {"analysis_id", "job_id", "reused_from", "created_at", "updated_at", "links"}
    assert {k: v for k, v in again.items() if k not in own} == {k: v for k, v in made.items() if k not in own}
    etag = live.get(again["links"]["self"]).headers["ETag"]
    assert patched(live, again["links"]["self"], etag, meter="3/4").status_code == 200


def test_the_same_audio_is_not_heard_twice(live: Live, deps: Deps, known: bytes, made: dict[str, Any]) -> None:
    other = analyse(live, known, name="renamed.wav", meter="3/4").json()
    assert other["reused_from"] is None
    assert (other["meter"], other["key"], other["hints"]["meter"]) == ("3/4", made["key"], "3/4")
    one, two = (repo.analysis(deps.store, "lab", a["analysis_id"]) for a in (made, other))
    assert one["parts"] == two["parts"]
    by_id = live.post("/v1/analyses", json={"audio_id": made["asset_id"], "bpm_max": 200}, headers=WAIT).json()
    assert by_id["beats_s"] == made["beats_s"]
    afresh = live.post(
        "/v1/analyses",
        files={"audio": ("song.wav", known, "audio/wav")},
        headers={**WAIT, "Cache-Control": "no-cache"},
    ).json()
    assert afresh["reused_from"] is None
    own = {"analysis_id", "job_id", "reused_from", "created_at", "updated_at", "links"}
    assert {k: v for k, v in afresh.items() if k not in own} == {k: v for k, v in made.items() if k not in own}


def test_what_was_heard_is_kept_while_the_analysis_is(live: Live, deps: Deps) -> None:
    one = analyse(live, wav(song(6.0, 100.0))).json()
    doc = repo.analysis(deps.store, "lab", one["analysis_id"])
    assert set(doc["blobs"]) <= marks.marked(deps.store)
    assert live.http.delete(live.url + one["links"]["self"], timeout=10).status_code == 204
    assert not set(doc["blobs"]) & marks.marked(deps.store)
    assert live.get(one["links"]["self"]).status_code == 404
    assert live.http.delete(live.url + one["links"]["self"], timeout=10).status_code == 404
    assert live.get(f"/v1/jobs/{one['job_id']}").json()["result"] is None
    assert patched(live, one["links"]["self"], '"x"', meter="4/4").status_code == 404


def test_a_correction_derives_the_rest_without_the_recording(live: Live, deps: Deps) -> None:
    first = analyse(live, wav(song(12.0, 110.0)))
    one, path = first.json(), first.json()["links"]["self"]
    gone = live.http.delete(f"{live.url}/v1/assets/{one['asset_id']}", timeout=10)
    assert gone.status_code == 204
    second = patched(live, path, first.headers["ETag"], meter="3/4", first_downbeat_s=0.545)
    assert second.status_code == 200, second.text
    two = second.json()
    assert (two["meter"], two["analysis_id"], two["key"]) == ("3/4", one["analysis_id"], one["key"])
    assert two["hints"] == {**one["hints"], "meter": "3/4", "first_downbeat_s": 0.545}
    assert min(abs(t - 0.545) for t in two["downbeats_s"]) < 0.07
    third = patched(live, path, second.headers["ETag"], bpm_max=70, meter=None)
    assert third.json()["hints"] == {**one["hints"], "bpm_max": 70, "first_downbeat_s": 0.545}
    assert third.json()["bpm"] <= 70
    assert live.get(path).json() == {k: v for k, v in third.json().items() if k not in {"job_id", "reused_from"}}
    assert live.get(f"/v1/jobs/{two['job_id']}").json()["result"] == two, "a job's result stays what it was"
    assert live.get(f"/v1/jobs/{one['job_id']}").json()["result"] == one
    back = patched(live, path, third.headers["ETag"], bpm_max=None, first_downbeat_s=None).json()
    assert (back["beats_s"], back["downbeats_s"]) == (one["beats_s"], one["downbeats_s"])


def test_a_change_names_the_state_that_it_saw(live: Live, known: bytes) -> None:
    first = analyse(live, known, bpm_min=50)
    path = first.json()["links"]["self"]
    without = live.http.patch(live.url + path, json={"meter": "4/4"}, timeout=10)
    assert (without.status_code, without.json()["code"]) == (428, "version_required")
    assert patched(live, path, first.headers["ETag"], meter="4/4").status_code == 200
    stale = patched(live, path, first.headers["ETag"], meter="3/4")
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    now = live.get(path)
    asynchronous = patched(live, path, now.headers["ETag"], {"Prefer": "respond-async"}, meter="3/4")
    assert (asynchronous.status_code, asynchronous.json()["kind"]) == (202, "reanalysis")
    assert asynchronous.json()["links"]["result"] == path


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "nothing": ({"json": {}}, 422, "audio"),
    "a text": ({"files": {"audio": ("a.wav", b"no music", "audio/wav")}}, 415, "audio"),
    "nobody's id": ({"json": {"audio_id": "nobody"}}, 404, "audio_id"),
    "a meter of 9/8": ({"json": {"audio_id": "a", "meter": "9/8"}}, 422, "meter"),
    "a bpm of 10": ({"json": {"audio_id": "a", "bpm_min": 10}}, 422, "bpm_min"),
    "an endless bpm": ({"data": {"audio_id": "a", "bpm_max": "inf"}}, 422, "bpm_max"),
    "an empty range": ({"json": {"audio_id": "a", "bpm_min": 120, "bpm_max": 90}}, 422, "bpm_max"),
    "a downbeat before the start": ({"json": {"audio_id": "a", "first_downbeat_s": -1}}, 422, "first_downbeat_s"),
    "an unknown field": ({"json": {"audio_id": "a", "colour": "red"}}, 422, "colour"),
    "one sample": (
        {"files": {"audio": ("a.wav", wav(Clip(np.ones((1, 1), np.float32), RATE)), "audio/wav")}}, 422, "audio",
    ),
    "a downbeat past the end": (
        {"files": {"audio": ("a.wav", wav(tone()), "audio/wav")}, "data": {"first_downbeat_s": "1.5"}}, 422,
        "first_downbeat_s",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named_and_leaves_nothing(live: Live, case: tuple[dict[str, Any], int, str]) -> None:
    sent, status, field = case
    if "data" in sent and "files" not in sent:
        sent = {**sent, "headers": {"Content-Type": "application/x-www-form-urlencoded"}}
    before = _ids(live)
    answer = live.post("/v1/analyses", **{**sent, "headers": {**WAIT, **sent.get("headers", {})}})
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == field
    assert _ids(live) == before


def _ids(live: Live) -> list[str]:
    """The owner's analyses; what an earlier test still derives may change in them meanwhile."""
    return [row["analysis_id"] for row in live.get("/v1/analyses?limit=100").json()["analyses"]]


@pytest.mark.parametrize(
    ("fields", "field"),
    [({}, ""), ({"first_downbeat_s": 1e6}, "first_downbeat_s"), ({"bpm_min": 300, "bpm_max": 40}, "bpm_max")],
)
def test_a_bad_correction_changes_nothing(live: Live, made: dict[str, Any], fields: dict[str, Any], field: str) -> None:
    before = live.get(made["links"]["self"])
    answer = patched(live, made["links"]["self"], before.headers["ETag"], **fields)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert live.get(made["links"]["self"]).json() == before.json()


def test_another_owner_s_analysis_is_not_there(live: Live, made: dict[str, Any]) -> None:
    key = subprocess.run(
        [sys.executable, "-m", "app", "keys", "create", "analyst", "--owner", "other analyst"],
        env=live.env,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[0]
    url, headers = live.url + made["links"]["self"], {"X-API-Key": key}
    assert requests.get(url, headers=headers, timeout=10).status_code == 404
    assert requests.delete(url, headers=headers, timeout=10).status_code == 404
    change = requests.patch(url, json={"meter": "4/4"}, headers={**headers, "If-Match": '"x"'}, timeout=10)
    assert change.status_code == 404
    assert requests.get(f"{live.url}/v1/analyses", headers=headers, timeout=10).json()["analyses"] == []


def _six_channels() -> Clip:
    two = song(8.0, KNOWN_BPM).samples
    return Clip(np.concatenate([two, two * 0.5, two * 0.2]), RATE)


def _clipped() -> Clip:
    return Clip(np.clip(song(8.0, KNOWN_BPM).samples * 8, -1, 1), RATE)


ODD: dict[str, tuple[bytes, float]] = {
    "silence": (wav(silence(3.0)), 3.0),
    "a constant": (wav(Clip(np.full((1, RATE), 0.5, np.float32), RATE)), 1.0),
    "ten milliseconds": (wav(tone(seconds=0.01)), 0.01),
    "a tone": (wav(tone(seconds=8.0)), 8.0),
    "noise": (wav(noise(8.0)), 8.0),
    "a knock": (kit_wavs()["knock.wav"], 0.0),
    "mono": (wav(Clip(song(8.0, KNOWN_BPM).samples[:1], RATE)), 8.0),
    "six channels": (wav(_six_channels()), 8.0),
    "clipped": (wav(_clipped()), 8.0),
    "8 kHz": (wav(Clip(song(8.0, KNOWN_BPM).samples[:, ::5], RATE // 5), 8_820), 8.0),
}


@pytest.mark.parametrize("name", ODD)
def test_every_recording_gets_an_honest_answer(live: Live, name: str) -> None:
    data, seconds = ODD[name]
    answer = analyse(live, data)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) >= FIELDS
    if seconds:
        assert body["duration_s"] == pytest.approx(seconds, abs=0.02)
    if name in {"mono", "six channels", "clipped", "8 kHz"}:
        assert body["bpm"] == pytest.approx(KNOWN_BPM, rel=0.02)
        return
    assert body["bpm"] is None or body["bpm_confidence"] < 0.5
    assert body["bpm"] is not None or (body["beats_s"], body["meter"], body["tempo_map"]) == ([], None, [])
    assert body["warnings"]
    if name in {"silence", "a constant"}:
        assert (body["key"], body["loudness_lufs"], body["true_peak_db"], body["sections"]) == (None, None, None, [])
        assert "silent" in body["warnings"][0]
    if name in {"noise", "ten milliseconds", "a knock"}:
        assert body["key"] is None


def test_a_long_recording_shows_its_progress_and_stops_when_asked(live: Live) -> None:
    minute = song(60.0, 96.0).samples
    data = by_sndfile(Clip(np.tile(minute, (1, 10)), RATE), "FLAC")
    answer = live.post("/v1/analyses", files={"audio": ("long.flac", data, "audio/flac")})
    own = answer.json()["job_id"]
    seen: dict[str, float] = {}
    until = time.monotonic() + 60
    while time.monotonic() < until and "harmony" not in seen:
        job = live.get(f"/v1/jobs/{own}").json()
        assert job["state"] in {"queued", "running"}, job
        if job["stage"]:
            assert job["progress"] >= max(seen.values(), default=0.0)
            seen[job["stage"]] = job["progress"]
        time.sleep(0.05)
    assert {"rhythm", "harmony"} <= set(seen)
    assert 0.3 < seen["harmony"] < 0.9
    assert live.post(f"/v1/jobs/{own}/cancel").status_code in {200, 202}
    ended = live.get(f"/v1/jobs/{own}").json()
    while ended["state"] == "running" and time.monotonic() < until:
        time.sleep(0.05)
        ended = live.get(f"/v1/jobs/{own}").json()
    assert ended["state"] == "canceled"
    assert live.get(f"/v1/analyses/{own}").status_code == 404
