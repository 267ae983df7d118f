"""The document store: one small contract, kept alike by SQLite and MongoDB.

A document is a JSON object with a string `id` and an int `version` (1 at insert, +1 at each change); datetimes are
stored as UTC cut to milliseconds. A collection declares the fields it may filter and sort by. The filter language is
closed: `{"owner": "a"}` (eq), `{"state": {"in": [...]}}`, `{"created_at": {"gte": t, "lt": t}}` (gt, gte, lt, lte),
`{"expires_at": {"exists": True}}`; clauses are and-ed; dotted names reach into objects, never into arrays.
There are no array operators, no transactions over documents, no uniqueness but that of `id`.

Null and missing are the same to every query: eq None and `{"exists": False}` match both, `{"exists": True}` neither, a
range never does, and both sort before everything else. A declared field holds values of one type (or null): a range
matches only its own type among numbers, strings and datetimes; how true compares with 1, or an array with a single
value, is open. Strings sort by code point, numbers by value whether int or float.

Documents hold JSON values and aware datetimes: no NaN, no integers beyond 64 bits, no bytes, at most 90 levels and
12 MiB (services.errors.TooLarge); what cannot be stored raises ValueError or TypeError before anything is written. Any
key is fine, but only plain names can be declared. A store that does not answer raises services.errors.Unavailable, a
full disk DiskFull; a write that raised Unavailable may still have happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Document = dict[str, Any]
Filter = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Index:
    """A compound index over declared fields, in order; `-field` for descending."""

    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """A collection's name, the fields a filter or sort may name besides `id`, and its indexes."""

    name: str
    fields: tuple[str, ...]
    indexes: tuple[Index, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Page:
    """Up to `limit` documents and the cursor of the next page (None at the end)."""

    items: tuple[Document, ...]
    next_cursor: str | None


class DuplicateId(Exception):
    """`insert` of an id that exists."""


class VersionConflict(Exception):
    """`replace` or `delete` with a version that is not the stored one (or of a document that is gone)."""


class Store(Protocol):
    """What every store does. Safe from several threads and processes; connections are made per process."""

    def ensure(self, spec: CollectionSpec) -> None:
        """Create the collection and its indexes; idempotent."""
        ...

    def insert(self, collection: str, doc: Document) -> Document:
        """Store a new document with version 1 and return it. Raises DuplicateId."""
        ...

    def insert_new(self, collection: str, docs: Sequence[Document]) -> None:
        """Store the documents whose id is new, with version 1, and leave the others alone: one write for all."""
        ...

    def get(self, collection: str, doc_id: str) -> Document | None:
        """The document, or None."""
        ...

    def replace(self, collection: str, doc: Document, expected_version: int) -> Document:
        """Write the whole document if its stored version is `expected_version`; return it with version + 1.

        Raises VersionConflict.
        """
        ...

    def mutate(self, collection: str, doc_id: str, change: Callable[[Document], Document | None]) -> Document | None:
        """Read, change in Python, compare-and-swap, retry.

        `change` gets a copy and returns the new document, or None to leave it; it may run several times. The answer is
        the written document, or None when it was left or is not there.
        """
        ...

    def delete(self, collection: str, doc_id: str, expected_version: int | None = None) -> bool:
        """Remove a document; True when it was there. Raises VersionConflict when a version is given and differs."""
        ...

    def find(
        self,
        collection: str,
        where: Filter,
        *,
        sort: tuple[str, ...] = ("-created_at",),
        cursor: str | None = None,
        limit: int = 20,
    ) -> Page:
        """A page of matches. Ties in `sort` are broken by id in the direction of the last field: no page overlaps.

        A cursor belongs to its `sort`. Raises ValueError for an undeclared field, an unknown operator, a value that the
        operator cannot take, or a broken cursor.
        """
        ...

    def each(self, collection: str, where: Filter, *, batch: int = 500) -> Iterator[Document]:
        """Every match, in id order, in batches; tolerates changes between batches."""
        ...

    def count(self, collection: str, where: Filter) -> int:
        """How many match."""
        ...

    def ping(self) -> None:
        """Raise services.errors.Unavailable when the store does not answer."""
        ...

    def close(self) -> None:
        """Close this process's connections."""
        ...
