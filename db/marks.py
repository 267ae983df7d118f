"""Which blobs some document names: the marking half of mark and sweep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from db.store import Document, Store

# Collection → the fields that name a blob, or a list of blobs. Stage results and ended jobs are left out: what they
# made lives on in the documents below, and a stage whose blobs are gone is computed again.
NAMING: dict[str, tuple[str, ...]] = {
    "assets": ("sha256",),
    "samples": ("blob",),
    "trees": ("blobs",),
    "files": ("sha256",),
    "analyses": ("blobs",),
    "transcriptions": ("blobs",),
}


def marked(store: Store) -> set[str]:
    """The SHA-256 of every blob that must stay, with the inputs of jobs that have not ended."""
    found: set[str] = set()
    for collection, fields in NAMING.items():
        for doc in store.each(collection, {}, batch=20 if collection == "trees" else 500):
            for field in fields:
                found.update(_names(doc.get(field)))
    for doc in _unfinished(store):
        found.update(doc["inputs"])
    return found


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif value:
        yield from value


def _unfinished(store: Store) -> Iterator[Document]:
    return store.each("jobs", {"state": {"in": ["queued", "running"]}})
