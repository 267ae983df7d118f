"""Assets: one document per (owner, sha256). The same bytes again return it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from db.store import Document, DuplicateId, Page, Store, VersionConflict
from services import clock
from services.errors import NotFound

NAME = "assets"
NO_ASSET = "There is no asset with this id, or it has expired."


def asset_id(owner: str, sha256: str) -> str:
    """The id that an owner's bytes have, whoever asks first."""
    return "a" + hashlib.sha256(f"{owner}\n{sha256}".encode()).hexdigest()[:31]


def insert_asset(store: Store, owner: str, doc: dict[str, Any]) -> tuple[Document, bool]:
    """Store an asset, or renew the expiry of the one that is there. Returns it and whether it is new."""
    whole = {
        "id": asset_id(owner, doc["sha256"]),
        "owner": owner,
        "created_at": clock.now(),
        "updated_at": clock.now(),
        "schema": 1,
        **doc,
    }
    try:
        return store.insert(NAME, whole), True
    except DuplicateId:
        renewed = store.mutate(
            NAME, whole["id"], lambda d: {**d, "expires_at": doc["expires_at"], "updated_at": clock.now()}
        )
        return (renewed, False) if renewed is not None else (store.insert(NAME, whole), True)


def asset(store: Store, owner: str, doc_id: str) -> Document:
    """The asset. Raises NotFound, also for another owner's or an expired one."""
    doc = store.get(NAME, doc_id)
    if doc is None or doc["owner"] != owner or _expired(doc):
        raise NotFound(NO_ASSET)
    return doc


def assets(store: Store, owner: str, cursor: str | None, limit: int) -> Page:
    """An owner's assets, newest first."""
    return store.find(NAME, {"owner": owner}, cursor=cursor, limit=limit)


def note_audio(store: Store, doc_id: str, facts: dict[str, Any]) -> None:
    """Write what decoding found (`duration_s, channels, rate_hz, peaks, codec`)."""
    store.mutate(
        NAME, doc_id, lambda d: None if d.get("duration_s") is not None else {**d, **facts, "updated_at": clock.now()}
    )


def delete_asset(store: Store, owner: str, doc_id: str) -> None:
    """Remove the owner's document; the bytes go with a later sweep. Raises NotFound."""
    asset(store, owner, doc_id)
    store.delete(NAME, doc_id)


def remove_unheard(store: Store, ids: tuple[str, ...]) -> None:
    """Remove the assets of a request that failed, unless another request has decoded them meanwhile."""
    for doc_id in ids:
        doc = store.get(NAME, doc_id)
        if doc is not None and doc.get("duration_s") is None:
            store.delete(NAME, doc_id)


def expired(store: Store, at: datetime) -> Iterator[Document]:
    """Assets whose retention ran out before `at`."""
    return store.each(NAME, {"expires_at": {"lt": at}})


def delete_expired(store: Store, at: datetime) -> int:
    """Remove the assets whose retention ran out before `at`, unless it was renewed meanwhile; how many."""
    count = 0
    for doc in list(expired(store, at)):
        try:
            count += store.delete(NAME, doc["id"], doc["version"])
        except VersionConflict:
            continue
    return count


def _expired(doc: Document) -> bool:
    until = doc.get("expires_at")
    return until is not None and until < clock.now()
