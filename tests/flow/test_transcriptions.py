"""Transcriptions over HTTP: asked for, corrected, given out as files, deleted; odd recordings get honest answers."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import time
from typing import Any

import mido
import numpy as np
import pytest
import requests
import soundfile as sf

from app.deps import Deps
from app.runs.transcriptions import retranscription
from app.tasks import JobContext, never
from db import jobs, marks
from db import transcriptions as repo
from services.audio.clip import Clip
from services.transcription.pipeline import NO_DRUMS
from tests.encoded import by_sndfile
from tests.kits import kit_wavs
from tests.live import Live
from tests.sounds import RATE, noise, silence, tone

WAIT = {"Prefer": "wait=60"}
BPM = 120.0
BARS = 6
FIELDS = {
    "transcription_id", "title", "name", "asset_id", "duration_s", "events", "beat", "bpm", "bpm_confidence",
    "tempo_map", "meter", "uncertain_bars", "hits", "engines", "warnings", "hints", "separate", "grid", "swing",
    "swing_unit", "created_at", "updated_at",
    "links", "media",
}  # fmt: skip
OWN = {"transcription_id", "job_id", "reused_from", "created_at", "updated_at", "links", "media"}


def wav(samples: np.ndarray, rate_hz: int = RATE) -> bytes:
    out = io.BytesIO()
    sf.write(out, np.atleast_2d(samples).T, rate_hz, format="WAV", subtype="PCM_16")
    return out.getvalue()


def _drums() -> dict[str, np.ndarray]:
    """A kick, a snare and a hat that begin with their first sample."""
    t = np.arange(round(0.4 * RATE)) / RATE
    hiss = np.random.default_rng(3).standard_normal(len(t) + 2)
    fall = 50 + 120 * np.exp(-t / 0.02)
    kick = np.sin(2 * np.pi * np.cumsum(fall) / RATE + 0.6) * np.exp(-t / 0.11)
    kick += 0.4 * np.sin(2 * np.pi * 3_000 * t + 0.8) * np.exp(-t / 0.002)
    snare = 0.5 * hiss[2:] * np.exp(-t / 0.06) + 0.6 * np.sin(2 * np.pi * 190 * t + 0.8) * np.exp(-t / 0.05)
    return {"kick": kick, "snare": snare, "hat": np.diff(hiss, 2) * np.exp(-t / 0.02)}


def rock(bars: int = BARS, bpm: float = BPM) -> np.ndarray:
    """A plain rock beat of made-up drums, mono (1, n), bar 0 a quarter of a second in."""
    step, kit = 30 / bpm, _drums()
    out = np.zeros(round((0.9 + bars * 8 * step) * RATE))
    for i in range(bars * 8):
        beat = ("kick", "", "snare", "")[i % 4]
        for name, gain in (("hat", 0.15), (beat, 0.8)):
            if name:
                at = round((0.25 + i * step) * RATE)
                out[at : at + len(kit[name])] += gain * kit[name]
    return (0.8 * out / np.abs(out).max()).astype(np.float32)[None]


def transcribe(live: Live, data: bytes, name: str = "drums.wav", **fields: Any) -> requests.Response:
    return live.post("/v1/transcriptions", files={"audio": (name, data, "audio/wav")}, data=fields, headers=WAIT)


def patched(live: Live, path: str, etag: str, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    sent = {"If-Match": etag, **(headers or {})}
    return live.http.patch(live.url + path, json=fields, headers=sent, timeout=90)


@pytest.fixture(scope="module")
def known() -> bytes:
    return wav(rock())


@pytest.fixture(scope="module")
def made(live: Live, known: bytes) -> dict[str, Any]:
    answer = transcribe(live, known, title="My song")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_drums_are_written_down(made: dict[str, Any]) -> None:
    assert FIELDS | {"job_id", "reused_from"} == set(made)
    assert made["bpm"] == pytest.approx(BPM, rel=0.01)
    kicks = [e["time_s"] for e in made["events"] if e["instrument"] == "kick"]
    wanted = [0.25 + bar * 2.0 + half for bar in range(BARS) for half in (0, 1.0)]
    found = sum(any(abs(k - w) < 0.02 for k in kicks) for w in wanted)
    assert found >= 0.9 * len(wanted)
    assert [e["time_s"] for e in made["events"]] == sorted(e["time_s"] for e in made["events"])
    notes = made["beat"]["events_json"]
    assert {n["id"] for n in notes} <= {e["id"] for e in made["events"]}
    by_id = {e["id"]: e["time_s"] for e in made["events"]}
    for note in notes:
        assert note["time_s"] + made["beat"]["start_s"] == pytest.approx(by_id[note["id"]], abs=0.001)
    assert made["engines"]["separator"] in {"none", "hpss"}
    assert len(made["engines"]["transcriber"]["sha256"]) == 64


def test_it_is_shown_listed_and_a_job_s_result(live: Live, made: dict[str, Any]) -> None:
    shown = live.get(made["links"]["self"])
    assert shown.json() == {k: v for k, v in made.items() if k not in {"job_id", "reused_from"}}
    again = live.get(made["links"]["self"], headers={"If-None-Match": shown.headers["ETag"]})
    assert again.status_code == 304
    listed = live.get("/v1/transcriptions?limit=100").json()["transcriptions"]
    one = next(a for a in listed if a["transcription_id"] == made["transcription_id"])
    assert (one["title"], one["hits"]) == ("My song", len(made["events"]))
    assert "events" not in one
    job = live.get(f"/v1/jobs/{made['job_id']}").json()
    assert (job["result"], job["links"]["result"]) == (made, made["links"]["self"])


def test_files_as_linked_and_signed(live: Live, made: dict[str, Any]) -> None:
    table = live.get(made["links"]["events.csv"])
    assert (table.status_code, table.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [r["id"] for r in rows] == [e["id"] for e in made["events"]]
    lengths = {}
    for name in ("drums-played.mid", "drums-quantised.mid"):
        answer = live.get(made["links"][name])
        assert answer.status_code == 200, answer.text
        assert "My song - 120bpm - drums.mid" in answer.headers["Content-Disposition"]
        file = mido.MidiFile(file=io.BytesIO(answer.content))
        lengths[name] = sum(m.type == "note_on" for t in file.tracks for m in t)
        signed = requests.get(live.url + made["media"][name], timeout=60)
        assert signed.content == answer.content
    assert lengths["drums-played.mid"] >= len(made["events"])
    assert live.get(made["links"]["self"] + "/drums.mid?timing=late").status_code == 422
    assert live.get(made["links"]["self"] + "/events.csv?x=1").status_code == 422


def test_the_drums_as_audio(live: Live, known: bytes, made: dict[str, Any]) -> None:
    link = made["links"]["drums.wav"]
    answer = live.get(link)
    assert answer.status_code == 200, answer.text
    assert "My song - drums.wav" in answer.headers["Content-Disposition"]
    stem, rate = sf.read(io.BytesIO(answer.content), dtype="float32")
    song, _ = sf.read(io.BytesIO(known), dtype="float32")
    assert (rate, stem.shape) == (RATE, song.shape)
    assert np.corrcoef(stem, song)[0, 1] > 0.6  # the long tone of a kick is no stroke to a median
    assert requests.get(live.url + made["media"]["drums.wav"], timeout=60).content == answer.content
    part = live.get(link, headers={"Range": "bytes=0-43"})
    assert (part.status_code, part.content) == (206, answer.content[:44])
    assert live.get(f"{link}?bits=16").status_code == 422


def test_a_stem_needs_the_recording(live: Live) -> None:
    made = transcribe(live, wav(rock(2, 97.0))).json()
    assert live.http.delete(f"{live.url}/v1/assets/{made['asset_id']}", timeout=10).status_code == 204
    answer = live.get(made["links"]["drums.wav"])
    assert (answer.status_code, answer.json()["code"]) == (409, "source_expired")


def test_an_equal_request_is_reused_and_another_listens_no_more(
    live: Live, deps: Deps, known: bytes, made: dict[str, Any]
) -> None:
    again = transcribe(live, known, title="My song").json()
    assert again["reused_from"] == made["job_id"]
    assert again["transcription_id"] != made["transcription_id"]
    assert {k: v for k, v in again.items() if k not in OWN} == {k: v for k, v in made.items() if k not in OWN}
    other = transcribe(live, known, grid="8").json()
    assert other["reused_from"] is None
    assert other["events"] == made["events"]
    assert {n["tick"] + n["step"] % 2 for n in other["beat"]["events_json"]} == {0}
    one, two = (repo.transcription(deps.store, "lab", a["transcription_id"]) for a in (made, other))
    assert one["parts"] == two["parts"]


def test_separation_is_declared(live: Live, known: bytes, made: dict[str, Any]) -> None:
    asked = live.post("/v1/transcriptions", json={"audio_id": made["asset_id"], "separate": True}, headers=WAIT).json()
    assert (asked["separate"], asked["engines"]["separator"]) == ("true", "hpss")
    assert len(asked["events"]) > len(made["events"]) / 2
    none = transcribe(live, known, separate="false").json()
    assert none["engines"]["separator"] == "none"


def test_corrections_need_no_recording(live: Live, deps: Deps) -> None:
    first = transcribe(live, wav(rock(bpm=112.0)))
    one, path = first.json(), first.json()["links"]["self"]
    assert live.http.delete(f"{live.url}/v1/assets/{one['asset_id']}", timeout=10).status_code == 204
    gone, turned = one["events"][0]["id"], one["events"][3]["id"]
    said = [{"id": gone, "deleted": True}, {"id": turned, "instrument": "ride"}]
    second = patched(live, path, first.headers["ETag"], events=said, meter="3/4", title="Waltz")
    assert second.status_code == 200, second.text
    two = second.json()
    assert (two["title"], two["meter"], two["beat"]["grid_json"]["meter"]) == ("Waltz", "3/4", "3/4")
    assert two["transcription_id"] == one["transcription_id"]
    ids = [e["id"] for e in two["events"]]
    assert ids == [e["id"] for e in one["events"] if e["id"] != gone]
    ride = next(e for e in two["events"] if e["id"] == turned)
    assert (ride["instrument"], ride["corrected"], ride["confidence"]) == ("ride", True, 1)
    back = [{"id": gone, "deleted": False}, {"id": turned, "instrument": None}]
    third = patched(live, path, second.headers["ETag"], events=back, meter=None, title="").json()
    assert {k: v for k, v in third.items() if k not in OWN} == {k: v for k, v in one.items() if k not in OWN}
    assert live.get(f"/v1/jobs/{two['job_id']}").json()["result"]["meter"] == "3/4", "a job's result stays what it was"
    doc = repo.transcription(deps.store, "lab", one["transcription_id"])
    assert set(doc["blobs"]) <= marks.marked(deps.store)
    assert live.http.delete(live.url + path, timeout=10).status_code == 204
    assert not set(doc["blobs"]) & marks.marked(deps.store)
    assert live.get(path).status_code == 404
    assert live.get(path + "/events.csv").status_code == 404
    assert patched(live, path, '"x"', title="a").status_code == 404


def test_swing_and_strength_are_heeded(live: Live, known: bytes) -> None:
    first = transcribe(live, known, title="Swung", swing="0.62", swing_unit="16")
    one, path = first.json(), first.json()["links"]["self"]
    assert (one["swing"], one["swing_unit"], one["beat"]["grid_json"]["swing"]) == (0.62, 16, 0.62)
    again = patched(live, path, first.headers["ETag"], swing=None, swing_unit=None)
    assert (again.json()["swing"], again.json()["beat"]["grid_json"]["swing"]) == (None, 0.5)
    assert again.json()["events"] == one["events"]
    midi = {q: live.get(f"{path}/drums.mid?timing=quantised{q}").content for q in ("", "&strength=1", "&strength=0")}
    assert midi[""] == midi["&strength=1"] != midi["&strength=0"]
    for query in ("timing=quantised&strength=1.5", "timing=played&strength=0.5", "strength=0.5"):
        refused = live.get(f"{path}/drums.mid?{query}")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "strength")


def test_a_change_names_the_state_that_it_saw(live: Live, known: bytes) -> None:
    first = transcribe(live, known, title="States")
    path = first.json()["links"]["self"]
    without = live.http.patch(live.url + path, json={"title": "a"}, timeout=10)
    assert (without.status_code, without.json()["code"]) == (428, "version_required")
    assert patched(live, path, first.headers["ETag"], title="b").status_code == 200
    stale = patched(live, path, first.headers["ETag"], title="c")
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    later = patched(live, path, live.get(path).headers["ETag"], {"Prefer": "respond-async"}, grid="16")
    assert (later.status_code, later.json()["kind"]) == (202, "retranscription")


def test_a_further_attempt_finds_what_the_first_one_saved(live: Live, deps: Deps, known: bytes) -> None:
    first = transcribe(live, known, title="Twice")
    path = first.json()["links"]["self"]
    changed = patched(live, path, first.headers["ETag"], meter="3/4").json()
    before = repo.transcription(deps.store, "lab", changed["transcription_id"])
    job = jobs.job_by_id(deps.store, changed["job_id"])
    assert job is not None
    again = retranscription(JobContext(deps, {**job, "attempt": 2}, never))
    assert again.result["state"] == repo.state_of(before)
    assert repo.transcription(deps.store, "lab", changed["transcription_id"]) == before


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, ""),
        ({"events": [{"id": "t1-kick-9", "deleted": True}]}, "events[0].id"),
        ({"events": [{"id": "t1-kick-9", "instrument": "shaker"}]}, "events[0].instrument"),
        ({"events": [{"deleted": True}]}, "events[0].id"),
        ({"events": []}, "events"),
        ({"title": "x" * 10_000}, "title"),
        ({"grid": "64"}, "grid"),
        ({"swing": 0.8}, "swing"),
        ({"swing": "much"}, "swing"),
        ({"swing_unit": 32}, "swing_unit"),
        ({"swing": 0.6, "swing_unit": 8, "meter": "6/8"}, "swing_unit"),
        ({"first_downbeat_s": 1e6}, "first_downbeat_s"),
        ({"bpm_min": 300, "bpm_max": 40}, "bpm_max"),
        ({"separate": "true"}, "separate"),
    ],
)
def test_a_bad_correction_changes_nothing(live: Live, made: dict[str, Any], fields: dict[str, Any], field: str) -> None:
    before = live.get(made["links"]["self"])
    answer = patched(live, made["links"]["self"], before.headers["ETag"], **fields)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text
    assert live.get(made["links"]["self"]).json()["events"] == before.json()["events"]


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "nothing": ({"json": {}}, 422, "audio"),
    "a text": ({"files": {"audio": ("a.wav", b"no music", "audio/wav")}}, 415, "audio"),
    "nobody's id": ({"json": {"audio_id": "nobody"}}, 404, "audio_id"),
    "a title of 10,000": ({"json": {"audio_id": "a", "title": "x" * 10_000}}, 422, "title"),
    "a grid of 12": ({"json": {"audio_id": "a", "grid": "12"}}, 422, "grid"),
    "a separator's name": ({"json": {"audio_id": "a", "separate": "hpss"}}, 422, "separate"),
    "an unknown field": ({"json": {"audio_id": "a", "colour": "red"}}, 422, "colour"),
    "a downbeat past the end": (
        {"files": {"audio": ("a.wav", wav(tone().samples), "audio/wav")}, "data": {"first_downbeat_s": "1.5"}}, 422,
        "first_downbeat_s",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named_and_leaves_nothing(live: Live, case: tuple[dict[str, Any], int, str]) -> None:
    sent, status, field = case
    before = live.get("/v1/transcriptions?limit=100").json()["transcriptions"]
    answer = live.post("/v1/transcriptions", **sent, headers=WAIT)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == field
    assert live.get("/v1/transcriptions?limit=100").json()["transcriptions"] == before


QUIET = {
    "silence": wav(silence(3.0).samples),
    "a constant": wav(np.full((1, RATE), 0.5, np.float32)),
    "ten milliseconds": wav(tone(seconds=0.01).samples),
    "a tone": wav(tone(seconds=6.0).samples),
}


@pytest.mark.parametrize("name", QUIET)
def test_what_has_no_drums_says_so(live: Live, name: str) -> None:
    answer = transcribe(live, QUIET[name])
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) >= FIELDS
    assert (body["events"], body["beat"], body["tempo_map"], body["warnings"]) == ([], None, [], [NO_DRUMS])
    assert set(body["links"]) == {"self", "events.csv"}
    assert live.get(body["links"]["events.csv"]).text.count("\n") == 1
    midi = live.get(body["links"]["self"] + "/drums.mid")
    assert (midi.status_code, midi.json()["code"]) == (404, "no_drums")


ODD = {
    "noise": wav(noise(6.0).samples),
    "a knock": kit_wavs()["knock.wav"],
    "six channels": wav(np.repeat(rock(2), 6, axis=0)),
    "clipped": wav(np.clip(rock(2) * 8, -1, 1)),
    "8 kHz": wav(rock(2)[:, ::5], 8_820),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_recordings_get_an_answer(live: Live, name: str) -> None:
    answer = transcribe(live, ODD[name])
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["beat"] is None) == (not body["events"])
    if name in {"six channels", "clipped"}:
        assert sum(e["instrument"] == "kick" for e in body["events"]) >= 3


def test_a_long_recording_shows_its_progress_and_stops_when_asked(live: Live) -> None:
    data = by_sndfile(Clip(np.tile(rock(30), (1, 10)), RATE), "FLAC")
    own = live.post("/v1/transcriptions", files={"audio": ("long.flac", data, "audio/flac")}).json()["job_id"]
    until = time.monotonic() + 120
    job: dict[str, Any] = {}
    while time.monotonic() < until and job.get("stage") != "detect":
        job = live.get(f"/v1/jobs/{own}").json()
        assert job["state"] in {"queued", "running"}, job
        time.sleep(0.05)
    assert 0.3 <= job["progress"] < 0.9
    assert live.post(f"/v1/jobs/{own}/cancel").status_code in {200, 202}
    while job["state"] in {"queued", "running"} and time.monotonic() < until:
        time.sleep(0.05)
        job = live.get(f"/v1/jobs/{own}").json()
    assert job["state"] == "canceled"
    assert live.get(f"/v1/transcriptions/{own}").status_code == 404


def test_another_owner_s_transcription_is_not_there(live: Live, made: dict[str, Any]) -> None:
    key = subprocess.run(
        [sys.executable, "-m", "app", "keys", "create", "drummer", "--owner", "other drummer"],
        env=live.env, capture_output=True, text=True, check=True,
    ).stdout.split()[0]  # fmt: skip
    url, headers = live.url + made["links"]["self"], {"X-API-Key": key}
    assert requests.get(url, headers=headers, timeout=10).status_code == 404
    assert requests.get(url + "/events.csv", headers=headers, timeout=10).status_code == 404
    assert requests.delete(url, headers=headers, timeout=10).status_code == 404
    change = requests.patch(url, json={"title": "b"}, headers={**headers, "If-Match": '"x"'}, timeout=10)
    assert change.status_code == 404
    assert requests.get(f"{live.url}/v1/transcriptions", headers=headers, timeout=10).json()["transcriptions"] == []
