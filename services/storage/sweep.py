"""Which blobs go: mark and sweep, never counters.

The caller marks what documents name; everything else goes once nobody has touched it for the grace time. The order
makes it safe: an upload touches (or stores) its blob before it writes the document, so a blob whose document came too
late for the marking is too young for the sweep.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from services.storage.contract import BlobStore


@dataclass(frozen=True, slots=True)
class SweepResult:
    """How many blobs stayed because they are named (`marked`) or young (`young`), how many went, and their bytes."""

    marked: int
    young: int
    deleted: int
    freed_bytes: int


def sweep(blobs: BlobStore, marked: Collection[str], older_than: datetime) -> SweepResult:
    """Delete the blobs that nobody names and nobody has touched since `older_than` (UTC, now minus the grace time).

    `marked` holds SHA-256 names and must have been read from the documents after `older_than`; pass a set. Raises
    nothing of its own: a blob that vanishes or is touched while the sweep runs counts as young.
    """
    stayed = young = deleted = freed = 0
    for sha, size, touched in blobs.walk():
        if sha in marked:
            stayed += 1
        elif touched < older_than and blobs.delete(sha, untouched_since=older_than):
            deleted += 1
            freed += size
        else:
            young += 1
    return SweepResult(stayed, young, deleted, freed)
