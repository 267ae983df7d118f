"""What goes when its reason is gone, and what stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from db import assets, beats, files, marks, retention, samples, stages
from db.schema import COLLECTIONS
from db.sqlite import SqliteStore
from services import clock
from services.projects.types import Commit

A, B, C = "a" * 64, "b" * 64, "c" * 64
FAR = timedelta(days=365)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "documents.sqlite")
    for spec in COLLECTIONS:
        made.ensure(spec)
    yield made
    made.close()


def make_beat(store: SqliteStore, beat_id: str, blob: str) -> None:
    sha = beats.save_tree(store, "lab", {"of": beat_id}, (blob,))
    commit = Commit({"beat": sha}, (), "lab", clock.now(), "Make the beat")
    beats.save_commit(store, "lab", beat_id, commit, 1, {})
    beats.insert_beat(store, {"id": beat_id, "owner": "lab", "title": "", "head": commit.sha, "redo": [], "number": 1})
    samples.save_samples(store, "lab", [{"sample_id": blob[:16], "blob": blob, "role": "CORE"}])


def forget_all(store: SqliteStore) -> None:
    later = clock.now() + FAR
    retention.forget_files(store, later, later)
    retention.forget_trees(store, later)
    retention.forget_samples(store, later)


def test_a_beats_sounds_stay_while_it_does(store: SqliteStore) -> None:
    make_beat(store, "one", A)
    make_beat(store, "two", B)
    forget_all(store)
    assert marks.marked(store) == {A, B}
    beats.delete_beat(store, "lab", "two")
    forget_all(store)
    assert marks.marked(store) == {A}


def test_what_is_young_stays(store: SqliteStore) -> None:
    sha = beats.save_tree(store, "lab", {"half": "made"}, (C,))
    assert retention.forget_trees(store, clock.now() - timedelta(hours=24)) == 0
    assert beats.tree(store, "lab", sha) == {"half": "made"}


def test_files_of_a_deleted_beat_go_and_the_others_stay(store: SqliteStore) -> None:
    make_beat(store, "one", A)
    for beat_id in ("one", "gone"):
        files.save_rendered(store, "lab", f"key-{beat_id}", {"sha256": C, "beat_id": beat_id})
    later = clock.now() + timedelta(seconds=1)
    assert retention.forget_files(store, clock.now() - FAR, later) == 1
    assert files.rendered(store, "key-one") is not None


def test_stages_are_a_cache(store: SqliteStore) -> None:
    stages.save_stages(store, "lab", {"key": {"x": A}})
    assert marks.marked(store) == set()
    assert retention.forget_stages(store, clock.now() - timedelta(days=1)) == 0
    assert retention.forget_stages(store, clock.now() + timedelta(days=1)) == 1


def test_an_expired_asset_is_not_found_before_any_chore_ran(store: SqliteStore) -> None:
    from services.errors import NotFound

    facts = {"sha256": A, "kind": "upload", "expires_at": clock.now() - timedelta(seconds=1)}
    (own,), fresh = assets.insert_assets(store, "lab", [facts])
    assert fresh == [own]
    with pytest.raises(NotFound):
        assets.asset(store, "lab", own)
    assert assets.insert_assets(store, "lab", [{**facts, "expires_at": clock.now() + FAR}]) == ([own], [])
    assert assets.asset(store, "lab", own)["sha256"] == A


def test_a_failed_request_takes_its_new_assets_along_but_none_that_another_has_heard(store: SqliteStore) -> None:
    until = clock.now() + FAR
    ids, _ = assets.insert_assets(
        store, "lab", [{"sha256": sha, "kind": "upload", "expires_at": until} for sha in (A, B)]
    )
    assets.note_audio(store, {ids[1]: {"duration_s": 1.0}})
    assets.remove_unheard(store, tuple(ids))
    assert [d["sha256"] for d in assets.assets(store, "lab", None, 10).items] == [B]
