"""The worker: an RQ worker on one queue whose parent watches and whose child works.

The parent hears a bell, claims the fairest queued job of its queue (not necessarily the one that rang: bells are
counted, not matched), hands it to its child and watches it (`app/watch.py`). It runs no inference and starts no
threads, so that it can fork at any time. RQ's retries, scheduler, registries, pub/sub thread and maintenance are not
used: the document decides, and the sweeper repairs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import time
from functools import partial
from types import FrameType
from typing import Any

import redis
import rq
import structlog
from rq import worker_registration
from rq.exceptions import DequeueTimeout, StopRequested
from rq.serializers import JSONSerializer
from rq.utils import now as rq_now
from rq.worker import WorkerStatus

from app import kinds, queue
from app.config import Settings
from app.deps import Deps
from app.horse import Horse, saddle
from app.stack import THREADS
from app.watch import Watch
from db import jobs
from db.store import Document
from services import clock
from services.errors import ServiceError
from services.jobs import states

RECYCLE_JOBS = 200  # jobs after which a child is replaced, against slow leaks
RECYCLE_MB = 600  # resident memory above which it is; a worker at rest has about 100
POP_S = 5  # longest wait for a bell; between two the parent shows that it lives
ALIVE_S = 12  # a worker that has shown no sign for this long is not counted
BEAT_S = 2.0  # least time between two signs of life
AWAY_S = 0.3  # pause while Redis or the store is away
CANDIDATES = 4  # jobs that are tried when other workers claim at the same time

log = structlog.get_logger()


class Worker(rq.Worker):
    """See the module. Overrides keep RQ's registration and heartbeat, so that `rq info` and /ready see the worker."""

    def __init__(self, deps: Deps, queue_name: str) -> None:
        self.deps = deps
        self.horse: Horse | None = None
        self._beaten = 0.0
        self._popping = False
        name = f"{deps.instance}-{socket.gethostname()}-{os.getpid()}"
        super().__init__([queue_name], name=name, connection=deps.redis, serializer=JSONSerializer, worker_ttl=ALIVE_S)

    # --- RQ's loop, reduced -------------------------------------------------------------------------------------

    @property
    def dequeue_timeout(self) -> int:
        return POP_S

    @property
    def should_run_maintenance_tasks(self) -> bool:
        return False

    def _set_ip_address(self, connection: Any) -> None:
        self.ip_address = "local"

    def check_for_suspension(self, burst: bool) -> None:
        """Nothing suspends our workers; asking would be a round trip per job."""

    def subscribe(self) -> None:
        """No command thread: it would be alive across every fork. Cancel goes through the document."""

    def bootstrap(self, *_: Any, **__: Any) -> None:
        logging.getLogger("rq.worker").setLevel(logging.WARNING)
        self.horse = saddle(self.deps)
        self._beaten = 0.0
        self.heartbeat()

    def set_state(self, state: str, pipeline: Any = None) -> None:
        self._state = state

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Show a sign of life, at most every BEAT_S; register (again) where a Redis that was emptied forgot us."""
        if time.monotonic() - self._beaten < BEAT_S:
            return
        self.last_heartbeat = rq_now()
        self.birth_date = self.birth_date or self.last_heartbeat
        try:
            with self.connection.pipeline() as pipe:
                worker_registration.register(self, pipe)
                pipe.hset(self.key, mapping={**self.serialize(), "state": self._state})
                pipe.expire(self.key, ALIVE_S)
                pipe.execute()
            self._beaten = time.monotonic()
        except redis.RedisError as err:
            log.warning("no sign of life", reason=type(err).__name__)

    def dequeue_job_and_maintain_ttl(self, timeout: int | None, max_idle_time: int | None = None) -> Any:
        """Block until a bell rings. Redis may go away, and come back empty, meanwhile."""
        self._state = WorkerStatus.IDLE
        while not self._stop_requested:
            self._replace_dead_horse()
            self.heartbeat()
            try:
                self._popping = True
                return self.queue_class.dequeue_any(
                    self.queues, timeout, self.connection, job_class=self.job_class, serializer=self.serializer
                )
            except DequeueTimeout:
                continue
            except redis.RedisError as err:
                log.warning("redis is away", reason=type(err).__name__)
                time.sleep(AWAY_S)
            finally:
                self._popping = False
        raise StopRequested

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """TERM: leave at once when idle, else after the job or SHUTDOWN_GRACE_S."""
        self._stop_requested = True
        self._shutdown_requested_date = rq_now()
        signal.signal(signal.SIGINT, self.request_force_stop)
        signal.signal(signal.SIGTERM, self.request_force_stop)
        if self._popping:
            raise StopRequested

    def kill_horse(self, sig: signal.Signals = signal.SIGKILL) -> None:
        if self.horse is not None:
            self.horse.kill()

    def teardown(self) -> None:
        if self.horse is not None:
            self.horse.kill()
        with contextlib.suppress(redis.RedisError):
            self.register_death()  # type: ignore[no-untyped-call]
        self.deps.disconnect()

    # --- one bell -----------------------------------------------------------------------------------------------

    def execute_job(self, job: Any, queue: Any) -> None:
        """Answer one bell: claim the fairest job, have it run, watch it."""
        self._state = WorkerStatus.BUSY
        self._silence(job, queue)
        try:
            claimed = self._claim(queue.name)
        except ServiceError as err:  # the store is away: the sweeper rings again
            log.warning("nothing claimed", reason=err.code)
            time.sleep(AWAY_S)
            return
        if claimed is not None:
            self._run(claimed)

    def _silence(self, bell: Any, queue: Any) -> None:
        """Remove the bell's traces from Redis: it has been heard."""
        try:
            with self.connection.pipeline(transaction=False) as pipe:
                pipe.lrem(queue.intermediate_queue_key, 1, bell.id)
                pipe.delete(bell.key)
                pipe.execute()
        except redis.RedisError as err:
            log.warning("bell not silenced", reason=type(err).__name__)

    def _claim(self, queue_name: str) -> Document | None:
        while candidates := jobs.fairest(self.deps.store, queue_name, CANDIDATES):
            for candidate in candidates:
                rule = partial(states.claimed, owner=self.name, at=clock.now())
                claimed = jobs.move(self.deps.store, candidate["id"], rule)
                if claimed is not None:
                    return claimed
        return None

    def _run(self, job: Document) -> None:
        horse = self._replace_dead_horse()
        watch = Watch(self.deps, horse, job, self.heartbeat, self._stopping_s)
        memory_mb = watch.run()
        if memory_mb is None or horse.jobs >= RECYCLE_JOBS or memory_mb > RECYCLE_MB:
            horse.kill()
            self.horse = saddle(self.deps)

    def _replace_dead_horse(self) -> Horse:
        if self.horse is None or self.horse.dead():
            if self.horse is not None:
                self.horse.kill()
            self.horse = saddle(self.deps)
        return self.horse

    def _stopping_s(self) -> float:
        """Seconds since TERM; 0 while nobody asked us to stop."""
        asked = self._shutdown_requested_date
        return (rq_now() - asked).total_seconds() if asked else 0.0


def main(settings: Settings, queue_name: str = kinds.CPU) -> int:
    """Work on one queue until told to stop."""
    os.environ.update(dict.fromkeys(THREADS, "1"))  # before numpy is there: pool threads do not survive a fork
    kinds.preload()
    deps = Deps(settings)
    Worker(deps, queue.queue_name(deps, queue_name)).work()
    return 0
