"""Rendered files of beats: made on first request, then served from the blob that this document names."""

from __future__ import annotations

from typing import Any

from db.store import Document, DuplicateId, Store
from services import canonical, clock

NAME = "files"


def file_key(owner: str, facts: dict[str, Any]) -> str:
    """The key of a file; `facts` hold the tree, the title, the name, the options and the code version."""
    return canonical.sha256({"owner": owner, **facts})


def rendered(store: Store, key: str) -> Document | None:
    """The file's document (`sha256, bytes, media_type, filename`), or None before it is made."""
    return store.get(NAME, key)


def save_rendered(store: Store, owner: str, key: str, doc: dict[str, Any]) -> None:
    """Keep where a rendered file lies; a file made again (its blob was swept) replaces the old address."""
    whole = {"id": key, "owner": owner, "created_at": clock.now(), "schema": 1, **doc}
    try:
        store.insert(NAME, whole)
    except DuplicateId:
        store.mutate(NAME, key, lambda d: {**whole, "version": d["version"]})
