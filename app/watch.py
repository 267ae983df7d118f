"""A worker's parent watching its child at one job.

It renews the lease, tells the child to stop when the job was canceled, and kills it when it does not react, when it
takes too long, when the worker has to stop, or when the job is another's by now.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import structlog

from app import queue, streams
from app.deps import Deps
from app.errors import problem_of
from app.horse import Horse, HorseDied
from app.kinds import kinds
from db import jobs
from db.store import Document
from services import clock
from services.errors import JobTimeout, ServiceError
from services.jobs import states

TICK_S = 0.25  # how often the parent looks at the job; a look costs 0.02 ms
RENEW_S = 2.0
STOP_GRACE_S = 1.0  # from a cancel to the kill of a child that does not react
SHUTDOWN_GRACE_S = 8.0  # from TERM to handing an unfinished job back; the supervisor allows 12 s

log = structlog.get_logger()
Verdict = Callable[[], None]  # what to do once the child is killed


class Watch:
    """One claimed job and the child that gets it. `alive` shows a sign of life; `stopping_s` says since when the worker
    is to stop (seconds, 0 when it is not)."""

    def __init__(
        self, deps: Deps, horse: Horse, job: Document, alive: Callable[[], None], stopping_s: Callable[[], float]
    ) -> None:
        self._deps = deps
        self._horse = horse
        self._job = job
        self._alive = alive
        self._stopping_s = stopping_s
        self._since = self._renewed = time.monotonic()
        self._asked: float | None = None  # when the child was asked to stop
        self._ended: float | None = None  # when the document was first seen in other hands

    def run(self) -> int | None:
        """Hand the job over and watch it to its end: the child's memory in MB, or None when the child is no more."""
        try:
            self._horse.give(self._job["id"], self._job["attempt"])
            while (memory_mb := self._horse.answer(TICK_S)) is None:
                verdict = self._look_if_possible()
                if verdict is not None:
                    self._horse.kill()
                    verdict()
                    return None
        except HorseDied as died:
            log.warning("work-horse died", **self._names, status=died.status)
            self._let_go(returned=False)
            return None
        return memory_mb

    @property
    def _names(self) -> dict[str, object]:
        return {"job_id": self._job["id"], "attempt": self._job["attempt"]}

    def _look_if_possible(self) -> Verdict | None:
        try:
            return self._look()
        except ServiceError as err:  # the store is away; should the lease lapse meanwhile, a later look finds out
            log.warning("job not seen", **self._names, reason=err.code)
            return None

    def _look(self) -> Verdict | None:
        """One look at the running job: what to do once its child is killed, or None to let it work on."""
        self._alive()
        at = time.monotonic()
        job = self._renew_or_read(at)
        if job is None or not states.holds(job, self._job["attempt"]):
            return self._lost(job, at)
        if job["cancel"]:
            return self._cancel(at)
        if at - self._since >= self._limit_s(job):
            return partial(self._end, _timed_out(at - self._since))
        if self._stopping_s() >= SHUTDOWN_GRACE_S:
            return partial(self._let_go, returned=True)
        return None

    def _renew_or_read(self, at: float) -> Document | None:
        if at - self._renewed < RENEW_S:
            return jobs.job_by_id(self._deps.store, self._job["id"])
        rule = partial(states.renewed, attempt=self._job["attempt"], at=clock.now())
        job = jobs.move(self._deps.store, self._job["id"], rule)
        self._renewed = at
        return job or jobs.job_by_id(self._deps.store, self._job["id"])

    def _lost(self, job: Document | None, at: float) -> Verdict | None:
        """The job is not ours any more: our child has just ended it and is about to say so, or another has it."""
        self._ended = self._ended or at
        if job is not None and states.ended(job) and at - self._ended < STOP_GRACE_S:
            return None
        return partial(log.warning, "attempt fenced", **self._names)

    def _cancel(self, at: float) -> Verdict | None:
        if self._asked is None:
            self._asked = at
            self._horse.ask_to_stop()
        if at - self._asked < STOP_GRACE_S:
            return None
        return partial(self._end, partial(states.canceled, problem=problem_of(queue.canceled_error())))

    def _limit_s(self, job: Document) -> float:
        audio_s = job["audio_s"] if job["audio_s"] is not None else self._deps.settings.max_audio_s
        return kinds(self._deps.settings)[job["kind"]].timeout_s(audio_s)

    def _end(self, rule: Callable[..., Document | None]) -> None:
        """Write the end of a job whose child was killed."""
        attempt = self._job["attempt"]
        try:
            done = jobs.move(self._deps.store, self._job["id"], lambda d: rule(d, attempt=attempt, at=clock.now()))
        except ServiceError as err:  # its lease lapses and the sweeper decides
            log.warning("end not written", **self._names, reason=err.code)
            return
        if done is not None:
            streams.announce(self._deps, done)
            log.warning("job stopped", **self._names, state=done["state"], code=done["error"]["code"])

    def _let_go(self, *, returned: bool) -> None:
        """End the lease, so that the sweeper starts the next attempt now and not in LEASE_S."""
        rule = partial(states.released, attempt=self._job["attempt"], at=clock.now(), returned=returned)
        try:
            jobs.move(self._deps.store, self._job["id"], rule)
        except ServiceError as err:
            log.warning("lease not ended", **self._names, reason=err.code)


def _timed_out(seconds: float) -> Callable[..., Document | None]:
    err = JobTimeout(f"This took longer than {int(seconds)} seconds, which is more than such a sound should need.")
    return partial(states.failed, problem=problem_of(err))
