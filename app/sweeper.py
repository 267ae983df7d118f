"""The sweeper: the only process that starts another attempt of a job, rings lost bells, and tidies.

Several may run; a lease document lets one of them work. Chores run in a thread, so that a long sweep of blobs never
holds up the rescue of a job.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from types import FrameType

import redis
import structlog

from app import queue, streams
from app.chores import CHORES, Chore
from app.config import Settings
from app.deps import Deps
from app.errors import problem_of
from app.kinds import kinds
from db import jobs, leases
from services import clock
from services.errors import JobCrashed, ServiceError
from services.jobs import states

EVERY_S = 2.0
LEADER_S = 6.0  # a sweeper that died is replaced after this
GAVE_UP = "This could not be made: the work on it died three times. The sound may be one that we cannot handle."

log = structlog.get_logger()


class Sweeper:
    """One sweeper; `once` is a pass, `run` passes until it is told to stop."""

    def __init__(self, deps: Deps, chores: tuple[Chore, ...] = CHORES) -> None:
        self.deps = deps
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{clock.new_id()[-8:]}"
        self.stopping = threading.Event()
        self._task = deps.key("sweeper")
        self._queues = tuple(sorted({queue.queue_name(deps, kind.queue) for kind in kinds(deps.settings).values()}))
        self._popped: dict[str, set[bytes]] = {}
        self._due = {chore: time.monotonic() for chore in chores}
        self._chore: tuple[Chore, Future[int]] | None = None
        self._pool = ThreadPoolExecutor(1)

    def run(self) -> None:
        """Sweep until told to stop."""
        while not self.stopping.is_set():
            try:
                self.once()
            except ServiceError as err:
                log.warning("store is away", code=err.code)
            self.stopping.wait(EVERY_S)
        self._pool.shutdown(wait=False, cancel_futures=True)
        leases.give_up(self.deps.store, self._task, self.owner, clock.now())

    def once(self) -> None:
        """One pass, if this sweeper is the one that works."""
        at = clock.now()
        if not leases.hold(self.deps.store, self._task, self.owner, at, at + timedelta(seconds=LEADER_S)):
            return
        self.rescue()
        try:
            self.ring_lost_bells()
        except redis.RedisError as err:
            log.warning("redis is away", reason=type(err).__name__)
        self._start_chore()

    def rescue(self) -> int:
        """End or queue again the jobs that nobody works on any more; how many."""
        problems = {"canceled": problem_of(queue.canceled_error()), "failed": problem_of(JobCrashed(GAVE_UP))}
        count = 0
        for lapsed in list(jobs.lapsed_in(self.deps.store, self._queues, clock.now())):
            rule = partial(states.rescued, problems=problems, at=clock.now())
            job = jobs.move(self.deps.store, lapsed["id"], rule)
            if job is None:
                continue
            count += 1
            log.warning(
                "job rescued", job_id=job["id"], attempt=job["attempt"], crashes=job["crashes"], state=job["state"]
            )
            streams.announce(self.deps, job)
        return count

    def ring_lost_bells(self) -> int:
        """Ring until there is a bell for each queued job; how many. Raises redis.RedisError."""
        rung = 0
        for name in self._queues:
            self._drop_heard(name)
            missing = jobs.queued_in(self.deps.store, name) - queue.bells(self.deps, name)
            if missing > 0:
                for job in jobs.fairest(self.deps.store, name, missing):
                    queue.ring(self.deps, name, job["id"])
                    rung += 1
        return rung

    def _drop_heard(self, name: str) -> None:
        """Remove bells that a worker popped and left behind as it died: those seen popped in two passes."""
        popped = set(queue.popped(self.deps, name))
        stale = popped & self._popped.get(name, set())
        self._popped[name] = popped
        if stale:
            queue.drop_popped(self.deps, name, stale)

    def _start_chore(self) -> None:
        """Start the chore that is due, when none runs; report the one that has ended."""
        if self._chore is not None:
            chore, future = self._chore
            if not future.done():
                return
            self._chore = None
            if (err := future.exception()) is not None:
                log.error("chore failed", chore=chore.name, exc_info=err)
            elif future.result():
                log.info("chore done", chore=chore.name, removed=future.result())
        due = [chore for chore, at in self._due.items() if at <= time.monotonic()]
        if due:
            self._due[due[0]] = time.monotonic() + due[0].every_s
            self._chore = (due[0], self._pool.submit(due[0].run, self.deps))


def main(settings: Settings) -> int:
    """Sweep until TERM."""
    sweeper = Sweeper(Deps(settings))

    def stop(_signum: int, _frame: FrameType | None) -> None:
        sweeper.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    sweeper.run()
    sweeper.deps.disconnect()
    return 0
