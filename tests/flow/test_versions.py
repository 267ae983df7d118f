"""An older version as it was: its document, its files and links, an ETag that no change takes for the head."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.flow.test_regenerate import SOUNDS, patch
from tests.live import Live


@pytest.fixture(scope="module")
def beat(live: Live) -> str:
    """A beat of one bar in two versions: 96 and 150 bpm."""
    made = live.beat(SOUNDS, style="boombap", bars=1, seed=8)
    assert made.status_code == 200, made.text
    beat_id = str(made.json()["job_id"])
    patch(live, beat_id, {"op": "bpm", "bpm": 150})
    return beat_id


def test_an_older_version_reads_as_it_was(live: Live, beat: str) -> None:
    old, new = (live.get(f"/v1/beat/{beat}", params={"version": n}).json() for n in (1, 2))
    assert [(b["version"], b["grid_json"]["bpm"]) for b in (old, new)] == [(1, 96), (2, 150)]
    assert live.get(f"/v1/beat/{beat}").json()["version"] == 2


def test_its_links_stay_with_it(live: Live, beat: str) -> None:
    body = live.get(f"/v1/beat/{beat}?version=1").json()
    for name, address in body["links"].items():
        if name not in ("versions", "job"):
            assert parse_qs(urlsplit(address).query)["version"] == ["1"], name
    assert live.get(body["links"]["self"]).json()["version"] == 1
    signed = requests.get(live.url + body["media"]["self"], timeout=10).json()
    assert signed["version"] == 1
    tempered = requests.get(live.url + body["media"]["self"].replace("version=1", "version=2"), timeout=10)
    assert tempered.status_code == 401


def test_its_files_are_its_own(live: Live, beat: str) -> None:
    old, new = (live.get(f"/v1/beat/{beat}/beat.mid", params={"version": n}) for n in (1, 2))
    assert (old.status_code, new.status_code) == (200, 200)
    assert old.content != new.content
    assert live.get(f"/v1/beat/{beat}/beat.mid").content == new.content
    body = live.get(f"/v1/beat/{beat}?version=1").json()
    assert requests.get(live.url + body["media"]["beat.mid"], timeout=60).content == old.content
    wav = [live.get(f"/v1/beat/{beat}/audio.wav", params={"version": n, "bits": "16"}) for n in (1, 2)]
    assert len(wav[0].content) > len(wav[1].content)
    sample = body["meta"]["samples"][0]["sample_id"]
    assert live.get(body["links"][f"sample:{sample}"]).status_code == 200


@pytest.mark.parametrize("path", ["", "/audio.wav", "/beat.mid", "/kit.zip", "/stems.zip"])
def test_a_version_that_is_not_there_is_404(live: Live, beat: str, path: str) -> None:
    assert live.get(f"/v1/beat/{beat}{path}?version=3").status_code == 404
    assert live.get(f"/v1/beat/{beat}{path}?version=0").status_code == 422
    assert live.get(f"/v1/beat/{beat}{path}?version=first").status_code == 422


def test_its_etag_names_it_and_changes_nothing(live: Live, beat: str) -> None:
    old = live.get(f"/v1/beat/{beat}?version=1")
    same = live.get(f"/v1/beat/{beat}?version=1", headers={"If-None-Match": old.headers["ETag"]})
    assert same.status_code == 304
    assert old.headers["ETag"] != live.get(f"/v1/beat/{beat}").headers["ETag"]
    change = live.http.patch(
        f"{live.url}/v1/beat/{beat}",
        json={"ops": [{"op": "bpm", "bpm": 100}]},
        headers={"If-Match": old.headers["ETag"]},
        timeout=30,
    )
    assert change.status_code == 412


def test_every_listed_version_says_where_it_is_heard(live: Live, beat: str) -> None:
    for listed in live.get(f"/v1/beat/{beat}/versions").json()["versions"]:
        assert live.get(listed["links"]["self"]).json()["version"] == listed["version"]
        assert requests.get(live.url + listed["media"]["audio.wav"], timeout=60).status_code == 200
