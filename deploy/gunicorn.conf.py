"""How gunicorn serves the web process. Every number comes from app/config.py or is explained here."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from app.config import load

YOUNG_OBJECTS = 20_000  # new containers before a collection: about ten requests
_settings = load()

wsgi_app = "app:create_app()"
bind = f"{_settings.host}:{_settings.port}"
worker_class = "gthread"  # event streams and waiting requests each hold a thread
workers = _settings.web_workers
threads = _settings.web_threads
timeout = 60  # the heartbeat comes from the main thread: only a stuck process is cut, never a slow upload
graceful_timeout = 10  # a stop lets running answers end; the supervisor waits 12 s
keepalive = 75  # longer than nginx's 60 s, so that nginx is never the one who finds a connection closed
backlog = 1024
limit_request_line = 8190  # signed media links and cursors are long
forwarded_allow_ips = ",".join(_settings.trusted_proxies)
control_socket_disable = True  # its default path is per user: two instances on one machine would share it
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - heartbeats must not wait for a disk
accesslog = None  # the application logs each request itself, with request, job and owner ids
errorlog = "-"
loglevel = _settings.log_level.lower()
proc_name = "soundroutine-web"

# Werkzeug spools what it is not told to stream: on the data disk, not in a small /tmp.
_spool = Path(_settings.data_dir) / "staging"
_spool.mkdir(parents=True, exist_ok=True)
os.environ.setdefault("TMPDIR", str(_spool))


def post_worker_init(worker: object) -> None:
    """What a web process has loaded by now stays: keep the collector from looking through it at every other request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def child_exit(server: object, worker: object) -> None:
    """Forget the gauges of a web process that ended."""
    from prometheus_client import multiprocess

    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)
