"""What every document store promises of its filters and sort orders."""

import math
from datetime import timedelta

import pytest

from tests.contracts.conftest import EPOCH

SECOND = timedelta(seconds=1)
NAIVE = EPOCH.replace(tzinfo=None)


@pytest.fixture
def filled(shelf):
    """Six documents: numbers, ties, nulls, missing fields, nested times."""
    shelf.insert("a", owner="x", kind="beat", n=1, at=EPOCH, lease={"until": EPOCH})
    shelf.insert("b", owner="x", kind="song", n=2.5, at=EPOCH + SECOND, lease={"until": EPOCH + SECOND})
    shelf.insert("c", owner="x", kind="beat", n=2.5, at=EPOCH + SECOND, lease={})
    shelf.insert("d", owner="y", kind="é", n=-3, at=EPOCH + 2 * SECOND)
    shelf.insert("e", owner="y", kind="Beat", n=None, at=None)
    shelf.insert("f", owner="y", kind="beat")
    return shelf


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, "abcdef"),
        ({"owner": "x"}, "abc"),
        ({"owner": "x", "kind": "beat"}, "ac"),
        ({"owner": "z"}, ""),
        ({"kind": "é"}, "d"),
        ({"n": 2.5}, "bc"),
        ({"n": 1.0}, "a"),
        ({"at": EPOCH + SECOND}, "bc"),
        ({"lease.until": EPOCH}, "a"),
        ({"id": "d"}, "d"),
        ({"kind": {"in": ["song", "é", "none"]}}, "bd"),
        ({"kind": {"in": []}}, ""),
        ({"n": {"in": (1, -3)}}, "ad"),
        ({"at": {"in": {EPOCH, EPOCH + 2 * SECOND}}}, "ad"),
        ({"id": {"in": ["a", "f", "zz"]}}, "af"),
        ({"n": {"gt": 1}}, "bc"),
        ({"n": {"gte": 1}}, "abc"),
        ({"n": {"lt": 1}}, "d"),
        ({"n": {"lte": 1, "gt": -3}}, "a"),
        ({"at": {"gte": EPOCH + SECOND}}, "bcd"),
        ({"at": {"gt": EPOCH, "lt": EPOCH + 2 * SECOND}}, "bc"),
        ({"at": {"lte": EPOCH + SECOND}}, "abc"),
        ({"lease.until": {"lt": EPOCH + SECOND}}, "a"),
        ({"kind": {"gte": "beat", "lt": "c"}}, "acf"),
        ({"kind": {"lt": "a"}}, "e"),
        ({"id": {"gt": "b", "lte": "d"}}, "cd"),
        ({"n": {"exists": True}}, "abcd"),
        ({"owner": {"exists": True}, "at": {"exists": True}, "n": {"lt": 0}}, "d"),
        ({"lease.until": {"exists": True}}, "ab"),
    ],
)
def test_filters_find_and_count(filled, where, expected):
    assert "".join(filled.ids(where)) == expected
    assert filled.store.count(filled.name, where) == len(expected)
    assert "".join(doc["id"] for doc in filled.store.each(filled.name, where, batch=2)) == expected


NULL_COUNTS = pytest.mark.needs("null counts")


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        pytest.param({"n": None}, "ef", marks=NULL_COUNTS),
        pytest.param({"n": {"exists": False}}, "ef", marks=NULL_COUNTS),
        pytest.param({"at": None, "owner": "y"}, "ef", marks=NULL_COUNTS),
        ({"n": {"in": [None, 1]}}, "aef"),
        ({"lease.until": None}, "cdef"),
        ({"lease.until": {"exists": False}, "owner": "x"}, "c"),
    ],
)
def test_null_and_missing_are_the_same(filled, where, expected):
    assert "".join(filled.ids(where)) == expected
    assert filled.store.count(filled.name, where) == len(expected)


