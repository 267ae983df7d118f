"""What was said of samples, kept by itself: the newest state wins whoever writes last, and every word counts."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from db import corrections, retention, samples
from db.schema import COLLECTIONS
from db.sqlite import SqliteStore
from db.store import Document
from services import clock
from services.beats.types import Correction

FEATURES = {"attack_ms": 2.0}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "documents.sqlite")
    for spec in COLLECTIONS:
        made.ensure(spec)
    yield made
    made.close()


def stored(store: SqliteStore, sample_id: str = "s", owner: str = "ada") -> Document:
    facts = {"sample_id": sample_id, "name": f"{sample_id}.wav", "blob": "b", "role": "CORE", "features": FEATURES}
    samples.save_samples(store, owner, [facts])
    return samples.sample(store, owner, sample_id)


def say(store: SqliteStore, doc: Document, **said: Any) -> Document:
    """As a request does: the sample first, then the correction."""
    new = samples.correct(store, doc, {"corrected": said or None})
    corrections.keep(store, new, FEATURES)
    return new


def test_what_was_said_is_there_with_all_that_likeness_needs(store: SqliteStore) -> None:
    say(store, stored(store), role="FILL")
    assert corrections.said_by(store, "ada") == (Correction("s", "s.wav", "FILL", None, FEATURES),)
    assert corrections.count(store, "ada") == 1


def test_a_sound_never_corrected_leaves_no_trace(store: SqliteStore) -> None:
    corrections.keep(store, samples.correct(store, stored(store), {"name": "another"}), FEATURES)
    assert (corrections.said_by(store, "ada"), corrections.count(store, "ada")) == ((), 0)


def test_the_newest_word_replaces_the_older_and_each_one_counts(store: SqliteStore) -> None:
    doc = say(store, stored(store), role="FILL")
    doc = say(store, doc, role="CORE", instrument="kick")
    assert [(c.role, c.instrument) for c in corrections.said_by(store, "ada")] == [("CORE", "kick")]
    say(store, doc)
    assert (corrections.said_by(store, "ada"), corrections.count(store, "ada")) == ((), 3)


def test_a_slow_writer_never_brings_an_older_word_back(store: SqliteStore) -> None:
    older = samples.correct(store, stored(store), {"corrected": {"role": "FILL"}})
    newer = samples.correct(store, older, {"corrected": {"role": "CORE"}})
    corrections.keep(store, newer, FEATURES)
    corrections.keep(store, older, FEATURES)
    assert [c.role for c in corrections.said_by(store, "ada")] == ["CORE"]
    corrections.keep(store, samples.correct(store, newer, {"corrected": None}), FEATURES)
    corrections.keep(store, newer, FEATURES)
    assert corrections.said_by(store, "ada") == ()


def test_a_correction_outlives_its_sample_and_yields_to_a_new_one_of_the_same_sound(store: SqliteStore) -> None:
    doc = say(store, say(store, say(store, stored(store), role="FILL"), role="CORE"), role="FILL")
    store.delete(samples.NAME, doc["id"])
    assert [c.role for c in corrections.said_by(store, "ada")] == ["FILL"]
    again = stored(store)
    store.replace(samples.NAME, {**again, "created_at": again["created_at"] + timedelta(days=1)}, again["version"])
    say(store, samples.sample(store, "ada", "s"), role="MOTION")
    assert [c.role for c in corrections.said_by(store, "ada")] == ["MOTION"]


def test_the_sweep_leaves_corrected_sounds_alone(store: SqliteStore) -> None:
    stored(store, "plain")
    doc = say(store, stored(store), instrument="kick")
    assert retention.forget_samples(store, clock.now() + timedelta(days=365)) == 1
    say(store, doc)
    assert retention.forget_samples(store, clock.now() + timedelta(days=365)) == 1


def test_owners_are_apart(store: SqliteStore) -> None:
    say(store, stored(store), role="FILL")
    say(store, stored(store, owner="bob"), role="CORE")
    assert [c.role for c in corrections.said_by(store, "bob")] == ["CORE"]
    assert (corrections.count(store, "ada"), corrections.count(store, "carl")) == (1, 0)


def test_many_at_once_are_all_counted(store: SqliteStore) -> None:
    docs = [stored(store, f"s{i}") for i in range(24)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda doc: say(store, doc, role="FILL"), docs))
    assert corrections.count(store, "ada") == len(corrections.said_by(store, "ada")) == 24


def test_the_newest_come_first_and_only_so_many(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corrections, "HEEDED_MAX", 3)
    monkeypatch.setattr(corrections, "PAGE", 2)
    for i in range(5):
        say(store, stored(store, f"s{i}"), role="FILL")
        store.mutate(
            corrections.NAME, f"ada:s{i}", lambda d, i=i: {**d, "updated_at": d["updated_at"] + timedelta(seconds=i)}
        )
    assert [c.sample_id for c in corrections.said_by(store, "ada")] == ["s4", "s3", "s2"]
