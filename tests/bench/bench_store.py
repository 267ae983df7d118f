"""How fast the document store and the blob store are: `python -m tests.bench.bench_store`.

Medians of ROUNDS rounds, on a fresh store in a temporary folder of this disk. With MONGODB_URI set, MongoDB as well.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from db.store import CollectionSpec, Index, Store
from services.storage.local import LocalBlobs
from tests.contracts.stand_ins import NAMES, Place, place
from tests.contracts.store_process import CROWD

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 5
DOCUMENTS = 20_000
OWNERS = 4
CALLS = 200
CROWD_SIZE, EACH = 8, 50
BLOB_BYTES = 88_200  # one second of 16-bit mono
SPEC = CollectionSpec("bench", ("owner", "created_at"), (Index(("owner", "-created_at")),))
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def timed_ms(calls: int, call: Callable[[int], object]) -> float:
    """Milliseconds per call."""
    start = time.perf_counter()
    for i in range(calls):
        call(i)
    return (time.perf_counter() - start) / calls * 1000


def medians(run: Callable[[int], dict[str, float]]) -> dict[str, float]:
    """The median of every figure over the rounds."""
    rounds = [run(i) for i in range(ROUNDS)]
    return {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}


def document(name: str, number: int) -> dict[str, object]:
    created = EPOCH + timedelta(seconds=number)
    return {"id": name, "owner": f"o{number % OWNERS}", "created_at": created, "params": {"text": "x" * 400}}


def fill(store: Store) -> None:
    for i in range(DOCUMENTS):
        store.insert("bench", document(f"{i:06d}", i))


def store_figures(store: Store, number: int) -> dict[str, float]:
    """One round of single calls at a store of 20,000 documents."""
    cursor = None
    for _ in range(100):  # the 101st page is as far in as a person scrolls
        cursor = store.find("bench", {"owner": "o1"}, cursor=cursor).next_cursor
    return {
        "insert": timed_ms(CALLS, lambda i: store.insert("bench", document(f"new{number}-{i}", i))),
        "get": timed_ms(CALLS, lambda i: store.get("bench", f"{i * 97:06d}")),
        "mutate": timed_ms(CALLS, lambda i: store.mutate("bench", f"{i:06d}", lambda doc: {**doc, "n": number})),
        "first page of 20": timed_ms(CALLS, lambda _: store.find("bench", {"owner": "o1"})),
        "101st page of 20": timed_ms(CALLS, lambda _: store.find("bench", {"owner": "o1"}, cursor=cursor)),
        "count 1 owner of 4": timed_ms(10, lambda _: store.count("bench", {"owner": "o1"})),
    }


def contended_per_s(cellar: Place, number: int) -> float:
    """Increments a second by 8 processes in one document."""
    cellar.open(CROWD).delete("crowd", "counter")
    cellar.open(CROWD).insert("crowd", {"id": "counter", "n": 0, "log": [], "round": number})
    command = [sys.executable, "-m", "tests.contracts.store_process", cellar.name, cellar.address, "increments", "0"]
    running = [
        subprocess.Popen([*command, str(EACH)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ)
        for _ in range(CROWD_SIZE)
    ]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()
    start = time.perf_counter()
    for process in running:
        process.communicate(b"go\n")
    return CROWD_SIZE * EACH / (time.perf_counter() - start)


def blob_figures(blobs: LocalBlobs) -> dict[str, float]:
    """One round of putting and getting 8 small blobs."""
    fresh = [os.urandom(BLOB_BYTES) for _ in range(16)]
    return {
        "put 8 new": timed_ms(1, lambda _: [blobs.put(data) for data in fresh[:8]]),
        "put_many of 8 new": timed_ms(1, lambda _: blobs.put_many(fresh[8:])),
        "put 8 known": timed_ms(1, lambda _: [blobs.put(data) for data in fresh[:8]]),
        "read 8": timed_ms(1, lambda _: [blobs.read(name) for name in blobs.put_many(fresh[:8])]),
        "usage": timed_ms(100, lambda _: blobs.usage()),
    }


def lines() -> Iterator[str]:
    """The tables, line by line, as they are measured."""
    yield f"| Store, {DOCUMENTS:,} documents | Figure | Median of {ROUNDS} |"
    yield "| --- | --- | ---: |"
    for name in (name for name in NAMES if name in ("sqlite", "mongodb")):
        with tempfile.TemporaryDirectory() as folder, place(name, Path(folder)) as cellar:
            store = cellar.open(SPEC)
            fill(store)
            for figure, ms in medians(lambda i, store=store: store_figures(store, i)).items():  # type: ignore[misc]
                yield f"| {name} | {figure} | {ms:.3f} ms |"
            rate = statistics.median(contended_per_s(cellar, i) for i in range(3))
            yield f"| {name} | mutate of one document by {CROWD_SIZE} processes | {rate:.0f} /s |"
    with tempfile.TemporaryDirectory() as folder:
        blobs = LocalBlobs(Path(folder), max_data_gb=10.0, min_free_gb=0.0)
        for figure, ms in medians(lambda _: blob_figures(blobs)).items():
            yield f"| blobs of {BLOB_BYTES / 1000:.0f} kB | {figure} | {ms:.3f} ms |"


def main() -> None:
    for line in lines():
        print(line, flush=True)


if __name__ == "__main__":
    main()
