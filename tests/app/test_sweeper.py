"""A sweeper in this process, pass by pass: rescue, lost bells, leadership, chores."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from functools import partial

import pytest
from rq.job import Job

from app import queue
from app.chores import CHORES, Chore
from app.sweeper import Sweeper
from db import jobs
from services import clock
from services.jobs import states
from tests.job_engine import engine, eventually


@pytest.fixture(scope="module")
def redis_engine():
    with engine() as one:
        one.start_redis()
        yield one


@pytest.fixture
def one(redis_engine):
    store = redis_engine.deps.store
    for collection in ("jobs", "leases"):
        for doc in list(store.each(collection, {})):
            store.delete(collection, doc["id"])
    redis_engine.deps.redis.flushall()
    return redis_engine


def name(one):
    return queue.queue_name(one.deps, "cpu")


def claim(one, job, ago_s=0.0):
    """Claimed by a worker that was last heard of so long ago."""
    at = clock.now() - timedelta(seconds=ago_s)
    return jobs.move(one.deps.store, job["id"], partial(states.claimed, owner="w", at=at))


def test_only_lapsed_jobs_are_rescued(one):
    lapsed, fresh, waiting = (one.submit("echo") for _ in range(3))
    claim(one, lapsed, ago_s=6.1)
    claim(one, fresh, ago_s=5.0)
    assert Sweeper(one.deps).rescue() == 1
    assert one.job(lapsed)["state"] == "queued"
    assert one.job(fresh)["state"] == "running"
    assert one.job(waiting)["crashes"] == 0


def test_a_dead_job_that_was_to_stop_is_canceled(one):
    job = one.submit("echo")
    claim(one, job, ago_s=7)
    queue.cancel(one.deps, "ada", job["id"])
    Sweeper(one.deps).rescue()
    done = one.job(job)
    assert (done["state"], done["error"]["code"]) == ("canceled", "canceled")


def test_bells_are_rung_for_queued_jobs_and_no_more(one):
    for _ in range(3):
        one.submit("echo")
    sweeper = Sweeper(one.deps)
    assert sweeper.ring_lost_bells() == 0
    one.deps.redis.flushall()
    assert sweeper.ring_lost_bells() == 3
    assert sweeper.ring_lost_bells() == 0
    assert queue.bells(one.deps, name(one)) == 3


def test_bells_that_a_dead_worker_took_are_forgotten_after_two_passes(one):
    one.submit("echo")
    redis = one.deps.redis
    bell = redis.lmove(f"rq:queue:{name(one)}", f"rq:queue:{name(one)}:intermediate")
    sweeper = Sweeper(one.deps)
    sweeper.ring_lost_bells()
    assert redis.exists(Job.key_for(bell.decode()))
    sweeper.ring_lost_bells()
    assert not redis.exists(Job.key_for(bell.decode()))
    assert queue.popped(one.deps, name(one)) == []
    assert queue.bells(one.deps, name(one)) == 1


def test_one_of_two_sweepers_works_until_it_is_gone(one):
    first, second = Sweeper(one.deps), Sweeper(one.deps)
    first.once()
    job = one.submit("echo")
    claim(one, job, ago_s=7)
    second.once()
    assert one.job(job)["state"] == "running"
    lease = one.deps.store.get("leases", one.deps.key("sweeper"))
    one.deps.store.mutate("leases", lease["id"], lambda d: {**d, "until": clock.now() - timedelta(seconds=1)})
    second.once()
    assert one.job(job)["state"] == "queued"


def test_a_sweeper_that_stops_hands_over(one):
    first, second = Sweeper(one.deps, chores=()), Sweeper(one.deps, chores=())
    thread = threading.Thread(target=first.run)
    thread.start()
    eventually(lambda: one.deps.store.get("leases", one.deps.key("sweeper")) is not None, 3)
    first.stopping.set()
    thread.join(5)
    job = one.submit("echo")
    claim(one, job, ago_s=7)
    second.once()
    assert one.job(job)["state"] == "queued"


def test_chores_run_one_at_a_time_when_due_and_never_hold_up_a_rescue(one):
    ran, gate = [], threading.Event()

    def slow(_):
        ran.append("slow")
        gate.wait(10)
        return 1

    def quick(_):
        ran.append("quick")
        return 0

    sweeper = Sweeper(one.deps, chores=(Chore("slow", 3600, slow), Chore("quick", 0.2, quick)))
    sweeper.once()
    eventually(lambda: ran == ["slow"], 3)
    job = one.submit("echo")
    claim(one, job, ago_s=7)
    start = time.monotonic()
    sweeper.once()
    assert time.monotonic() - start < 1
    assert one.job(job)["state"] == "queued"
    assert ran == ["slow"]
    gate.set()
    until = time.monotonic() + 5
    while len(ran) < 3 and time.monotonic() < until:
        sweeper.once()
        time.sleep(0.05)
    assert ran[:3] == ["slow", "quick", "quick"]


def test_a_chore_that_fails_is_logged_and_tried_again(one):
    tries = []

    def broken(_):
        tries.append(1)
        raise OSError("disk on fire")

    sweeper = Sweeper(one.deps, chores=(Chore("broken", 0.05, broken),))
    until = time.monotonic() + 5
    while len(tries) < 2 and time.monotonic() < until:
        sweeper.once()
        time.sleep(0.02)
    assert len(tries) >= 2


def test_the_chores_remove_what_is_over_and_nothing_else(one):
    deps, store, at = one.deps, one.deps.store, clock.now()
    kept, orphan = deps.blobs.put(b"kept"), deps.blobs.put(b"orphan")
    hour = timedelta(hours=1)
    for number, (sha, expires) in enumerate([(kept, at + hour), ("0" * 64, at - hour)]):
        store.insert(
            "assets", {"id": f"a{number}", "owner": "ada", "sha256": sha, "expires_at": expires, "created_at": at}
        )
    store.insert("idempotency", {"id": "old", "owner": "ada", "created_at": at, "expires_at": at - hour})
    store.insert("idempotency", {"id": "new", "owner": "ada", "created_at": at, "expires_at": at + hour})
    removed = {chore.name: chore.run(deps) for chore in CHORES}
    expected = {"idempotency keys": 1, "expired uploads": 1, "staging": 0, "blobs": 0}
    assert {name: removed[name] for name in expected} == expected
    assert store.get("assets", "a0") is not None
    assert store.get("assets", "a1") is None
    assert deps.blobs.size(orphan) == 6, "too young to go"
