"""A real worker process: results, failures, cancel, timeouts, recycling, and nothing left behind in Redis."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from app import queue
from app.watch import SHUTDOWN_GRACE_S, STOP_GRACE_S, TICK_S
from db import results
from services.jobs.types import TERMINAL
from tests.job_engine import engine, eventually, horse_of

MANY = 200


@pytest.fixture(scope="module")
def running():
    with engine(QUEUE_LIMIT="1000") as one:
        one.start_redis()
        one.start_sweeper()
        one.worker = one.start_worker()
        yield one.ready()


def result(one, job):
    return results.result(one.deps.store, job["id"])


def test_a_job_runs_and_leaves_its_result(running):
    job = running.wait(running.submit("echo", word="hi"))
    assert (job["state"], job["attempt"], job["progress"]) == ("succeeded", 1, 1.0)
    left = result(running, job)
    assert left["said"] == "hi"
    assert job["blobs"] == [left["sha256"]]
    assert running.deps.blobs.read(left["sha256"]) == b"echo hi"
    assert set(job["timings_ms"]) == {"queued", "run", "total"}


def test_jobs_run_in_one_child_after_another(running):
    pids = {result(running, running.wait(running.submit("who")))["pid"] for _ in range(3)}
    assert pids == {horse_of(running.worker)}
    assert result(running, running.wait(running.submit("who")))["parent"] == running.worker.pid


def test_a_refusal_fails_the_job_with_its_problem(running):
    job = running.wait(running.submit("refuse"))
    assert job["state"] == "failed"
    assert (job["error"]["status"], job["error"]["code"]) == (422, "invalid")
    assert job["error"]["errors"] == [{"field": "word", "message": "too long"}]
    assert [note["type"] for note in job["outbox"]] == ["job.failed"]


def test_an_unforeseen_error_says_nothing_and_logs_everything(running):
    job = running.wait(running.submit("trip"))
    assert (job["state"], job["error"]["code"], job["error"]["status"]) == ("failed", "job_crashed", 500)
    assert "shadow" not in str(job["error"])
    eventually(lambda: "secret path" in running.log.read_text(), 3)


def test_progress_reaches_the_document_and_the_stream(running):
    job = running.submit("sleep", seconds=1.6)
    seen = []
    for one in queue.events(running.deps, "ada", job["id"], None):
        if one and one.event == "progress":
            seen.append((one.data["progress"], running.job(job)["progress"]))
    streamed = [p for p, _ in seen]
    assert len(streamed) > 10
    assert streamed == sorted(streamed)
    written = {p for _, p in seen}
    assert 2 <= len(written) <= 5, "at most two writes a second"


def test_a_running_job_is_canceled_at_its_next_report(running):
    job = running.submit("sleep", seconds=30)
    running.state(job, "running")
    child = horse_of(running.worker)
    start = time.monotonic()
    assert queue.cancel(running.deps, "ada", job["id"])["state"] == "running"
    done = running.wait(job, 5)
    assert (done["state"], done["error"]["code"]) == ("canceled", "canceled")
    assert time.monotonic() - start < 2.0
    assert horse_of(running.worker) == child, "a child that obeys lives on"


def test_a_child_that_does_not_react_is_killed_and_replaced(running):
    job = running.submit("spin", seconds=60)
    running.state(job, "running")
    child = horse_of(running.worker)
    start = time.monotonic()
    queue.cancel(running.deps, "ada", job["id"])
    assert running.wait(job, 10)["state"] == "canceled"
    assert time.monotonic() - start < STOP_GRACE_S + TICK_S + 1.5
    assert not psutil.pid_exists(child)
    assert running.wait(running.submit("echo"))["state"] == "succeeded"


def test_a_job_past_its_time_is_killed(running):
    job = running.submit("hurry", seconds=60)
    start = time.monotonic()
    done = running.wait(job, 10)
    assert (done["state"], done["error"]["code"], done["error"]["status"]) == ("failed", "job_timeout", 504)
    assert 1.0 <= time.monotonic() - start < 3.5


def test_the_time_limit_follows_the_measured_audio(running):
    short, long = running.submit("measured", audio_s=0.5, seconds=8), running.submit("measured", audio_s=20, seconds=1)
    assert running.wait(short)["error"]["code"] == "job_timeout"
    done = running.wait(long)
    assert (done["state"], done["audio_s"]) == ("succeeded", 20)


def test_three_crashes_fail_the_job(running):
    job = running.wait(running.submit("crash"), 30)
    assert (job["state"], job["attempt"], job["crashes"], job["error"]["code"]) == ("failed", 3, 3, "job_crashed")
    assert [note["type"] for note in job["outbox"]] == ["job.failed"]
    assert job["cost"] == 0.0
    assert result(running, job) is None


def test_a_child_that_has_grown_is_replaced(running):
    fat = result(running, running.wait(running.submit("fat", mb=700)))["pid"]
    eventually(lambda: not psutil.pid_exists(fat), 5)
    assert result(running, running.wait(running.submit("who")))["pid"] != fat


def test_an_idle_child_that_died_is_replaced_for_the_next_job(running):
    child = horse_of(running.worker)
    os.kill(child, signal.SIGKILL)
    job = running.wait(running.submit("who"))
    assert (job["state"], job["attempt"]) == ("succeeded", 1)
    assert result(running, job)["pid"] != child


def test_two_hundred_jobs_leave_nothing_in_rq_and_renew_the_child(running):
    before = horse_of(running.worker)
    submitted = [running.submit("echo", owner=f"o{i % 7}", word=i) for i in range(MANY)]
    ends = [running.wait(job, 60) for job in submitted]
    assert {job["state"] for job in ends} == {"succeeded"}
    assert all(job["attempt"] == 1 for job in ends)
    assert [result(running, job)["said"] for job in ends] == list(range(MANY))
    running.wait(running.submit("who"))
    assert horse_of(running.worker) != before
    time.sleep(0.1)
    kept = {key.decode() for key in running.deps.redis.keys("rq:*")}
    name = queue.queue_name(running.deps, "cpu")
    fixed = {"rq:queues", "rq:workers", f"rq:workers:{name}"}
    assert {key for key in kept if not key.startswith("rq:worker:")} == fixed


def test_rq_info_sees_the_worker(running):
    import rq

    workers = rq.Worker.all(connection=running.deps.redis, serializer="json")
    assert [(w.pid, w.queue_names()) for w in workers] == [
        (running.worker.pid, [queue.queue_name(running.deps, "cpu")])
    ]


def test_fairness_holds_through_a_real_worker(tmp_path):
    """ada queues 20 jobs while the worker is busy, then bob one: bob is not last but next but one."""
    log = tmp_path / "order"
    with engine() as one:
        one.start_redis()
        one.start_worker()
        one.ready()
        gate = one.submit("sleep", owner="gate", seconds=0.5)
        one.state(gate, "running")
        ada = [one.submit("who", owner="ada", log=str(log)) for _ in range(20)]
        bob = one.submit("who", owner="bob", log=str(log))
        for job in (*ada, bob):
            assert one.wait(job)["state"] == "succeeded"
        order = [line.split()[1] for line in log.read_text().splitlines()]
        assert order.index(bob["id"]) <= 1
        assert [i for i in order if i != bob["id"]] == [job["id"] for job in ada]


def test_term_lets_a_short_job_end_and_hands_a_long_one_back(tmp_path):
    with engine() as one:
        one.start_redis()
        one.start_sweeper()
        worker = one.start_worker()
        one.ready()
        short = one.submit("sleep", seconds=1.0)
        one.state(short, "running")
        worker.terminate()
        assert worker.wait(SHUTDOWN_GRACE_S + 3) == 0
        assert one.job(short)["state"] == "succeeded"
        assert queue.workers_alive(one.deps) == 0, "a worker that stops says so"
        worker = one.start_worker("import app.watch as w; w.SHUTDOWN_GRACE_S = 0.5")
        one.ready()
        long = one.submit("sleep", seconds=60, only_first=True)
        one.state(long, "running")
        worker.terminate()
        assert worker.wait(SHUTDOWN_GRACE_S + 3) == 0
        one.state(long, "queued", seconds=5)
        one.start_worker()
        done = one.wait(long)
        assert (done["state"], done["attempt"], done["crashes"]) == ("succeeded", 2, 0)


def test_an_idle_worker_leaves_at_once_on_term():
    with engine() as one:
        one.start_redis()
        worker = one.start_worker()
        one.ready()
        horse = horse_of(worker)
        start = time.monotonic()
        worker.terminate()
        assert worker.wait(5) == 0
        assert time.monotonic() - start < 2
        assert not psutil.pid_exists(horse)


def test_extra_kinds_are_for_tests_alone(tmp_path: Path):
    from app.config import load
    from app.kinds import kinds

    environ = {"JOB_KINDS_EXTRA": "tests.job_kinds", "DATA_DIR": str(tmp_path)}
    assert "crash" in kinds(load({**environ, "APP_ENV": "test"}))
    assert "crash" not in kinds(load({**environ, "APP_ENV": "prod"}))
    assert "crash" not in kinds(load({**environ, "APP_ENV": "dev"}))


def test_every_ended_job_has_one_outbox_note(running):
    running.wait(running.submit("echo"))
    ended = [job for job in running.deps.store.each("jobs", {}) if job["state"] in TERMINAL]
    assert ended
    assert all([note["type"] for note in job["outbox"]] == [f"job.{job['state']}"] for job in ended)
