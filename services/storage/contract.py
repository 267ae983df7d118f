"""Where bytes live: content-addressed blobs behind one small contract. `local` is the first implementation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO, Protocol


class BlobStore(Protocol):
    """Blobs named by the hex SHA-256 of their bytes. A blob is visible whole or not at all."""

    def put(self, data: bytes) -> str:
        """Store bytes, return their SHA-256. The same bytes again touch the blob. Raises DiskFull."""
        ...

    def adopt(self, path: str, sha256: str) -> None:
        """Take over a finished, already hashed file of the same file system (rename). Raises DiskFull."""
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

    def delete(self, sha256: str) -> None:
        """Remove a blob; silent when it is not there."""
        ...

    def walk(self) -> Iterator[tuple[str, int, datetime]]:
        """Every blob as (sha256, bytes, last touched in UTC)."""
        ...

    def staging(self) -> str:
        """A directory on the same file system for half-made files; the sweeper empties it after a day."""
        ...
