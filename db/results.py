"""Results: what a succeeded job leaves, under the job's id; written before the job is declared succeeded."""

from __future__ import annotations

from typing import Any

from db.store import Document, DuplicateId, Store
from services import clock

NAME = "results"


def save_result(store: Store, job: Document, body: dict[str, Any]) -> None:
    """Keep the body of a job's attempt. The highest attempt wins, so a late one cannot replace a newer one's."""
    doc = {
        "id": job["id"], "owner": job["owner"], "attempt": job["attempt"], "body": body, "created_at": clock.now(),
        "schema": 1,
    }  # fmt: skip
    try:
        store.insert(NAME, doc)
    except DuplicateId:
        store.mutate(NAME, job["id"], lambda d: {**d, **doc} if d["attempt"] <= job["attempt"] else None)


def result(store: Store, job_id: str) -> dict[str, Any] | None:
    """The body, or None when there is none."""
    doc = store.get(NAME, job_id)
    return doc["body"] if doc else None


def delete_result(store: Store, job_id: str) -> None:
    """Remove a job's result."""
    store.delete(NAME, job_id)
