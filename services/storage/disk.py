"""Small steps on files that a durable store is made of: sync, touch, age, and saying that the disk is full."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from services.errors import DiskFull

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # full disk, full quota, full file size limit
SYNC_THREADS = 16  # they only wait; more than this many files at once are rare


def touched(place: Path) -> bool:
    """Set a file's time to now; False when it is not there."""
    try:
        os.utime(place)
    except FileNotFoundError:
        return False
    return True


def last_change(entry: Path) -> float:
    """Seconds since 1970 of the newest change in a file or a folder tree."""
    newest = entry.lstat().st_mtime
    if entry.is_dir() and not entry.is_symlink():
        newest = max([newest, *(last_change(inner) for inner in entry.iterdir())])
    return newest


def synced(paths: Sequence[Path]) -> None:
    """Wait until files or folders are on the disk. Several wait at the same time: the file system joins their commits.

    On a busy machine each wait costs a scheduler tick: 16 in a row took 65 ms, by threads 11 ms.
    """
    with ExitStack() as opened:
        fds: list[int] = []
        for path in paths:
            fds.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
            opened.callback(os.close, fds[-1])
        if len(fds) > 1:
            with ThreadPoolExecutor(min(len(fds), SYNC_THREADS)) as waiting:
                list(waiting.map(os.fsync, fds))
        elif fds:
            os.fsync(fds[0])


@contextmanager
def disk_full_said() -> Iterator[None]:
    """Say DiskFull for the operating system's ways of being out of space; other errors pass."""
    try:
        yield
    except OSError as err:
        if err.errno in NO_SPACE:
            raise DiskFull("The disk is full.") from err
        raise


@contextmanager
def removed_on_failure(halves: Mapping[str, Path]) -> Iterator[None]:
    """Remove these files when the block fails, for whatever reason."""
    try:
        yield
    except BaseException:
        for half in halves.values():
            half.unlink(missing_ok=True)
        raise
