"""Assets: one document per (owner, sha256). The same bytes again return it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from db.store import Document, Page, Store, VersionConflict
from services import clock
from services.errors import NotFound

NAME, FACTS = "assets", "asset_facts"
RENEWED_EVERY = timedelta(hours=1)  # a write for each use of a sound would cost more than the use
NO_ASSET = "There is no asset with this id, or it has expired."


def asset_id(owner: str, sha256: str) -> str:
    """The id that an owner's bytes have, whoever asks first."""
    return "a" + hashlib.sha256(f"{owner}\n{sha256}".encode()).hexdigest()[:31]


def insert_assets(store: Store, owner: str, facts: Sequence[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Store an asset for each of the files' facts, or renew the one there is. Their ids in order, and the new ones."""
    ids, fresh = [], []
    at = clock.now()
    for doc in facts:
        own = asset_id(owner, doc["sha256"])
        ids.append(own)
        there = store.get(NAME, own)
        if there is None:
            fresh.append({"id": own, "owner": owner, "created_at": at, "updated_at": at, "schema": 1, **doc})
        elif there["expires_at"] <= doc["expires_at"] - RENEWED_EVERY:
            renewed = {"expires_at": doc["expires_at"], "updated_at": at}
            store.mutate(NAME, own, lambda d, renewed=renewed: {**d, **renewed})  # type: ignore[misc]
    store.insert_new(NAME, fresh)
    return ids, [d["id"] for d in fresh]


def asset(store: Store, owner: str, doc_id: str) -> Document:
    """The asset. Raises NotFound, also for another owner's or an expired one."""
    doc = store.get(NAME, doc_id)
    if doc is None or doc["owner"] != owner or _expired(doc):
        raise NotFound(NO_ASSET)
    return doc


def assets(store: Store, owner: str, cursor: str | None, limit: int) -> Page:
    """An owner's assets, newest first."""
    return store.find(NAME, {"owner": owner}, cursor=cursor, limit=limit)


def note_audio(store: Store, facts: dict[str, dict[str, Any]]) -> None:
    """Keep what decoding found, by asset id: `duration_s, channels, rate_hz, codec, peaks`."""
    store.insert_new(
        FACTS, [{"id": own, "created_at": clock.now(), "schema": 1, **found} for own, found in facts.items()]
    )


def audio_facts(store: Store, doc_id: str) -> dict[str, Any] | None:
    """What decoding found, or None before a job has decoded it."""
    return store.get(FACTS, doc_id)


def delete_asset(store: Store, owner: str, doc_id: str) -> None:
    """Remove the owner's document; the bytes go with a later sweep. Raises NotFound."""
    asset(store, owner, doc_id)
    _delete(store, doc_id)


def remove_unheard(store: Store, ids: tuple[str, ...]) -> None:
    """Remove the assets of a request that failed, unless another request has decoded them meanwhile."""
    for doc_id in ids:
        if audio_facts(store, doc_id) is None:
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
            store.delete(FACTS, doc["id"])
        except VersionConflict:
            continue
    return count


def _expired(doc: Document) -> bool:
    until = doc.get("expires_at")
    return until is not None and until < clock.now()


def _delete(store: Store, doc_id: str) -> bool:
    store.delete(FACTS, doc_id)
    return store.delete(NAME, doc_id)
