"""Pages over 20,000 documents (fewer for stand-ins): none twice, none lost, also while others come and go."""

from datetime import timedelta

import pytest

from db.documents import to_json
from db.mongo import MongoStore
from db.mongo_query import packed
from db.sqlite import SqliteStore
from tests.contracts.conftest import EPOCH
from tests.contracts.stand_ins import MANY

PAGE = 500
TIES = 7  # documents of one time
BROKEN = ["", "x", "!!", "W10", "bnVsbA", "W1siLWNyZWF0ZWRfYXQiLCItaWQiXSxbMV1d", "é", "a" * 20_000, "=", "e30"]


def fill(shelf, amount):
    """Write many documents the short way, past the adapter but in its form: one by one would take most of the time."""
    docs = [
        {"id": f"{i:05d}", "owner": "xyz"[i % 3], "n": i % 50, "created_at": EPOCH + timedelta(seconds=i // TIES)}
        for i in range(amount)
    ]
    if isinstance(shelf.store, SqliteStore):
        rows = [(doc["id"], to_json({k: v for k, v in doc.items() if k != "id"})) for doc in docs]
        with shelf.store._pool.writing() as connection:
            connection.execute("begin immediate")
            connection.executemany(f'insert into "{shelf.name}" (id,version,doc) values (?,1,?)', rows)
            connection.execute("commit")
    else:
        assert isinstance(shelf.store, MongoStore)
        with shelf.store._answering(shelf.name) as documents:
            for at in range(0, amount, PAGE):
                documents.insert_many([packed({**doc, "version": 1}) for doc in docs[at : at + PAGE]])
    return docs


def test_pages_over_20_000_documents(shelf):
    amount = MANY[shelf.cellar.name]
    docs = fill(shelf, amount)
    expected = [doc["id"] for doc in reversed(docs)]
    assert shelf.paged({}, ("-created_at",), PAGE) == expected
    mine = [doc["id"] for doc in docs if doc["owner"] == "x"]
    assert shelf.paged({"owner": "x"}, ("-created_at",), PAGE) == mine[::-1]
    by_n = sorted(docs, key=lambda d: (d["n"], -int(d["id"])))
    low = [doc["id"] for doc in by_n if doc["owner"] == "x" and doc["n"] < 25]
    assert shelf.paged({"owner": "x", "n": {"lt": 25}}, ("n", "-created_at"), PAGE) == low
    assert [doc["id"] for doc in shelf.store.each(shelf.name, {"owner": "x"}, batch=PAGE)] == mine
    assert shelf.store.count(shelf.name, {}) == amount
    assert shelf.store.count(shelf.name, {"owner": "x"}) == len(mine)


def test_pages_while_documents_come_and_go(shelf):
    """Those that are there throughout are seen once each, wherever others are inserted, changed or removed."""
    docs = fill(shelf, 500)
    seen, cursor, round_ = [], None, 0
    while True:
        page = shelf.page({}, cursor=cursor, limit=40)
        seen += [doc["id"] for doc in page.items]
        for i in range(3):  # newer than everything, among the seen, among the unseen
            at = EPOCH + timedelta(seconds=(900, 70 - round_, round_)[i])
            shelf.insert(f"new{round_}-{i}", created_at=at, owner="x")
        if page.items[0]["id"].isdigit():
            shelf.store.delete(shelf.name, page.items[0]["id"])
        if page.items[1]["id"].isdigit():
            shelf.store.mutate(shelf.name, page.items[1]["id"], lambda doc: {**doc, "n": -1})
        round_ += 1
        if (cursor := page.next_cursor) is None:
            break
    assert len(seen) == len(set(seen))
    assert {doc["id"] for doc in docs} <= set(seen)


def test_each_tolerates_changes_between_batches(shelf):
    fill(shelf, 60)
    seen = []
    for doc in shelf.store.each(shelf.name, {"owner": "x"}, batch=5):
        seen.append(doc["id"])
        shelf.store.delete(shelf.name, doc["id"])
    assert seen == [f"{i:05d}" for i in range(0, 60, 3)]
    assert shelf.store.count(shelf.name, {"owner": "x"}) == 0


def test_a_page_ends_where_the_matches_end(shelf):
    fill(shelf, 10)
    for limit, sizes in ((10, [10]), (9, [9, 1]), (5, [5, 5]), (11, [10])):
        cursor, found = None, []
        while True:
            page = shelf.page({}, cursor=cursor, limit=limit)
            found.append(len(page.items))
            if (cursor := page.next_cursor) is None:
                break
        assert found == sizes
    assert shelf.page({"owner": "nobody"}).items == ()
    assert shelf.page({"owner": "nobody"}).next_cursor is None
    for limit in (0, -1):
        with pytest.raises(ValueError):
            shelf.page({}, limit=limit)


@pytest.mark.parametrize("cursor", BROKEN)
def test_a_broken_cursor_is_refused(shelf, cursor):
    with pytest.raises(ValueError):
        shelf.page({}, cursor=cursor)


def test_a_cursor_belongs_to_its_sort(shelf):
    fill(shelf, 10)
    cursor = shelf.page({}, limit=3).next_cursor
    assert cursor is not None
    for sort in (("created_at",), ("-created_at", "n"), ("n",), ("id",)):
        with pytest.raises(ValueError):
            shelf.page({}, sort=sort, cursor=cursor)
    for at in range(len(cursor)):  # damaged anywhere: refused or a place, never an error of another kind
        damaged = cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
        try:
            shelf.page({}, cursor=damaged, limit=1)
        except ValueError:
            continue
