"""Changes to a beat as use cases: load the head, decide, save one commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db import beats as repo
from db.store import Document, Store
from services import clock
from services.beats.document import beat_from_doc, beat_to_doc
from services.beats.edit import apply
from services.beats.types import Beat
from services.errors import FieldError, Invalid, StaleVersion
from services.projects import history
from services.projects.types import Commit

MOVES = ("undo", "redo")


@dataclass(frozen=True, slots=True)
class Edit:
    """Operations on a beat whose head the client last saw as `head`."""

    beat_id: str
    head: str
    ops: Sequence[dict[str, Any]]
    message: str | None = None


def edit(store: Store, owner: str, request: Edit) -> Document:
    """Apply the operations as one commit; a lone `undo` or `redo` moves the head. Raises Invalid, StaleVersion."""
    moves = [op.get("op") for op in request.ops if op.get("op") in MOVES]
    if moves:
        if len(request.ops) > 1:
            raise Invalid(
                f"{moves[0]} stands alone: it moves to another saved state.",
                errors=(FieldError("ops", "undo or redo must be the only operation"),),
            )
        return _move(store, owner, request, str(moves[0]))
    doc = repo.beat(store, owner, request.beat_id)
    refuse_stale(doc, request.head)
    before = load(store, owner, doc)
    return save(store, doc, apply(before, request.ops), request.message or describe(request.ops))


def _move(store: Store, owner: str, request: Edit, move: str) -> Document:
    extra = set(request.ops[0]) - {"op"}
    if extra:
        raise Invalid(
            f"{move} takes no other field.",
            errors=tuple(FieldError(f"ops[0].{f}", "unknown field") for f in sorted(extra)),
        )
    doc = repo.beat(store, owner, request.beat_id)
    refuse_stale(doc, request.head)
    parents = tuple(repo.commit(store, owner, request.beat_id, doc["head"])["parents"])
    step = history.redo if move == "redo" else lambda head: history.undo(head, parents)
    to = step(repo.head_of(doc))
    listed = repo.commit(store, owner, request.beat_id, to.commit)["listed"]
    return repo.move_head(store, doc, step, listed)


def restore(store: Store, owner: str, beat_id: str, head: str, number: int) -> Document:
    """A commit with the tree of an older version. Raises NotFound, StaleVersion."""
    doc = repo.beat(store, owner, beat_id)
    refuse_stale(doc, head)
    old = repo.commit_by_number(store, doc, number)
    beat = beat_from_doc(repo.tree(store, owner, old["tree"]["beat"]))
    return save(store, doc, beat, f"Restore version {number}")


def save(store: Store, doc: Document, beat: Beat, message: str) -> Document:
    """Save a state on top of a beat's head, as of now. Raises StaleVersion when somebody else was quicker."""
    return save_takes(store, doc, (beat,), message, at=clock.now())


def save_takes(store: Store, doc: Document, takes: Sequence[Beat], message: str, *, at: datetime) -> Document:
    """Save states side by side on top of a beat's head, which moves to the first; all become versions or none.

    Raises StaleVersion when somebody else was quicker.
    """
    owner, saved = doc["owner"], []
    for number, beat in enumerate(takes, doc["number"] + 1):
        sha = repo.save_tree(store, owner, beat_to_doc(beat), tuple({s.blob for s in beat.kit.values()}))
        commit = Commit({"beat": sha}, (doc["head"],), owner, at, message)
        saved.append(repo.save_commit(store, owner, doc["id"], commit, number, summary(beat)))
    return repo.add_versions(store, doc, saved, lambda head: history.advance(head, *saved), summary(takes[0]))


def load(store: Store, owner: str, doc: Document) -> Beat:
    """The beat at its head."""
    head = repo.commit(store, owner, doc["id"], doc["head"])
    return beat_from_doc(repo.tree(store, owner, head["tree"]["beat"]))


def summary(beat: Beat) -> dict[str, Any]:
    """The fields of a beat document that lists show."""
    return {"style": beat.meta.get("style", ""), "bpm": beat.grid.bpm, "bars": beat.grid.bars}


def refuse_stale(doc: Document, head: str) -> None:
    """Raise StaleVersion when the client saw another head."""
    if doc["head"] != head:
        raise StaleVersion("The beat has changed since you read it: read it again and repeat the change.")


def describe(ops: Sequence[dict[str, Any]]) -> str:
    """A commit message for operations: `3 × add, mute`."""
    counts: dict[str, int] = {}
    for op in ops:
        counts[str(op["op"])] = counts.get(str(op["op"]), 0) + 1
    return ", ".join(f"{n} × {name}" if n > 1 else name for name, n in counts.items())
