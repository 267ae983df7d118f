"""Blobs as files: `root/ab/abcd…`, made in `root/staging` and renamed when whole.

A blob is durable when `put` returns: the file is synced before the rename and its folder after it. Renames, removals
and changes of the usage counter happen under one `flock`, so that a sweep in another process cannot remove a blob that
a duplicate upload has just touched, and so that the disk budget holds over all processes. The kernel drops the lock of
a killed process; what it leaves behind lies in staging.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from services.errors import DiskFull, NotFound
from services.storage.contract import Usage
from services.storage.disk import disk_full_said, last_change, removed_on_failure, synced, touched
from services.storage.keys import blob_key, folders, is_sha256

GB = 1_000_000_000  # settings count disk as its makers do
STAGING = "staging"
LOCK = ".lock"
COUNTER = ".used"  # bytes in blobs, as decimal text; made again by walking when it is missing or broken
COUNTER_CHARS = 20  # fixed width, so that a write never leaves the end of an older one


class LocalBlobs:
    """A `BlobStore` in a directory. Safe from several threads and processes."""

    def __init__(self, root: Path, *, max_data_gb: float, min_free_gb: float) -> None:
        self._root = root
        self._staging = root / STAGING
        self._max_bytes = int(max_data_gb * GB)
        self._min_free_bytes = int(min_free_gb * GB)
        fresh = not root.exists()
        self._staging.mkdir(parents=True, exist_ok=True)
        _make_folders(root)
        if fresh:
            with self._locked():
                if self._counted() is None:
                    self._write_counter(0)  # known without a walk, which would race with the first puts

    def put(self, data: bytes) -> str:
        """Store bytes, return their SHA-256. The same bytes again touch the blob. Raises DiskFull."""
        return self.put_many((data,))[0]

    def put_many(self, blobs: Sequence[bytes]) -> list[str]:
        """`put` for several at once, in order, with less waiting for the disk. Raises DiskFull, nothing left over."""
        names = [hashlib.sha256(data).hexdigest() for data in blobs]
        fresh = {sha: data for sha, data in zip(names, blobs, strict=True) if not self.touch(sha)}
        self.require_room(sum(len(data) for data in fresh.values()))
        halves: dict[str, Path] = {}
        with disk_full_said(), removed_on_failure(halves):
            for sha, data in fresh.items():
                halves[sha] = self._staging / f"{os.getpid()}-{secrets.token_hex(8)}"
                halves[sha].write_bytes(data)
            self._take_over(halves)
        return names

    def adopt(self, path: str, sha256: str) -> None:
        """Take over a finished, already hashed file of the same file system (rename). Raises DiskFull.

        A file that is refused stays where it is; one whose blob exists is removed. Raises ValueError for a bad hash.
        """
        self.adopt_many(((path, sha256),))

    def adopt_many(self, files: Sequence[tuple[str, str]]) -> None:
        """`adopt` for several (path, sha256) at once, with less waiting for the disk. Raises DiskFull, ValueError."""
        fresh: dict[str, Path] = {}
        for path, sha in files:
            blob_key(sha)
            if sha in fresh or self.touch(sha):
                Path(path).unlink()
            else:
                fresh[sha] = Path(path)
        self.require_room(sum(whole.stat().st_size for whole in fresh.values()))
        with disk_full_said():
            self._take_over(fresh)

    def open(self, sha256: str) -> BinaryIO:
        """The blob for reading, seekable. Raises NotFound."""
        try:
            return self._place(sha256).open("rb")
        except FileNotFoundError:
            raise _missing() from None

    def read(self, sha256: str) -> bytes:
        """The whole blob. Raises NotFound."""
        with self.open(sha256) as f:
            return f.read()

    def size(self, sha256: str) -> int:
        """Bytes. Raises NotFound."""
        try:
            return self._place(sha256).stat().st_size
        except FileNotFoundError:
            raise _missing() from None

    def touch(self, sha256: str) -> bool:
        """Renew a blob's age so that no sweep takes it; False when it is not there."""
        if not is_sha256(sha256):
            return False
        with self._locked():
            return touched(self._place(sha256))

    def delete(self, sha256: str, untouched_since: datetime | None = None) -> bool:
        """Remove a blob, with a time only if it was last touched before it; True when it was there and is gone."""
        if not is_sha256(sha256):
            return False
        place = self._place(sha256)
        with self._locked():
            try:
                found = place.stat()
            except FileNotFoundError:
                return False
            if untouched_since is not None and found.st_mtime >= untouched_since.timestamp():
                return False
            place.unlink()
            self._count(-found.st_size)
        return True

    def walk(self) -> Iterator[tuple[str, int, datetime]]:
        """Every blob as (sha256, bytes, last touched in UTC)."""
        for folder in folders():
            with os.scandir(self._root / folder) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):  # removed since it was listed
                        found = entry.stat()
                        if is_sha256(entry.name):
                            yield entry.name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC)

    def staging(self) -> str:
        """A directory on the same file system for half-made files; the sweeper empties it after a day."""
        self._staging.mkdir(parents=True, exist_ok=True)
        return str(self._staging)

    def empty_staging(self, older_than: datetime) -> int:
        """Remove the files and folders in which nothing has changed since `older_than` (UTC); how many."""
        removed = 0
        for entry in list(Path(self.staging()).iterdir()):
            with suppress(FileNotFoundError):  # adopted or removed by its owner meanwhile
                if last_change(entry) >= older_than.timestamp():
                    continue
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
                removed += 1
        return removed

    def require_room(self, n_bytes: int) -> None:
        """Raise DiskFull when `n_bytes` more would pass MAX_DATA_GB or leave less than MIN_FREE_GB."""
        used, _, limit = self.usage()
        if used + n_bytes > limit:
            raise DiskFull("There is no room left for this: delete something, or ask for more disk.")

    def usage(self) -> Usage:
        """Bytes in blobs, bytes free on the disk, and the most blobs may take: the budget or what the disk can give."""
        used = self._counted()
        if used is None:
            return self.recount()
        return self._usage(used)

    def recount(self) -> Usage:
        """Measure the bytes in blobs by walking. Blobs that come or go meanwhile are counted as well as can be."""
        with self._locked():
            before = self._counted() or 0
            self._write_counter(before)
        found = sum(size for _, size, _ in self.walk())
        with self._locked():
            used = max(0, found + (self._counted() or 0) - before)
            self._write_counter(used)
        return self._usage(used)

    def _usage(self, used: int) -> Usage:
        disk = os.statvfs(self._root)
        free = disk.f_bavail * disk.f_frsize
        return Usage(used, free, max(0, min(self._max_bytes, used + free - self._min_free_bytes)))

    def _place(self, sha256: str) -> Path:
        try:
            return self._root / blob_key(sha256)
        except ValueError:
            raise _missing() from None

    def _take_over(self, files: Mapping[str, Path]) -> None:
        """Sync finished files, make them blobs, sync their folders: in that order, each step for all of them."""
        synced(list(files.values()))
        places = {sha: self._place(sha) for sha in files}
        with self._locked():
            for sha, whole in files.items():
                if touched(places[sha]):  # somebody else stored the same bytes meanwhile
                    whole.unlink()
                    continue
                touched(whole)
                whole.rename(places[sha])
                self._count(places[sha].stat().st_size)
        synced(sorted({place.parent for place in places.values()}))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # Opened anew each time: a lock belongs to the open file, and a kept one would be shared with forked children.
        fd = os.open(self._root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _counted(self) -> int | None:
        try:
            return int((self._root / COUNTER).read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def _count(self, change: int) -> None:
        used = self._counted()
        if used is not None:
            self._write_counter(max(0, used + change))

    def _write_counter(self, used: int) -> None:
        fd = os.open(self._root / COUNTER, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(fd, f"{used:0{COUNTER_CHARS}d}".encode(), 0)
        finally:
            os.close(fd)


def _missing() -> NotFound:
    return NotFound("There is no such file.")


def _make_folders(root: Path) -> None:
    *others, last = folders()
    if (root / last).is_dir():
        return
    for name in (*others, last):  # the last one stands for all, so it is made last
        (root / name).mkdir(exist_ok=True)
    synced([root])
