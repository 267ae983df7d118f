"""The way in and out of the job engine: submit, wait, follow, cancel.

The document is written first and the bell rung after it; a bell that is lost is rung again by the sweeper. Fairness is
start-time fair queueing: each job gets a turn, at least that of the oldest waiting job and one past its owner's last
one, so that a hundred jobs of one owner stand behind a single job of another.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import redis
import rq
import structlog
from rq.job import Job
from rq.serializers import JSONSerializer

from app import streams
from app.deps import Deps
from app.errors import problem_of
from app.kinds import CPU, Kind, kinds, load
from app.streams import Happening
from db import jobs, results
from db.store import Document
from services import clock
from services.errors import Busy, Canceled, Conflict, NotFound
from services.jobs import states
from services.jobs.states import ended
from services.jobs.types import NewJob, Outcome

__all__ = ["Happening", "NewJob", "cancel", "ended", "eta_s", "events", "position", "ring", "submit", "wait"]

RETRY_AFTER_S = 5  # what a refused client is told: about the time in which a full queue moves on
OWNER_SHARE = 2  # an owner may fill 1/2 of the queue
POLL_S = 1.0  # how often a waiting reader looks at the document itself, should Redis lose the event
AWAY_S = 0.2  # the same while Redis is away
HEARTBEAT_S = 15.0  # silence on an event stream after which proxies are told that it lives
RECENT_JOBS = 10  # that an estimate is made of
# A plain `rq info` shows this name; our worker only hears that a bell rang and picks the job itself.
RQ_FUNCTION = "app.tasks.run_job"

log = structlog.get_logger()
_counting = threading.Lock()


def queue_name(deps: Deps, queue: str) -> str:
    """A queue's name in documents and in RQ: of this instance alone."""
    return deps.key(queue)


def submit(deps: Deps, new: NewJob, *, reuse: bool = False) -> Document:
    """Store a job and ring for a worker; with `reuse`, an equal succeeded job's result makes it succeed at once.

    Raises Busy when QUEUE_LIMIT jobs wait, or half as many of this owner. Threads of one process count one after the
    other; the web processes may together pass the limit by one job each.
    """
    kind = kinds(deps.settings)[new.kind]
    if reuse and new.reuse_key is not None:
        done = _reused(deps, new, kind)
        if done is not None:
            return done
    name = queue_name(deps, kind.queue)
    with _counting:
        _refuse_when_full(deps, name, new.owner)
        place = (name, _turn(deps, name, new.owner))
        job = jobs.insert_job(deps.store, states.queued(new, clock.new_id(), place, clock.now()))
    ring(deps, name, job["id"])
    return job


def _reused(deps: Deps, new: NewJob, kind: Kind) -> Document | None:
    original = jobs.find_reusable(deps.store, new.owner, new.reuse_key or "")
    if original is None:
        return None
    at = clock.now()
    job = states.queued(new, clock.new_id(), (queue_name(deps, kind.queue), 0), at)
    try:
        outcome = load(kind.reuse)(deps, job, original) if kind.reuse else _copied(deps, original)
    except NotFound:
        return None  # its result was deleted since: compute again
    done = states.reused(job, original, outcome.blobs, at)
    results.save_result(deps.store, done, outcome.result)
    return jobs.insert_job(deps.store, done)


def _copied(deps: Deps, original: Document) -> Outcome:
    body = results.result(deps.store, original["id"])
    if body is None or not all(deps.blobs.touch(sha) for sha in original["blobs"]):
        raise NotFound("The result of this job is no longer stored.")
    return Outcome(body, tuple(original["blobs"]))


