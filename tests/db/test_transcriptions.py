"""Transcriptions: one state at a time, changed only by who has seen it; their bytes and files stay as they do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from db import files, marks, retention, transcriptions
from db.schema import COLLECTIONS
from db.sqlite import SqliteStore
from services import clock
from services.errors import NotFound, StaleVersion

A, B, C = "a" * 64, "b" * 64, "c" * 64
SOURCE = {"asset_id": "asset", "sha256": B, "name": "song.mp3", "container": "mp3", "field": "audio", "more": 1}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "documents.sqlite")
    for spec in COLLECTIONS:
        made.ensure(spec)
    yield made
    made.close()


def state(job_id: str, body: str = A) -> dict[str, Any]:
    plain = {name: {} for name in transcriptions.STATE}
    return {**plain, "job_id": job_id, "updated_at": clock.now(), "title": "t", "body": body, "blobs": [body]}


def save(store: SqliteStore, own: str = "one", body: str = A) -> None:
    facts = {**transcriptions.of_source(SOURCE), **state(own, body)}
    transcriptions.save_transcription(store, "ada", own, facts)


def test_a_transcription_says_what_it_was_made_of_and_is_its_owner_s(store: SqliteStore) -> None:
    save(store)
    doc = transcriptions.transcription(store, "ada", "one")
    assert (doc["name"], doc["asset_id"], "more" in doc["source"]) == ("song.mp3", "asset", False)
    assert [d["id"] for d in transcriptions.transcriptions(store, "ada", None, 10).items] == ["one"]
    assert transcriptions.transcriptions(store, "bob", None, 10).items == ()
    for ask in (transcriptions.transcription, transcriptions.delete_transcription):
        with pytest.raises(NotFound):
            ask(store, "bob", "one")


def test_a_further_attempt_leaves_what_is_there(store: SqliteStore) -> None:
    save(store)
    transcriptions.change_state(store, "ada", "one", "one", state("two"))
    save(store)
    assert transcriptions.transcription(store, "ada", "one")["job_id"] == "two"


def test_a_change_needs_the_state_that_it_saw(store: SqliteStore) -> None:
    save(store)
    changed = transcriptions.change_state(store, "ada", "one", "one", state("two", B))
    assert transcriptions.state_of(changed)["body"] == B
    with pytest.raises(StaleVersion):
        transcriptions.change_state(store, "ada", "one", "one", state("three"))
    with pytest.raises(NotFound):
        transcriptions.change_state(store, "bob", "one", "two", state("three"))


def test_bytes_are_kept_as_long_as_the_transcription(store: SqliteStore) -> None:
    save(store)
    save(store, "two", B)
    assert marks.marked(store) == {A, B}
    transcriptions.delete_transcription(store, "ada", "two")
    assert marks.marked(store) == {A}


def test_files_of_a_deleted_transcription_go(store: SqliteStore) -> None:
    save(store)
    for own in ("one", "gone"):
        files.save_rendered(store, "ada", f"key-{own}", {"sha256": C, "transcription_id": own})
    later = clock.now() + timedelta(seconds=1)
    assert retention.forget_files(store, clock.now() - timedelta(days=9), later) == 1
    assert files.rendered(store, "key-one") is not None
