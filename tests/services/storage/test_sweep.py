"""Mark and sweep: what is named or young stays, also while uploads race with the sweep."""

import os
import threading
from datetime import UTC, datetime, timedelta

import pytest

from services.storage.local import LocalBlobs
from services.storage.sweep import SweepResult, sweep

GRACE = timedelta(hours=24)


@pytest.fixture
def blobs(tmp_path):
    return LocalBlobs(tmp_path, max_data_gb=1.0, min_free_gb=0.0)


def old(blobs, name, age=GRACE * 2):
    then = (datetime.now(UTC) - age).timestamp()
    os.utime(blobs._place(name), (then, then))
    return name


def names(blobs):
    return {name for name, _, _ in blobs.walk()}


def limit():
    return datetime.now(UTC) - GRACE


def test_only_unnamed_and_old_blobs_go(blobs):
    named_old, unnamed_old = old(blobs, blobs.put(b"1")), old(blobs, blobs.put(b"22"))
    named_young, unnamed_young = blobs.put(b"333"), blobs.put(b"4444")
    almost = old(blobs, blobs.put(b"55555"), GRACE - timedelta(seconds=60))
    result = sweep(blobs, {named_old, named_young, "f" * 64}, limit())
    assert result == SweepResult(marked=2, young=2, deleted=1, freed_bytes=2)
    assert names(blobs) == {named_old, named_young, unnamed_young, almost}
    assert unnamed_old not in names(blobs)
    assert blobs.usage().used_bytes == 1 + 3 + 4 + 5


def test_an_empty_store_and_an_empty_marking(blobs):
    assert sweep(blobs, set(), limit()) == SweepResult(0, 0, 0, 0)
    old(blobs, blobs.put(b"1"))
    assert sweep(blobs, set(), limit()).deleted == 1
    assert names(blobs) == set()


def test_a_duplicate_upload_between_marking_and_sweep_keeps_its_blob(blobs):
    name = old(blobs, blobs.put(b"song"))
    marked: set[str] = set()  # read before the upload wrote its document
    assert blobs.put(b"song") == name
    assert sweep(blobs, marked, limit()) == SweepResult(0, 1, 0, 0)
    assert blobs.read(name) == b"song"


class TouchedMeanwhile(LocalBlobs):
    """A store in which an upload of the same bytes arrives after the sweep has looked at a blob and before it acts."""

    def walk(self):
        for found in list(super().walk()):
            yield found
            LocalBlobs.put(self, b"song")

    def delete(self, sha256, untouched_since=None):
        self.put(b"song")
        return super().delete(sha256, untouched_since)


def test_a_duplicate_upload_in_the_middle_of_the_sweep_keeps_its_blob(tmp_path):
    blobs = TouchedMeanwhile(tmp_path, max_data_gb=1.0, min_free_gb=0.0)
    name = old(blobs, blobs.put(b"song"))
    assert sweep(blobs, set(), limit()) == SweepResult(0, 1, 0, 0)
    assert blobs.read(name) == b"song"


def test_uploads_racing_with_sweeps_never_lose_what_they_stored(blobs):
    """In each round ten old blobs are uploaded again while two sweeps run; whatever the order, all are there after."""
    data = [b"%d" % i for i in range(10)]
    swept = []
    for _ in range(60):
        for name in names(blobs):
            old(blobs, name)
        sweeps = [threading.Thread(target=lambda: swept.append(sweep(blobs, set(), limit()).deleted)) for _ in range(2)]
        sweeps[0].start()
        stored = [blobs.put(d) for d in data[:5]]
        sweeps[1].start()
        stored += [blobs.put(d) for d in data[5:]]
        for thread in sweeps:
            thread.join()
        assert [blobs.read(name) for name in stored] == data
    assert sum(swept) > 0
    assert blobs.usage().used_bytes == len(names(blobs)) == blobs.recount().used_bytes
