"""Submitting, fairness, bounds, reuse, waiting and following, against a real Redis and store; workers where needed."""

from __future__ import annotations

import threading
import time

import pytest

from app import queue, streams
from app.queue import NewJob
from app.worker import Worker
from db import jobs, results
from services import clock
from services.errors import Busy, Conflict, NotFound
from services.jobs import states
from tests.job_engine import engine

LIMIT = 10


@pytest.fixture(scope="module")
def redis_engine():
    with engine(QUEUE_LIMIT=str(LIMIT)) as one:
        one.start_redis()
        yield one


@pytest.fixture
def idle(redis_engine):
    """An engine without workers, its queue empty."""
    for job in jobs.fairest(redis_engine.deps.store, name(redis_engine), 1000):
        queue.cancel(redis_engine.deps, job["owner"], job["id"])
    redis_engine.deps.redis.flushall()
    return redis_engine


def name(one):
    return queue.queue_name(one.deps, "cpu")


def drain(one):
    """Claim and finish every queued job as workers would; the order of owners."""
    order = []
    while candidates := jobs.fairest(one.deps.store, name(one), 1):
        job = jobs.move(one.deps.store, candidates[0]["id"], lambda d: states.claimed(d, "w", clock.now()))
        jobs.move(one.deps.store, job["id"], lambda d: states.succeeded(d, d["attempt"], (), clock.now()))
        order.append(job["owner"])
    return order


def test_a_submitted_job_is_stored_before_its_bell_rings(idle):
    job = idle.submit("echo", word="hi")
    assert idle.job(job)["state"] == "queued"
    assert queue.bells(idle.deps, name(idle)) == 1
    assert queue.position(idle.deps, job) == 0


def test_the_bell_holds_the_id_as_json(idle):
    import zlib

    job = idle.submit("echo")
    (bell,) = idle.deps.redis.lrange(f"rq:queue:{name(idle)}", 0, -1)
    data = zlib.decompress(idle.deps.redis.hget(b"rq:job:" + bell, "data"))
    assert data.startswith(b'["app.tasks.run_job"')
    assert job["id"].encode() in data


def test_one_owner_s_many_jobs_do_not_starve_another_s_one(idle):
    for _ in range(4):
        idle.submit("echo", owner="ada")
    idle.submit("echo", owner="bob")
    idle.submit("echo", owner="cyd")
    assert drain(idle) == ["ada", "bob", "cyd", "ada", "ada", "ada"]


def test_who_comes_later_starts_at_the_present_turn(idle):
    """Having been idle earns no credit: bob shares from now on and does not go first with everything."""
    for _ in range(5):
        idle.submit("echo", owner="ada")
    for _ in range(3):
        first = jobs.fairest(idle.deps.store, name(idle), 1)[0]
        queue.cancel(idle.deps, "ada", first["id"])
    for _ in range(3):
        idle.submit("echo", owner="bob")
    assert drain(idle) == ["ada", "bob", "ada", "bob", "bob"]


