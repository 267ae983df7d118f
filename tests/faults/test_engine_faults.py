"""kill -9 and SIGSTOP of each process of the job engine, under load.

After each: every accepted job ends in exactly one terminal state within 30 s, what a killed process worked on starts
again within 10 s, and results match.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app import queue
from db import results
from services.jobs.types import TERMINAL
from tests.faults import table
from tests.job_engine import ROOT, Engine, engine, eventually, horse_of

pytestmark = pytest.mark.faults

START_AGAIN_S = 10.0
END_S = 30.0
LOAD = 24
TAKE_S = 0.05


class Stack:
    """Redis, two workers and a sweeper; a test kills one and starts it again, as the supervisor would."""

    def __init__(self, one: Engine) -> None:
        self.one = one
        self.log = one.settings.data_dir / "log"
        self.redis = one.start_redis()
        self.sweeper = one.start_sweeper()
        self.workers = [one.start_worker(), one.start_worker()]
        one.ready(2)

    def load(self) -> list[dict]:
        """Quick jobs of several owners, some still waiting when the fault comes."""
        return [self.one.submit("echo", owner=f"o{i % 5}", word=f"w{i}", take_s=TAKE_S) for i in range(LOAD)]

    def start_long(self, kind: str = "sleep", seconds: float = 60.0) -> tuple[dict, dict]:
        """A job that only its first attempt takes long for, once it has started, and that start."""
        job = self.one.submit(kind, owner="long", seconds=seconds, only_first=True, log=str(self.log))
        eventually(lambda: len(self.starts(job)) == 1, 10)
        return job, self.starts(job)[0]

    def starts(self, job: dict, what: str = "start") -> list[dict]:
        if not self.log.exists():
            return []
        rows = [line.split() for line in self.log.read_text().splitlines()]
        return [
            {"attempt": int(row[2]), "pid": int(row[3]), "at": float(row[4])}
            for row in rows
            if row[0] == what and row[1] == job["id"]
        ]

    def worker_of(self, horse: int) -> subprocess.Popen[bytes]:
        parent = psutil.Process(horse).ppid()
        return next(worker for worker in self.workers if worker.pid == parent)

    def replace_worker(self, dead: subprocess.Popen[bytes]) -> None:
        dead.wait(5)
        self.workers.remove(dead)
        self.workers.append(self.one.start_worker())

    def check(self, what: str, accepted: list[dict], fault_at: float, long: dict | None = None) -> None:
        """Every accepted job has ended once, with the right result; a row for the table."""
        for job in accepted:
            left = END_S - (time.time() - fault_at)
            done = self.one.wait(job, max(0.1, left))
            assert done["state"] in TERMINAL, f"{job['id']} is {done['state']} {END_S} s after: {what}"
            assert [note["type"] for note in done["outbox"]] == [f"job.{done['state']}"]
            assert done["state"] == "succeeded", done["error"]
            if done["kind"] == "echo":
                self.check_echo(done)
        again = None
        if long is not None:
            later = [start["at"] - fault_at for start in self.starts(long) if start["at"] > fault_at]
            assert later, "it was not started again"
            again = later[0]
            assert again < START_AGAIN_S, f"started again after {again:.1f} s"
        table.ROWS.append((what, len(accepted), again, time.time() - fault_at))

    def check_echo(self, done: dict) -> None:
        left = results.result(self.one.deps.store, done["id"])
        assert left["said"] == done["params"]["word"]
        body = self.one.deps.blobs.read(left["sha256"])
        assert body.decode() == f"echo {left['said']}"
        assert hashlib.sha256(body).hexdigest() == left["sha256"] == done["blobs"][0]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with engine() as one:
        yield Stack(one)


@pytest.fixture(autouse=True)
def whole(stack: Stack) -> None:
    """Each test begins with both workers alive and nothing queued."""
    stack.one.ready(2)
    eventually(lambda: queue.queued(stack.one.deps) == 0, 10)


def test_kill_of_a_work_horse(stack):
    long, start = stack.start_long()
    accepted = [long, *stack.load()]
    at = time.time()
    os.kill(start["pid"], signal.SIGKILL)
    stack.check("work-horse, kill -9", accepted, at, long)
    assert stack.one.job(long)["crashes"] == 1


def test_kill_of_both_work_horses_in_a_burst(stack):
    """Somewhere in the middle of claims, results and last writes."""
    horses = [horse_of(worker) for worker in stack.workers]
    accepted = stack.load()
    at = time.time()
    for horse in horses:
        os.kill(horse, signal.SIGKILL)
    accepted += stack.load()
    stack.check("both work-horses mid-burst, kill -9", accepted, at)
    assert 1 <= sum(stack.one.job(job)["crashes"] for job in accepted) <= 2


def test_kill_of_a_worker_parent(stack):
    long, start = stack.start_long()
    accepted = [long, *stack.load()]
    worker = stack.worker_of(start["pid"])
    at = time.time()
    worker.kill()
    stack.replace_worker(worker)
    eventually(lambda: not psutil.pid_exists(start["pid"]), 2)  # no orphan works on
    stack.check("worker parent, kill -9", accepted, at, long)


def test_kill_of_redis_that_comes_back_empty(stack):
    long, _ = stack.start_long(seconds=3.0)
    blocker, _ = stack.start_long(seconds=3.0)  # both workers are busy: the load waits, and its bells are lost
    accepted = [long, blocker, *stack.load()]
    assert queue.queued(stack.one.deps) == LOAD
    at = time.time()
    stack.one.deps.redis.set("marker", "1")
    stack.redis.kill()
    stack.redis.wait(5)
    accepted.append(stack.one.submit("echo", word="while redis is away"))
    shutil.rmtree(stack.one.settings.data_dir / "redis")
    time.sleep(1.0)
    stack.redis = stack.one.start_redis()
    assert not stack.one.deps.redis.exists("marker"), "it must have come back empty"
    stack.check("redis, kill -9, restarted empty", accepted, at)
    assert all(stack.one.job(job)["attempt"] == 1 for job in accepted), "a job that ran never noticed"
    stack.one.ready(2)


def test_kill_of_the_sweeper_and_a_worker_with_it(stack):
    long, start = stack.start_long()
    worker = stack.worker_of(start["pid"])
    at = time.time()
    stack.sweeper.kill()
    worker.kill()
    stack.sweeper.wait(5)
    stack.sweeper = stack.one.start_sweeper()
    stack.replace_worker(worker)
    accepted = [long, *stack.load()]
    stack.check("sweeper and a worker parent, kill -9", accepted, at, long)


def test_a_frozen_worker_that_wakes_after_its_lease_commits_nothing(stack):
    long, start = stack.start_long("deaf", seconds=1.0)
    worker = stack.worker_of(start["pid"])
    at = time.time()
    for pid in (worker.pid, start["pid"]):
        os.kill(pid, signal.SIGSTOP)
    accepted = [long, *stack.load()]
    stack.check("frozen worker, SIGSTOP", accepted, at, long)
    before = stack.one.job(long)
    assert before["attempt"] == 2
    os.kill(start["pid"], signal.SIGCONT)  # the horse first: its parent would see that it has lost, and kill it
    eventually(lambda: 1 in [end["attempt"] for end in stack.starts(long, "end")], 10)
    time.sleep(0.5)
    os.kill(worker.pid, signal.SIGCONT)
    assert stack.one.job(long) == before, "the late write was fenced"
    assert results.result(stack.one.deps.store, long["id"]) == {"attempt": 2}
    stack.one.ready(2)
    assert stack.one.wait(stack.one.submit("echo", word="on"))["state"] == "succeeded"


SUBMITTER = """
import sys
from app import config, queue
from app.deps import Deps
deps = Deps(config.load())
for i in range(100_000):
    print(queue.submit(deps, queue.NewJob("echo", f"s{i % 50}", {"word": f"s{i}"}))["id"], i, flush=True)
