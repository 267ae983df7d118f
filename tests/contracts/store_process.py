"""One process of a crowd: `python -m tests.contracts.store_process KIND ADDRESS ROLE NUMBER AMOUNT`."""

import sys
from itertools import count

from db.store import CollectionSpec, Document, Store, VersionConflict
from tests.contracts.stand_ins import opened, usable

CROWD = CollectionSpec("crowd", ("writer", "number"))


def increments(store: Store, amount: int) -> None:
    """Count up in one document that everybody counts up in."""

    def one_more(doc: Document) -> Document:
        return {**doc, "n": doc["n"] + 1, "log": [*doc["log"], doc["n"]]}

    for _ in range(amount):
        assert store.mutate("crowd", "counter", one_more) is not None


def races(store: Store, number: int, amount: int) -> None:
    """Try to be the one who changes each of so many documents from version 1."""
    for i in range(amount):
        try:
            store.replace("crowd", {"id": f"race{i}", "winner": number}, 1)
        except VersionConflict:
            continue
        print(i, flush=True)


def writes_until_killed(store: Store, number: int) -> None:
    """Insert and change documents, saying so after each acknowledged write."""
    for i in count():
        name = f"{number}-{i}"
        store.insert("crowd", {"id": name, "writer": number, "number": i, "text": "x" * 500})
        print("inserted", name, flush=True)
        if store.mutate("crowd", name, lambda doc: {**doc, "changed": True}) is not None:
            print("changed", name, flush=True)


def main() -> None:
    kind, address, role, number, amount = sys.argv[1:]
    store = opened(kind, address)
    store.ensure(usable(kind, CROWD))
    print("ready", flush=True)
    sys.stdin.readline()  # everybody starts at once
    if role == "increments":
        increments(store, int(amount))
    elif role == "races":
        races(store, int(number), int(amount))
    else:
        writes_until_killed(store, int(number))


if __name__ == "__main__":
    main()
