"""Analyses: what was found in an owner's recordings, each under the id of the job that heard it first.

A document names the blobs of what was heard, so that its hints can change without listening again; `job_id` is the job
that made its present state, which is also that state's name.
"""

from __future__ import annotations

from typing import Any

from db.store import Document, DuplicateId, Page, Store
from services import clock
from services.errors import NotFound, StaleVersion

NAME = "analyses"
# What a job changes: who made it and when, the hints, what was found, and where lies what was heard, by part.
STATE = ("job_id", "updated_at", "code_version", "engines", "hints", "found", "parts", "blobs")
SOURCE = ("asset_id", "sample_id", "sha256", "name", "container", "field")  # what hearing it again takes
NO_ANALYSIS = "There is no analysis with this id."
CHANGED = "The analysis has changed since you read it: read it again and repeat the change."


def save_analysis(store: Store, owner: str, analysis_id: str, facts: dict[str, Any]) -> Document:
    """Store an analysis; one that a further attempt of the same job finds there already stays."""
    doc = {"id": analysis_id, "owner": owner, "created_at": clock.now(), "schema": 1, **facts}
    try:
        return store.insert(NAME, doc)
    except DuplicateId:
        return analysis(store, owner, analysis_id)


def of_source(source: Document) -> dict[str, Any]:
    """What an analysis says of the recording that a request named."""
    kept = {name: source[name] for name in SOURCE if name in source}
    return {"name": source["name"], "asset_id": source.get("asset_id"), "source": kept}


def analysis(store: Store, owner: str, analysis_id: str) -> Document:
    """The owner's analysis. Raises NotFound, also for another owner's."""
    doc = store.get(NAME, analysis_id)
    if doc is None or doc["owner"] != owner:
        raise NotFound(NO_ANALYSIS)
    return doc


def analyses(store: Store, owner: str, cursor: str | None, limit: int) -> Page:
    """An owner's analyses, newest first. Raises ValueError for a broken cursor."""
    return store.find(NAME, {"owner": owner}, cursor=cursor, limit=limit)


def change_state(store: Store, owner: str, analysis_id: str, seen: str, state: dict[str, Any]) -> Document:
    """Replace the state that the job `seen` made. Raises StaleVersion when another has come first, NotFound."""

    def change(doc: Document) -> Document | None:
        return {**doc, **state} if (doc["owner"], doc["job_id"]) == (owner, seen) else None

    doc = store.mutate(NAME, analysis_id, change)
    if doc is not None:
        return doc
    refuse_stale(analysis(store, owner, analysis_id), seen)
    raise StaleVersion(CHANGED)


def refuse_stale(doc: Document, seen: str) -> None:
    """Raise StaleVersion when the client saw another state."""
    if doc["job_id"] != seen:
        raise StaleVersion(CHANGED)


def state_of(doc: Document) -> dict[str, Any]:
    """The state of a document, as a job's result keeps it whatever changes later."""
    return {name: doc[name] for name in STATE}


def delete_analysis(store: Store, owner: str, analysis_id: str) -> None:
    """Remove the owner's analysis; what was heard goes with a later sweep. Raises NotFound."""
    analysis(store, owner, analysis_id)
    store.delete(NAME, analysis_id)
