"""Grooves over HTTP: read from MIDI and audio, listed, applied to beats, deleted; bad input named."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import requests

from tests.kits import kit_wavs
from tests.live import Live
from tests.services.grooves.test_midi import notes_file, rock

WAIT = {"Prefer": "wait=30"}


def of_midi(live: Live, data: bytes, **fields: Any) -> Any:
    return live.post("/v1/grooves", files={"midi": ("feel.mid", data, "audio/midi")}, data=fields, headers=WAIT)


def laid_back(live: Live, ms: float = 20.0, **fields: Any) -> dict[str, Any]:
    """The groove of a rock beat whose snares come so late, at 120 bpm."""
    answer = of_midi(live, notes_file(rock(ms / 500)), **fields)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_groove_is_read_listed_shown_and_deleted(live: Live) -> None:
    made = laid_back(live, 21.0, name="Sunday")
    assert (made["name"], made["meter"], made["bpm"], made["swing"], made["swing_unit"]) == (
        "Sunday",
        "4/4",
        120,
        0.5,
        16,
    )
    assert made["offset_ms"]["ACCENT"] == {"4": pytest.approx(21, abs=1), "12": pytest.approx(21, abs=1)}
    assert made["velocity"]["MOTION"]["0"] == pytest.approx(80 / 127, abs=0.001)
    own = f"/v1/grooves/{made['groove_id']}"
    shown = live.get(own).json()
    assert shown == {k: v for k, v in made.items() if k not in {"job_id", "reused_from"}}
    assert own == made["links"]["self"]
    assert made["groove_id"] in [g["groove_id"] for g in live.get("/v1/grooves").json()["grooves"]]
    assert live.get(f"/v1/jobs/{made['job_id']}").json()["result"]["groove_id"] == made["groove_id"]
    assert live.http.delete(live.url + own, timeout=10).status_code == 204
    assert live.get(own).status_code == 404
    assert live.http.delete(live.url + own, timeout=10).status_code == 404


def test_the_same_file_again_is_another_groove_without_another_reading(live: Live) -> None:
    first, again = laid_back(live, 22.0), laid_back(live, 22.0)
    assert again["reused_from"] == first["job_id"]
    assert again["groove_id"] != first["groove_id"]
    assert again["offset_ms"] == first["offset_ms"]
    by_id = live.post("/v1/grooves", json={"midi_id": first["asset_id"]}, headers=WAIT).json()
    assert by_id["velocity"] == first["velocity"]


def test_without_prefer_it_is_a_job(live: Live) -> None:
    answer = live.post("/v1/grooves", files={"midi": ("a.mid", notes_file(rock(0.03)), "audio/midi")})
    assert (answer.status_code, answer.json()["kind"]) == (202, "groove")


def test_a_beat_takes_on_a_groove_and_gives_it_back(live: Live) -> None:
    groove = laid_back(live, 24.0)["groove_id"]
    beat = live.beat(kit_wavs(7), bpm=120, style="rock", groove=groove).json()
    late = {e["step"]: e["offset_ms"] for e in beat["events_json"] if e["role"] == "ACCENT" and e["step"] in {4, 12}}
    assert late == {4: pytest.approx(24, abs=1), 12: pytest.approx(24, abs=1)}
    midi = live.get(f"/v1/beat/{beat['job_id']}/beat.mid").content
    back = of_midi(live, midi).json()
    for step in ("4", "12"):
        assert back["offset_ms"]["ACCENT"][step] == pytest.approx(24, abs=3)
        assert back["velocity"]["ACCENT"][step] == pytest.approx(110 / 127, abs=0.08)
    wav = live.get(f"/v1/beat/{beat['job_id']}/audio.wav").content
    answer = live.post("/v1/grooves", files={"audio": ("beat.wav", wav, "audio/wav")}, data={"bpm": 120}, headers=WAIT)
    assert answer.status_code == 200, answer.text
    heard = answer.json()
    assert heard["bpm"] == 120
    for role in ("MOTION",):
        for step in heard["offset_ms"][role].keys() & back["offset_ms"][role].keys():
            assert heard["offset_ms"][role][step] == pytest.approx(back["offset_ms"][role][step], abs=3)


def test_half_the_amount_and_regenerate_with_another_groove(live: Live) -> None:
    groove, other = laid_back(live, 30.0)["groove_id"], laid_back(live, -10.0)["groove_id"]
    body = {"bpm": 120, "style": "rock", "humanize": 0, "groove": groove}

    def snares(events: list[dict[str, Any]]) -> set[float]:
        return {round(e["offset_ms"]) for e in events if e["role"] == "ACCENT" and e["step"] == 4 and not e["tick"]}

    assert snares(live.post("/v1/skeleton", json=body).json()["events_json"]) == {30}
    assert snares(live.post("/v1/skeleton", json={**body, "groove_amount": 0.5}).json()["events_json"]) == {15}
    beat = live.beat(kit_wavs(8), **{**body, "humanize": "0"})
    live.http.delete(f"{live.url}/v1/grooves/{groove}", timeout=10)

    def again(etag: str, **fields: Any) -> Any:
        return live.post(
            f"/v1/beat/{beat.json()['job_id']}/regenerate", json=fields, headers={"If-Match": etag, **WAIT}
        )

    kept = again(beat.headers["ETag"], seed=5)
    assert snares(kept.json()["events_json"]) == {30}, "a beat keeps its groove when that is deleted"
    moved = again(kept.headers["ETag"], groove=other)
    assert snares(moved.json()["events_json"]) == {-10}
    apart = again(moved.headers["ETag"], groove=other, roles=["MOTION"])
    assert (apart.status_code, apart.json()["errors"][0]["field"]) == (422, "groove"), "its swing moves every role"
    assert snares(again(moved.headers["ETag"], groove_amount=0).json()["events_json"]) == {0}


@pytest.mark.parametrize("route", ["/v1/skeleton", "/v1/grooves"])
def test_an_unknown_id_is_404_with_its_field(live: Live, route: str) -> None:
    body = {"bpm": 120, "groove": "nobody"} if route == "/v1/skeleton" else {"audio_id": "nobody"}
    answer = live.post(route, json=body, headers=WAIT)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (404, list(body)[-1])


def test_another_owners_groove_is_not_there(live: Live) -> None:
    groove = laid_back(live, 25.0)["groove_id"]
    made = subprocess.run(
        [sys.executable, "-m", "app", "keys", "create", "other", "--owner", "stranger"],
        env=live.env,
        capture_output=True,
        text=True,
        check=True,
    )
    headers = {"X-API-Key": made.stdout.split()[0]}
    answer = requests.post(
        f"{live.url}/v1/skeleton", json={"bpm": 120, "groove": groove}, headers={**headers, **WAIT}, timeout=10
    )
    assert answer.status_code == 404
    assert requests.get(f"{live.url}/v1/grooves/{groove}", headers=headers, timeout=10).status_code == 404
    assert requests.get(f"{live.url}/v1/grooves", headers=headers, timeout=10).json()["grooves"] == []


BAD: dict[str, tuple[dict[str, Any], int]] = {
    "nothing": ({"json": {}}, 422),
    "two things": ({"json": {"audio_id": "a", "midi_id": "b"}}, 422),
    "a text as midi": ({"files": {"midi": ("a.mid", b"no music", "audio/midi")}}, 415),
    "a midi as audio": ({"files": {"audio": ("a.mid", notes_file(rock()), "audio/midi")}}, 415),
    "a broken midi": ({"files": {"midi": ("a.mid", notes_file(rock())[:40], "audio/midi")}}, 415),
    "a midi without drums": ({"files": {"midi": ("a.mid", notes_file([]), "audio/midi")}}, 422),
    "five megabytes": ({"files": {"midi": ("a.mid", b"MThd" + b"\0" * 5_000_000, "audio/midi")}}, 413),
    "a bpm of 10": ({"json": {"audio_id": "a", "bpm": 10}}, 422),
    "an unknown field": ({"json": {"audio_id": "a", "swing": 0.6}}, 422),
    "an audio of one sound": ({"files": {"audio": ("a.wav", kit_wavs()["rain.wav"], "audio/wav")}}, 422),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named_and_leaves_nothing(live: Live, case: tuple[dict[str, Any], int]) -> None:
    sent, status = case
    before = live.get("/v1/grooves?limit=100").json()["grooves"]
    answer = live.post("/v1/grooves", headers=WAIT, **sent)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert live.get("/v1/grooves?limit=100").json()["grooves"] == before


def test_a_midi_file_is_no_sound_elsewhere(live: Live) -> None:
    asset = laid_back(live, 27.0)["asset_id"]
    assert live.get(f"/v1/assets/{asset}").json()["media_type"] == "audio/midi"
    assert live.get(f"/v1/assets/{asset}/content").content.startswith(b"MThd")
    assert live.get(f"/v1/assets/{asset}/waveform").status_code == 415
    beat = live.post("/v1/beat", json={"bpm": 100, "sample_ids": [asset]}, headers=WAIT)
    assert (beat.status_code, beat.json()["errors"][0]["field"]) == (415, "sample_ids[0]")
    slices = live.post("/v1/slices", json={"audio_id": asset}, headers=WAIT)
    assert (slices.status_code, slices.json()["errors"][0]["field"]) == (415, "audio_id")
