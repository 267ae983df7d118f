"""Leases: who of several processes does a task that one is enough for. One document per task."""

from __future__ import annotations

from datetime import datetime

from db.store import DuplicateId, Store

NAME = "leases"


def hold(store: Store, task: str, owner: str, at: datetime, until: datetime) -> bool:
    """Take or renew a task's lease; False while another owner's has not lapsed."""
    try:
        store.insert(NAME, {"id": task, "owner": owner, "until": until, "schema": 1})
    except DuplicateId:
        held = store.mutate(
            NAME,
            task,
            lambda d: {**d, "owner": owner, "until": until} if d["owner"] == owner or d["until"] <= at else None,
        )
        return held is not None
    return True


def give_up(store: Store, task: str, owner: str, at: datetime) -> None:
    """Let another take the task at once."""
    store.mutate(NAME, task, lambda d: {**d, "until": at} if d["owner"] == owner else None)
