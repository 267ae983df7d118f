"""Connections to one SQLite file: shared by the threads of a process, never by two processes.

SQLite keeps what a process knows about a file's locks in one place per process. A child that merely opens the file
while its parent's connections are still in its memory takes over that knowledge without the locks behind it, and a
third process may then truncate the shared WAL index under its feet. Leaving inherited connections alone is therefore
not enough: all connections of a process are closed just before a fork and opened again, on both sides, when needed.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.errors import DiskFull, ServiceError, Unavailable

BUSY_S = 10.0  # how long a statement waits for another process's write; a write takes about 1 ms
WAL_LIMIT_BYTES = 64 * 1024 * 1024  # a WAL that a burst has grown is cut back to this
RETRY_S = 0.01  # switching a new file to WAL ignores busy_timeout, so it is tried again

# SQLite calls a full disk an I/O error when it meets it in fsync, in the WAL index, or as a quota.
FULL = frozenset(
    f"SQLITE_{name}"
    for name in ("FULL", "IOERR_WRITE", "IOERR_FSYNC", "IOERR_DIR_FSYNC", "IOERR_SHMSIZE", "IOERR_SHMOPEN")
)
DOWN = tuple(
    f"SQLITE_{name}" for name in ("BUSY", "LOCKED", "IOERR", "CANTOPEN", "READONLY", "PROTOCOL", "CORRUPT", "NOTADB")
)

# One gate for all pools: connections are taken and given back under it; a fork lets no more out and waits for the rest.
_gate = threading.Condition(threading.RLock())
_out = 0
_forking = 0
_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


class Pool:
    """Idle connections of this process. As many are open as statements have run at one time."""

    def __init__(self, path: Path, busy_s: float = BUSY_S) -> None:
        self._path, self._busy_s = path, busy_s
        self._idle: list[sqlite3.Connection] = []
        self._writing = threading.Lock()
        with _gate:
            _pools.add(self)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for one statement; sqlite3 errors leave as services.errors."""
        global _out
        with _gate:
            while _forking:
                _gate.wait()
            _out += 1
            connection = self._idle.pop() if self._idle else None
        try:
            connection = connection or _opened(self._path, self._busy_s)
            yield connection
        except sqlite3.Error as err:
            meaning = translated(err)
            if meaning is None:
                raise
            raise meaning from err
        finally:
            with _gate:
                _out -= 1
                if connection is not None:
                    self._idle.append(connection)
                _gate.notify_all()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The same for a statement that writes. Threads queue here, as SQLite itself waits by ever longer sleeps."""
        with self.reading() as connection:
            if not self._writing.acquire(timeout=self._busy_s):
                raise Unavailable("The document store is busy; try again.")
            try:
                yield connection
            finally:
                self._writing.release()

    def close(self) -> None:
        """Close the idle connections; the next statement opens one again."""
        with _gate:
            while self._idle:
                self._idle.pop().close()


def translated(err: sqlite3.Error) -> ServiceError | None:
    """What a driver error means to the house; None when it is the caller's affair (a duplicate, a wrong statement)."""
    name = getattr(err, "sqlite_errorname", None) or ""
    if name in FULL:
        return DiskFull("The disk is full.")
    if name.startswith(DOWN):
        return Unavailable("The document store does not answer; try again.")
    return None


def _opened(path: Path, busy_s: float) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    try:
        _set_wal(connection, busy_s)
        connection.execute("pragma synchronous=full")
        connection.execute(f"pragma journal_size_limit={WAL_LIMIT_BYTES}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _set_wal(connection: sqlite3.Connection, busy_s: float) -> None:
    give_up = time.monotonic() + busy_s
    while True:
        try:
            connection.execute("pragma journal_mode=wal")
        except sqlite3.OperationalError as err:
            if not (err.sqlite_errorname or "").startswith("SQLITE_BUSY") or time.monotonic() > give_up:
                raise
            time.sleep(RETRY_S)
        else:
            return


def _before_fork() -> None:
    global _forking
    _gate.acquire()  # and kept, so that the child finds it in the hands of its only thread
    _forking += 1
    while _out:
        _gate.wait()
    for pool in list(_pools):
        pool.close()


def _after_fork() -> None:
    global _forking
    _forking -= 1
    _gate.notify_all()
    _gate.release()


def _after_fork_in_child() -> None:
    global _forking, _gate
    _forking = 0
    _gate = threading.Condition(threading.RLock())  # the old one may remember waiting threads that are not here


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
