"""Many processes at one store: every change counted, one winner each, nothing acknowledged lost to kill -9."""

import os
import select
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.contracts.conftest import Shelf
from tests.contracts.store_process import CROWD

ROOT = Path(__file__).resolve().parents[2]
CROWD_SIZE = 8
EACH = 25
RACES = 30
WRITERS = 3
KILL_AFTER = 150  # acknowledged writes of all writers together
TIME_LIMIT_S = 60

pytestmark = [pytest.mark.needs("processes"), pytest.mark.faults]


@pytest.fixture
def crowd(shelf):
    """The collection that the processes share, empty."""
    store = shelf.cellar.open(CROWD)
    for doc in list(store.each("crowd", {})):
        store.delete("crowd", doc["id"])
    return Shelf(store, "crowd", CROWD, shelf.cellar)


@contextmanager
def processes(crowd, role, amount, size):
    """So many processes in a role, all started before any begins."""
    with ExitStack() as stack:
        running = []
        for number in range(size):
            command = [sys.executable, "-m", "tests.contracts.store_process"]
            command += [crowd.cellar.name, crowd.cellar.address, role, str(number), str(amount)]
            running.append(
                subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ)
            )
            stack.callback(_end, running[-1])
        for process in running:
            assert process.stdout.readline() == b"ready\n"
        for process in running:
            process.stdin.write(b"go\n")
            process.stdin.flush()
        yield running


def _end(process):
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def outputs(running):
    found = [process.stdout.read().decode().split() for process in running]
    assert [process.wait(TIME_LIMIT_S) for process in running] == [0] * len(running)
    return found


def test_8_processes_count_in_one_document(crowd):
    crowd.insert("counter", n=0, log=[])
    with processes(crowd, "increments", EACH, CROWD_SIZE) as running:
        outputs(running)
    doc = crowd.get("counter")
    assert doc["n"] == CROWD_SIZE * EACH
    assert doc["log"] == list(range(CROWD_SIZE * EACH))
    assert doc["version"] == 1 + CROWD_SIZE * EACH


def test_8_processes_race_and_one_wins_each(crowd):
    for i in range(RACES):
        crowd.insert(f"race{i}")
    with processes(crowd, "races", RACES, CROWD_SIZE) as running:
        won = outputs(running)
    assert sorted(int(i) for wins in won for i in wins) == list(range(RACES))
    for number, wins in enumerate(won):
        for i in wins:
            assert crowd.get(f"race{i}") == {"id": f"race{i}", "winner": number, "version": 2}


def test_kill_9_of_writers_loses_no_acknowledged_write(crowd):
    said = []
    for _ in range(2):  # the second crowd opens what the first left behind
        with processes(crowd, "writes", 0, WRITERS) as running:
            said += _killed_under_load(running)
        for doc in list(crowd.store.each("crowd", {})):  # done reading: the next crowd uses the names again
            assert doc["version"] == (2 if doc.get("changed") else 1)
            assert len(doc["text"]) == 500
        _nothing_lost(crowd, said[-1])
        for doc in list(crowd.store.each("crowd", {})):
            crowd.store.delete("crowd", doc["id"])
    if crowd.cellar.name == "sqlite":
        with sqlite3.connect(crowd.cellar.address) as connection:
            assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        connection.close()


def _killed_under_load(running):
    """Kill every writer while it writes; the acknowledgements that had left them, as one list."""
    files = {process.stdout.fileno(): b"" for process in running}
    give_up = time.monotonic() + TIME_LIMIT_S
    while sum(text.count(b"\n") for text in files.values()) < KILL_AFTER:
        assert time.monotonic() < give_up
        for fd in select.select(list(files), [], [], 1)[0]:
            files[fd] += os.read(fd, 65536)
    for process in running:
        process.kill()
    for process in running:
        files[process.stdout.fileno()] += process.stdout.read()
    whole = [text[: text.rfind(b"\n") + 1] for text in files.values()]  # what kill cut off was not said
    return [[line.split() for text in whole for line in text.decode().splitlines()]]


def _nothing_lost(crowd, said):
    assert len(said) >= KILL_AFTER
    for word, name in said:
        doc = crowd.get(name)
        assert doc is not None, f"{name} was acknowledged and is gone"
        assert word == "inserted" or doc["changed"], f"{name} was changed and is not"
