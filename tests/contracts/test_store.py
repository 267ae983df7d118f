"""What every document store promises of its documents and their versions."""

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from db.store import CollectionSpec, DuplicateId, Index, VersionConflict
from services.errors import TooLarge
from tests.contracts.conftest import EPOCH

NAIVE = EPOCH.replace(tzinfo=None)


def test_insert_gives_version_1_and_get_the_same_document(shelf):
    stored = shelf.insert("a", owner="x", version=7)
    assert stored == {"id": "a", "owner": "x", "version": 1}
    assert shelf.get("a") == stored
    assert shelf.get("b") is None


def test_insert_new_stores_what_is_new_and_leaves_the_rest(shelf):
    shelf.insert("b", n=1)
    shelf.store.insert_new(shelf.name, [{"id": "a", "n": 2}, {"id": "b", "n": 3}, {"id": "c", "n": 4, "at": EPOCH}])
    assert [shelf.get(i)["n"] for i in "abc"] == [2, 1, 4]
    assert (shelf.get("a")["version"], shelf.get("c")["at"]) == (1, EPOCH)
    shelf.store.insert_new(shelf.name, [])
    shelf.store.insert_new(shelf.name, [{"id": f"m{i}", "n": i} for i in range(450)])
    assert shelf.get("m449")["n"] == 449


def test_an_id_is_taken_once(shelf):
    shelf.insert("a", n=1)
    with pytest.raises(DuplicateId):
        shelf.insert("a", n=2)
    assert shelf.get("a")["n"] == 1


@pytest.mark.parametrize("doc", [{}, {"id": ""}, {"id": 7}, {"id": None}, {"id": "a" * 513}, {"id": "a", "_id": "a"}])
def test_ids_are_strings(shelf, doc):
    with pytest.raises(ValueError):
        shelf.store.insert(shelf.name, doc)


def test_replace_swaps_one_version_for_the_next(shelf):
    shelf.insert("a", n=1, old=True)
    assert shelf.store.replace(shelf.name, {"id": "a", "n": 2}, 1) == {"id": "a", "n": 2, "version": 2}
    assert shelf.get("a") == {"id": "a", "n": 2, "version": 2}
    for version in (1, 3):
        with pytest.raises(VersionConflict):
            shelf.store.replace(shelf.name, {"id": "a", "n": 9}, version)
    with pytest.raises(VersionConflict):
        shelf.store.replace(shelf.name, {"id": "gone", "n": 9}, 1)
    assert shelf.get("a")["n"] == 2
    assert shelf.get("gone") is None


def test_mutate_writes_what_the_change_returns(shelf):
    shelf.insert("a", n=1, inner={"list": [1]})

    def change(doc):
        doc["inner"]["list"].append(2)
        return {**doc, "n": doc["n"] + 1}

    written = shelf.store.mutate(shelf.name, "a", change)
    assert written == {"id": "a", "n": 2, "inner": {"list": [1, 2]}, "version": 2} == shelf.get("a")


def test_mutate_leaves_a_document_that_the_change_leaves(shelf):
    shelf.insert("a", inner={"list": [1]})
    assert shelf.store.mutate(shelf.name, "a", lambda doc: doc["inner"]["list"].clear()) is None
    assert shelf.store.mutate(shelf.name, "gone", lambda doc: doc) is None
    assert shelf.get("a") == {"id": "a", "inner": {"list": [1]}, "version": 1}


def test_mutate_runs_again_when_somebody_was_faster(shelf):
    shelf.insert("a", n=0)
    seen = []

    def change(doc):
        seen.append(doc["n"])
        if len(seen) < 3:  # the store is free meanwhile, so a change may use it
            shelf.store.mutate(shelf.name, "a", lambda other: {**other, "n": other["n"] + 10})
        return {**doc, "n": doc["n"] + 1}

    assert shelf.store.mutate(shelf.name, "a", change)["n"] == 21
    assert seen == [0, 10, 20]


def test_mutate_refuses_another_id_and_lets_errors_through(shelf):
    shelf.insert("a", n=0)
    with pytest.raises(ValueError):
        shelf.store.mutate(shelf.name, "a", lambda doc: {**doc, "id": "b"})
    with pytest.raises(ZeroDivisionError):
        shelf.store.mutate(shelf.name, "a", lambda doc: {"n": 1 / 0})
    assert shelf.get("a") == {"id": "a", "n": 0, "version": 1}


def test_delete_with_and_without_a_version(shelf):
    for name in ("a", "b"):
        shelf.insert(name)
    with pytest.raises(VersionConflict):
        shelf.store.delete(shelf.name, "a", 2)
    assert shelf.store.delete(shelf.name, "a", 1) is True
    assert shelf.store.delete(shelf.name, "b") is True
    assert shelf.store.delete(shelf.name, "a") is False
    assert shelf.store.delete(shelf.name, "a", 1) is False
    assert shelf.get("a") is None
    assert shelf.insert("a")["version"] == 1


