"""What is pymongo's own in the MongoDB store: how it connects, what its errors mean, forks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bson.errors import InvalidDocument
from pymongo import MongoClient, errors

from db.mongo import MongoStore, connect, translated
from db.store import CollectionSpec, Index
from services.errors import DiskFull, TooLarge, Unavailable
from tests.contracts.stand_ins import nx_server

ROOT = Path(__file__).resolve().parents[2]
NOBODY = "mongodb://127.0.0.1:9/"  # the discard port: nothing listens there
SPEC = CollectionSpec("docs", ("n",))
SPEC_WITH_INDEX = CollectionSpec("docs", ("n",), (Index(("n",)),))


def test_writes_wait_for_a_majority_and_its_journal():
    client = connect("mongodb://somewhere.invalid/")
    try:
        assert client.write_concern.document == {"w": "majority", "j": True}
        assert client.codec_options.tz_aware is True
        assert client.options.retry_writes is True
    finally:
        client.close()


@pytest.mark.parametrize(
    ("uri", "database", "expected"),
    [
        ("mongodb://h/", None, "soundroutine"),
        ("mongodb://h/mine?w=1", None, "mine"),
        ("mongodb://h/mine", "other", "other"),
    ],
)
def test_the_database_is_the_uris_or_ours(uri, database, expected):
    store = MongoStore(uri, database)
    store._declare(SPEC)
    with store._answering("docs") as documents:
        assert documents.full_name == f"{expected}.docs"
    store.close()


def test_a_server_that_is_not_there_is_unavailable():
    store = MongoStore(NOBODY, client=lambda uri: MongoClient(uri, serverSelectionTimeoutMS=150))
    store._declare(SPEC)
    for ask in (store.ping, lambda: store.get("docs", "a"), lambda: store.ensure(SPEC_WITH_INDEX)):
        with pytest.raises(Unavailable):
            ask()
    for ask in (
        lambda: store.insert("docs", {"id": "a"}),
        lambda: store.count("docs", {}),
        lambda: store.find("docs", {}, sort=("n",)),
    ):
        with pytest.raises(Unavailable) as caught:
            ask()
        assert "127.0.0.1" not in str(caught.value)
    store.close()


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (errors.ServerSelectionTimeoutError("x"), Unavailable),
        (errors.AutoReconnect("x"), Unavailable),
        (errors.NetworkTimeout("x"), Unavailable),
        (errors.NotPrimaryError("x"), Unavailable),
        (errors.WTimeoutError("x", 64), Unavailable),
        (errors.ExecutionTimeout("x", 50), Unavailable),
        (errors.OperationFailure("x", 18), Unavailable),
        (errors.OperationFailure("x", 14031), DiskFull),
        (errors.WriteError("x", 14031), DiskFull),
        (errors.DocumentTooLarge("x"), TooLarge),
        (errors.OperationFailure("x", 10334), TooLarge),
        (errors.OperationFailure("x", 2), type(None)),
        (errors.DuplicateKeyError("x", 11000), type(None)),
        (InvalidDocument("x"), type(None)),
    ],
)
def test_driver_errors_in_the_houses_words(error, meaning):
    found = translated(error)
    assert type(found) is meaning
    assert "x" not in getattr(found, "message", "").split()


FORKING = """
import os, sys
from db.mongo import MongoStore
from db.store import CollectionSpec
store = MongoStore(sys.argv[1])
store.ensure(CollectionSpec("docs", ("n",)))
store.insert("docs", {"id": "parent", "n": 0})
for i in range(3):
    if os.fork() == 0:
        store.insert("docs", {"id": f"child{i}", "n": store.get("docs", "parent")["n"]})
        os._exit(0)
    assert os.wait()[1] == 0
    store.mutate("docs", "parent", lambda doc: {**doc, "n": doc["n"] + 1})
print([(doc["id"], doc["n"]) for doc in store.each("docs", {})])
store.close()
"""


def test_a_forked_child_makes_its_own_client(tmp_path):
    """Warnings are errors in there: pymongo warns when a client crosses a fork."""
    with nx_server(tmp_path) as uri:
        command = [sys.executable, "-W", "error::UserWarning", "-c", FORKING, uri]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, env=os.environ, timeout=60)
    assert done.stderr == b""
    assert done.stdout.decode() == "[('child0', 0), ('child1', 1), ('child2', 2), ('parent', 3)]\n"