"""


def test_kill_of_a_process_that_writes_to_the_store(stack):
    """What it was told is stored, is stored; and its death in the middle of a write harms nobody."""
    one = stack.one
    writer = subprocess.Popen(
        [sys.executable, "-c", SUBMITTER], cwd=ROOT, env={**os.environ, **one.environ}, stdout=subprocess.PIPE
    )
    lines = [writer.stdout.readline().split() for _ in range(60)]
    at = time.time()
    writer.kill()
    lines += [line.split() for line in writer.stdout.read().splitlines()]
    writer.wait(5)
    writer.stdout.close()
    accepted = [{"id": line[0].decode(), "owner": f"s{int(line[1]) % 50}"} for line in lines if len(line) == 2]
    assert len(accepted) >= 60
    stack.check("a writer of the store, kill -9", [*accepted, *stack.load()], at)
    assert one.deps.store.count("jobs", {"state": "running"}) == 0


def test_kill_of_everything_at_once(stack):
    """As a power cut, but for the disk: all processes die, all start again; Redis reads what it had logged."""
    long, _ = stack.start_long()
    accepted = [long, *stack.load()]
    at = time.time()
    for process in (stack.redis, stack.sweeper, *stack.workers):
        process.kill()
    for process in (stack.redis, stack.sweeper, *stack.workers):
        process.wait(5)
    stack.redis = stack.one.start_redis()
    stack.sweeper = stack.one.start_sweeper()
    stack.workers = [stack.one.start_worker(), stack.one.start_worker()]
    stack.check("everything, kill -9, started again", accepted, at)


def test_no_blob_is_an_orphan_after_a_sweep(stack):
    """What stays is exactly what documents name."""
    from datetime import timedelta

    from db.marks import marked
    from services import clock
    from services.storage.sweep import sweep

    job = stack.one.wait(stack.one.submit("echo", word="kept"))
    facts = {"sha256": job["blobs"][0], "expires_at": None, "created_at": clock.now()}
    stack.one.deps.store.insert("assets", {"id": "kept", "owner": "ada", **facts})
    orphan = stack.one.deps.blobs.put(b"nobody names this")
    sweep(stack.one.deps.blobs, marked(stack.one.deps.store), clock.now() + timedelta(seconds=1))
    left = {sha for sha, _, _ in stack.one.deps.blobs.walk()}
    assert orphan not in left
    assert set(job["blobs"]) <= left == marked(stack.one.deps.store)


def test_the_log_of_the_stack_holds_no_traceback(stack):
    assert "Traceback" not in Path(stack.one.log).read_text()
