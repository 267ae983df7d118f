"""A library in memory is what the store holds: after uploads, corrections, deletions, for many owners and threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.library import Library, Shelf, similar
from db import samples, schema
from db.sqlite import SqliteStore
from db.store import Store
from services import clock
from services.beats.likeness import AXES

SPEC = next(spec for spec in schema.COLLECTIONS if spec.name == samples.NAME)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = SqliteStore(tmp_path / "documents.sqlite")
    made.ensure(SPEC)
    yield made
    made.close()


def sound(number: int, **fields: Any) -> dict[str, Any]:
    """A sound the brighter the higher its number."""
    return {
        "sample_id": f"s{number:05d}",
        "name": f"hit {number}.wav",
        "role": "MOTION" if number % 2 else "CORE",
        "instrument": "perc",
        "features": {"body_centroid_hz": 100.0 + 20.0 * number, "decay_40db_ms": 80.0},
        "tags": ["even"] if number % 2 == 0 else [],
        **fields,
    }


def save(store: Store, *numbers: int, owner: str = "lab") -> None:
    samples.save_samples(store, owner, [sound(n) for n in numbers])


def near(library: Library, store: Store, number: int, **wanted: Any) -> list[str]:
    where = {name: wanted.pop(name) for name in ("role", "instrument") if name in wanted}
    asked = samples.sample(store, "lab", f"s{number:05d}")
    page = similar(library.shelf(store, "lab"), store, asked, where, samples.Wanted(**wanted))
    return [doc["sample_id"] for doc in page.items]


def test_the_nearest_come_first_and_the_asked_one_is_left_out(store: Store) -> None:
    save(store, *range(6))
    assert near(Library(), store, 0) == [f"s{n:05d}" for n in (1, 2, 3, 4, 5)]
    assert near(Library(), store, 0, role="MOTION") == ["s00001", "s00003", "s00005"]
    assert near(Library(), store, 0, q="EVEN") == ["s00002", "s00004"]
    assert near(Library(), store, 0, limit=2) == ["s00001", "s00002"]


def test_what_is_uploaded_corrected_or_deleted_since_counts(store: Store) -> None:
    library = Library()
    save(store, 0, 2, 9)
    assert near(library, store, 0) == ["s00002", "s00009"]
    save(store, 1)
    assert near(library, store, 0) == ["s00001", "s00002", "s00009"]
    samples.correct(store, samples.sample(store, "lab", "s00001"), {"role": "TEXTURE", "name": "Rain"})
    assert near(library, store, 0, role="TEXTURE") == ["s00001"]
    assert near(library, store, 0, q="rain") == ["s00001"]
    store.delete(samples.NAME, "lab:s00001")
    assert near(library, store, 0) == ["s00002", "s00009"]


def test_one_deleted_and_one_uploaded_between_two_questions(store: Store) -> None:
    library = Library()
    save(store, 0, 2, 9)
    near(library, store, 0)
    store.delete(samples.NAME, "lab:s00002")
    save(store, 5)
    assert near(library, store, 0) == ["s00005", "s00009"]


def test_a_sound_dated_a_moment_ago_is_found(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its date was taken before that of a sound that was written, and read here, earlier."""
    library = Library()
    save(store, 0, 2)
    near(library, store, 0)
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) - timedelta(seconds=1))
    save(store, 1)
    assert near(library, store, 0) == ["s00001", "s00002"]


def test_a_page_goes_on_where_the_last_one_ended(store: Store) -> None:
    save(store, *range(7))
    shelf, asked = Library().shelf(store, "lab"), samples.sample(store, "lab", "s00000")
    cursor, found = None, []
    for _ in range(3):
        page = similar(shelf, store, asked, {}, samples.Wanted(cursor, 2))
        found += [doc["sample_id"] for doc in page.items]
        cursor = page.next_cursor
    assert (found, cursor) == ([f"s{n:05d}" for n in range(1, 7)], None)
    for broken in ("x", "-1", "1.5", "9" * 40):
        with pytest.raises(ValueError, match="cursor"):
            similar(shelf, store, asked, {}, samples.Wanted(broken, 2))


def test_another_owner_s_sounds_are_not_there(store: Store) -> None:
    save(store, 0, 1)
    save(store, 2, 3, owner="other")
    assert near(Library(), store, 0) == ["s00001"]


def test_the_owners_asked_for_last_stay_in_memory(store: Store) -> None:
    library = Library(rows_max=5)
    for owner in ("a", "b", "c"):
        save(store, 0, 1, owner=owner)
        library.shelf(store, owner)
    assert library.held() == {"b": 2, "c": 2}
    library.shelf(store, "b")
    save(store, *range(2, 9), owner="a")
    library.shelf(store, "a")
    assert library.held() == {"a": 7 + 2}


def test_a_library_is_read_once(store: Store) -> None:
    library = Library()
    save(store, 0, 1)
    first = library.shelf(store, "lab")
    assert library.shelf(store, "lab").rows is first.rows
    assert first.points.shape == (2, len(AXES))
    assert first.points.dtype == np.float32


def test_threads_get_whole_libraries(store: Store) -> None:
    library, sizes, stop = Library(rows_max=60), [], threading.Event()

    def reader(owner: str) -> None:
        while not stop.is_set():
            shelf = library.shelf(store, owner)
            sizes.append(len(shelf.rows) == len(shelf.points))

    readers = [threading.Thread(target=reader, args=(owner,)) for owner in ("lab", "lab", "other")]
    for thread in readers:
        thread.start()
    for first in range(0, 100, 10):
        save(store, *range(first, first + 10))
        save(store, *range(first, first + 5), owner="other")
    stop.set()
    for thread in readers:
        thread.join()
    assert sizes
    assert all(sizes)
    assert len(library.shelf(store, "lab").rows) == 100


def test_an_empty_shelf_has_nothing_near() -> None:
    assert list(Shelf().nearest(np.zeros(len(AXES), dtype=np.float32))) == []