def test_the_queue_is_bounded_overall_and_per_owner(idle):
    for _ in range(LIMIT // 2):
        idle.submit("echo", owner="ada")
    with pytest.raises(Busy) as refused:
        idle.submit("echo", owner="ada")
    assert refused.value.retry_after_s == queue.RETRY_AFTER_S
    for owner in ("bob", "cyd", "dee", "eve", "fay"):
        idle.submit("echo", owner=owner)
    with pytest.raises(Busy):
        idle.submit("echo", owner="gus")
    assert jobs.queued_in(idle.deps.store, name(idle)) == LIMIT


def test_threads_of_one_process_never_pass_the_limit(idle):
    refused = []

    def many(owner):
        for _ in range(5):
            try:
                idle.submit("echo", owner=owner)
            except Busy:
                refused.append(owner)

    threads = [threading.Thread(target=many, args=(f"o{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert jobs.queued_in(idle.deps.store, name(idle)) == LIMIT
    assert len(refused) == 6 * 5 - LIMIT


def test_cancel_of_a_queued_job_is_at_once_and_final(idle):
    job = idle.submit("echo")
    done = queue.cancel(idle.deps, "ada", job["id"])
    assert (done["state"], done["error"]["status"], done["error"]["code"]) == ("canceled", 409, "canceled")
    with pytest.raises(Conflict):
        queue.cancel(idle.deps, "ada", job["id"])
    with pytest.raises(NotFound):
        queue.cancel(idle.deps, "bob", job["id"])


def test_another_owner_s_job_is_not_there(idle):
    job = idle.submit("echo")
    with pytest.raises(NotFound):
        queue.wait(idle.deps, "bob", job["id"], 1)
    with pytest.raises(NotFound):
        next(queue.events(idle.deps, "bob", job["id"], None))


def test_waiting_gives_up_on_time(idle):
    job = idle.submit("echo")
    start = time.monotonic()
    assert queue.wait(idle.deps, "ada", job["id"], 0.3)["state"] == "queued"
    assert 0.25 < time.monotonic() - start < 1.0
    assert queue.wait(idle.deps, "ada", job["id"], 0)["state"] == "queued"


def test_waiting_ends_by_the_document_when_the_event_is_lost(idle):
    """The end is written and never announced, as when Redis loses it."""
    job = idle.submit("echo")
    jobs.move(idle.deps.store, job["id"], lambda d: states.claimed(d, "w", clock.now()))
    threading.Timer(
        0.3, lambda: jobs.move(idle.deps.store, job["id"], lambda d: states.succeeded(d, 1, (), clock.now()))
    ).start()
    start = time.monotonic()
    assert queue.wait(idle.deps, "ada", job["id"], 10)["state"] == "succeeded"
    assert time.monotonic() - start < 0.3 + queue.POLL_S + 0.5


def test_reuse_makes_a_new_job_with_the_same_result(idle):
    new = NewJob("echo", "ada", {"word": "x"}, reuse_key="k1")
    first = queue.submit(idle.deps, new, reuse=True)
    drain(idle)
    results.save_result(idle.deps.store, {**first, "attempt": 1}, {"said": "x"})
    again = queue.submit(idle.deps, new, reuse=True)
    assert (again["state"], again["reused_from"]) == ("succeeded", first["id"])
    assert again["id"] != first["id"]
    assert results.result(idle.deps.store, again["id"]) == {"said": "x"}
    other = queue.submit(idle.deps, NewJob("echo", "bob", {"word": "x"}, reuse_key="k1"), reuse=True)
    assert other["state"] == "queued"
    assert queue.submit(idle.deps, new, reuse=False)["state"] == "queued"


def test_reuse_computes_again_when_the_result_is_gone(idle):
    new = NewJob("echo", "ada", {"word": "y"}, reuse_key="k2")
    queue.submit(idle.deps, new, reuse=True)
    drain(idle)
    assert queue.submit(idle.deps, new, reuse=True)["state"] == "queued"


def test_equal_work_under_way_is_found(idle):
    job = queue.submit(idle.deps, NewJob("echo", "ada", {}, reuse_key="k3"))
    assert queue.running_with(idle.deps, "ada", "k3")["id"] == job["id"]
    assert queue.running_with(idle.deps, "bob", "k3") is None
    drain(idle)
    assert queue.running_with(idle.deps, "ada", "k3") is None


def test_two_instances_on_one_redis_do_not_see_each_other(idle):
    url = f"unix://{idle.deps.redis.connection_pool.connection_kwargs['path']}"
    with engine(REDIS_URL=url) as other:
        mine, theirs = idle.submit("echo"), other.submit("echo")
        assert queue.bells(idle.deps, name(idle)) == queue.bells(other.deps, name(other)) == 1
        other.start_worker()
        assert other.wait(theirs)["state"] == "succeeded"
        assert idle.job(mine)["state"] == "queued"
        assert queue.workers_alive(idle.deps) == 0
        assert queue.workers_alive(other.deps) == 1


def test_a_bell_while_redis_is_away_is_not_an_error(tmp_path):
    with engine() as lonely:  # no Redis was started
        job = lonely.submit("echo")
        assert lonely.job(job)["state"] == "queued"
        assert queue.workers_alive(lonely.deps) == 0
        start = time.monotonic()
        assert queue.wait(lonely.deps, "ada", job["id"], 0.5)["state"] == "queued"
        assert time.monotonic() - start < 1.5
        first = next(queue.events(lonely.deps, "ada", job["id"], None))
        assert (first.event, first.data["state"]) == ("snapshot", "queued")


def happenings(one, job, last=None):
    return list(queue.events(one.deps, "ada", job["id"], last))


def test_events_begin_with_a_snapshot_and_end_with_the_state(idle):
    job = idle.submit("echo")
    seen: list[queue.Happening] = []
    reader = threading.Thread(target=lambda: seen.extend(happenings(idle, job)))
    reader.start()
    time.sleep(0.2)
    for step in range(3):
        streams.progress(idle.deps, job["id"], "mix", step / 3)
    streams.announce(idle.deps, queue.cancel(idle.deps, "ada", job["id"]))
    reader.join(5)
    assert [one.event for one in seen] == ["snapshot", "progress", "progress", "progress", "state"]
    assert [one.data.get("progress") for one in seen[1:4]] == [0.0, 0.3333, 0.6667]
    assert seen[-1].data["state"] == "canceled"
    assert seen[-1].data["error"]["code"] == "canceled"


def test_a_known_last_event_id_replays_what_was_missed(idle):
    job = idle.submit("echo")
    for step in range(4):
        streams.progress(idle.deps, job["id"], f"s{step}", step / 4)
    queue.cancel(idle.deps, "ada", job["id"])
    whole = streams.read(idle.deps, job["id"], streams.START, 0.01)
    assert [one.data.get("stage") for one in happenings(idle, job, whole[1].id)] == ["s2", "s3", None]
    after_the_end = happenings(idle, job, whole[-1].id)
    assert [one.event for one in after_the_end] == ["state"]


@pytest.mark.parametrize("last", ["1-1", "0-0", "nonsense", ""])
def test_an_unknown_last_event_id_gets_the_snapshot(idle, last):
    job = idle.submit("echo")
    streams.progress(idle.deps, job["id"], "mix", 0.5)
    queue.cancel(idle.deps, "ada", job["id"])
    assert [one.event for one in happenings(idle, job, last)] == ["snapshot", "state"]


def test_a_silent_stream_shows_that_it_lives(idle, monkeypatch):
    monkeypatch.setattr(queue, "HEARTBEAT_S", 0.1)
    monkeypatch.setattr(queue, "POLL_S", 0.05)
    job = idle.submit("echo")
    stream = queue.events(idle.deps, "ada", job["id"], None)
    assert next(stream).event == "snapshot"
    assert next(stream) is None
    queue.cancel(idle.deps, "ada", job["id"])
    assert [one.event for one in stream if one] == ["state"]


def test_streams_are_capped_and_expire(idle):
    job = idle.submit("echo")
    for step in range(streams.KEEP_EVENTS * 2):
        streams.progress(idle.deps, job["id"], "x", step / 1000)
    key = streams.key(idle.deps, job["id"])
    assert idle.deps.redis.xlen(key) < streams.KEEP_EVENTS * 1.5
    assert 0 < idle.deps.redis.ttl(key) <= streams.KEEP_S
    queue.cancel(idle.deps, "ada", job["id"])
    assert 0 < idle.deps.redis.ttl(key) <= streams.KEEP_ENDED_S


def test_estimates_come_from_the_owner_s_latest_jobs(idle):
    job = queue.submit(idle.deps, NewJob("sleep", "zoe", {}))
    assert queue.eta_s(idle.deps, job) is None
    claimed = jobs.move(idle.deps.store, job["id"], lambda d: states.claimed(d, "w", clock.now()))
    late = clock.parse_iso(clock.iso(claimed["started_at"]))
    jobs.move(idle.deps.store, job["id"], lambda d: states.succeeded(d, 1, (), late.replace(microsecond=0)))
    jobs.move(idle.deps.store, job["id"], lambda d: {**d, "timings_ms": {"queued": 0, "run": 4000, "total": 4000}})
    ahead = queue.submit(idle.deps, NewJob("sleep", "zoe", {}))
    behind = queue.submit(idle.deps, NewJob("sleep", "zoe", {}))
    assert queue.eta_s(idle.deps, ahead) == 4.0
    assert queue.position(idle.deps, behind) == 1
    assert queue.eta_s(idle.deps, behind) == 4.0 * (1 / idle.settings.workers + 1)


def test_a_worker_claims_the_fairest_and_not_the_one_that_rang(idle):
    for _ in range(3):
        idle.submit("echo", owner="ada")
    bob = idle.submit("echo", owner="bob")
    worker = Worker(idle.deps, name(idle))
    claimed = [worker._claim(name(idle)) for _ in range(2)]
    assert [job["owner"] for job in claimed] == ["ada", "bob"]
    assert claimed[1]["id"] == bob["id"]
    assert claimed[1]["lease"]["owner"] == worker.name
