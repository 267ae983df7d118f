"""The one runner for all kinds of jobs, and the only place that catches everything.

It runs inside a worker's child, on a job that the worker has claimed. Results and blobs are written first, then one
conditional write that names the attempt declares the end; if that write does not apply, the attempt was fenced and its
work is nobody's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import structlog

from app import streams
from app.deps import Deps
from app.errors import problem_of
from app.kinds import kinds, load
from app.queue import canceled_error
from db import assets, jobs, results
from db.store import Document
from services import clock
from services.errors import Canceled, JobCrashed, ServiceError, Unavailable
from services.jobs import states
from services.jobs.types import Outcome
from services.storage.contract import BlobStore

DOCUMENT_EVERY_S = 0.5  # progress into the document at most twice a second: each is a durable write
STREAM_EVERY_S = 0.1  # progress into the stream: smooth to the eye
PATIENCE_S = (0.1, 0.4, 1.5)  # pauses before the end of a job is written again to a store that does not answer
CRASHED = "Something went wrong on our side while this was being made. The log holds the details."

T = TypeVar("T")

log = structlog.get_logger()


class Fenced(Exception):
    """Another attempt has taken over, or the job has ended without us: stop, and write nothing."""


class JobContext:
    """What a kind's function gets: the job's document, the outside powers, and how to say how far it is."""

    def __init__(self, deps: Deps, job: Document, stopping: Callable[[], bool]) -> None:
        self.job = job
        self.deps = deps
        self._stopping = stopping
        self._said = 0.0
        self._written = time.monotonic()  # claiming was a write

    @property
    def params(self) -> dict[str, Any]:
        """The job's parameters."""
        params: dict[str, Any] = self.job["params"]
        return params

    @property
    def blobs(self) -> BlobStore:
        """Where bytes live."""
        return self.deps.blobs

    def report(self, stage: str, progress: float) -> None:
        """Say how far the job is (0..1). Raises Canceled when it should stop, Fenced when it is another's by now."""
        if self._stopping():
            self._write(lambda job: job if states.holds(job, self.job["attempt"]) else None)
        at = time.monotonic()
        if at - self._said < STREAM_EVERY_S:
            return
        self._said = at
        streams.progress(self.deps, self.job["id"], stage, progress)
        if at - self._written >= DOCUMENT_EVERY_S:
            self._written = at
            self._write(partial(states.progressed, attempt=self.job["attempt"], step=(stage, progress), at=clock.now()))

    def measure(self, audio_s: float) -> None:
        """Say how many seconds of audio the job has: its time limit follows. Raises Fenced."""
        self._write(partial(states.measured, attempt=self.job["attempt"], audio_s=audio_s))

    def _write(self, rule: jobs.Rule) -> None:
        job = jobs.move(self.deps.store, self.job["id"], rule)
        if job is None:
            raise Fenced
        if job["cancel"]:
            raise canceled_error()


def never() -> bool:
    """For a runner that nobody tells to stop."""
    return False


def run_job(deps: Deps, job_id: str, attempt: int, stopping: Callable[[], bool] = never) -> None:
    """Run one claimed attempt of a job to its end, whatever happens in it."""
    job = jobs.job_by_id(deps.store, job_id)
    if job is None or not states.holds(job, attempt):
        return
    with structlog.contextvars.bound_contextvars(job_id=job_id, owner=job["owner"], kind=job["kind"], attempt=attempt):
        try:
            done = _attempt(deps, job, stopping)
        except Fenced:
            done = None
        if done is None:
            log.warning("attempt fenced")
            return
        streams.announce(deps, done)
        log.info("job ended", state=done["state"], timings_ms=done["timings_ms"])


def _attempt(deps: Deps, job: Document, stopping: Callable[[], bool]) -> Document | None:
    """The job's ended document; None when the attempt was fenced."""
    try:
        outcome: Outcome = load(kinds(deps.settings)[job["kind"]].run)(JobContext(deps, job, stopping))
        _patiently(lambda: results.save_result(deps.store, job, outcome.result))
        return _end(deps, job, lambda d, **at: states.succeeded(d, blobs=outcome.blobs, **at))
    except Fenced:
        return None
    except Canceled as err:
        problem = problem_of(err)
        return _end(deps, job, lambda d, **at: states.canceled(d, problem=problem, **at))
    except ServiceError as err:
        log.warning("job failed", code=err.code, reason=err.message)
        return _failed(deps, job, err)
    except Exception:
        log.exception("job crashed")
        return _failed(deps, job, JobCrashed(CRASHED))


def _failed(deps: Deps, job: Document, err: ServiceError) -> Document | None:
    problem = problem_of(err)
    done = _end(deps, job, lambda d, **at: states.failed(d, problem=problem, **at))
    if done is not None:
        assets.remove_unheard(deps.store, tuple(job["fresh"]))
    return done


def _end(deps: Deps, job: Document, rule: Callable[..., Document | None]) -> Document | None:
    at = clock.now()
    return _patiently(lambda: jobs.move(deps.store, job["id"], lambda d: rule(d, attempt=job["attempt"], at=at)))


def _patiently(write: Callable[[], T]) -> T:
    """A write, tried again while the store does not answer. Raises Unavailable in the end: the process then dies."""
    for pause_s in PATIENCE_S:
        try:
            return write()
        except Unavailable:
            time.sleep(pause_s)
    return write()
