"""Each owner's sounds as points in memory, so that the nearest ones are found without reading ten thousand documents.

A web process reads an owner's library once and keeps names, roles and points (under 1 kB a sound). Before each
answer it reads what was written since (`updated_at`) and counts: another number of sounds than expected means that some
were deleted, and the library is read anew. The rows of an answer are read from the store, so they are never old.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from db import samples
from db.store import Document, Page, Store
from services import clock
from services.beats.likeness import AXES, Floats, distances, point, similarity

ROWS_MAX = 100_000  # sounds in memory, of all owners: under 100 MB a process
SLACK = timedelta(seconds=2)  # a document is dated a moment before it is written, by clocks that differ a little


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of a sound without its document."""

    sample_id: str
    role: str
    instrument: str
    words: str  # its name and tags in small letters
    at: datetime
    point: Floats

    def fits(self, where: Mapping[str, str], part: str) -> bool:
        """Whether it has this role and instrument, and this part in its words."""
        return all(getattr(self, name) == value for name, value in where.items()) and part in self.words


@dataclass(frozen=True, slots=True)
class Shelf:
    """An owner's sounds, sorted by id; `points` float32 (n, axes) in the same order. Never changed, only replaced."""

    rows: tuple[Row, ...] = ()
    points: Floats = field(default_factory=lambda: np.zeros((0, len(AXES)), dtype=np.float32))
    read_at: datetime | None = None  # everything written before it is here

    @staticmethod
    def of(rows: Iterable[Row], read_at: datetime) -> Shelf:
        """The shelf of these sounds."""
        ordered = tuple(sorted(rows, key=lambda row: row.sample_id))
        if not ordered:
            return Shelf()
        return Shelf(ordered, np.stack([row.point for row in ordered]), read_at)

    def nearest(self, to: Floats) -> Iterator[tuple[Row, float]]:
        """All sounds from the nearest on with their distance; equal ones by id."""
        apart = distances(self.points, to)
        for i in np.argsort(apart, kind="stable").tolist():
            yield self.rows[i], float(apart[i])


@dataclass(slots=True)
class _Place:
    lock: threading.Lock = field(default_factory=threading.Lock)
    shelf: Shelf = field(default_factory=Shelf)


class Library:
    """The shelves of the owners asked for last, at most `rows_max` sounds (one shelf always). Safe from threads."""

    def __init__(self, rows_max: int = ROWS_MAX) -> None:
        self._rows_max = rows_max
        self._lock = threading.Lock()
        self._places: OrderedDict[str, _Place] = OrderedDict()

    def shelf(self, store: Store, owner: str) -> Shelf:
        """The owner's sounds as they are stored now."""
        with self._lock:
            place = self._places.setdefault(owner, _Place())
            self._places.move_to_end(owner)
        with place.lock:
            place.shelf = _current(store, owner, place.shelf)
            found = place.shelf
        with self._lock:
            self._forget()
        return found

    def held(self) -> dict[str, int]:
        """How many sounds of which owner are in memory, the last asked for last."""
        with self._lock:
            return {owner: len(place.shelf.rows) for owner, place in self._places.items()}

    def _forget(self) -> None:
        total = sum(len(place.shelf.rows) for place in self._places.values())
        while total > self._rows_max and len(self._places) > 1:
            _, gone = self._places.popitem(last=False)
            total -= len(gone.shelf.rows)


def similar(shelf: Shelf, store: Store, asked: Document, where: Mapping[str, str], wanted: samples.Wanted) -> Page:
    """A page of the sounds nearest to the `asked` one, without it: documents with `similarity` 0..1, nearest first.

    `where`: their role or instrument. The cursor counts the sounds already given. Raises ValueError for a broken one.
    """
    skip = 0 if wanted.cursor is None else _counted(wanted.cursor)
    part, near = (wanted.q or "").casefold(), {}
    ranked = shelf.nearest(point(asked.get("features") or {}))
    fitting = ((r, d) for r, d in ranked if r.sample_id != asked["sample_id"] and r.fits(where, part))
    more = False
    for n, (row, distance) in enumerate(fitting):
        if more := n == skip + wanted.limit:
            break
        if n >= skip:
            near[row.sample_id] = round(similarity(distance), 4)
    stored = {doc["sample_id"]: doc for doc in samples.named(store, asked["owner"], tuple(near))}
    items = tuple({**stored[key], "similarity": near[key]} for key in near if key in stored)
    return Page(items, str(skip + wanted.limit) if more else None)


def _counted(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= len(str(ROWS_MAX)) + 1):
        raise ValueError("broken cursor")
    return int(cursor)


def _current(store: Store, owner: str, old: Shelf) -> Shelf:
    """The shelf with what was written since, or a new one where something was deleted."""
    at = clock.now()
    if old.read_at is None:
        return Shelf.of((_row(doc) for doc in samples.all_of(store, owner)), at)
    written = tuple(samples.written_since(store, owner, old.read_at - SLACK))
    known = {row.sample_id: row for row in old.rows} if written else {}
    fresh = [doc for doc in written if _outdated(known.get(doc["sample_id"]), doc)]
    known |= {doc["sample_id"]: _row(doc) for doc in fresh}
    if (len(known) or len(old.rows)) != samples.count(store, owner):
        return Shelf.of((_row(doc) for doc in samples.all_of(store, owner)), at)
    return Shelf.of(known.values(), at) if fresh else replace(old, read_at=at)


def _outdated(row: Row | None, doc: Document) -> bool:
    return row is None or row.at != doc["updated_at"]


def _row(doc: Mapping[str, Any]) -> Row:
    words = "\n".join((doc["name"], *doc.get("tags", ()))).casefold()
    role, instrument = sys.intern(doc["role"]), sys.intern(doc["instrument"])
    return Row(doc["sample_id"], role, instrument, words, doc["updated_at"], point(doc.get("features") or {}))
