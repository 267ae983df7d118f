"""Samples: an owner's cut sounds over all beats, named by `sample_id`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.store import Document, Page, Store, VersionConflict
from services import clock
from services.errors import NotFound, StaleVersion

NAME = "samples"
PAGE = 200  # documents at once while a library is brought up to date


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which page, and a part of a name or tag to look for."""

    cursor: str | None = None
    limit: int = 20
    q: str | None = None


def find_samples(store: Store, owner: str, where: dict[str, Any], wanted: Wanted) -> Page:
    """An owner's samples, newest first, by `role` and `instrument` where given. With `q` a page may hold fewer than
    asked: names are looked through page by page, until one holds a match. Raises ValueError for a broken cursor."""
    cursor = wanted.cursor
    while True:
        page = store.find(NAME, {"owner": owner, **where}, cursor=cursor, limit=wanted.limit)
        if wanted.q is None:
            return page
        found = tuple(d for d in page.items if _speaks_of(d, wanted.q.casefold()))
        if found or page.next_cursor is None:
            return Page(found, page.next_cursor)
        cursor = page.next_cursor


def all_of(store: Store, owner: str) -> Iterator[Document]:
    """Every sample of an owner, in no certain order."""
    return store.each(NAME, {"owner": owner})


def named(store: Store, owner: str, sample_ids: Sequence[str]) -> tuple[Document, ...]:
    """Those of these samples that are stored, in no certain order."""
    if not sample_ids:
        return ()
    ids = [f"{owner}:{sample_id}" for sample_id in sample_ids]
    return store.find(NAME, {"owner": owner, "id": {"in": ids}}, sort=("id",), limit=len(ids)).items


def written_since(store: Store, owner: str, at: datetime) -> Iterator[Document]:
    """An owner's samples that were stored or corrected at a time or after it."""
    cursor: str | None = None
    while True:
        page = store.find(
            NAME, {"owner": owner, "updated_at": {"gte": at}}, sort=("updated_at",), cursor=cursor, limit=PAGE
        )
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def count(store: Store, owner: str) -> int:
    """How many samples an owner has."""
    return store.count(NAME, {"owner": owner})


def _speaks_of(doc: Document, part: str) -> bool:
    return any(part in text.casefold() for text in (doc["name"], *doc.get("tags", ())))


def correct(store: Store, doc: Document, fields: dict[str, Any]) -> Document:
    """Write a user's correction over the sample as it was read. Raises StaleVersion when it has changed since."""
    try:
        return store.replace(NAME, {**doc, **fields, "updated_at": clock.now()}, doc["version"])
    except VersionConflict:
        raise StaleVersion("The sound has changed since you read it: read it again and repeat the change.") from None