ODD = {
    "unicode": "é 漢字 🥁 \u202eabc \ufb01",
    "nul": "a\x00b",
    "quotes": "'\"\\;--",
    "numbers": [0, -1, 2**63 - 1, -(2**63), 1.5, -0.0, 1e-300, 1e300, 0.1 + 0.2],
    "truth": [True, False, None],
    "empty": [{}, [], ""],
    "$set": {"$date": "2026", "a.b": {"$": 1, "%24": 2, "%": 3}},
    "a.b": 1,
    "kick 1.wav": {"id": "inner", "version": "inner", "_id": 3},
    "key\x00nul": 1,
    "": "empty key",
    "at": datetime(1, 1, 1, tzinfo=UTC),
    "times": [datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC), {"t": EPOCH}],
}


def test_any_json_comes_back_as_it_was(shelf):
    stored = shelf.insert("é.$\x00'\"", **ODD)
    back = shelf.get("é.$\x00'\"")
    assert back == stored == {"id": "é.$\x00'\"", **ODD, "version": 1}
    assert [type(x) for x in back["numbers"]] == [type(x) for x in ODD["numbers"]]
    assert math.copysign(1, back["numbers"][5]) == -1
    assert [type(x) for x in back["truth"]] == [bool, bool, type(None)]


def test_deep_documents_come_back_and_deeper_ones_are_refused(shelf):
    def nested(levels):
        return {"down": nested(levels - 1)} if levels else {}

    stored = shelf.insert("deep", down=nested(88))
    assert shelf.get("deep") == stored
    with pytest.raises(ValueError):
        shelf.insert("deeper", down=nested(89))
    with pytest.raises(ValueError):
        shelf.insert("deepest", down=_chain(5000))
    assert shelf.get("deeper") is None


def _chain(levels):
    top = {}
    for _ in range(levels):
        top = {"down": top}
    return top


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, 2**63, -(2**63) - 1, "\ud800", {"\udfff": 1}, NAIVE, [[math.nan]]]
)
def test_what_cannot_be_stored_is_refused(shelf, value):
    with pytest.raises(ValueError):
        shelf.insert("a", value=value)
    with pytest.raises(ValueError):
        shelf.store.replace(shelf.name, {"id": "a", "value": value}, 1)
    assert shelf.get("a") is None


@pytest.mark.parametrize("value", [b"bytes", {1: 2}, {1, 2}, object(), 1j])
def test_what_is_no_json_is_refused(shelf, value):
    with pytest.raises(TypeError):
        shelf.insert("a", value=value)


def test_a_document_of_12_mib_fits(shelf):
    text = "x" * (12 * 1024 * 1024 - 1000)
    shelf.insert("a", text=text)
    assert shelf.get("a")["text"] == text


@pytest.mark.needs("size limit")
def test_a_larger_document_is_too_large(shelf):
    with pytest.raises(TooLarge):
        shelf.insert("a", text="x" * (17 * 1024 * 1024))
    assert shelf.get("a") is None


def test_the_store_keeps_no_hold_of_the_callers_values(shelf):
    doc = {"id": "a", "list": [1], "pair": (1, 2)}
    stored = shelf.store.insert(shelf.name, doc)
    stored["list"].append(2)
    doc["list"].append(3)
    assert shelf.get("a")["list"] == [1]
    assert shelf.get("a")["pair"] == [1, 2]
    assert "version" not in doc


def test_datetimes_are_utc_and_cut_to_milliseconds(shelf):
    east = timezone(timedelta(hours=5, minutes=30))
    stored = shelf.insert("a", at=datetime(2026, 3, 1, 1, 2, 3, 456789, tzinfo=east))
    expected = datetime(2026, 2, 28, 19, 32, 3, 456000, tzinfo=UTC)
    assert stored["at"] == expected
    back = shelf.get("a")["at"]
    assert back == expected
    assert back.tzinfo is UTC
    assert shelf.ids({"at": datetime(2026, 2, 28, 19, 32, 3, 456999, tzinfo=UTC)}) == ["a"]


def test_a_collection_has_to_be_declared(shelf):
    with pytest.raises(ValueError):
        shelf.store.get("nowhere", "a")
    with pytest.raises(ValueError):
        shelf.store.find('x"; drop table y; --', {})


@pytest.mark.parametrize(
    "spec",
    [
        CollectionSpec('a"b', ()),
        CollectionSpec("$cmd", ()),
        CollectionSpec("good", ("a'b",)),
        CollectionSpec("good", ("a..b",)),
        CollectionSpec("good", ("a",), (Index(("b",)),)),
    ],
)
def test_only_plain_names_can_be_declared(shelf, spec):
    with pytest.raises(ValueError):
        shelf.store.ensure(spec)


def test_ensure_twice_changes_nothing(shelf):
    shelf.insert("a", n=1)
    shelf.cellar.open(shelf.spec)
    assert shelf.ids({"n": 1}) == ["a"]


@pytest.mark.needs("id in an index")
def test_indexes_are_made_and_documents_still_stored(shelf):
    shelf.store.ensure(CollectionSpec(shelf.name, shelf.spec.fields, (Index(("kind", "-at")), Index(("lease.until",)))))
    shelf.insert("a", kind="x", at=EPOCH)
    assert shelf.ids({"kind": "x"}, sort=("-at",)) == ["a"]


def test_ping_and_close_and_on(shelf):
    shelf.insert("a")
    shelf.store.ping()
    if shelf.cellar.name != "mongomock":  # its data go with its client
        shelf.store.close()
    assert shelf.get("a") is not None
