"""Commits are named by what they say, and the head moves as an editor's undo does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.errors import Conflict
from services.projects.history import advance, redo, undo
from services.projects.types import Commit, Head

AT = datetime(2026, 11, 21, 9, 0, 0, 250_000, UTC)
COMMIT = Commit({"beat": "a" * 64}, (), "lab", AT, "Make the beat")


def test_the_hash_is_pinned() -> None:
    """Written down once: a change of it would orphan every stored history."""
    assert COMMIT.sha == "1ce32d14fecf57c7f70d91458b8fb2089107af3d12212074875cfd85b8a561c4"


@pytest.mark.parametrize(
    "change",
    [
        {"tree": {"beat": "b" * 64}},
        {"parents": ("x",)},
        {"author": "me"},
        {"message": ""},
        {"at": AT.replace(second=1)},
    ],
)
def test_every_part_is_in_the_hash(change: dict) -> None:
    assert replace(COMMIT, **change).sha != COMMIT.sha


def test_undo_and_redo_walk_the_same_way_back() -> None:
    second = advance(Head("one"), "two")
    third = advance(second, "three")
    back = undo(undo(third, ("two",)), ("one",))
    assert back == Head("one", ("three", "two"), 3)
    assert redo(redo(back)) == third


def test_a_new_state_forgets_what_was_undone() -> None:
    back = undo(advance(Head("one"), "two"), ("one",))
    assert advance(back, "other") == Head("other", (), 3)


def test_the_ends_of_history_are_said() -> None:
    with pytest.raises(Conflict, match="nothing to undo"):
        undo(Head("one"), ())
    with pytest.raises(Conflict, match="nothing to redo"):
        redo(Head("one"))
