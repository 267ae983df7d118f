"""Where bytes live: content-addressed blobs behind one small contract. `local` is the first implementation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import BinaryIO, NamedTuple, Protocol


class Usage(NamedTuple):
    """How full the store is, in bytes: what its blobs take, what the disk has left, and the most the blobs may take."""

    used_bytes: int
    free_bytes: int
    limit_bytes: int

    @property
    def fraction(self) -> float:
        """0 when empty, 1 when the next byte is refused; the warning of `/ready` starts at 0.8."""
        return self.used_bytes / self.limit_bytes if self.limit_bytes > 0 else 1.0


class BlobStore(Protocol):
    """Blobs named by the hex SHA-256 of their bytes. A blob is visible whole or not at all."""

    def put(self, data: bytes) -> str:
        """Store bytes, return their SHA-256. The same bytes again touch the blob. Raises DiskFull."""
        ...

    def put_many(self, blobs: Sequence[bytes]) -> list[str]:
        """`put` for several at once, in order, with less waiting for the disk. Raises DiskFull, nothing left over."""
        ...

    def adopt(self, path: str, sha256: str) -> None:
        """Take over a finished, already hashed file of the same file system (rename). Raises DiskFull."""
        ...

    def adopt_many(self, files: Sequence[tuple[str, str]]) -> None:
        """`adopt` for several (path, sha256) at once, with less waiting for the disk. Raises DiskFull."""
        ...

    def open(self, sha256: str) -> BinaryIO:
        """The blob for reading, seekable. Raises NotFound."""
        ...

    def read(self, sha256: str) -> bytes:
        """The whole blob. Raises NotFound."""
        ...

    def size(self, sha256: str) -> int:
        """Bytes. Raises NotFound."""
        ...

    def touch(self, sha256: str) -> bool:
        """Renew a blob's age so that no sweep takes it; False when it is not there."""
        ...

    def delete(self, sha256: str, untouched_since: datetime | None = None) -> bool:
        """Remove a blob; True when it was there. With a time, only if it was last touched before it.

        Check and removal are one step: no `put`, `adopt` or `touch` falls between.
        """
        ...

    def walk(self) -> Iterator[tuple[str, int, datetime]]:
        """Every blob as (sha256, bytes, last touched in UTC)."""
        ...

    def staging(self) -> str:
        """A directory on the same file system for half-made files; the sweeper empties it after a day."""
        ...

    def empty_staging(self, older_than: datetime) -> int:
        """Remove what nobody has changed in staging since then; how many entries."""
        ...

    def require_room(self, n_bytes: int) -> None:
        """Raise DiskFull when so many bytes more would pass the disk budget; cheap, for before an upload."""
        ...

    def usage(self) -> Usage:
        """How full the store is; cheap. `limit_bytes` is the smaller of the budget and what the disk can give."""
        ...

    def recount(self) -> Usage:
        """Measure the usage afresh by walking; after each sweep, as a killed process may leave it a little off."""
        ...
