"""Names of stored bytes: what a blob's name looks like and where it lies."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

SHA256 = re.compile(r"[0-9a-f]{64}")


def is_sha256(text: str) -> bool:
    """Whether a text is 64 lower-case hex digits, the only names a blob can have (so no name leaves its folder)."""
    return SHA256.fullmatch(text) is not None


def blob_key(sha256: str) -> PurePosixPath:
    """`ab/abcd…`: 256 folders, of about 4,000 blobs at a million. Raises ValueError for anything but 64 hex digits.

    One level and not two, because a new folder has to be synced into its parents, which costs more than the blob.
    """
    if not is_sha256(sha256):
        raise ValueError("not a SHA-256 in hex")
    return PurePosixPath(sha256[:2], sha256)


def folders() -> tuple[str, ...]:
    """The names of all folders that `blob_key` uses, in order."""
    return tuple(f"{i:02x}" for i in range(256))
