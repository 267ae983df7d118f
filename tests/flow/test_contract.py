"""Corners of the contract that were once wrong: races, reuse, names, ranges, tags."""

from __future__ import annotations

import io
import threading
from typing import Any

import pytest
import requests

from tests.kits import kit_wavs
from tests.live import KEY, Live

HEADERS = {"X-API-Key": KEY}


def make(live: Live, seed: int, **fields: Any) -> dict[str, Any]:
    answer = live.beat(kit_wavs(), bars=1, seed=seed, style="house", **fields)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_the_losers_of_a_race_leave_no_version(live: Live) -> None:
    path = f"{live.url}/v1/beat/{make(live, 501)['job_id']}"
    etag = requests.get(path, headers=HEADERS, timeout=10).headers["ETag"]
    statuses: list[int] = []

    def client(bpm: int) -> None:
        body = {"ops": [{"op": "bpm", "bpm": bpm}]}
        statuses.append(requests.patch(path, json=body, headers={**HEADERS, "If-Match": etag}, timeout=30).status_code)

    threads = [threading.Thread(target=client, args=(100 + i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, *[412] * 7]
    versions = requests.get(f"{path}/versions", headers=HEADERS, timeout=10).json()["versions"]
    assert [v["version"] for v in versions] == [2, 1]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/skeleton", b'{"bpm": 96, "style": "\\ud800"}', 400),
        ("/v1/beat", b'{"bpm": 96, "title": "\\uD834", "sample_ids": ["x"]}', 400),
        ("/v1/skeleton", b'{"bpm": "1_0_0"}', 422),
        ("/v1/skeleton", b'{"bpm": 96, "bars": "+-3"}', 422),
        ("/v1/skeleton", b'{"bpm": 96, "seed": "--1"}', 422),
        ("/v1/skeleton", b'{"bpm": 96, "bars": "\xef\xbc\x94"}', 422),
    ],
)
def test_odd_texts_are_refused(live: Live, path: str, body: bytes, status: int) -> None:
    answer = live.post(path, data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text


def test_a_huge_json_body_is_413(live: Live) -> None:
    body = b'{"bpm": 96, "title": "' + b"x" * 3_000_000 + b'"}'
    answer = requests.post(
        f"{live.url}/v1/beat", data=body, headers={**HEADERS, "Content-Type": "application/json"}, timeout=10
    )
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")


def test_a_repeated_regenerate_is_one_job(live: Live) -> None:
    beat = make(live, 502)["job_id"]
    etag = live.get(f"/v1/beat/{beat}").headers["ETag"]
    headers = {"If-Match": etag, "Idempotency-Key": "regenerate-once", "Prefer": "wait=20"}
    first = live.post(f"/v1/beat/{beat}/regenerate", json={"seed": 5}, headers=headers)
    again = live.post(f"/v1/beat/{beat}/regenerate", json={"seed": 5}, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json()["version"] == first.json()["version"] == 2
    assert first.json()["job_id"] == beat
    assert first.headers["ETag"] == live.get(f"/v1/beat/{beat}").headers["ETag"]


def test_a_regenerate_job_leads_to_its_beat(live: Live) -> None:
    beat = make(live, 503)["job_id"]
    headers = {"If-Match": live.get(f"/v1/beat/{beat}").headers["ETag"], "Prefer": "respond-async"}
    job = live.post(f"/v1/beat/{beat}/regenerate", json={"seed": 6}, headers=headers).json()
    assert job["links"]["result"] == f"/v1/beat/{beat}"


def test_a_correction_is_heeded_by_the_next_equal_request(live: Live) -> None:
    ids = [s["sample_id"] for s in make(live, 504)["meta"]["samples"]]
    body = {"bpm": 101, "bars": 1, "style": "house", "sample_ids": ids}
    first = live.post("/v1/beat", json=body).json()
    path = f"/v1/samples/{ids[1]}"
    etag = live.get(path).headers["ETag"]
    fixed = live.http.patch(live.url + path, json={"role": "TEXTURE"}, headers={"If-Match": etag}, timeout=10)
    assert fixed.status_code == 200
    second = live.post("/v1/beat", json=body).json()
    assert second["meta"]["reused_from"] is None
    sample = next(s for s in second["meta"]["samples"] if s["sample_id"] == ids[1])
    assert (sample["role"], sample["locked"]) == ("TEXTURE", True)
    assert first["job_id"] != second["job_id"]
    back = {"If-Match": fixed.headers["ETag"]}  # the other tests' sounds are alike
    assert live.http.patch(live.url + path, json={"role": None}, headers=back, timeout=10).json()["locked"] is False


def test_refused_files_are_named_by_their_place_in_the_request(live: Live) -> None:
    good = kit_wavs(600)
    assert live.beat(dict(list(good.items())[:2]), bars=1).status_code == 200
    cut = list(good.values())[2][:46]
    silent = io.BytesIO()
    import numpy as np
    import soundfile as sf

    sf.write(silent, np.zeros(44100), 44100, format="WAV", subtype="PCM_16")
    files = [*list(good.items())[:2], ("cut.wav", cut), ("silent.wav", silent.getvalue())]
    parts = [("samples", (name, data, "audio/wav")) for name, data in files]
    answer = live.post("/v1/beat", files=parts, data={"bpm": 96, "bars": 1})
    assert [e["field"] for e in answer.json()["errors"]] == ["samples[2]", "samples[3]"]


def test_names_differ_over_files_and_ids(live: Live) -> None:
    data = list(kit_wavs(610).values())
    asset = live.post("/v1/assets", files={"audio": ("hit.wav", data[0], "audio/wav")}).json()["asset_id"]
    parts = [("samples", ("hit.wav", d, "audio/wav")) for d in data[1:3]]
    beat = live.post("/v1/beat", files=parts, data={"bpm": 96, "bars": 1, "sample_ids": asset}).json()
    assert {s["name"] for s in beat["meta"]["samples"]} == {"hit.wav", "hit (2).wav", "hit (3).wav"}


def test_an_asset_uploaded_again_after_deletion_is_heard_again(live: Live) -> None:
    data = {"audio": ("again.wav", kit_wavs(620)["knock.wav"], "audio/wav")}
    first = live.post("/v1/assets", files=data).json()
    assert live.http.delete(f"{live.url}/v1/assets/{first['asset_id']}", timeout=10).status_code == 204
    again = live.post("/v1/assets", files=data)
    assert (again.status_code, again.json()["duration_s"]) == (201, first["duration_s"])
    assert live.get(f"/v1/assets/{first['asset_id']}/waveform").status_code == 200


def test_odd_ranges_and_conditions_of_files(live: Live) -> None:
    path = make(live, 505)["links"]["beat.mid"]
    whole = live.get(path)
    for odd in ("items=0-1", "bytes=0-1,5-6", "bytes=a-b"):
        assert live.get(path, headers={"Range": odd}).content == whole.content
    weak = {"Range": "bytes=0-3", "If-Range": f"W/{whole.headers['ETag']}"}
    assert live.get(path, headers=weak).status_code == 200
    stale = live.get(path, headers={"If-Match": '"another"'})
    assert (stale.status_code, stale.headers["Content-Type"]) == (412, "application/problem+json")


def test_sounds_are_found_by_name_and_heard_by_link(live: Live) -> None:
    live.beat({"the big drum.wav": kit_wavs(630)["stomp.wav"], "b.wav": kit_wavs(630)["slap.wav"]}, bars=1)
    found = live.get("/v1/samples?q=BIG%20dr&limit=1").json()["samples"]
    assert [s["name"] for s in found] == ["the big drum.wav"]
    assert requests.get(live.url + found[0]["media"]["preview"], timeout=10).content.startswith(b"RIFF")


def test_every_link_has_a_signed_twin_that_makes_no_longer_lived_ones(live: Live) -> None:
    beat = make(live, 506)
    assert set(beat["media"]) == set(beat["links"])
    shared = requests.get(live.url + beat["media"]["self"], timeout=10)
    assert shared.json()["events_json"] == beat["events_json"]

    def expiry(url: str) -> int:
        return int(url.partition("expires=")[2].partition("&")[0])

    assert expiry(shared.json()["media"]["audio.wav"]) <= expiry(beat["media"]["self"])
    assert requests.get(live.url + beat["media"]["versions"], timeout=10).status_code == 200


def test_a_name_with_a_line_break_cannot_break_a_header(live: Live) -> None:
    sample = make(live, 507)["meta"]["samples"][0]["sample_id"]
    etag = live.get(f"/v1/samples/{sample}").headers["ETag"]
    fields = {"name": "a\r\nX-Evil: 1"}
    live.http.patch(f"{live.url}/v1/samples/{sample}", json=fields, headers={"If-Match": etag}, timeout=10)
    heard = live.get(f"/v1/samples/{sample}/preview")
    assert (heard.status_code, "X-Evil" in heard.headers) == (200, False)


def test_messages_are_for_musicians(live: Live) -> None:
    assert live.post("/v1/skeleton", json={"bpm": 20}).json()["detail"] == "bpm: must be 40 to 300"
    assert live.post("/v1/skeleton", json={}).json()["detail"] == "bpm: is missing"
    assert live.get("/v1/beat/nope").json()["detail"] == "There is no beat with this id."
