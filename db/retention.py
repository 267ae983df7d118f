"""Documents that have outlived their reason: each function removes one kind and says how many went.

Bytes follow with the next mark and sweep. Every rule leaves documents alone that are younger than `before`, so that
what is being written just now is never taken for an orphan.
"""

from __future__ import annotations

from datetime import datetime

from db import beats, files, jobs, results, samples, stages
from db.store import Store
from services.jobs.types import TERMINAL


def forget_stages(store: Store, before: datetime) -> int:
    """Stage results are a cache: they go by age."""
    return sum(
        store.delete(stages.NAME, d["id"]) for d in list(store.each(stages.NAME, {"created_at": {"lt": before}}))
    )


def forget_files(store: Store, before: datetime, deleted_before: datetime) -> int:
    """Rendered files from before `before`, those of deleted beats from before `deleted_before`: they can be remade."""
    old = [
        d
        for d in store.each(files.NAME, {"created_at": {"lt": deleted_before}})
        if d["created_at"] < before or store.get(beats.BEATS, d["beat_id"]) is None
    ]
    return sum(store.delete(files.NAME, d["id"]) for d in old)


def forget_trees(store: Store, before: datetime) -> int:
    """States that no commit names any more."""
    named = {f"{c['owner']}:{c['tree']['beat']}" for c in store.each(beats.COMMITS, {})}
    return sum(
        store.delete(beats.TREES, d["id"])
        for d in list(store.each(beats.TREES, {"created_at": {"lt": before}}))
        if d["id"] not in named
    )


def forget_samples(store: Store, before: datetime) -> int:
    """Sounds that no beat uses; a sound in a beat stays while the beat does."""
    used = {blob for tree in store.each(beats.TREES, {}) for blob in tree["blobs"]}
    old = [
        d
        for d in store.each(samples.NAME, {"created_at": {"lt": before}})
        if d["blob"] not in used and not d.get("locked")
    ]
    return sum(store.delete(samples.NAME, d["id"]) for d in old)


def forget_jobs(store: Store, before: datetime) -> int:
    """Ended jobs and their results, unless a beat of that id is there."""
    gone = 0
    for doc in list(store.each(jobs.NAME, {"state": {"in": sorted(TERMINAL)}, "created_at": {"lt": before}})):
        if store.get(beats.BEATS, doc["id"]) is None:
            results.delete_result(store, doc["id"])
            gone += store.delete(jobs.NAME, doc["id"])
    return gone
