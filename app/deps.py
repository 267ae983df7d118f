"""Everything that opens, connects or constructs a client: built lazily, once per process, never across a fork."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from app.config import Settings
from db.store import Store

if TYPE_CHECKING:
    from services.storage.contract import BlobStore

REDIS_TIMEOUT_S = 5.0
REDIS_SILENCE_S = 15.0  # past the longest blocking call (a worker waits 5 s for a bell): a frozen Redis is a Redis away
# redis-py retries ten times with growing pauses, seconds in all: a web thread must learn at once that Redis is away.
REDIS_RETRIES, REDIS_PAUSE_S = 1, 0.02


class Deps:
    """The outside powers of one process. After a fork the child makes its own (clients are keyed by pid)."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.RLock()
        self._made: dict[str, tuple[int, object]] = {}

    @property
    def store(self) -> Store:
        """The document store: MongoDB where MONGODB_URI is set, else SQLite in DATA_DIR."""
        return self._once("store", self._open_store)  # type: ignore[return-value]

    @property
    def blobs(self) -> BlobStore:
        """The blob store in DATA_DIR."""
        return self._once("blobs", self._open_blobs)  # type: ignore[return-value]

    @property
    def redis(self) -> redis.Redis:
        """This instance's Redis (bytes in, bytes out)."""
        return self._once("redis", lambda: connect_redis(self.settings))  # type: ignore[return-value]

    def disconnect(self) -> None:
        """Close what this process holds open, before it forks or ends; the next use opens it again."""
        for name in ("store", "redis"):
            pid, value = self._made.get(name, (0, None))
            if pid == os.getpid():
                value.close()  # type: ignore[attr-defined]

    def key(self, *parts: str) -> str:
        """A Redis key of this instance."""
        return ":".join((self.instance, *parts))

    @property
    def instance(self) -> str:
        """The prefix of this instance's keys and queues: made once, kept in DATA_DIR/run/instance."""
        return self._once("instance", self._read_instance)  # type: ignore[return-value]

    def secret(self) -> bytes:
        """The 32-byte secret of this instance (key hashes, media links), made at first start, mode 0600."""
        return self._once("secret", self._read_secret)  # type: ignore[return-value]

    def _once(self, name: str, make: object) -> object:
        pid, value = self._made.get(name, (0, None))
        if pid != os.getpid():
            with self._lock:
                pid, value = self._made.get(name, (0, None))
                if pid != os.getpid():
                    value = make()  # type: ignore[operator]
                    self._made[name] = (os.getpid(), value)
        return value

    def _open_store(self) -> Store:
        from db import schema

        if self.settings.mongodb_uri:
            from db.mongo import MongoStore

            store: Store = MongoStore(self.settings.mongodb_uri)
        else:
            from db.sqlite import SqliteStore

            store = SqliteStore(self.settings.data_dir / "documents.sqlite")
        for spec in schema.COLLECTIONS:
            store.ensure(spec)
        return store

    def _open_blobs(self) -> BlobStore:
        from services.storage.local import LocalBlobs

        s = self.settings
        return LocalBlobs(s.data_dir / "blobs", max_data_gb=s.max_data_gb, min_free_gb=s.min_free_gb)

    def _read_instance(self) -> str:
        return _read_or_make(self.settings, "instance", lambda: "sr" + os.urandom(4).hex()).decode()

    def _read_secret(self) -> bytes:
        return bytes.fromhex(_read_or_make(self.settings, "secret", lambda: os.urandom(32).hex()).decode())


def connect_redis(settings: Settings) -> redis.Redis:
    """A Redis client: REDIS_URL, else the socket that `python -m app redis` serves."""
    retry = Retry(ConstantBackoff(REDIS_PAUSE_S), REDIS_RETRIES)
    options: dict[str, Any] = {
        "retry": retry,
        "socket_timeout": REDIS_SILENCE_S,
        "socket_connect_timeout": REDIS_TIMEOUT_S,
        "health_check_interval": 0,
    }
    if settings.redis_url.startswith("unix:"):
        return redis.Redis.from_url(settings.redis_url, **options)
    if settings.redis_url:
        return redis.Redis.from_url(settings.redis_url, socket_keepalive=True, **options)
    from app.stack import redis_socket

    return redis.Redis(unix_socket_path=str(redis_socket(settings)), **options)


def _read_or_make(settings: Settings, name: str, make: object) -> bytes:
    """A small file in the run directory, written once: link() lets exactly one of several starters win."""
    path = settings.run_dir / name
    if not path.exists():
        settings.run_dir.mkdir(parents=True, exist_ok=True)
        fresh = settings.run_dir / f".{name}.{os.getpid()}.{threading.get_ident()}"
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w") as f:
            f.write(make())  # type: ignore[operator]
            f.flush()
            os.fsync(f.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(fresh)
    return path.read_bytes()
