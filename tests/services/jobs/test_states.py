"""The rules of a job's life, without a store: every write names its attempt, and an ended job never changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.jobs import states
from services.jobs.types import NewJob

T0 = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
PROBLEM = {"status": 500, "code": "job_crashed"}
PROBLEMS = {"failed": PROBLEM, "canceled": {"status": 409, "code": "canceled"}}


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def queued() -> states.Job:
    return states.queued(NewJob("beat", "ada", {"bpm": 96}, ("f" * 64,)), "j1", ("sr:cpu", 3), T0)


def running(attempt: int = 1) -> states.Job:
    job = {**queued(), "attempt": attempt - 1}
    claimed = states.claimed(job, "w1", at(2))
    assert claimed is not None
    return claimed


def test_a_claim_raises_the_attempt_and_leases_for_six_seconds():
    job = running()
    assert (job["state"], job["attempt"], job["lease"]["owner"]) == ("running", 1, "w1")
    assert job["lease"]["until"] == at(8)
    assert states.claimed(job, "w2", at(3)) is None


def test_rules_leave_their_argument_alone():
    job = queued()
    before = dict(job)
    states.claimed(job, "w1", at(1))
    states.stop_asked(job, PROBLEM, at(1))
    assert job == before


def test_success_fills_blobs_timings_and_outbox():
    done = states.succeeded(running(), 1, ("b", "a", "b"), at(5))
    assert done is not None
    assert (done["state"], done["blobs"], done["progress"], done["lease"]) == ("succeeded", ["a", "b"], 1.0, None)
    assert done["timings_ms"] == {"queued": 2000, "run": 3000, "total": 5000}
    assert done["outbox"] == [{"type": "job.succeeded", "at": at(5), "attempt": 1}]


STALE_WRITES = [
    lambda job: states.renewed(job, 1, at(9)),
    lambda job: states.progressed(job, 1, ("mix", 0.5), at(9)),
    lambda job: states.measured(job, 1, 3.0),
    lambda job: states.succeeded(job, 1, (), at(9)),
    lambda job: states.failed(job, 1, PROBLEM, at(9)),
    lambda job: states.canceled(job, 1, PROBLEM, at(9)),
    lambda job: states.released(job, 1, at(9), returned=False),
]


@pytest.mark.parametrize("write", STALE_WRITES)
def test_a_stale_attempt_changes_nothing(write):
    assert write(running(attempt=2)) is None
    assert write(queued()) is None
    assert write(running(attempt=1)) is not None


@pytest.mark.parametrize("write", STALE_WRITES)
def test_an_ended_job_never_changes(write):
    ended = states.succeeded(running(), 1, (), at(5))
    assert ended is not None
    assert write(ended) is None
    assert states.claimed(ended, "w", at(9)) is None
    assert states.rescued(ended, PROBLEMS, at(99)) is None
    assert states.stop_asked(ended, PROBLEM, at(9)) is None


def test_progress_stays_between_zero_and_one():
    assert states.progressed(running(), 1, ("x", 1.7), at(3))["progress"] == 1.0
    assert states.progressed(running(), 1, ("x", -0.1), at(3))["progress"] == 0.0


def test_cancel_ends_a_queued_job_and_flags_a_running_one_once():
    canceled = states.stop_asked(queued(), PROBLEM, at(1))
    assert (canceled["state"], canceled["error"], canceled["outbox"][0]["type"]) == (
        "canceled",
        PROBLEM,
        "job.canceled",
    )
    flagged = states.stop_asked(running(), PROBLEM, at(3))
    assert (flagged["state"], flagged["cancel"]) == ("running", True)
    assert states.stop_asked(flagged, PROBLEM, at(4)) is None


def test_a_lease_lapses_at_its_end_and_not_before():
    assert not states.lapsed(running(), at(7.999))
    assert states.lapsed(running(), at(8))
    assert states.rescued(running(), PROBLEMS, at(7.999)) is None


def test_a_lapsed_job_is_queued_again_in_its_place():
    again = states.rescued({**running(), "stage": "mix", "progress": 0.4}, PROBLEMS, at(8))
    assert (again["state"], again["turn"], again["attempt"], again["crashes"]) == ("queued", 3, 1, 1)
    assert (again["stage"], again["progress"], again["lease"], again["outbox"]) == (None, 0.0, None, [])


def test_the_third_crash_is_the_last():
    job, outcomes = queued(), []
    for _ in range(3):
        job = states.claimed(job, "w", at(0))
        job = states.rescued(job, PROBLEMS, at(10))
        outcomes.append(job["state"])
    assert outcomes == ["queued", "queued", "failed"]
    assert job["error"] == PROBLEM
    assert [note["type"] for note in job["outbox"]] == ["job.failed"]
    assert job["cost"] == 0.0


def test_a_job_handed_back_does_not_count_as_a_crash():
    job = queued()
    for _ in range(5):
        job = states.claimed(job, "w", at(0))
        job = states.released(job, job["attempt"], at(1), returned=True)
        job = states.rescued(job, PROBLEMS, at(1))
    assert (job["state"], job["crashes"], job["attempt"]) == ("queued", 0, 5)


def test_a_lapsed_job_that_should_stop_is_canceled():
    job = states.stop_asked(running(), PROBLEM, at(3))
    done = states.rescued(job, PROBLEMS, at(8))
    assert (done["state"], done["error"]["code"]) == ("canceled", "canceled")


def test_a_reused_result_names_its_origin():
    original = states.succeeded(running(), 1, ("a",), at(5))
    done = states.reused(queued(), original, ("a",), at(6))
    assert (done["state"], done["reused_from"], done["blobs"], done["attempt"]) == ("succeeded", "j1", ["a"], 1)
