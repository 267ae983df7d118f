"""Transcriptions: the drums heard in an owner's recordings, each under the id of the job that heard them first.

A document names blobs: what was heard, the strokes as heard, and the body as the API shows it (an hour of drums is
longer than a document may be). `job_id` is the job that made its present state, which is also that state's name.
"""

from __future__ import annotations

from typing import Any

from db.store import Document, DuplicateId, Page, Store
from services import clock
from services.errors import NotFound, StaleVersion

NAME = "transcriptions"
# What a job changes: who made it and when, what the user said, the facts for lists, and where its parts lie.
STATE = (
    "job_id", "updated_at", "code_version", "title", "separate", "separator", "grid", "swing", "swing_unit", "hints",
    "corrections", "facts", "body", "strokes", "parts", "blobs",
)  # fmt: skip
LATER = ("swing", "swing_unit")  # what states of earlier releases lack; None: as heard
SOURCE = ("asset_id", "sample_id", "sha256", "name", "container", "field")
NO_TRANSCRIPTION = "There is no transcription with this id."
CHANGED = "The transcription has changed since you read it: read it again and repeat the change."


def save_transcription(store: Store, owner: str, transcription_id: str, facts: dict[str, Any]) -> Document:
    """Store a transcription; one that a further attempt of the same job finds there already stays."""
    doc = {"id": transcription_id, "owner": owner, "created_at": clock.now(), "schema": 1, **facts}
    try:
        return store.insert(NAME, doc)
    except DuplicateId:
        return transcription(store, owner, transcription_id)


def of_source(source: dict[str, Any]) -> dict[str, Any]:
    """The fields of a document that say what was heard."""
    kept = {name: source[name] for name in SOURCE if name in source}
    return {"name": source["name"], "asset_id": source.get("asset_id"), "source": kept}


def transcription(store: Store, owner: str, transcription_id: str) -> Document:
    """The owner's transcription. Raises NotFound, also for another owner's."""
    doc = store.get(NAME, transcription_id)
    if doc is None or doc["owner"] != owner:
        raise NotFound(NO_TRANSCRIPTION)
    return doc


def transcriptions(store: Store, owner: str, cursor: str | None, limit: int) -> Page:
    """An owner's transcriptions, newest first. Raises ValueError for a broken cursor."""
    return store.find(NAME, {"owner": owner}, cursor=cursor, limit=limit)


def change_state(store: Store, owner: str, transcription_id: str, seen: str, state: dict[str, Any]) -> Document:
    """Replace the state that the job `seen` made. Raises StaleVersion when another has come first, NotFound."""

    def change(doc: Document) -> Document | None:
        return {**doc, **state} if (doc["owner"], doc["job_id"]) == (owner, seen) else None

    doc = store.mutate(NAME, transcription_id, change)
    if doc is not None:
        return doc
    refuse_stale(transcription(store, owner, transcription_id), seen)
    raise StaleVersion(CHANGED)


def refuse_stale(doc: Document, seen: str) -> None:
    """Raise StaleVersion when the client saw another state."""
    if doc["job_id"] != seen:
        raise StaleVersion(CHANGED)


def state_of(doc: Document) -> dict[str, Any]:
    """The state of a document, as a job's result keeps it whatever changes later."""
    return {**dict.fromkeys(LATER), **{name: doc[name] for name in STATE if name not in LATER or name in doc}}


def delete_transcription(store: Store, owner: str, transcription_id: str) -> None:
    """Remove the owner's transcription; its bytes go with a later sweep. Raises NotFound."""
    transcription(store, owner, transcription_id)
    store.delete(NAME, transcription_id)
