"""Bad input through the API: each gets a problem document with the status and field it deserves, and leaves nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tests.kits import kit_wavs
from tests.live import KEY, Live

KNOCK = {"knock.wav": kit_wavs()["knock.wav"]}


def problem(answer: requests.Response, status: int) -> dict[str, Any]:
    """The problem document of an answer with this status."""
    assert answer.status_code == status, (answer.status_code, answer.text[:300])
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code", "instance"} <= set(body)
    assert body["status"] == status
    assert "Traceback" not in answer.text
    assert "/work" not in answer.text
    assert str(Live.__module__) not in answer.text
    return body


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bpm", "NaN"),
        ("bpm", "inf"),
        ("bpm", "abc"),
        ("bpm", "0"),
        ("bpm", "1e9"),
        ("bpm", "39.9"),
        ("bpm", "true"),
        ("bpm", ""),
        ("bars", "0"),
        ("bars", "65"),
        ("bars", "2.5"),
        ("bars", "-1"),
        ("style", "gabberwaltz"),
        ("style", ""),
        ("meter", "9/8"),
        ("swing", "0.8"),
        ("swing", "0.49"),
        ("swing_unit", "12"),
        ("humanize", "2"),
        ("density", "-0.1"),
        ("shape", "1.1"),
        ("tune", "maybe"),
        ("arrange", "2"),
        ("groove_amount", "-1"),
        ("mode", "magic"),
        ("seed", "1.5"),
        ("seed", "99999999999999999999999"),
        ("roles", "[1"),
        ("roles", '{"knock.wav": "KICK"}'),
        ("roles", "[]"),
        ("title", "x" * 201),
        ("colour", "red"),
    ],
)
def test_a_field_out_of_range_is_named(live: Live, field: str, value: str) -> None:
    body = problem(live.beat(KNOCK, **{field: value}), 422)
    assert body["errors"][0]["field"].partition(".")[0] == field, body


def test_a_style_without_the_meter_says_which_it_has(live: Live) -> None:
    body = problem(live.beat(KNOCK, style="waltz", meter="4/4"), 422)
    assert (body["errors"][0]["field"], "3/4" in body["errors"][0]["message"]) == ("meter", True)


def test_missing_files_and_missing_bpm(live: Live) -> None:
    assert problem(live.post("/v1/beat", data={"bpm": 96}), 422)["errors"][0]["field"] == "samples"
    assert problem(live.post("/v1/beat", json={"bpm": 96}), 422)["errors"][0]["field"] == "samples"
    parts = [("samples", ("a.wav", KNOCK["knock.wav"], "audio/wav"))]
    assert problem(live.post("/v1/beat", files=parts), 422)["errors"][0]["field"] == "bpm"
    other = [("sounds", ("a.wav", KNOCK["knock.wav"], "audio/wav"))]
    assert problem(live.post("/v1/beat", files=other, data={"bpm": 96}), 422)["errors"][0]["field"] == "sounds"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"bpm": NaN}', "application/json", 400),
        (b"[1]", "application/json", 422),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"bpm: 96", "text/yaml", 415),
        (b"x", "", 415),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", 400),
    ],
)
def test_unreadable_bodies(live: Live, body: bytes, content_type: str, status: int) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    problem(live.post("/v1/beat", data=body, headers=headers), status)


def test_not_audio_is_named_by_its_place_and_nothing_is_stored(live: Live) -> None:
    before = [a["asset_id"] for a in live.get("/v1/assets?limit=100").json()["assets"]]
    files = [
        ("samples", ("good.wav", kit_wavs(4711)["thud.wav"], "audio/wav")),
        ("samples", ("list.m3u", b"#EXTM3U\nhttp://127.0.0.1/", "audio/wav")),
        ("samples", ("empty.wav", b"", "audio/wav")),
    ]
    body = problem(live.post("/v1/beat", files=files, data={"bpm": 96}), 415)
    assert [e["field"] for e in body["errors"]] == ["samples[1]", "samples[2]"]
    broken = [files[0], ("samples", ("cut.wav", kit_wavs(4712)["thud.wav"][:48], "audio/wav"))]
    body = problem(live.post("/v1/beat", files=broken, data={"bpm": 96}), 415)
    assert [e["field"] for e in body["errors"]] == ["samples[1]"]
    assert [a["asset_id"] for a in live.get("/v1/assets?limit=100").json()["assets"]] == before


def test_too_many_samples(live: Live) -> None:
    parts = [("samples", ("a.wav", KNOCK["knock.wav"], "audio/wav"))] * 65
    problem(live.post("/v1/beat", files=parts, data={"bpm": 96}), 413)


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/v1/nothing", "/v1/beat/x", "/v1/jobs/x", "/v1/assets/x", "/v1/samples/x", "/v1/beat/x/audio.wav"],
)
def test_unknown_addresses(live: Live, path: str) -> None:
    problem(live.get(path), 404)


def test_wrong_methods_say_what_is_allowed(live: Live) -> None:
    answer = live.http.put(live.url + "/v1/beats", timeout=10)
    problem(answer, 405)
    assert "GET" in answer.headers["Allow"]


def test_a_request_over_the_limit_is_413(live: Live) -> None:
    headers = {"Content-Length": str(10**10), "Content-Type": "multipart/form-data; boundary=x", "X-API-Key": KEY}
    answer = requests.post(live.url + "/v1/beat", data=b"", headers=headers, timeout=10)
    problem(answer, 413)


def test_other_owners_objects_do_not_exist(live: Live) -> None:
    """Every id of the lab, in every place where an id goes, is unknown to another owner."""
    import subprocess
    import sys

    made = subprocess.run(
        [sys.executable, "-m", "app", "keys", "create", "other", "--owner", "other"],
        env=live.env,
        capture_output=True,
        text=True,
        check=True,
    )
    other = {"X-API-Key": made.stdout.split()[0]}
    beat = live.beat(kit_wavs(), bars=1, seed=12).json()
    sample, path = beat["meta"]["samples"][0], f"/v1/beat/{beat['job_id']}"
    reads = [
        path,
        f"{path}/audio.wav",
        f"{path}/beat.mid",
        f"{path}?version=1",
        f"{path}/versions",
        f"/v1/jobs/{beat['job_id']}",
        f"/v1/jobs/{beat['job_id']}/events",
        f"/v1/assets/{sample['asset_id']}",
        f"/v1/assets/{sample['asset_id']}/content",
        f"/v1/samples/{sample['sample_id']}",
        f"/v1/samples?similar_to={sample['sample_id']}",
        f"{path}/samples/{sample['sample_id']}.wav",
    ]
    for one in reads:
        problem(requests.get(live.url + one, headers=other, timeout=10), 404)
    etag = {"If-Match": live.get(path).headers["ETag"], **other}
    writes: list[tuple[str, str, dict[str, Any]]] = [
        ("PATCH", path, {"ops": [{"op": "undo"}]}),
        ("POST", f"{path}/regenerate", {"seed": 1}),
        ("POST", f"{path}/restore", {"version": 1}),
        ("DELETE", path, {}),
        ("POST", f"/v1/jobs/{beat['job_id']}/cancel", {}),
        ("DELETE", f"/v1/assets/{sample['asset_id']}", {}),
        ("POST", "/v1/beat", {"bpm": 96, "sample_ids": [sample["asset_id"]]}),
        ("POST", "/v1/beat", {"bpm": 96, "sample_ids": [sample["sample_id"]]}),
        ("POST", "/v1/roles", {"sample_ids": [sample["asset_id"]]}),
        ("POST", "/v1/slices", {"audio_id": sample["asset_id"]}),
        ("POST", "/v1/grooves", {"audio_id": sample["asset_id"]}),
        ("POST", "/v1/grooves", {"midi_id": sample["asset_id"]}),
        ("PATCH", f"/v1/samples/{sample['sample_id']}", {"name": "x"}),
        ("POST", f"/v1/assets/{sample['asset_id']}/link", {}),
    ]
    for method, where, body in writes:
        problem(requests.request(method, live.url + where, json=body, headers=etag, timeout=10), 404)
    for listed in ("beats", "assets", "jobs", "samples"):
        assert requests.get(f"{live.url}/v1/{listed}", headers=other, timeout=10).json()[listed] == []
    assert live.get(path).status_code == 200


def test_keys_guard_everything(live: Live) -> None:
    for headers in (
        {},
        {"X-API-Key": "wrong"},
        {"Authorization": "Bearer wrong"},
        {"X-API-Key": "x" * 4_000},
        {"Authorization": "Basic eDp5"},
    ):
        answer = requests.get(f"{live.url}/v1/beats", headers=headers, timeout=10)
        assert problem(answer, 401)["code"] == "unauthorized"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert (
        requests.get(f"{live.url}/v1/beats", headers={"Authorization": f"Bearer {KEY}"}, timeout=10).status_code == 200
    )


def test_scopes_expiry_and_revocation(live: Live) -> None:
    import subprocess
    import sys

    def app(*words: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "app", "keys", *words], env=live.env, capture_output=True, text=True, check=True
        ).stdout

    reader = app("create", "reader", "--scope", "beats:read").split()[0]
    headers = {"X-API-Key": reader}
    assert requests.get(f"{live.url}/v1/beats", headers=headers, timeout=10).status_code == 200
    assert (
        problem(requests.post(f"{live.url}/v1/skeleton", json={"bpm": 96}, headers=headers, timeout=10), 403)["code"]
        == "forbidden"
    )
    expired = app("create", "old", "--days", "0.0000001").split()[0]
    problem(requests.get(f"{live.url}/v1/beats", headers={"X-API-Key": expired}, timeout=10), 401)
    row = next(line for line in app("list").splitlines() if "reader" in line)
    assert reader not in row
    assert row.split()[1] == reader[:10]
    app("revoke", row.split()[0])
    problem(requests.get(f"{live.url}/v1/beats", headers=headers, timeout=10), 401)


def test_names_are_shown_clean(live: Live) -> None:
    names = [
        "../../etc/passwd.wav",
        "a\x00b.wav",
        "C:\\\\temp\\\\kick.wav",
        "\u202egnp.wav",
        "x" * 4000 + ".wav",
        "日本語の音.wav",
        "   ",
    ]
    files = [("samples", (name, data, "audio/wav")) for name, data in zip(names, kit_wavs().values(), strict=False)]
    answer = live.post("/v1/beat", files=files, data={"bpm": 96, "bars": 1})
    assert answer.status_code == 200, answer.text
    shown = [s["name"] for s in answer.json()["meta"]["samples"]]
    assert shown[0] == "passwd.wav"
    assert shown[2] == "kick.wav"
    assert shown[3] == "gnp.wav"
    assert len(shown[4]) == 200
    assert shown[5] == "日本語の音.wav"
    assert not any(ord(c) < 32 for name in shown for c in name)
    json.dumps(shown)
