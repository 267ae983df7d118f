"""The collections around jobs: results, idempotency keys, leases, and the marks of blobs."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from db import idempotency, jobs, leases, results, schema
from db.marks import NAMING, marked
from db.sqlite import SqliteStore
from services import clock
from services.errors import Conflict, Invalid, NotFound
from services.jobs import states
from services.jobs.types import NewJob


@pytest.fixture
def store(tmp_path):
    one = SqliteStore(tmp_path / "documents.sqlite")
    for spec in schema.COLLECTIONS:
        one.ensure(spec)
    yield one
    one.close()


def begin(store, owner="ada", route="POST /v1/beat", key="k", fingerprint="f"):
    return idempotency.begin(store, owner, route, key, fingerprint)


def aged(store, claim, **past):
    """As if the key had been taken earlier."""
    shift = timedelta(**past)
    store.mutate(
        "idempotency",
        claim.id,
        lambda d: {**d, "created_at": d["created_at"] - shift, "expires_at": d["expires_at"] - shift},
    )


def test_the_first_request_takes_the_key_and_later_ones_get_its_job(store):
    first = begin(store)
    assert first.job_id is None
    with pytest.raises(Conflict):
        begin(store)
    idempotency.attach(store, first, "job1")
    assert begin(store).job_id == "job1"
    with pytest.raises(Invalid):
        begin(store, fingerprint="other")


def test_another_body_is_refused_even_before_the_job_is_there(store):
    begin(store)
    with pytest.raises(Invalid):
        begin(store, fingerprint="other")


def test_a_key_is_of_its_owner_and_route(store):
    begin(store)
    assert begin(store, owner="bob").job_id is None
    assert begin(store, route="POST /v1/slices").job_id is None
    assert begin(store, key="k2").job_id is None


def test_a_released_key_is_free(store):
    idempotency.release(store, begin(store))
    assert begin(store, fingerprint="another").job_id is None


def test_a_day_later_the_key_is_new(store):
    first = begin(store)
    idempotency.attach(store, first, "job1")
    aged(store, first, hours=23.9)
    assert begin(store).job_id == "job1"
    aged(store, first, hours=0.2)
    assert begin(store, fingerprint="other").job_id is None


def test_a_request_that_died_before_its_job_blocks_nobody_for_long(store):
    first = begin(store)
    aged(store, first, seconds=61)
    second = begin(store)
    idempotency.attach(store, first, "late")
    assert store.get("idempotency", first.id)["job_id"] is None, "the one that was taken over names no job any more"
    idempotency.release(store, first)
    idempotency.attach(store, second, "job2")
    assert begin(store).job_id == "job2"


def test_of_many_equal_requests_one_takes_the_key(store):
    won, lost = [], []

    def ask():
        try:
            won.append(begin(store))
        except Conflict:
            lost.append(1)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 11)


def test_expired_keys_are_removed_and_others_stay(store):
    old, new = begin(store, key="old"), begin(store, key="new")
    aged(store, old, hours=25)
    assert idempotency.delete_expired(store, clock.now()) == 1
    assert store.get("idempotency", old.id) is None
    assert store.get("idempotency", new.id) is not None


def test_a_late_attempt_never_replaces_a_newer_result(store):
    job = {"id": "j", "owner": "ada"}
    results.save_result(store, {**job, "attempt": 1}, {"by": 1})
    results.save_result(store, {**job, "attempt": 2}, {"by": 2})
    results.save_result(store, {**job, "attempt": 1}, {"by": "late"})
    assert results.result(store, "j") == {"by": 2}
    results.delete_result(store, "j")
    assert results.result(store, "j") is None


def test_one_holds_a_lease_until_it_lapses_or_is_given_up(store):
    at = clock.now()
    later = at + timedelta(seconds=6)
    assert leases.hold(store, "sweep", "a", at, later)
    assert not leases.hold(store, "sweep", "b", at, later)
    assert leases.hold(store, "sweep", "a", at, later + timedelta(seconds=1))
    assert not leases.hold(store, "sweep", "b", later, later + timedelta(seconds=9))
    assert leases.hold(store, "sweep", "b", later + timedelta(seconds=1), later + timedelta(seconds=9))
    leases.give_up(store, "sweep", "a", at)
    assert not leases.hold(store, "sweep", "a", at, later)
    leases.give_up(store, "sweep", "b", at)
    assert leases.hold(store, "sweep", "a", at, later)


def test_marks_name_every_blob_that_a_document_names(store):
    expected = set()
    for number, (collection, fields) in enumerate(NAMING.items()):
        for field in fields:
            one, two = f"{number:063d}1", f"{number:063d}2"
            several = field == "blobs"
            body = {"owner": "ada", "created_at": clock.now(), field: [one, two] if several else one}
            store.insert(collection, {"id": f"{collection}-{field}", **body})
            expected |= {one, two} if several else {one}
    assert marked(store) == expected


def test_marks_keep_the_inputs_of_jobs_that_have_not_ended(store):
    for name, ends in (("a", False), ("b", True)):
        job = states.queued(NewJob("beat", "ada", {}, (name * 64,)), name, ("q", 0), clock.now())
        jobs.insert_job(store, states.reused(job, job, (), clock.now()) if ends else job)
    assert marked(store) == {"a" * 64}


def test_every_collection_with_a_hash_of_bytes_is_marked():
    """A new collection that names blobs must be added to db/marks.py."""
    names = {spec.name for spec in schema.COLLECTIONS}
    assert set(NAMING) <= names
    unmarked = names - set(NAMING) - {"api_keys", "idempotency", "results", "beats", "commits", "leases", "grooves"}
    # Numbers and words, and work whose outcome lives on in beats, samples and files.
    unmarked -= {"asset_facts", "corrections", "correction_counts", "jobs", "stages"}
    assert not unmarked, f"say in db/marks.py whether {unmarked} name blobs"


def test_an_owner_s_page_of_jobs_is_newest_first_and_nobody_else_s(store):
    for number in range(5):
        job = states.queued(
            NewJob("beat", "ada" if number != 2 else "bob", {}), f"j{number}", ("q", number), clock.now()
        )
        jobs.insert_job(store, {**job, "created_at": clock.now() + timedelta(seconds=number)})
    assert [job["id"] for job in jobs.jobs(store, "ada", None, 2).items] == ["j4", "j3"]
    with pytest.raises(NotFound):
        jobs.job(store, "ada", "j2")
