"""What a stage made of one input, by the hash of all that it depends on: later beats start from it."""

from __future__ import annotations

from typing import Any

from db.store import DuplicateId, Store
from services import canonical, clock

NAME = "stages"


def stage_key(owner: str, stage: str, facts: dict[str, Any]) -> str:
    """The key of a stage's result; `facts` hold the code version, the parameters and the input's hash."""
    return canonical.sha256({"owner": owner, "stage": stage, **facts})


def stage(store: Store, key: str) -> dict[str, Any] | None:
    """The stored result of a stage, or None."""
    doc = store.get(NAME, key)
    return doc["body"] if doc else None


def save_stage(store: Store, owner: str, key: str, body: dict[str, Any], blobs: tuple[str, ...]) -> None:
    """Keep a stage's result; the same key again keeps the first."""
    try:
        store.insert(
            NAME,
            {"id": key, "owner": owner, "body": body, "blobs": sorted(blobs), "created_at": clock.now(), "schema": 1},
        )
    except DuplicateId:
        pass
