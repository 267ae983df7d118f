"""Beats: a document with the head, the commits it moves over, and the trees (whole states) that commits name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from db.store import Document, DuplicateId, Page, Store
from services import canonical, clock
from services.errors import NotFound, StaleVersion
from services.projects.types import Commit, Head

BEATS, COMMITS, TREES = "beats", "commits", "trees"
YOUNG = timedelta(hours=1)  # far below the age at which a sweep takes anything
LOGGED_HEX = 16  # of a commit's hash, in its id and in its beat's log: 64 bits tell the states of one beat apart
NO_BEAT = "There is no beat with this id."

Move = Callable[[Head], Head]


def save_tree(store: Store, owner: str, body: dict[str, Any], blobs: tuple[str, ...]) -> str:
    """Store a whole state under the hash of its canonical JSON; the same state again is the same document."""
    sha = canonical.sha256(body)
    try:
        store.insert(
            TREES,
            {
                "id": f"{owner}:{sha}",
                "owner": owner,
                "body": body,
                "blobs": sorted(blobs),
                "created_at": clock.now(),
                "schema": 1,
            },
        )
    except DuplicateId:
        renew_tree(store, owner, sha)
    return sha


def tree(store: Store, owner: str, sha: str) -> dict[str, Any]:
    """The state with this hash. Raises NotFound."""
    doc = store.get(TREES, f"{owner}:{sha}")
    if doc is None:
        raise NotFound("This state of the beat is no longer stored.")
    body: dict[str, Any] = doc["body"]
    return body


def renew_tree(store: Store, owner: str, sha: str) -> bool:
    """Make a state young again, so that no sweep takes it before a commit names it; False when it is not there."""
    own = f"{owner}:{sha}"
    if store.count(TREES, {"id": own, "created_at": {"gte": clock.now() - YOUNG}}):
        return True  # the usual case costs no write of a whole state
    return store.mutate(TREES, own, lambda d: {**d, "created_at": clock.now()}) is not None


def save_commit(store: Store, owner: str, beat_id: str, commit: Commit, number: int, listed: dict[str, Any]) -> str:
    """Store a commit of a beat with the fields that lists show of its state; idempotent. Returns its hash."""
    doc = {
        "id": _commit_id(beat_id, commit.sha),
        "owner": owner,
        "beat_id": beat_id,
        "number": number,
        "sha": commit.sha,
        **asdict(commit),
        "parents": list(commit.parents),
        "listed": listed,
        "created_at": commit.at,
        "schema": 1,
    }
    try:
        store.insert(COMMITS, doc)
    except DuplicateId:
        pass
    return commit.sha


def commit(store: Store, owner: str, beat_id: str, sha: str) -> Document:
    """A commit of a beat. Raises NotFound."""
    doc = store.get(COMMITS, _commit_id(beat_id, sha))
    if doc is None or doc["owner"] != owner:
        raise NotFound("This beat has no such version.")
    return doc


def commit_by_number(store: Store, beat_doc: Document, number: int) -> Document:
    """The commit with this version number. Raises NotFound."""
    if not 1 <= number <= len(beat_doc["log"]):
        raise NotFound(f"This beat has no version {number}.")
    return commit(store, beat_doc["owner"], beat_doc["id"], beat_doc["log"][number - 1])


def commit_at(store: Store, beat_doc: Document, number: int | None) -> Document:
    """The commit with this version number, or the head's for None. Raises NotFound."""
    if number is not None:
        return commit_by_number(store, beat_doc, number)
    return commit(store, beat_doc["owner"], beat_doc["id"], beat_doc["head"])


def commits(store: Store, beat_doc: Document, cursor: str | None, limit: int) -> Page:
    """The commits that were a beat's head, newest first; the cursor is the next one's number. Raises ValueError."""
    newest = len(beat_doc["log"]) if cursor is None else int(cursor)
    if not 1 <= newest <= len(beat_doc["log"]):
        raise ValueError("broken cursor")
    last = max(0, newest - limit)
    found = [commit(store, beat_doc["owner"], beat_doc["id"], sha) for sha in reversed(beat_doc["log"][last:newest])]
    return Page(tuple(found), str(last) if last else None)


def _commit_id(beat_id: str, sha: str) -> str:
    return f"{beat_id}:{sha[:LOGGED_HEX]}"


def insert_beat(store: Store, doc: Document) -> None:
    """Store a new beat document; a job that commits twice finds it there and leaves it."""
    try:
        log = [doc["head"][:LOGGED_HEX]]
        store.insert(BEATS, {**doc, "log": log, "created_at": clock.now(), "updated_at": clock.now(), "schema": 1})
    except DuplicateId:
        pass


def beat(store: Store, owner: str, beat_id: str) -> Document:
    """The beat document. Raises NotFound, also for another owner's."""
    doc = store.get(BEATS, beat_id)
    if doc is None or doc["owner"] != owner:
        raise NotFound(NO_BEAT)
    return doc


def beats(store: Store, owner: str, cursor: str | None, limit: int) -> Page:
    """An owner's beats, newest first."""
    return store.find(BEATS, {"owner": owner}, cursor=cursor, limit=limit)


def head_of(doc: Document) -> Head:
    """Where a beat document's head stands."""
    return Head(doc["head"], tuple(doc["redo"]), doc["number"])


def add_versions(store: Store, doc: Document, saved: Sequence[str], move: Move, fields: dict[str, Any]) -> Document:
    """List stored commits as a beat's next versions, all or none, and move its head from where `doc` saw it.

    Raises NotFound, or StaleVersion when it stood elsewhere.
    """
    return _moved(store, doc, move, {**fields, "log": [*doc["log"], *(sha[:LOGGED_HEX] for sha in saved)]})


def move_head(store: Store, doc: Document, move: Move, fields: dict[str, Any]) -> Document:
    """Move a beat's head over its versions from where `doc` saw it. Raises NotFound, StaleVersion."""
    return _moved(store, doc, move, fields)


def _moved(store: Store, seen: Document, move: Move, fields: dict[str, Any]) -> Document:
    """A head that stands where it was seen has the log that was seen, unless an undo came back to it: then it grew."""

    def change(doc: Document) -> Document | None:
        if doc["owner"] != seen["owner"]:
            return None
        if (doc["head"], doc["number"]) != (seen["head"], seen["number"]):
            raise StaleVersion("The beat has changed since you read it: read it again and repeat the change.")
        to = move(head_of(doc))
        return {
            **doc,
            **fields,
            "head": to.commit,
            "redo": list(to.redo),
            "number": to.number,
            "updated_at": clock.now(),
        }

    written = store.mutate(BEATS, seen["id"], change)
    if written is None:
        raise NotFound(NO_BEAT)
    return written


def delete_beat(store: Store, owner: str, beat_id: str) -> None:
    """Remove a beat and its commits. Raises NotFound. Its trees go with the next sweep."""
    beat(store, owner, beat_id)
    store.delete(BEATS, beat_id)
    for doc in list(store.each(COMMITS, {"beat_id": beat_id, "owner": owner})):
        store.delete(COMMITS, doc["id"])
