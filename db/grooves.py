"""Grooves: an owner's templates, each under the id of the job that read it."""

from __future__ import annotations

from typing import Any

from db.store import Document, DuplicateId, Page, Store
from services import clock
from services.errors import NotFound

NAME = "grooves"
FACTS = ("name", "asset_id", "bpm", "meter", "swing", "swing_unit", "offset_ms", "velocity")
NO_GROOVE = "There is no groove with this id."


def save_groove(store: Store, owner: str, groove_id: str, facts: dict[str, Any]) -> None:
    """Store a groove; one that a further attempt of the same job finds there already stays."""
    at = clock.now()
    try:
        store.insert(NAME, {"id": groove_id, "owner": owner, "created_at": at, "updated_at": at, "schema": 1, **facts})
    except DuplicateId:
        pass


def groove(store: Store, owner: str, groove_id: str) -> Document:
    """The owner's groove. Raises NotFound, also for another owner's."""
    doc = store.get(NAME, groove_id)
    if doc is None or doc["owner"] != owner:
        raise NotFound(NO_GROOVE)
    return doc


def grooves(store: Store, owner: str, cursor: str | None, limit: int) -> Page:
    """An owner's grooves, newest first. Raises ValueError for a broken cursor."""
    return store.find(NAME, {"owner": owner}, cursor=cursor, limit=limit)


def delete_groove(store: Store, owner: str, groove_id: str) -> None:
    """Remove the owner's groove; beats that were made with it keep its numbers. Raises NotFound."""
    groove(store, owner, groove_id)
    store.delete(NAME, groove_id)
