"""The stores that the contract suite runs against, and what the stand-ins for MongoDB are known to get wrong.

A gap is declared with its reason. A check that needs what a stand-in lacks is run all the same and must fail there
(`xfail`, strict), so this table cannot outlive the faults it lists; only what cannot even be started is skipped.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import mongomock
from pymongo import MongoClient

from db.mongo import MongoStore, connect
from db.sqlite import SqliteStore
from db.store import CollectionSpec, Store
from services.clock import new_id

MONGODB_URI = os.environ.get("MONGODB_URI", "")
START_S = 15.0  # nx-27017 answers after about 0.5 s on an idle machine

# What a check may need beyond the plain contract, and what a stand-in does instead.
GAPS: dict[str, dict[str, str]] = {
    "sqlite": {},
    "mongomock": {
        "processes": "lives in the memory of one process",
        "null parent": "a path through a null object is not taken for a missing field",
        "size limit": "takes documents of any size",
    },
    "nx-27017": {
        "null counts": "counts documents with a null field, not those without it",
        "null sorts": "orders null and missing fields as two values, so a page between them loses documents",
        "typed ranges": "a string is greater than every number",
        "id in an index": "refuses every insert once an index holds _id",
    },
    "mongodb": {},
}
CANNOT_START = frozenset({"processes"})
# Documents in the paging test. The stand-ins scan a whole collection for every page: 20,000 took 20 s and 94 s.
MANY = {"sqlite": 20_000, "mongodb": 20_000, "mongomock": 3_000, "nx-27017": 1_500}
NAMES = (*(name for name in GAPS if name != "mongodb"), *(["mongodb"] if MONGODB_URI else []))


@dataclass(frozen=True)
class Place:
    """A kind of store and the address under which any process can open it."""

    name: str
    address: str
    made: dict[str, Store] = field(default_factory=dict)

    def open(self, *specs: CollectionSpec) -> Store:
        """The store of this process with these collections."""
        if self.name not in self.made:
            self.made[self.name] = opened(self.name, self.address)
        for spec in specs:
            self.made[self.name].ensure(usable(self.name, spec))
        return self.made[self.name]


def opened(name: str, address: str) -> Store:
    """A store by kind and address."""
    if name == "sqlite":
        return SqliteStore(Path(address))
    if name == "mongomock":
        return MongoStore(address, client=lambda _: mongomock.MongoClient(tz_aware=True))
    uri, _, database = address.partition(" ")
    return MongoStore(uri, database or None)


def usable(name: str, spec: CollectionSpec) -> CollectionSpec:
    """The collection without its indexes where the stand-in has none that work."""
    return CollectionSpec(spec.name, spec.fields) if "id in an index" in GAPS[name] else spec


@contextmanager
def place(name: str, folder: Path) -> Iterator[Place]:
    """A fresh, empty store of a kind."""
    if name == "sqlite":
        found = Place(name, str(folder / "documents.sqlite"))
        yield found
    elif name == "mongomock":
        found = Place(name, "mongodb://nowhere")
        yield found
    elif name == "nx-27017":
        with nx_server(folder) as uri:
            found = Place(name, uri)
            yield found
            _close(found)
        return
    else:
        database = f"test_{new_id()}"
        found = Place(name, f"{MONGODB_URI} {database}")
        yield found
        client = connect(MONGODB_URI)
        client.drop_database(database)
        client.close()
    _close(found)


def _close(found: Place) -> None:
    for store in found.made.values():
        store.close()


@contextmanager
def nx_server(folder: Path) -> Iterator[str]:
    """An nx-27017 of our own on loopback; its URI."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where = ["--host", "127.0.0.1", "-p", str(port), "--data-dir", str(folder / "nx")]
    files = ["--log-file", str(folder / "nx.log"), "--pid-file", str(folder / "nx.pid")]
    with (folder / "nx.out").open("wb") as out:
        server = subprocess.Popen(
            [Path(sys.executable).parent / "nx-27017", *where, *files], cwd=folder, stdout=out, stderr=out
        )
    uri = f"mongodb://127.0.0.1:{port}/soundroutine"
    try:
        _wait_for(uri, server)
        yield uri
    finally:
        server.kill()
        server.wait()


def _wait_for(uri: str, server: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + START_S
    client: MongoClient[dict[str, object]] = MongoClient(uri, serverSelectionTimeoutMS=int(START_S * 1000))
    try:
        while server.poll() is None and time.monotonic() < give_up:
            if client.admin.command("ping").get("ok"):
                return
        raise AssertionError("nx-27017 did not start")
    finally:
        client.close()