def _refuse_when_full(deps: Deps, name: str, owner: str) -> None:
    limit = deps.settings.queue_limit
    if jobs.queued_in(deps.store, name) >= limit:
        raise Busy(f"The queue is full: {limit} jobs wait. Try again shortly.", retry_after_s=RETRY_AFTER_S)
    share = max(1, limit // OWNER_SHARE)
    if jobs.queued_of(deps.store, name, owner) >= share:
        raise Busy(f"You have {share} jobs waiting, which is the most. Try again shortly.", retry_after_s=RETRY_AFTER_S)


def _turn(deps: Deps, name: str, owner: str) -> int:
    last = jobs.last_turn_of(deps.store, name, owner)
    return max(jobs.first_turn(deps.store, name) or 0, 0 if last is None else last + 1)


def ring(deps: Deps, name: str, job_id: str) -> None:
    """Ring for a worker of a queue. While Redis is away the job waits for the sweeper to ring."""
    try:
        _rq(deps, name).enqueue_call(
            RQ_FUNCTION,
            args=(job_id,),
            job_id=f"{job_id}-{os.urandom(3).hex()}",  # a job may be rung for twice
            timeout=-1,
            result_ttl=0,
            failure_ttl=0,
        )
    except redis.RedisError as err:
        log.warning("bell not rung", job=job_id, reason=type(err).__name__)


def wait(deps: Deps, owner: str, job_id: str, seconds: float) -> Document:
    """The job as soon as it has ended, or as it stands after `seconds`. Raises NotFound."""
    deadline = time.monotonic() + seconds
    job = jobs.job(deps.store, owner, job_id)
    last = streams.START
    looked = time.monotonic()
    while not ended(job) and (left := deadline - time.monotonic()) > 0:
        news = _read(deps, job_id, last, min(POLL_S, left))
        last = news[-1].id if news else last
        if any(streams.is_end(one) for one in news) or time.monotonic() - looked >= AWAY_S:
            job = jobs.job(deps.store, owner, job_id)
            looked = time.monotonic()
    return job


def _read(deps: Deps, job_id: str, after: str, seconds: float) -> list[Happening]:
    try:
        return streams.read(deps, job_id, after, seconds)
    except redis.RedisError:
        time.sleep(min(AWAY_S, seconds))
        return []


def events(deps: Deps, owner: str, job_id: str, last_event_id: str | None) -> Iterator[Happening | None]:
    """A job's events until it ends: first a snapshot, or what came after a known `last_event_id`. None is a heartbeat.

    Raises NotFound at the first step.
    """
    job = jobs.job(deps.store, owner, job_id)
    last, replays = _resume(deps, job_id, last_event_id)
    job = jobs.job(deps.store, owner, job_id)  # after the position in the stream: nothing falls between
    if not replays:
        yield Happening(last, "snapshot", streams.shown(job))
        if ended(job):
            yield Happening(last, "state", streams.shown(job))
            return
    spoke = time.monotonic()
    while True:
        over = ended(job)
        for one in _read(deps, job_id, last, 0.001 if over else POLL_S):
            last, spoke = one.id, time.monotonic()
            yield one
            if streams.is_end(one):
                return
        if over:
            yield Happening(last, "state", streams.shown(job))
            return
        if time.monotonic() - spoke >= HEARTBEAT_S:
            spoke = time.monotonic()
            yield None
        job = jobs.job(deps.store, owner, job_id)


def _resume(deps: Deps, job_id: str, last_event_id: str | None) -> tuple[str, bool]:
    """Where to read on, and whether that replays what the reader missed."""
    try:
        if last_event_id and streams.knows(deps, job_id, last_event_id):
            return last_event_id, True
        return streams.last_id(deps, job_id), False
    except redis.RedisError:
        return streams.START, False


def cancel(deps: Deps, owner: str, job_id: str) -> Document:
    """Stop a job: a queued one is canceled, a running one is told. Raises NotFound, or Conflict when it has ended."""
    problem = problem_of(canceled_error())
    moved = jobs.move_owned(deps.store, owner, job_id, lambda job: states.stop_asked(job, problem, clock.now()))
    if moved is None:
        job = jobs.job(deps.store, owner, job_id)
        if ended(job):
            raise Conflict(f"This job has already ended: it {_PAST[job['state']]}.", code="job_ended")
        return job
    if ended(moved):
        streams.announce(deps, moved)
    return moved


_PAST = {"succeeded": "succeeded", "failed": "failed", "canceled": "was canceled"}


def canceled_error() -> Canceled:
    """What a canceled job answers."""
    return Canceled("The job was canceled.")


def running_with(deps: Deps, owner: str, reuse_key: str) -> Document | None:
    """A queued or running job of equal work."""
    return jobs.under_way(deps.store, owner, reuse_key)


def position(deps: Deps, job: Document) -> int | None:
    """How many jobs run before a queued one; None for the others."""
    return jobs.ahead_of(deps.store, job) if job["state"] == "queued" else None


def eta_s(deps: Deps, job: Document) -> float | None:
    """About how many seconds until it has ended, by the owner's latest jobs of this kind; None without any."""
    if ended(job):
        return 0.0
    took = [
        done["timings_ms"]["run"] / 1000
        for done in jobs.lately_run(deps.store, job["owner"], job["kind"], RECENT_JOBS)
        if done["reused_from"] is None
    ]
    if not took:
        return None
    usual = sum(took) / len(took)
    if job["state"] == "running":
        ran = (clock.now() - job["started_at"]).total_seconds()
        return round(max(0.0, float(usual - ran)), 1)
    rounds = (position(deps, job) or 0) / deps.settings.workers + 1
    return round(float(usual * rounds), 1)


def queued(deps: Deps, queue: str = CPU) -> int:
    """How many jobs wait in a queue."""
    return jobs.queued_in(deps.store, queue_name(deps, queue))


def workers_alive(deps: Deps, queue: str = CPU) -> int:
    """How many workers of a queue have shown a sign of life within the last seconds; 0 while Redis is away."""
    try:
        keys: Any = deps.redis.smembers(f"rq:workers:{queue_name(deps, queue)}")
        return int(deps.redis.exists(*keys)) if keys else 0
    except redis.RedisError:
        return 0


def bells(deps: Deps, name: str) -> int:
    """How many bells wait to be heard. Raises redis.RedisError."""
    return int(_rq(deps, name).count)


def popped(deps: Deps, name: str) -> list[bytes]:
    """The bells that a worker has taken and not yet silenced. Raises redis.RedisError."""
    found: Any = deps.redis.lrange(_rq(deps, name).intermediate_queue_key, 0, -1)
    return list(found)


def drop_popped(deps: Deps, name: str, bell_ids: Iterable[bytes]) -> None:
    """Forget such bells. Raises redis.RedisError."""
    pipe = deps.redis.pipeline(transaction=False)
    for bell_id in bell_ids:
        pipe.lrem(_rq(deps, name).intermediate_queue_key, 1, bell_id.decode())
        pipe.delete(Job.key_for(bell_id.decode()))
    pipe.execute()


def _rq(deps: Deps, name: str) -> rq.Queue:
    return rq.Queue(name, connection=deps.redis, serializer=JSONSerializer)
