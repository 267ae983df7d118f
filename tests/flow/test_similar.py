"""`GET /v1/samples?similar_to=`: the owner's sounds, the most alike first."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kits import kit_wavs
from tests.live import Live

SEEDS = (901, 931, 961)


@pytest.fixture(scope="module")
def stomps(live: Live) -> dict[str, str]:
    """Three kits, each sound under a name of its own; the ids of all by their names."""
    ids: dict[str, str] = {}
    for seed in SEEDS:
        named = {f"{seed} {name}": wav for name, wav in kit_wavs(seed).items()}
        answer = live.beat(named, bars=1, style="house")
        assert answer.status_code == 200, answer.text
        ids |= {s["name"]: s["sample_id"] for s in answer.json()["meta"]["samples"]}
    return ids


def near(live: Live, sample_id: str, **query: Any) -> list[dict[str, Any]]:
    answer = live.get("/v1/samples", params={"similar_to": sample_id, **query})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["samples"]
    return found


@pytest.mark.parametrize("name", ["stomp.wav", "slap.wav", "keys.wav", "barrel.wav"])
def test_sounds_of_the_same_kind_come_first(live: Live, stomps: dict[str, str], name: str) -> None:
    asked = stomps[f"901 {name}"]
    rows = near(live, asked, limit=100)
    assert asked not in [row["sample_id"] for row in rows]
    ours = [row for row in rows if row["name"].split(" ")[0].isdecimal()]
    assert {row["name"] for row in ours[:2]} == {f"931 {name}", f"961 {name}"}
    values = [row["similarity"] for row in rows]
    assert values == sorted(values, reverse=True)
    assert all(0 <= value <= 1 for value in values)


def test_filters_hold_and_pages_go_on(live: Live, stomps: dict[str, str]) -> None:
    asked = stomps["901 stomp.wav"]
    assert {row["name"] for row in near(live, asked, q="961")} <= {n for n in stomps if n.startswith("961")}
    roles = {row["role"] for row in near(live, asked, role="CORE")}
    assert roles == {"CORE"}
    whole = [row["sample_id"] for row in near(live, asked, limit=6)]
    first = live.get("/v1/samples", params={"similar_to": asked, "limit": 3})
    second = live.get(first.links["next"]["url"])
    assert [row["sample_id"] for page in (first, second) for row in page.json()["samples"]] == whole


def test_a_corrected_role_and_a_new_sound_are_heeded_at_once(live: Live, stomps: dict[str, str]) -> None:
    asked, other = stomps["901 thud.wav"], stomps["931 thud.wav"]
    near(live, asked)
    etag = live.get(f"/v1/samples/{other}").headers["ETag"]
    fixed = live.http.patch(
        f"{live.url}/v1/samples/{other}", json={"role": "TEXTURE"}, headers={"If-Match": etag}, timeout=10
    )
    assert fixed.status_code == 200
    assert near(live, asked, role="TEXTURE")[0]["sample_id"] == other
    back = {"If-Match": fixed.headers["ETag"]}  # the other tests' sounds are alike
    taken = live.http.patch(f"{live.url}/v1/samples/{other}", json={"role": None}, headers=back, timeout=10)
    assert (taken.status_code, taken.json()["locked"]) == (200, False)
    fresh = live.beat({"new thud.wav": kit_wavs(985)["thud.wav"]}, bars=1, style="house").json()
    assert fresh["meta"]["samples"][0]["sample_id"] in [row["sample_id"] for row in near(live, asked, limit=100)]


@pytest.mark.parametrize(("query", "status"), [({}, 404), ({"cursor": "soon"}, 422), ({"role": "KICK"}, 422)])
def test_what_is_not_there_is_said(live: Live, stomps: dict[str, str], query: dict[str, str], status: int) -> None:
    asked = stomps["901 stomp.wav"] if query else "nobody"
    assert live.get("/v1/samples", params={"similar_to": asked, **query}).status_code == status
    assert live.get("/v1/samples", params={"similar_to": ""}).status_code == 422
