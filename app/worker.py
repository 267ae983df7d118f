"""The worker: an RQ worker on one queue whose parent watches and whose child works.

The parent hears a bell, claims the fairest queued job of its queue (not necessarily the one that rang: bells are
counted, not matched), hands it to its child and watches: it renews the lease, tells the child to stop when the job was
canceled, and kills it when it does not, when it takes too long, or when the job is another's by now. It runs no
inference and starts no threads, so that it can fork at any time. RQ's retries, scheduler, registries, pub/sub thread
and maintenance are not used: the document decides, and the sweeper repairs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import time
from dataclasses import dataclass
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

from app import kinds, queue, streams
from app.config import Settings
from app.deps import Deps
from app.errors import problem_of
from app.horse import Horse, HorseDied, saddle
from app.stack import THREADS
from db import jobs
from db.store import Document
from services import clock
from services.errors import JobTimeout, ServiceError, Unavailable
from services.jobs import states

TICK_S = 0.25  # how often the parent looks at the job while its child works; a look costs 0.02 ms
RENEW_S = 2.0
STOP_GRACE_S = 1.0  # from a cancel to the kill of a child that does not react
SHUTDOWN_GRACE_S = 8.0  # from TERM to handing an unfinished job back; the supervisor allows 12 s
RECYCLE_JOBS = 200  # jobs after which a child is replaced, against slow leaks
RECYCLE_MB = 600  # resident memory above which it is; a worker at rest has about 100
POP_S = 5  # longest wait for a bell; between two the parent shows that it lives
ALIVE_S = 12  # a worker that has shown no sign for this long is not counted
BEAT_S = 2.0  # least time between two signs of life
AWAY_S = 0.3  # pause while Redis or the store is away
CANDIDATES = 4  # jobs that are tried when other workers claim at the same time

log = structlog.get_logger()


@dataclass(slots=True)
class Watch:
    """What the parent remembers of a running job, in monotonic seconds: its start, the last renewal of its lease, when
    the child was asked to stop, and when the document was first seen ended."""

    job: Document
    since: float
    renewed: float
    asked: float | None = None
    ended: float | None = None


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
        at = time.monotonic()
        watch = Watch(job, at, at)
        horse = self._replace_dead_horse()
        try:
            horse.give(job["id"], job["attempt"])
            memory_mb = self._until_done(horse, watch)
        except HorseDied as died:
            log.warning("work-horse died", job_id=job["id"], attempt=job["attempt"], status=died.status)
            self._let_go(job, returned=False)
            memory_mb = None
        if memory_mb is None or horse.jobs >= RECYCLE_JOBS or memory_mb > RECYCLE_MB:
            horse.kill()
            self.horse = saddle(self.deps)

    def _replace_dead_horse(self) -> Horse:
        if self.horse is None or self.horse.dead():
            if self.horse is not None:
                self.horse.kill()
            self.horse = saddle(self.deps)
        return self.horse

    def _until_done(self, horse: Horse, watch: Watch) -> int | None:
        """Watch a job to its end: the child's memory in MB, or None when the child was killed. Raises HorseDied."""
        while (memory_mb := horse.answer(TICK_S)) is None:
            try:
                verdict = self._look(horse, watch)
            except Unavailable:
                continue  # the lease may lapse; the next look finds out
            if verdict is not None:
                horse.kill()
                verdict()
                return None
        return memory_mb

    def _look(self, horse: Horse, watch: Watch) -> Any:
        """One look at a running job: what to do once its child is killed, or None to let it work on."""
        self.heartbeat()
        at = time.monotonic()
        if at - watch.renewed >= RENEW_S:
            watch.renewed = at
            rule = partial(states.renewed, attempt=watch.job["attempt"], at=clock.now())
            job = jobs.move(self.deps.store, watch.job["id"], rule)
        else:
            job = jobs.job_by_id(self.deps.store, watch.job["id"])
        if job is None or not states.holds(job, watch.job["attempt"]):
            return self._lost(watch, job, at)
        if job["cancel"]:
            return self._cancel(horse, watch, at)
        if at - watch.since >= self._limit_s(job):
            return partial(self._end, job, _timed_out(at - watch.since))
        if self._stop_requested and self._stopping_s() >= SHUTDOWN_GRACE_S:
            return partial(self._let_go, job, returned=True)
        return None

    def _lost(self, watch: Watch, job: Document | None, at: float) -> Any:
        """The job is not ours any more: our child has just ended it and is about to say so, or another has it."""
        watch.ended = watch.ended or at
        if job is not None and states.ended(job) and at - watch.ended < STOP_GRACE_S:
            return None
        return partial(log.warning, "attempt fenced", job_id=watch.job["id"], attempt=watch.job["attempt"])

    def _cancel(self, horse: Horse, watch: Watch, at: float) -> Any:
        if watch.asked is None:
            watch.asked = at
            horse.ask_to_stop()
        if at - watch.asked < STOP_GRACE_S:
            return None
        return partial(self._end, watch.job, partial(states.canceled, problem=problem_of(queue.canceled_error())))

    def _limit_s(self, job: Document) -> float:
        audio_s = job["audio_s"] if job["audio_s"] is not None else self.deps.settings.max_audio_s
        return kinds.kinds(self.deps.settings)[job["kind"]].timeout_s(audio_s)

    def _stopping_s(self) -> float:
        asked = self._shutdown_requested_date or rq_now()
        return (rq_now() - asked).total_seconds()

    def _end(self, job: Document, rule: Any) -> None:
        """Write the end of a job whose child was killed."""
        try:
            done = jobs.move(self.deps.store, job["id"], partial(rule, attempt=job["attempt"], at=clock.now()))
        except ServiceError as err:  # its lease lapses and the sweeper decides
            log.warning("end not written", job_id=job["id"], reason=err.code)
            return
        if done is not None:
            streams.announce(self.deps, done)
            log.warning("job stopped", job_id=job["id"], state=done["state"], code=done["error"]["code"])

    def _let_go(self, job: Document, *, returned: bool) -> None:
        """End the lease, so that the sweeper starts the next attempt now and not in LEASE_S."""
        rule = partial(states.released, attempt=job["attempt"], at=clock.now(), returned=returned)
        try:
            jobs.move(self.deps.store, job["id"], rule)
        except ServiceError as err:
            log.warning("lease not ended", job_id=job["id"], reason=err.code)


def _timed_out(seconds: float) -> Any:
    err = JobTimeout(f"This took longer than {int(seconds)} seconds, which is more than such a sound should need.")
    return partial(states.failed, problem=problem_of(err))


def main(settings: Settings, queue_name: str = kinds.CPU) -> int:
    """Work on one queue until told to stop."""
    os.environ.update(dict.fromkeys(THREADS, "1"))  # before numpy is there: pool threads do not survive a fork
    kinds.preload()
    deps = Deps(settings)
    Worker(deps, queue.queue_name(deps, queue_name)).work()
    return 0
