"""Analyses: one state at a time, changed only by who has seen it; what was heard stays as long as they do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db import analyses, marks
from db.schema import COLLECTIONS
from db.sqlite import SqliteStore
from services import clock
from services.errors import NotFound, StaleVersion

A, B = "a" * 64, "b" * 64
SOURCE = {"asset_id": "asset", "sha256": B, "name": "song.mp3", "container": "mp3", "field": "audio", "more": 1}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "documents.sqlite")
    for spec in COLLECTIONS:
        made.ensure(spec)
    yield made
    made.close()


def state(job_id: str, bpm: float = 120.0) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "updated_at": clock.now(),
        "code_version": "c",
        "engines": {},
        "hints": {},
        "found": {"bpm": bpm},
        "parts": {"rhythm": A},
        "blobs": [A],
    }


def save(store: SqliteStore, own: str = "one", bpm: float = 120.0) -> None:
    analyses.save_analysis(store, "ada", own, {**analyses.of_source(SOURCE), **state(own, bpm)})


def test_an_analysis_says_what_it_was_made_of(store: SqliteStore) -> None:
    save(store)
    doc = analyses.analysis(store, "ada", "one")
    assert (doc["name"], doc["asset_id"]) == ("song.mp3", "asset")
    assert doc["source"] == {k: v for k, v in SOURCE.items() if k != "more"}


def test_a_further_attempt_leaves_what_was_changed_since(store: SqliteStore) -> None:
    save(store)
    analyses.change_state(store, "ada", "one", "one", state("two", 60.0))
    save(store)
    assert analyses.analysis(store, "ada", "one")["found"] == {"bpm": 60.0}


def test_only_the_state_that_was_seen_is_changed(store: SqliteStore) -> None:
    save(store)
    changed = analyses.change_state(store, "ada", "one", "one", state("two", 60.0))
    assert (changed["job_id"], changed["name"]) == ("two", "song.mp3")
    with pytest.raises(StaleVersion):
        analyses.change_state(store, "ada", "one", "one", state("three", 90.0))
    assert analyses.analysis(store, "ada", "one")["found"] == {"bpm": 60.0}
    with pytest.raises(NotFound):
        analyses.change_state(store, "ada", "none", "one", state("two"))


def test_another_owner_s_is_not_there(store: SqliteStore) -> None:
    save(store)
    with pytest.raises(NotFound):
        analyses.analysis(store, "bob", "one")
    with pytest.raises(NotFound):
        analyses.delete_analysis(store, "bob", "one")
    assert analyses.analyses(store, "bob", None, 10).items == ()


def test_what_was_heard_stays_while_the_analysis_does(store: SqliteStore) -> None:
    save(store)
    assert marks.marked(store) == {A}
    analyses.delete_analysis(store, "ada", "one")
    assert marks.marked(store) == set()