@pytest.mark.needs("null parent")
def test_a_path_through_null_is_a_missing_field(filled):
    filled.insert("g", lease=None)
    filled.insert("h", lease={"until": None})
    assert filled.ids({"lease.until": None}) == list("cdefgh")
    assert filled.ids({"lease.until": {"exists": True}}) == list("ab")


@pytest.mark.needs("typed ranges")
def test_a_range_matches_its_own_type_only(shelf):
    values = {"number": 5, "text": "5", "date": EPOCH, "null": None}
    for name, value in values.items():
        shelf.insert(name, n=value)
    shelf.insert("missing")
    for bound, name in ((0, "number"), ("", "text"), (EPOCH - SECOND, "date")):
        assert shelf.ids({"n": {"gt": bound}}) == [name]
        assert shelf.store.count(shelf.name, {"n": {"gt": bound}}) == 1
    for bound, name in ((9, "number"), ("~", "text"), (EPOCH + SECOND, "date")):
        assert shelf.ids({"n": {"lt": bound}}) == [name]


@pytest.mark.parametrize(
    "where",
    [
        {"secret": 1},
        {"lease": 1},
        {"version": 1},
        {"_id": "a"},
        {"n') or 1=1 --": 1},
        {"$where": "true"},
        {"n": {"ne": 1}},
        {"n": {"$gt": 1}},
        {"n": {}},
        {"n": {"gt": None}},
        {"n": {"gt": True}},
        {"n": {"gt": [1]}},
        {"n": {"in": "ab"}},
        {"n": {"in": [[1]]}},
        {"n": {"in": list(range(10_001))}},
        {"n": {"exists": 1}},
        {"n": [1]},
        {"n": math.nan},
        {"at": NAIVE},
    ],
)
def test_a_wrong_filter_is_refused(filled, where):
    with pytest.raises(ValueError):
        filled.page(where)
    with pytest.raises(ValueError):
        filled.store.count(filled.name, where)


@pytest.mark.parametrize("sort", [("secret",), ("-version",), ("owner desc",), ("--n",), ("",)])
def test_a_wrong_sort_is_refused(filled, sort):
    with pytest.raises(ValueError):
        filled.page({}, sort=sort)


def test_values_are_values_whatever_they_look_like(shelf):
    for i, text in enumerate(("' or 1=1 --", '{"$gt": ""}', "$owner", '{"$date":"2026-01-01T00:00:00.000Z"}', "null")):
        shelf.insert(str(i), owner=text)
        assert shelf.ids({"owner": text}) == [str(i)]
    assert shelf.store.count(shelf.name, {"owner": {"exists": True}}) == 5


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (("n",), "dabc"),
        (("-n",), "cbad"),
        (("at",), "abcd"),
        (("-at",), "dcba"),
        (("kind", "-n"), "cabd"),
        (("-kind", "n"), "dbac"),
        (("owner", "-kind", "id"), "bacd"),
        (("-owner", "-id"), "dcba"),
        (("lease.until", "n"), "dcab"),
        (("-id",), "dcba"),
        ((), "abcd"),
    ],
)
def test_sorts_with_ties_by_id(filled, sort, expected):
    """Ties follow the last field's direction, also page by page."""
    some = {"id": {"lt": "e"}}
    assert "".join(filled.ids(some, sort=sort)) == expected
    if "lease.until" not in sort:
        for limit in (1, 2, 3):
            assert "".join(filled.paged(some, sort, limit)) == expected


NULL_SORTS = pytest.mark.needs("null sorts")


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (("n",), "efdabc"),
        pytest.param(("-n",), "cbadfe", marks=NULL_SORTS),
        pytest.param(("-n", "kind"), "cbadef", marks=NULL_SORTS),
        pytest.param(("at", "-n"), "feacbd", marks=NULL_SORTS),
        (("lease.until",), "cdefab"),
        (("-lease.until",), "bafedc"),
    ],
)
def test_null_and_missing_sort_first(filled, sort, expected):
    assert "".join(filled.ids({}, sort=sort)) == expected
    for limit in (1, 2, 5):
        assert "".join(filled.paged({}, sort, limit)) == expected
