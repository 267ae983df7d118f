"""Another take through the API, and what becomes of it when the process that makes it dies at the wrong moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.deps import Deps
from app.tasks import run_job
from db import jobs
from services import clock
from tests.kits import kit_wavs
from tests.live import Live

SOUNDS = kit_wavs(41)
LATER = timedelta(hours=1)  # a lease that no sweeper finds lapsed within the test


@pytest.fixture
def beat(live: Live) -> str:
    """A new beat of four bars."""
    answer = live.beat(SOUNDS, style="boombap", bars=4, seed=5)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["job_id"])


def head(live: Live, beat_id: str) -> str:
    return live.get(f"/v1/beat/{beat_id}").headers["ETag"]


def patch(live: Live, beat_id: str, *ops: dict[str, Any]) -> dict[str, Any]:
    answer = live.http.patch(
        f"{live.url}/v1/beat/{beat_id}", json={"ops": list(ops)}, headers={"If-Match": head(live, beat_id)}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def take(live: Live, beat_id: str, **fields: Any) -> Any:
    return live.post(
        f"/v1/beat/{beat_id}/regenerate",
        json=fields,
        headers={"If-Match": head(live, beat_id), "Prefer": "wait=20"},
    )


def versions(live: Live, beat_id: str) -> list[dict[str, Any]]:
    """The versions without their signed links, which end an hour after each reading."""
    listed = live.get(f"/v1/beat/{beat_id}/versions").json()["versions"]
    return [{name: value for name, value in one.items() if name != "media"} for one in listed]


def once_more(deps: Deps, job_id: str, **changes: Any) -> dict[str, Any]:
    """Run a job again as if its process had died just before it wrote the end; the job as it ends then."""

    def died(job: dict[str, Any]) -> dict[str, Any]:
        lease = {"owner": "test", "until": clock.now() + LATER, "returned": False}
        return {**job, "state": "running", "attempt": job["attempt"] + 1, "lease": lease, **changes}

    job = jobs.move(deps.store, job_id, died)
    assert job is not None
    run_job(deps, job_id, job["attempt"])
    done = jobs.job_by_id(deps.store, job_id)
    assert done is not None
    return done


def latest(deps: Deps, kind: str) -> str:
    """The id of the newest job of a kind."""
    page = deps.store.find("jobs", {"kind": kind}, limit=1)
    return str(page.items[0]["id"])


def test_tempo_changes_outlive_another_take(live: Live, beat: str) -> None:
    patch(live, beat, {"op": "bpm", "bpm": 140, "bar": 2})
    taken = take(live, beat, seed=7).json()
    assert taken["grid_json"]["tempo_map"] == [[0, 96], [2, 140]]
    assert take(live, beat, bpm=120).json()["grid_json"]["tempo_map"] == [[0, 120]]


def test_a_new_style_brings_its_meter(live: Live, beat: str) -> None:
    taken = take(live, beat, style="waltz")
    assert taken.status_code == 200, taken.text
    assert (taken.json()["grid_json"]["meter"], taken.json()["meta"]["style"]) == ("3/4", "waltz")


def test_a_role_set_by_hand_outlives_a_new_hearing(live: Live, beat: str) -> None:
    sample = live.get(f"/v1/beat/{beat}").json()["meta"]["samples"][0]["sample_id"]
    patch(
        live,
        beat,
        {"op": "role", "sample_id": sample, "role": "TEXTURE"},
        {"op": "gain", "sample_id": sample, "gain_db": -4},
        {"op": "pan", "sample_id": sample, "pan": 0.5},
    )
    taken = take(live, beat, from_stage="preprocess").json()
    (kept,) = [s for s in taken["meta"]["samples"] if s["sample_id"] == sample]
    assert (kept["role"], kept["pool_role"], kept["locked"]) == ("TEXTURE", "TEXTURE", True)
    assert (kept["gain_db"], kept["pan"]) == (-4, 0.5)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"roles": ["MOTION"], "bpm": 120, "swing": 0.6}, {"bpm", "swing"}),
        ({"bars": [0, 1], "bars_total": 8}, {"bars_total"}),
        ({"from_stage": "render", "seed": 4, "style": "house"}, {"seed", "style"}),
        ({"roles": ["MOTION"], "style": "waltz"}, {"style"}),
    ],
)
def test_fields_that_would_be_ignored_are_refused(
    live: Live, beat: str, fields: dict[str, Any], named: set[str]
) -> None:
    answer = take(live, beat, **fields)
    assert answer.status_code == 422, answer.text
    assert {e["field"] for e in answer.json()["errors"]} == named
    assert len(versions(live, beat)) == 1


def test_a_huge_number_in_an_edit_is_refused(live: Live, beat: str) -> None:
    body = '{"ops": [{"op": "gain", "role": "CORE", "gain_db": 1' + "0" * 400 + "}]}"
    answer = live.http.patch(
        f"{live.url}/v1/beat/{beat}",
        data=body,
        headers={"If-Match": head(live, beat), "Content-Type": "application/json"},
        timeout=30,
    )
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "ops[0].gain_db")


def test_the_same_bytes_under_two_names_are_in_the_kit_once(live: Live) -> None:
    sound = SOUNDS["knock.wav"]
    answer = live.beat({"one.wav": sound, "two.wav": sound}, bars=1, style="rock", roles='{"two.wav": "FILL"}')
    assert answer.status_code == 200, answer.text
    meta = answer.json()["meta"]
    assert [(s["name"], s["role"]) for s in meta["samples"]] == [("one.wav", "FILL")]
    assert any("two.wav" in w and "one.wav" in w for w in meta["warnings"])


def test_an_attempt_after_the_commit_answers_with_it(live: Live, deps: Deps, beat: str) -> None:
    taken = take(live, beat, seed=6).json()
    before = versions(live, beat)
    done = once_more(deps, latest(deps, "regenerate"))
    assert (done["state"], done["error"]) == ("succeeded", None)
    assert versions(live, beat) == before
    again = live.get(f"/v1/jobs/{done['id']}").json()["result"]
    assert (again["version"], again["events_json"]) == (2, taken["events_json"])
    assert before[0]["at"] == clock.iso(done["created_at"])


@pytest.mark.parametrize("op", [{"op": "bpm", "bpm": 150}, {"op": "undo"}], ids=["edited", "undone"])
def test_it_does_so_wherever_the_head_is_by_then(live: Live, deps: Deps, beat: str, op: dict[str, Any]) -> None:
    taken = take(live, beat, seed=6).json()
    patch(live, beat, op)
    before = versions(live, beat)
    done = once_more(deps, latest(deps, "regenerate"))
    assert done["state"] == "succeeded"
    assert versions(live, beat) == before
    assert live.get(f"/v1/jobs/{done['id']}").json()["result"]["events_json"] == taken["events_json"]


def test_another_one_s_commit_is_not_taken_for_it(live: Live, deps: Deps, beat: str) -> None:
    take(live, beat, seed=6)
    job_id = latest(deps, "regenerate")
    done = once_more(deps, job_id, created_at=clock.now() - LATER)
    assert (done["state"], done["error"]["code"]) == ("failed", "stale_version")
    assert len(versions(live, beat)) == 2


def test_an_attempt_after_the_beat_was_made_answers_with_it(live: Live, deps: Deps, beat: str) -> None:
    first = live.get(f"/v1/beat/{beat}").json()
    patch(live, beat, {"op": "bpm", "bpm": 150})
    before = versions(live, beat)
    done = once_more(deps, beat)
    assert done["state"] == "succeeded"
    assert versions(live, beat) == before
    result = live.get(f"/v1/jobs/{beat}").json()["result"]
    assert (result["version"], result["events_json"]) == (1, first["events_json"])


def test_an_attempt_after_half_a_commit_makes_the_same_one(live: Live, deps: Deps, beat: str) -> None:
    """The process died when the commit was stored and the head had not moved yet."""
    take(live, beat, seed=6)
    before = versions(live, beat)

    def not_moved(doc: dict[str, Any]) -> dict[str, Any]:
        return {**doc, "head": before[1]["commit"], "log": doc["log"][:1], "number": 1}

    deps.store.mutate("beats", beat, not_moved)
    assert once_more(deps, latest(deps, "regenerate"))["state"] == "succeeded"
    assert versions(live, beat) == before


def test_an_attempt_after_half_a_beat_makes_the_same_one(live: Live, deps: Deps, beat: str) -> None:
    before = versions(live, beat)
    deps.store.delete("beats", beat)
    assert once_more(deps, beat)["state"] == "succeeded"
    assert versions(live, beat) == before


def test_a_skeleton_takes_the_fields_of_a_beat(live: Live) -> None:
    fields = {"bpm": 120, "style": "house", "title": "Nine", "mode": "oneshot", "roles": {"h": "CORE"}}
    answer = live.post("/v1/skeleton", json={**fields, "pools": {"CORE": ["k"], "MOTION": ["h", "s"]}})
    assert answer.status_code == 200, answer.text
    meta = answer.json()["meta"]
    assert (meta["parameters"]["title"], meta["pools"]["CORE"], meta["role_counts"]["CORE"]) == ("Nine", ["k", "h"], 2)
    bad = live.post("/v1/skeleton", json={"bpm": 120, "pools": {"CORE": ["k", "k"]}})
    assert (bad.status_code, [e["field"] for e in bad.json()["errors"]]) == (422, ["pools"])
    unknown = live.post("/v1/skeleton", json=fields)
    assert (unknown.status_code, [e["field"] for e in unknown.json()["errors"]]) == (422, ["roles.h"])


def test_null_leaves_to_the_style_what_the_beat_had_set(live: Live) -> None:
    made = live.beat(SOUNDS, style="boombap", bars=2, seed=5, density=0.1, swing=0.7, humanize=0)
    assert made.status_code == 200, made.text
    own = live.beat(SOUNDS, style="boombap", bars=2, seed=5, humanize=0).json()
    assert own["events_json"] != made.json()["events_json"]
    after = take(live, made.json()["job_id"], density=None, swing=None, meter=None, groove=None)
    assert after.status_code == 200, after.text
    assert after.json()["grid_json"] == own["grid_json"]
    assert after.json()["events_json"] == own["events_json"]
