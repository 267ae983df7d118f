"""Jobs as clients meet them: waiting, polling, streams, cancel, idempotency, and the rungs alone."""

from __future__ import annotations

import io
import json
import threading
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from tests.kits import kit_wavs
from tests.live import Live


def recording(times_s: tuple[float, ...], length_s: float = 3.0) -> bytes:
    """Knocks at known times over a little noise, as a WAV file."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal(round(44100 * length_s)) * 0.001
    for i, at in enumerate(times_s):
        n = np.arange(4000)
        x[round(at * 44100) :][:4000] += (
            0.6 * np.sin(2 * np.pi * (180 + 90 * i) * n / 44100) * np.exp(-n / (500 + 150 * i))
        )
    out = io.BytesIO()
    sf.write(out, x, 44100, format="WAV", subtype="PCM_16")
    return out.getvalue()


def test_respond_async_answers_202_and_the_job_leads_to_the_beat(live: Live) -> None:
    parts = [("samples", (n, d, "audio/wav")) for n, d in kit_wavs(50).items()]
    answer = live.post("/v1/beat", files=parts, data={"bpm": 96, "bars": 1}, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    assert int(answer.headers["Retry-After"]) >= 0
    job = answer.headers["Location"]
    with live.get(f"{job}/events", stream=True) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        text = stream.content.decode()
    events = [
        dict(line.split(": ", 1) for line in block.splitlines())
        for block in text.strip().split("\n\n")
        if "event: " in block
    ]
    assert events[0]["event"] == "snapshot"
    assert json.loads(events[-1]["data"])["state"] == "succeeded"
    done = live.get(job)
    assert done.json()["state"] == "succeeded"
    whole = live.get(f"/v1/beat/{done.json()['job_id']}").json()
    assert done.json()["result"]["events_json"] == whole["events_json"]
    assert live.get(job, headers={"If-None-Match": done.headers["ETag"]}).status_code == 304
    if len(events) > 2:
        with live.get(f"{job}/events", headers={"Last-Event-ID": events[1]["id"]}, stream=True) as stream:
            assert f"id: {events[0]['id']}\n" not in stream.content.decode()


def test_a_failed_job_answers_with_its_own_problem_everywhere(live: Live) -> None:
    broken = kit_wavs(60)["knock.wav"][:46]
    parts = [("samples", ("broken.wav", broken, "audio/wav"))]
    answer = live.post("/v1/beat", files=parts, data={"bpm": 96}, headers={"Prefer": "respond-async"})
    job = answer.json()["job_id"]
    with live.get(f"/v1/jobs/{job}/events", stream=True) as stream:
        assert stream.content
    failed = live.get(f"/v1/jobs/{job}").json()
    assert (failed["state"], failed["error"]["status"]) == ("failed", 415)
    assert live.get(f"/v1/beat/{job}").status_code == 415


def test_one_idempotency_key_is_one_job(live: Live) -> None:
    body, headers = {"bpm": 111, "seed": 8}, {"Idempotency-Key": "only-once-1"}
    first = live.post("/v1/skeleton", json=body, headers=headers).json()
    again = live.post("/v1/skeleton", json=body, headers=headers).json()
    assert again["job_id"] == first["job_id"]
    other = live.post("/v1/skeleton", json={**body, "seed": 9}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    bad = live.post("/v1/skeleton", json=body, headers={"Idempotency-Key": "x" * 300})
    assert bad.status_code == 422


def test_two_clients_with_one_key_and_files_get_one_beat(live: Live) -> None:
    """Multipart boundaries differ between the two; the fields and files are what counts."""
    import requests

    results: list[requests.Response] = []

    def client() -> None:
        parts = [("samples", (n, d, "audio/wav")) for n, d in kit_wavs(70).items()]
        headers = {"X-API-Key": live.http.headers["X-API-Key"], "Idempotency-Key": "two-clients"}
        results.append(
            requests.post(f"{live.url}/v1/beat", files=parts, data={"bpm": 96, "bars": 1}, headers=headers, timeout=60)
        )

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = {r.json()["job_id"] for r in results if r.status_code == 200}
    assert len(good) == 1
    assert {r.status_code for r in results} <= {200, 409}


def test_slices_of_a_clip_with_six_knocks(live: Live) -> None:
    times = (0.3, 0.75, 1.1, 1.6, 2.05, 2.5)
    files = {"audio": ("knocks.wav", recording(times), "audio/wav")}
    body = live.post("/v1/slices", files=files, data={"dedupe": "false"}).json()
    found = sorted(s["onset_s"] for s in body["slices"])
    assert len(found) == 6
    assert np.abs(np.array(found) - times).max() < 0.005
    for s in body["slices"]:
        assert 0 <= s["onset_s"] - s["start_s"] <= 0.0051
        assert s["start_s"] < s["attack_s"] < s["end_s"]
    known = live.get(f"/v1/samples/{body['slices'][0]['sample_id']}")
    assert known.status_code == 200
    assert live.get(f"/v1/samples/{body['slices'][0]['sample_id']}/preview").content.startswith(b"RIFF")


def test_roles_judge_each_sound_by_itself_and_locks_win(live: Live) -> None:
    parts = [("samples", (n, d, "audio/wav")) for n, d in kit_wavs().items()]
    body = live.post("/v1/roles", files=parts, data={"roles": json.dumps({"rain": "MOTION"})}).json()
    by_name = {s["name"]: s for s in body["samples"]}
    assert by_name["stomp.wav"]["role"] == "CORE"
    assert (by_name["rain.wav"]["role"], by_name["rain.wav"]["locked"]) == ("MOTION", True)
    again = live.post("/v1/roles", files=parts[:1]).json()
    assert again["samples"][0]["roles"] == by_name["stomp.wav"]["roles"]


def test_a_skeleton_needs_no_sound_and_takes_pools(live: Live) -> None:
    bare = live.post("/v1/skeleton", json={"bpm": 90, "style": "waltz", "bars": 8}).json()
    assert (bare["grid_json"]["meter"], len(bare["events_json"]) > 20) == ("3/4", True)
    pools = {"CORE": ["k"], "ACCENT": ["s"], "MOTION": ["h"]}
    pooled = live.post("/v1/skeleton", json={"bpm": 120, "style": "house", "pools": pools}).json()
    assert {e["sample_id"] for e in pooled["events_json"]} == {"k", "s", "h"}


@pytest.mark.parametrize("meter", ["4/4", "3/4", "2/4", "5/4", "7/8", "6/8", "12/8"])
def test_every_meter_has_a_style(live: Live, meter: str) -> None:
    body = live.post("/v1/skeleton", json={"bpm": 120, "meter": meter}).json()
    assert body["grid_json"]["meter"] == meter
    assert {e["role"] for e in body["events_json"]} >= {"CORE", "ACCENT", "MOTION"}


def test_styles_are_listed_with_their_ranges(live: Live) -> None:
    styles = {s["name"]: s for s in live.get("/v1/styles").json()["styles"]}
    assert {"house", "boombap", "rock", "trap", "lofi", "waltz"} <= set(styles)
    assert sum("6/8" in s["meters"] for s in styles.values()) >= 2
    assert all(40 <= s["bpm_min"] < s["bpm_max"] <= 300 and 0.5 <= s["swing"] <= 0.75 for s in styles.values())


def test_the_same_bytes_are_one_asset(live: Live) -> None:
    data = kit_wavs(80)["knock.wav"]

    def upload(name: str) -> Any:
        return live.post("/v1/assets", files={"audio": (name, data, "audio/wav")})

    first, again = upload("one.wav"), upload("two.wav")
    assert (first.status_code, again.status_code) == (201, 200)
    asset = again.json()
    assert asset["asset_id"] == first.json()["asset_id"]
    assert asset["duration_s"] == pytest.approx(0.3, abs=0.01)
    assert asset["expires_at"] > asset["created_at"]
    peaks = live.get(f"/v1/assets/{asset['asset_id']}/waveform").json()["peaks"]
    assert 1 < len(peaks) <= 800
    assert max(max(-low, high) for low, high in peaks) == pytest.approx(0.8, abs=0.02)
    link = live.post(f"/v1/assets/{asset['asset_id']}/link").json()["url"]
    import requests

    assert requests.get(live.url + link, timeout=10).content == data
    assert live.http.delete(f"{live.url}/v1/assets/{asset['asset_id']}", timeout=10).status_code == 204
    assert live.get(f"/v1/assets/{asset['asset_id']}").status_code == 404


def test_an_asset_that_is_no_audio_leaves_nothing(live: Live) -> None:
    refused = live.post("/v1/assets", files={"audio": ("x.wav", b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav")})
    assert refused.status_code == 415
    assert all(a["name"] != "x.wav" for a in live.get("/v1/assets?limit=100").json()["assets"])


def test_a_corrected_sound_stays_corrected(live: Live) -> None:
    beat = live.beat(kit_wavs(90), bars=1).json()
    sample = beat["meta"]["samples"][0]
    path = f"/v1/samples/{sample['sample_id']}"
    etag = live.get(path).headers["ETag"]
    patched = live.http.patch(
        live.url + path, json={"role": "FILL", "tags": ["wood"]}, headers={"If-Match": etag}, timeout=10
    )
    assert (patched.status_code, patched.json()["role"]) == (200, "FILL")
    ids = [s["sample_id"] for s in beat["meta"]["samples"]]
    used = live.post("/v1/beat", json={"bpm": 96, "bars": 1, "sample_ids": ids}).json()
    again = next(s for s in used["meta"]["samples"] if s["sample_id"] == sample["sample_id"])
    assert (again["role"], again["pool_role"], again["locked"]) == ("FILL", "FILL", True)


def test_health_ready_and_metrics(live: Live) -> None:
    import requests

    health = requests.get(f"{live.url}/health", timeout=5).json()
    assert health["status"] == "ok"
    ready = requests.get(f"{live.url}/ready", timeout=5).json()
    assert all(ready["checks"][name]["ok"] for name in ("store", "redis", "worker", "disk"))
    text = requests.get(f"{live.url}/metrics", timeout=5).text
    assert "soundroutine_workers_alive" in text
    assert "soundroutine_requests_total{" in text
    forwarded = requests.get(f"{live.url}/metrics", headers={"X-Forwarded-For": "203.0.113.9"}, timeout=5)
    assert forwarded.status_code == 401
