"""What is SQLite's own in the embedded store: locks, full disks, broken files, indexes, forks."""

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from db import schema
from db import sqlite_query as query
from db.filters import clauses, sort_keys
from db.sqlite import SqliteStore
from db.store import CollectionSpec, Index
from services.errors import DiskFull, Unavailable

ROOT = Path(__file__).resolve().parents[2]
SPEC = CollectionSpec("docs", ("n", "at"), (Index(("n",)),))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "down" / "documents.sqlite"


@pytest.fixture
def store(path):
    made = SqliteStore(path, busy_s=0.2)
    made.ensure(SPEC)
    yield made
    made.close()


def test_the_file_is_written_through(store):
    with store._pool.reading() as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
        assert connection.execute("pragma synchronous").fetchone() == (2,)


def test_dates_are_tagged_on_disk(store, path):
    store.insert("docs", {"id": "a", "at": NOW, "$date": "mine", "x": {"$date": "mine"}})
    with closing(sqlite3.connect(path)) as connection:
        text = connection.execute("select doc from docs").fetchone()[0]
    assert text == '{"at":{"$date":"2026-01-01T00:00:00.000Z"},"$$date":"mine","x":{"$$date":"mine"}}'


def test_a_lock_held_too_long_is_unavailable_and_then_gone(store, path):
    store.insert("docs", {"id": "a", "n": 1})
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        for write in (
            lambda: store.insert("docs", {"id": "b"}),
            lambda: store.replace("docs", {"id": "a"}, 1),
            lambda: store.delete("docs", "a"),
            lambda: store.mutate("docs", "a", lambda doc: {**doc, "n": 2}),
        ):
            with pytest.raises(Unavailable):
                write()
        assert store.get("docs", "a") == {"id": "a", "n": 1, "version": 1}  # readers never wait
    assert store.mutate("docs", "a", lambda doc: {**doc, "n": 2})["n"] == 2


def test_a_file_that_is_no_store_is_unavailable(tmp_path):
    for name, content in (("text", b"not a database, " * 1000), ("folder", None)):
        path = tmp_path / name
        path.mkdir() if content is None else path.write_bytes(content)
        broken = SqliteStore(path, busy_s=0.2)
        with pytest.raises(Unavailable):
            broken.ping()
        with pytest.raises(Unavailable):
            broken.ensure(SPEC)


def test_a_full_database_is_a_full_disk(store):
    store.insert("docs", {"id": "a", "n": 1})
    with store._pool.reading() as connection:
        pages = connection.execute("pragma page_count").fetchone()[0]
        connection.execute(f"pragma max_page_count={pages + 2}")
    with pytest.raises(DiskFull):
        for i in range(50):
            store.insert("docs", {"id": f"b{i}", "text": "x" * 3000})
    assert store.get("docs", "a") == {"id": "a", "n": 1, "version": 1}


FULL = """
import signal, resource, sys
from pathlib import Path
from db.sqlite import SqliteStore
from db.store import CollectionSpec
from services.errors import DiskFull
store = SqliteStore(Path(sys.argv[1]) / "documents.sqlite")
store.ensure(CollectionSpec("docs", ()))
if sys.argv[2:] == ["limit"]:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
stored = 0
try:
    for i in range(1000):
        store.insert("docs", {"id": str(i), "text": "x" * 10_000})
        stored += 1
except DiskFull as err:
    kept = all(store.get("docs", str(i)) for i in range(stored))
    print(err.message, stored > 5, kept, store.get("docs", str(stored)))
"""
SMALL_DISK = 'mount -t tmpfs -o size=1m small "$1" && exec "$2" -c "$3" "$1"'


def test_a_write_that_the_system_refuses_is_a_full_disk(tmp_path):
    command = [sys.executable, "-c", FULL, str(tmp_path), "limit"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert done.stdout == b"The disk is full. True True None\n"


@pytest.mark.faults
def test_a_really_full_disk(tmp_path):
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK, "sh"]
    try:
        done = subprocess.run(
            [*command, str(tmp_path), sys.executable, FULL], cwd=ROOT, capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("needs unshare")
    if b"unshare" in done.stderr or b"mount:" in done.stderr:
        pytest.skip("needs a mount in a user namespace")
    assert done.stdout == b"The disk is full. True True None\n", done.stderr


def test_threads_share_the_store(path):
    store = SqliteStore(path)
    store.ensure(SPEC)
    store.insert("docs", {"id": "a", "n": 0})

    def work(number):
        for i in range(20):
            store.insert("docs", {"id": f"{number}-{i}", "n": i})
            store.mutate("docs", "a", lambda doc: {**doc, "n": doc["n"] + 1})

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("docs", "a")["n"] == 320
    assert store.count("docs", {}) == 321
    assert len(store._pool._idle) <= 17
    store.close()


@pytest.mark.faults
@pytest.mark.timeout(120)
def test_forks_in_the_middle_of_writing_threads(tmp_path):
    """See sqlite_forks.py: threads write and read while their process forks children that write."""
    path = tmp_path / "documents.sqlite"
    command = [sys.executable, "-W", "ignore", "-m", "tests.db.sqlite_forks", path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.stderr == b""
    parents, children = (int(n) for n in done.stdout.split())
    store = SqliteStore(path)
    store.ensure(CollectionSpec("docs", ("who",)))
    assert store.count("docs", {"who": "parent"}) == parents > 0
    assert store.count("docs", {"who": "child"}) == children == 12 * 10
    assert store.get("docs", "counter")["n"] == parents + children
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]


PLANS = [
    ("jobs", {"owner": "a"}, ("-created_at",), "(<expr>=? AND <expr><?)", ""),
    ("jobs", {"state": "queued", "queue": "cpu"}, ("turn", "created_at"), "(<expr>=? AND <expr>=? AND <expr>>?)", ""),
    ("jobs", {"reuse_key": "k", "owner": "a", "state": "succeeded"}, ("-created_at",), "jobs_a_reuse_key", ""),
    ("jobs", {"state": "running", "lease.until": {"lt": NOW}}, ("id",), "jobs_a_state_a_lease__until", "ORDER BY"),
    ("assets", {"expires_at": {"lt": NOW}}, ("id",), "assets_a_expires_at", "ORDER BY"),
    ("commits", {"beat_id": "b", "owner": "a"}, ("-number",), "commits_a_beat_id_d_number", ""),
    ("api_keys", {"hash": "h"}, ("-created_at",), "api_keys_a_hash", "ORDER BY"),
]


@pytest.mark.parametrize(("name", "where", "sort", "expected", "sorting"), PLANS)
def test_the_products_questions_are_answered_by_indexes(store, name, where, sort, expected, sorting):
    """No question scans a table, and a page needs no sorting where an index has its order."""
    spec = next(spec for spec in schema.COLLECTIONS if spec.name == name)
    store.ensure(spec)
    keys = sort_keys(spec, sort)
    after = query.beyond(keys, tuple(NOW if k.field.endswith("_at") else "x" for k in keys))
    matching, values = query.where(clauses(spec, where), None if sorting else after)
    sql = f'explain query plan select id from "{name}"{matching} order by {query.order(keys)} limit 20'
    with store._pool.reading() as connection:
        plan = " ".join(row[3] for row in connection.execute(sql, values))
    assert expected in plan
    assert "SCAN" not in plan
    assert ("ORDER BY" in plan) == bool(sorting)
