"""The score files of a beat and of a transcription over HTTP."""

from __future__ import annotations

import io
import json

import mido
import pypdf
import pytest
import requests

from services.notation.bsm_reader import read_bsm
from services.notation.musicxml_reader import read_musicxml
from tests.flow.test_regenerate import SOUNDS
from tests.live import Live

TYPES = {
    "score.pdf": "application/pdf",
    "score.svg": "image/svg+xml",
    "score.musicxml": "application/vnd.recordare.musicxml+xml",
    "beat.bsm": "application/json",
    "events.csv": "text/csv",
}


@pytest.fixture(scope="module")
def beat(live: Live) -> dict[str, object]:
    """A beat of four bars."""
    made = live.beat(SOUNDS, style="boombap", bars=4, seed=8)
    assert made.status_code == 200, made.text
    body: dict[str, object] = made.json()
    return body


@pytest.mark.parametrize("name", sorted(TYPES))
def test_every_file_is_there_under_its_link_and_its_signed_twin(
    live: Live, beat: dict[str, dict[str, str]], name: str
) -> None:
    got = live.get(beat["links"][name])
    assert got.status_code == 200, got.text
    assert got.headers["Content-Type"].startswith(TYPES[name])
    assert requests.get(live.url + beat["media"][name], timeout=60).content == got.content


def test_they_hold_the_same_notes(live: Live, beat: dict[str, object]) -> None:
    base = f"/v1/beat/{beat['job_id']}"
    events = [e for e in beat["events_json"] if not e["muted"]]  # type: ignore[attr-defined]
    score = read_musicxml(live.get(f"{base}/score.musicxml").content)
    places = sorted((e["bar"], e["step"], e["tick"], e["instrument"]) for e in events)
    assert sorted((e.bar, e.step, e.tick, e.instrument) for e in score.events) == places
    assert {e.id for e in read_bsm(live.get(f"{base}/beat.bsm").content).events} == {e["id"] for e in events}
    rows = live.get(f"{base}/events.csv").text.splitlines()
    assert len(rows) == 1 + len(beat["events_json"])  # type: ignore[arg-type]
    assert len(pypdf.PdfReader(io.BytesIO(live.get(f"{base}/score.pdf?paper=letter").content)).pages) == 1


def test_pages_repeats_and_paper_are_checked(live: Live, beat: dict[str, object]) -> None:
    base = f"/v1/beat/{beat['job_id']}"
    missing = live.get(f"{base}/score.svg?page=2")
    assert (missing.status_code, missing.json()["errors"][0]["field"]) == (422, "page")
    for query in ("page=0", "paper=a3", "repeats=all"):
        assert live.get(f"{base}/score.svg?{query}").status_code == 422
    folded = live.get(f"{base}/score.musicxml?repeats=signs")
    assert folded.status_code == 200
    assert live.get(f"{base}/score.svg?repeats=simile&paper=letter").status_code == 200


def test_a_transcription_prints(live: Live, beat: dict[str, object]) -> None:
    wav = live.get(f"/v1/beat/{beat['job_id']}/audio.wav?bits=16").content
    made = live.post("/v1/transcriptions", files={"audio": ("beat.wav", wav)}, headers={"Prefer": "wait=60"})
    assert made.status_code == 200, made.text
    body = made.json()
    base = f"/v1/transcriptions/{body['transcription_id']}"
    assert body["events"]
    for name, kind in (("score.pdf", "application/pdf"), ("score.svg", "image/svg+xml")):
        got = live.get(f"{base}/{name}")
        assert (got.status_code, got.headers["Content-Type"].split(";")[0]) == (200, kind)
    score = read_musicxml(live.get(f"{base}/score.musicxml").content)
    notes = body["beat"]["events_json"]
    assert sorted((e.bar, e.step, e.instrument) for e in score.events) == sorted(
        (e["bar"], e["step"], e["instrument"]) for e in notes
    )
    hits = json.loads(live.get(f"{base}/map.bsm").content)["hitObjects"]
    heard = {e["id"]: e["time_s"] for e in body["events"]}
    assert all(abs(h["time"] / 1000 - heard[h["id"]]) < 0.002 for h in hits)
    played = mido.MidiFile(file=io.BytesIO(live.get(f"{base}/drums.mid").content))
    assert any(m.type == "note_on" for track in played.tracks for m in track)


def test_without_drums_there_is_no_score(live: Live) -> None:
    silence = b"RIFF\x24\x77\x01\x00WAVEfmt \x10\0\0\0\1\0\1\0\x44\xac\0\0\x88\x58\1\0\2\0\x10\0data\0\x77\x01\x00"
    made = live.post(
        "/v1/transcriptions",
        files={"audio": ("still.wav", silence + bytes(96_000))},
        headers={"Prefer": "wait=60"},
    )
    assert made.status_code == 200, made.text
    body = made.json()
    assert "score.pdf" not in body["links"]
    got = live.get(f"/v1/transcriptions/{body['transcription_id']}/score.pdf")
    assert (got.status_code, got.json()["code"]) == (404, "no_drums")
