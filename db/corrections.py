"""Corrections: what an owner said of single sounds, and a number that grows with every word.

A correction stands by itself (name and features are copied), so it counts on when its sample is swept. It is written
from the sample's document after that was changed, in whatever order writers come: an older state of the sample never
replaces a newer one. One that was taken back stays as a document that says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from db.store import Document, DuplicateId, Store
from services import clock
from services.beats.types import Correction

NAME = "corrections"
COUNTS = "correction_counts"
HEEDED_MAX = 10_000  # of an owner, the newest: half a second of one core to read, far more than a person says
PAGE = 500


def keep(store: Store, sample: Document, features: Mapping[str, float]) -> None:
    """Write down what the user says of a sample by now, and count it. A sample never corrected leaves no trace.

    `features`: those by which others are alike. The count follows the word, so whoever reads the new count reads the
    word too.
    """
    said = sample.get("corrected") or {}
    facts = {
        "name": sample["name"],
        "role": said.get("role"),
        "instrument": said.get("instrument"),
        "features": json.dumps(dict(features)),  # as text: read in half the time
        "sample_created_at": sample["created_at"],
        "sample_version": sample["version"],
        "updated_at": clock.now(),
    }
    doc_id = f"{sample['owner']}:{sample['sample_id']}"
    if store.get(NAME, doc_id) is None:
        if not any(said.values()):
            return
        stored = {"id": doc_id, "owner": sample["owner"], "sample_id": sample["sample_id"], "schema": 1}
        try:
            store.insert(NAME, {**stored, "created_at": facts["updated_at"], **facts})
        except DuplicateId:
            _renew(store, doc_id, facts)
    else:
        _renew(store, doc_id, facts)
    _count(store, sample["owner"])


def _renew(store: Store, doc_id: str, facts: Document) -> None:
    def newer(old: Document) -> Document | None:
        return {**old, **facts} if _age(facts) > _age(old) else None

    store.mutate(NAME, doc_id, newer)


def _age(doc: Document) -> tuple[object, ...]:
    return doc["sample_created_at"], doc["sample_version"]


def _count(store: Store, owner: str) -> None:
    if store.mutate(COUNTS, owner, lambda doc: {**doc, "number": doc["number"] + 1}) is not None:
        return
    try:
        store.insert(COUNTS, {"id": owner, "owner": owner, "number": 1, "created_at": clock.now(), "schema": 1})
    except DuplicateId:
        _count(store, owner)


def count(store: Store, owner: str) -> int:
    """How often this owner has corrected a sound or taken it back; equal numbers, equal corrections."""
    doc = store.get(COUNTS, owner)
    return 0 if doc is None else int(doc["number"])


def said_by(store: Store, owner: str) -> tuple[Correction, ...]:
    """An owner's newest corrections, at most `HEEDED_MAX`, the newest first, without those taken back."""
    found: list[Correction] = []
    cursor: str | None = None
    while len(found) < HEEDED_MAX:
        page = store.find(NAME, {"owner": owner}, sort=("-updated_at",), cursor=cursor, limit=PAGE)
        found += [_correction(doc) for doc in page.items if doc["role"] or doc["instrument"]]
        cursor = page.next_cursor
        if cursor is None:
            break
    return tuple(found[:HEEDED_MAX])


def _correction(doc: Document) -> Correction:
    return Correction(doc["sample_id"], doc["name"], doc["role"], doc["instrument"], json.loads(doc["features"]))
