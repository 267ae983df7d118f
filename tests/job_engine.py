"""A real, small job engine for tests: Redis on a unix socket, workers and sweepers as processes of their own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from app import queue
from app.config import Settings, load
from app.deps import Deps
from app.queue import NewJob
from app.stack import redis_command
from db import jobs

ROOT = Path(__file__).resolve().parents[1]
OWNER = "ada"


class Engine:
    """One instance in its own data directory. Processes are started by name and end with it."""

    def __init__(self, data_dir: Path, **environ: str) -> None:
        self.environ = {
            "APP_ENV": "test",
            "DATA_DIR": str(data_dir),
            "JOB_KINDS_EXTRA": "tests.job_kinds",
            "LOG_LEVEL": "WARNING",
            **environ,
        }
        self.settings: Settings = load(self.environ)
        self.deps = Deps(self.settings)
        self.log = data_dir / "engine.log"
        self.processes: list[subprocess.Popen[bytes]] = []

    def start_redis(self) -> subprocess.Popen[bytes]:
        process = self._spawn(redis_command(self.settings))
        eventually(self._redis_answers, 5)
        return process

    def _redis_answers(self) -> bool:
        import redis

        try:
            return bool(self.deps.redis.ping())
        except redis.RedisError:
            return False

    def start_worker(self, code: str = "") -> subprocess.Popen[bytes]:
        # What beats preload is theirs to test; the engine starts quicker without it.
        return self._python(
            f"from app import kinds\nkinds.PRELOAD = ('numpy',)\n{code}\nfrom app.worker import main\nmain(settings)"
        )

    def start_sweeper(self) -> subprocess.Popen[bytes]:
        return self._python("from app.sweeper import main\nmain(settings)")

    def _python(self, code: str) -> subprocess.Popen[bytes]:
        setup = "from app import config, logs\nsettings = config.load()\nlogs.configure(settings.log_level)\n"
        return self._spawn([sys.executable, "-c", setup + code])

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as out:
            process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **self.environ}, stdout=out, stderr=out, process_group=0
            )
        self.processes.append(process)
        return process

    def ready(self, workers: int = 1) -> Engine:
        eventually(lambda: queue.workers_alive(self.deps) >= workers, 15)
        return self

    def submit(self, kind: str, owner: str = OWNER, **params: Any) -> dict[str, Any]:
        return queue.submit(self.deps, NewJob(kind, owner, params))

    def wait(self, job: dict[str, Any], seconds: float = 15) -> dict[str, Any]:
        return queue.wait(self.deps, job["owner"], job["id"], seconds)

    def job(self, job: dict[str, Any]) -> dict[str, Any]:
        return jobs.job(self.deps.store, job["owner"], job["id"])

    def state(self, job: dict[str, Any], *states: str, seconds: float = 15) -> dict[str, Any]:
        eventually(lambda: self.job(job)["state"] in states, seconds)
        return self.job(job)

    def stop(self) -> None:
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        self.deps.disconnect()


def horse_of(worker: subprocess.Popen[bytes]) -> int:
    """The pid of a worker's child."""
    eventually(lambda: bool(psutil.Process(worker.pid).children()), 10)
    return psutil.Process(worker.pid).children()[0].pid


def eventually(condition: Callable[[], bool], seconds: float) -> float:
    """Wait for a condition; how long it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, f"not within {seconds} s"
        time.sleep(0.01)
    return time.monotonic() - start


@contextlib.contextmanager
def engine(**environ: str) -> Iterator[Engine]:
    """An instance in a short-named private directory, gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="sr-"))
    one = Engine(directory, **environ)
    try:
        yield one
    finally:
        one.stop()
        shutil.rmtree(directory, ignore_errors=True)
