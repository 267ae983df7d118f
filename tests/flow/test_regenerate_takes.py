"""Several takes through the API: siblings that are saved together, once, whoever dies and whoever else asks."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from app.deps import Deps
from tests.flow.test_regenerate import SOUNDS, head, latest, once_more, patch, take, versions
from tests.live import Live


@pytest.fixture
def beat(live: Live) -> str:
    """A new beat of two bars."""
    answer = live.beat(SOUNDS, style="boombap", bars=2, seed=5)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["job_id"])


def test_takes_are_sibling_versions_and_the_first_is_the_beat(live: Live, beat: str) -> None:
    before = live.get(f"/v1/beat/{beat}").json()
    answer = take(live, beat, takes=3, seed=20)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [t["version"] for t in body["takes"]] == [2, 3, 4]
    assert body["takes"][0]["seed"] == body["meta"]["seed"] == 20
    listed = versions(live, beat)
    assert [v["version"] for v in listed] == [4, 3, 2, 1]
    assert {tuple(v["parents"]) for v in listed[:3]} == {(listed[3]["commit"],)}
    assert [v["head"] for v in listed] == [False, False, True, False]
    now = live.get(f"/v1/beat/{beat}")
    assert (now.json()["version"], now.headers["ETag"]) == (2, answer.headers["ETag"])
    assert patch(live, beat, {"op": "undo"})["events_json"] == before["events_json"]
    assert patch(live, beat, {"op": "redo"})["events_json"] == body["events_json"]
    assert patch(live, beat, {"op": "bpm", "bpm": 99})["version"] == 5


def test_each_take_can_be_read_heard_and_chosen(live: Live, beat: str) -> None:
    takes = take(live, beat, takes=2, roles=["MOTION"]).json()["takes"]
    read = [live.get(t["links"]["self"]).json() for t in takes]
    assert read[0]["events_json"] != read[1]["events_json"]
    assert [r["meta"]["seed"] for r in read] == [t["seed"] for t in takes]
    heard = [live.http.get(live.url + t["media"]["audio.wav"], timeout=60) for t in takes]
    assert [h.status_code for h in heard] == [200, 200]
    assert heard[0].content != heard[1].content
    chosen = live.http.post(
        f"{live.url}/v1/beat/{beat}/restore",
        json={"version": takes[1]["version"]},
        headers={"If-Match": head(live, beat)},
        timeout=30,
    )
    assert chosen.json()["events_json"] == read[1]["events_json"]


def test_another_hat_line_leaves_the_rest(live: Live, beat: str) -> None:
    before = live.get(f"/v1/beat/{beat}").json()
    after = take(live, beat, roles=["MOTION"]).json()
    assert after["meta"]["seed"] > before["meta"]["seed"]

    def part(body: dict[str, Any], motion: bool) -> list[Any]:
        return [e for e in body["events_json"] if (e["role"] == "MOTION") == motion]

    assert part(after, motion=False) == part(before, motion=False)
    assert part(after, motion=True) != part(before, motion=True)
    assert (after["grid_json"], after["sections"]) == (before["grid_json"], before["sections"])


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"takes": 0}, "takes"),
        ({"takes": 9}, "takes"),
        ({"takes": 2.5}, "takes"),
        ({"takes": 2, "from_stage": "render"}, "takes"),
        ({"takes": 2, "keep": ["nobody"]}, "keep"),
        ({"bars": [1, 0]}, "bars"),
        ({"bars": [0, 2]}, "bars"),
        ({"roles": ["KICK"]}, "roles[0]"),
        ({"from_stage": "arrange", "density": 0.2}, "density"),
        ({"roles": ["MOTION"], "shape": 0.1}, "shape"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(live: Live, beat: str, fields: dict[str, Any], named: str) -> None:
    answer = take(live, beat, **fields)
    assert answer.status_code == 422, answer.text
    assert named in [e["field"] for e in answer.json()["errors"]]
    assert len(versions(live, beat)) == 1


def test_a_role_without_a_sound_is_said(live: Live) -> None:
    one = {"knock.wav": SOUNDS["knock.wav"]}
    beat = live.beat(one, style="house", bars=1, roles='{"knock.wav": "TEXTURE"}').json()["job_id"]
    answer = take(live, beat, roles=["MOTION"], takes=3)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["takes"]) >= 1
    assert answer.json()["meta"]["warnings"]


def test_a_killed_attempt_s_takes_are_not_doubled(live: Live, deps: Deps, beat: str) -> None:
    taken = take(live, beat, takes=3).json()
    patch(live, beat, {"op": "bpm", "bpm": 150})
    before = versions(live, beat)
    done = once_more(deps, latest(deps, "regenerate"))
    assert (done["state"], done["error"]) == ("succeeded", None)
    assert versions(live, beat) == before
    again = live.get(f"/v1/jobs/{done['id']}").json()["result"]
    assert [(t["version"], t["seed"]) for t in again["takes"]] == [(t["version"], t["seed"]) for t in taken["takes"]]


def test_half_saved_takes_are_made_whole(live: Live, deps: Deps, beat: str) -> None:
    """The process died when some commits were stored and the head had not moved yet: no version shows until all do."""
    take(live, beat, takes=3)
    before = versions(live, beat)

    def not_moved(doc: dict[str, Any]) -> dict[str, Any]:
        return {**doc, "head": before[-1]["commit"], "log": doc["log"][:1], "number": 1}

    deps.store.mutate("beats", beat, not_moved)
    page = deps.store.find("commits", {"beat_id": beat, "number": 4}, limit=1)
    deps.store.delete("commits", page.items[0]["id"])
    assert [v["version"] for v in versions(live, beat)] == [1]
    assert once_more(deps, latest(deps, "regenerate"))["state"] == "succeeded"
    assert [(v["version"], v["commit"]) for v in versions(live, beat)] == [(v["version"], v["commit"]) for v in before]


def test_of_two_at_once_one_wins(live: Live, beat: str) -> None:
    etag = head(live, beat)
    found: list[int] = []

    def client(seed: int) -> None:
        headers = {"If-Match": etag, "Prefer": "wait=20"}
        answer = live.post(f"/v1/beat/{beat}/regenerate", json={"seed": seed, "takes": 2}, headers=headers)
        found.append(answer.status_code)

    threads = [threading.Thread(target=client, args=(30 + 10 * i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200, 412]
    assert [v["version"] for v in versions(live, beat)] == [3, 2, 1]


def test_repeated_takes_are_one_job(live: Live, beat: str) -> None:
    headers = {"If-Match": head(live, beat), "Idempotency-Key": f"takes-{beat}", "Prefer": "wait=20"}
    first, again = (live.post(f"/v1/beat/{beat}/regenerate", json={"takes": 2}, headers=headers) for _ in range(2))
    assert first.json()["takes"][0]["commit"] == again.json()["takes"][0]["commit"]
    assert len(versions(live, beat)) == 3


def test_a_beat_is_laid_out_anew_and_its_sections_edited(live: Live, beat: str) -> None:
    laid = take(live, beat, from_stage="arrange", bars_total=16, takes=2)
    assert laid.status_code == 200, laid.text
    body = laid.json()
    assert (body["grid_json"]["bars"], body["meta"]["seed"], body["meta"]["parameters"]["arrange"]) == (16, 5, True)
    assert len(body["sections"]) > 1
    assert [t["seed"] for t in body["takes"]] == sorted({t["seed"] for t in body["takes"]})
    rows = [
        {"name": "all", "first_bar": 0, "bars": 12, "low_pass_hz": None},
        {"name": "out", "first_bar": 12, "bars": 4, "low_pass_hz": 700},
    ]
    assert patch(live, beat, {"op": "sections", "sections": rows})["sections"] == rows
    over = [{**rows[0], "bars": 13}, rows[1]]
    answer = live.http.patch(
        f"{live.url}/v1/beat/{beat}",
        json={"ops": [{"op": "sections", "sections": over}]},
        headers={"If-Match": head(live, beat)},
        timeout=30,
    )
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == ["ops[0].sections[1].first_bar"]
