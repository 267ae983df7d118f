"""A process that forks while its threads use the store; prints how many writes the parent and the children made.

Run by test_sqlite.py in a process of its own, because forking with threads is what it is about.
"""

import os
import sys
import threading
from pathlib import Path

from db.sqlite import SqliteStore
from db.store import CollectionSpec

CHILDREN, EACH = 12, 10


def write(store, who, name):
    store.insert("docs", {"id": f"{who}-{name}", "who": who, "text": "x" * 2000})
    assert store.mutate("docs", "counter", lambda doc: {**doc, "n": doc["n"] + 1}) is not None


def child(store, number):
    try:
        for i in range(EACH):
            write(store, "child", f"{number}-{i}")
    except BaseException as err:
        os.write(2, f"child {number}: {err!r}\n".encode())
        os._exit(1)
    os._exit(0)


def main():
    store = SqliteStore(Path(sys.argv[1]))
    store.ensure(CollectionSpec("docs", ("who",)))
    store.insert("docs", {"id": "counter", "n": 0})
    written, stop = [0, 0, 0], threading.Event()

    def keep_writing(number):
        while not stop.is_set():
            write(store, "parent", f"{number}-{written[number]}")
            store.find("docs", {"who": "child"}, sort=("id",), limit=5)
            written[number] += 1

    threads = [threading.Thread(target=keep_writing, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    running = []
    for number in range(CHILDREN):
        if (pid := os.fork()) == 0:
            child(store, number)
        running.append(pid)
        if len(running) == 3:
            os.waitpid(running.pop(0), 0)
    for pid in running:
        os.waitpid(pid, 0)
    stop.set()
    for thread in threads:
        thread.join()
    print(sum(written), CHILDREN * EACH)


if __name__ == "__main__":
    main()
