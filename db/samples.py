"""Samples: an owner's cut sounds over all beats, named by `sample_id`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from db.store import Document, Page, Store
from services import clock
from services.errors import NotFound

NAME = "samples"


def save_samples(store: Store, owner: str, samples: Iterable[dict[str, Any]]) -> None:
    """Store samples that are not there yet; those that are keep their corrections."""
    at = clock.now()
    stored = {"owner": owner, "created_at": at, "updated_at": at, "schema": 1}
    store.insert_new(NAME, [{"id": f"{owner}:{s['sample_id']}", **stored, **s} for s in samples])


def sample(store: Store, owner: str, sample_id: str) -> Document:
    """The sample. Raises NotFound."""
    doc = store.get(NAME, f"{owner}:{sample_id}")
    if doc is None:
        raise NotFound("There is no sample with this id.")
    return doc


def find_samples(store: Store, owner: str, where: dict[str, Any], cursor: str | None, limit: int) -> Page:
    """An owner's samples, newest first, by `role` and `instrument` where given."""
    return store.find(NAME, {"owner": owner, **where}, cursor=cursor, limit=limit)


def correct(store: Store, owner: str, sample_id: str, fields: dict[str, Any]) -> Document:
    """Write a user's correction. Raises NotFound."""
    doc = store.mutate(NAME, f"{owner}:{sample_id}", lambda d: {**d, **fields, "updated_at": clock.now()})
    if doc is None:
        raise NotFound("There is no sample with this id.")
    return doc
