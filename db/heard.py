"""Documents of what was heard in an owner's recordings, each under the id of the job that heard it first.

A document names the blobs of what was heard, so that what a user says can change without listening again. `job_id` is
the job that made its present state, which is also that state's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from db.store import Document, DuplicateId, Page, Store
from services import clock
from services.errors import NotFound, StaleVersion

SOURCE = ("asset_id", "sample_id", "sha256", "name", "container", "field")  # what hearing a recording again takes


@dataclass(frozen=True, slots=True)
class Heard:
    """A collection by its `name`, and what one of its documents is called to a user.

    `state`: the fields that a job changes; `later`: those of them that documents of earlier releases lack (then None).
    """

    name: str
    noun: str
    state: tuple[str, ...]
    later: tuple[str, ...] = ()

    def save(self, store: Store, owner: str, heard_id: str, facts: Mapping[str, Any]) -> Document:
        """Store a document; one that a further attempt of the same job finds there already stays."""
        doc = {"id": heard_id, "owner": owner, "created_at": clock.now(), "schema": 1, **facts}
        try:
            return store.insert(self.name, doc)
        except DuplicateId:
            return self.one(store, owner, heard_id)

    def one(self, store: Store, owner: str, heard_id: str) -> Document:
        """The owner's document. Raises NotFound, also for another owner's."""
        doc = store.get(self.name, heard_id)
        if doc is None or doc["owner"] != owner:
            raise NotFound(f"There is no {self.noun} with this id.")
        return doc

    def page(self, store: Store, owner: str, cursor: str | None, limit: int) -> Page:
        """An owner's documents, newest first. Raises ValueError for a broken cursor."""
        return store.find(self.name, {"owner": owner}, cursor=cursor, limit=limit)

    def change(self, store: Store, owner: str, heard_id: str, seen: str, state: Mapping[str, Any]) -> Document:
        """Replace the state that the job `seen` made. Raises StaleVersion when another has come first, NotFound."""

        def changed(doc: Document) -> Document | None:
            return {**doc, **state} if (doc["owner"], doc["job_id"]) == (owner, seen) else None

        doc = store.mutate(self.name, heard_id, changed)
        if doc is not None:
            return doc
        self.refuse_stale(self.one(store, owner, heard_id), seen)
        raise StaleVersion(self._changed())

    def refuse_stale(self, doc: Document, seen: str) -> None:
        """Raise StaleVersion when the client saw another state."""
        if doc["job_id"] != seen:
            raise StaleVersion(self._changed())

    def state_of(self, doc: Document) -> dict[str, Any]:
        """The state of a document, as a job's result keeps it whatever changes later."""
        return dict.fromkeys(self.later) | {
            name: doc[name] for name in self.state if name not in self.later or name in doc
        }

    def delete(self, store: Store, owner: str, heard_id: str) -> None:
        """Remove the owner's document; its bytes go with a later sweep. Raises NotFound."""
        self.one(store, owner, heard_id)
        store.delete(self.name, heard_id)

    def _changed(self) -> str:
        return f"The {self.noun} has changed since you read it: read it again and repeat the change."


def of_source(source: Mapping[str, Any]) -> dict[str, Any]:
    """What a document says of the recording that a request named."""
    kept = {name: source[name] for name in SOURCE if name in source}
    return {"name": source["name"], "asset_id": source.get("asset_id"), "source": kept}
