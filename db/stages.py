"""What a stage made of one input, by the hash of all that it depends on: later beats start from it."""

from __future__ import annotations

import json
from typing import Any

from db.store import Store
from services import canonical, clock

NAME = "stages"


def stage_key(owner: str, stage: str, facts: dict[str, Any]) -> str:
    """The key of a stage's result; `facts` hold the code version, the parameters and the input's hash."""
    return canonical.sha256({"owner": owner, "stage": stage, **facts})


def stage(store: Store, key: str) -> dict[str, Any] | None:
    """The stored result of a stage, or None."""
    doc = store.get(NAME, key)
    return json.loads(doc["body"]) if doc else None


def save_stages(store: Store, owner: str, found: dict[str, dict[str, Any]]) -> None:
    """Keep stages' results by their keys; a key that is there keeps its first."""
    store.insert_new(
        NAME,
        [
            {"id": key, "owner": owner, "body": json.dumps(body), "created_at": clock.now(), "schema": 1}
            for key, body in found.items()
        ],
    )
