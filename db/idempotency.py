"""Idempotency keys: one document per (owner, route, key), kept for a day, naming the job of the first request."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.store import Document, DuplicateId, Store, VersionConflict
from services import clock
from services.errors import Conflict, Invalid

NAME = "idempotency"
KEPT = timedelta(hours=24)
# A request that died between its key and its job must not block the key for a day; a large upload is stored before.
ABANDONED_AFTER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Claim:
    """A request's hold on a key: `job_id` is the job that an earlier request with it made, None for the first."""

    id: str
    job_id: str | None
    version: int


def begin(store: Store, owner: str, route: str, key: str, fingerprint: str) -> Claim:
    """Take the key for this request, or find the job that it already has.

    Raises Conflict while the first request has no job yet, and Invalid when the key came with another body.
    """
    doc_id = hashlib.sha256(f"{owner}\n{route}\n{key}".encode()).hexdigest()
    at = clock.now()
    doc = {
        "id": doc_id, "owner": owner, "fingerprint": fingerprint, "job_id": None, "created_at": at,
        "expires_at": at + KEPT, "schema": 1,
    }  # fmt: skip
    try:
        return Claim(doc_id, None, store.insert(NAME, doc)["version"])
    except DuplicateId:
        pass
    there = store.get(NAME, doc_id)
    if there is None or there["expires_at"] <= at or _abandoned(there, at):
        return _take_over(store, doc, there)
    if there["fingerprint"] != fingerprint:
        raise Invalid("This Idempotency-Key was used for another request.", code="idempotency_key_reused")
    if there["job_id"] is None:
        raise Conflict(
            "The first request with this Idempotency-Key is still being received.",
            code="idempotency_in_progress",
            retry_after_s=1,
        )
    return Claim(doc_id, there["job_id"], there["version"])


def attach(store: Store, claim: Claim, job_id: str) -> None:
    """Name the job that the claiming request made."""
    store.mutate(NAME, claim.id, lambda d: {**d, "job_id": job_id} if d["version"] == claim.version else None)


def release(store: Store, claim: Claim) -> None:
    """Give the key back: the claiming request made no job."""
    with contextlib.suppress(VersionConflict):  # then the key is another request's by now
        store.delete(NAME, claim.id, claim.version)


def expired(store: Store, at: datetime) -> Iterator[Document]:
    """Keys whose day is over."""
    return store.each(NAME, {"expires_at": {"lte": at}})


def delete_expired(store: Store, at: datetime) -> int:
    """Remove the keys whose day is over; how many."""
    return sum(store.delete(NAME, doc["id"]) for doc in list(expired(store, at)))


def _abandoned(doc: Document, at: datetime) -> bool:
    return doc["job_id"] is None and doc["created_at"] + ABANDONED_AFTER <= at


def _take_over(store: Store, doc: Document, there: Document | None) -> Claim:
    busy = Conflict(
        "Another request with this Idempotency-Key came first.", code="idempotency_in_progress", retry_after_s=1
    )
    try:
        if there is None:
            return Claim(doc["id"], None, store.insert(NAME, doc)["version"])
        return Claim(doc["id"], None, store.replace(NAME, doc, there["version"])["version"])
    except (DuplicateId, VersionConflict):
        raise busy from None
