"""What both stores do alike on top of their reads and conditional writes: mutate, and walking a whole collection."""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

from db.filters import checked
from db.store import CollectionSpec, Document, Filter, Page, VersionConflict
from services.errors import Unavailable

PATIENCE_S = (
    30.0  # past this somebody changes the document in a loop; 8 processes contending lose for well under a second
)
FIRST_PAUSE_S = 0.0005  # about one write
LONGEST_PAUSE_S = 0.02


class SwapStore(ABC):
    """The shared half of a store: declared collections, and everything that is made of get, replace and find."""

    def __init__(self) -> None:
        self._specs: dict[str, CollectionSpec] = {}

    @abstractmethod
    def get(self, collection: str, doc_id: str) -> Document | None: ...

    @abstractmethod
    def replace(self, collection: str, doc: Document, expected_version: int) -> Document: ...

    @abstractmethod
    def find(
        self,
        collection: str,
        where: Filter,
        *,
        sort: tuple[str, ...] = ("-created_at",),
        cursor: str | None = None,
        limit: int = 20,
    ) -> Page: ...

    def mutate(self, collection: str, doc_id: str, change: Callable[[Document], Document | None]) -> Document | None:
        """See db.store.Store. Nothing is locked while `change` runs, so it may use the store itself."""
        give_up = time.monotonic() + PATIENCE_S
        pause = FIRST_PAUSE_S
        while (doc := self.get(collection, doc_id)) is not None:
            version = doc["version"]
            changed = change(doc)  # nobody else has this copy: every read makes a new one
            if changed is None:
                return None
            if changed.get("id") != doc_id:
                raise ValueError("mutate must not change a document's id")
            try:
                return self.replace(collection, changed, version)
            except VersionConflict:
                if time.monotonic() > give_up:
                    raise Unavailable("Too many changes to the same object at once; try again.") from None
            time.sleep(random.uniform(0, pause))
            pause = min(2 * pause, LONGEST_PAUSE_S)
        return None

    def each(self, collection: str, where: Filter, *, batch: int = 500) -> Iterator[Document]:
        """See db.store.Store."""
        cursor: str | None = None
        while True:
            page = self.find(collection, where, sort=("id",), cursor=cursor, limit=batch)
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def _declare(self, spec: CollectionSpec) -> CollectionSpec:
        self._specs[spec.name] = checked(spec)
        return spec

    def _spec(self, collection: str) -> CollectionSpec:
        if collection not in self._specs:
            raise ValueError(f"no collection {collection!r} is declared")
        return self._specs[collection]
