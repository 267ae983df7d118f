"""Small steps on files that a durable store is made of: sync, touch, age, and saying that the disk is full."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from services.errors import DiskFull

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # full disk, full quota, full file size limit


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
    """Wait until files or folders are on the disk; all are started before the first is waited for."""
    with ExitStack() as opened:
        fds = []
        for path in paths:
            fds.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
            opened.callback(os.close, fds[-1])
            if len(paths) > 1:
                os.posix_fadvise(fds[-1], 0, 0, os.POSIX_FADV_DONTNEED)  # on dirty pages: begin to write them now
        for fd in fds:
            os.fsync(fd)


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
