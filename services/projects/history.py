"""Linear history: where the head of a beat stands, and what edit, undo, redo and restore do to it. Pure rules."""

from __future__ import annotations

from services.errors import Conflict
from services.projects.types import Head


def advance(head: Head, *commits: str) -> Head:
    """The head after states were saved side by side on top of it: it stands at the first of them.

    What undo had left behind can no longer be redone.
    """
    return Head(commits[0], (), head.number + len(commits))


def undo(head: Head, parents: tuple[str, ...]) -> Head:
    """The head one state back. Raises Conflict at the first state."""
    if not parents:
        raise Conflict("This is the first state of the beat: there is nothing to undo.", code="nothing_to_undo")
    return Head(parents[0], (*head.redo, head.commit), head.number)


def redo(head: Head) -> Head:
    """The head one undone state forward. Raises Conflict when nothing was undone."""
    if not head.redo:
        raise Conflict("Nothing was undone, so there is nothing to redo.", code="nothing_to_redo")
    return Head(head.redo[-1], head.redo[:-1], head.number)
