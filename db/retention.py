"""Documents that have outlived their reason: each function removes one kind and says how many went.

Bytes follow with the next mark and sweep. Every rule leaves documents alone that are younger than `before`, so that
what is being written just now is never taken for an orphan.
"""

from __future__ import annotations

from datetime import datetime

from db import beats, files, jobs, results, samples, stages, transcriptions
from db.store import Document, Store, VersionConflict
from services.jobs.types import TERMINAL

TREES_AT_ONCE = 20  # a state of 64 bars is about 1 MB


def forget_stages(store: Store, before: datetime) -> int:
    """Stage results are a cache: they go by age."""
    return sum(
        store.delete(stages.NAME, d["id"]) for d in list(store.each(stages.NAME, {"created_at": {"lt": before}}))
    )


def forget_files(store: Store, before: datetime, deleted_before: datetime) -> int:
    """Rendered files from before `before`, which can be remade; of what was deleted, from before `deleted_before`."""
    old = [
        d
        for d in store.each(files.NAME, {"created_at": {"lt": deleted_before}})
        if d["created_at"] < before or not _has_owner(store, d)
    ]
    return sum(store.delete(files.NAME, d["id"]) for d in old)


def _has_owner(store: Store, file: Document) -> bool:
    """Whether the beat or transcription that a file was made of is still there."""
    if "transcription_id" in file:
        return store.get(transcriptions.KEPT.name, file["transcription_id"]) is not None
    return store.get(beats.BEATS, file["beat_id"]) is not None


def forget_trees(store: Store, before: datetime) -> int:
    """States that no commit names any more, unless they were renewed meanwhile."""
    named = {f"{c['owner']}:{c['tree']['beat']}" for c in store.each(beats.COMMITS, {})}
    old = [
        (d["id"], d["version"])
        for d in store.each(beats.TREES, {"created_at": {"lt": before}}, batch=TREES_AT_ONCE)
        if d["id"] not in named
    ]
    return sum(_delete(store, *one) for one in old)


def _delete(store: Store, doc_id: str, version: int) -> bool:
    try:
        return store.delete(beats.TREES, doc_id, version)
    except VersionConflict:
        return False


def forget_commits(store: Store, before: datetime) -> int:
    """Commits that never became a head (somebody else was quicker, or the process died), and those of deleted beats."""
    old = [c for c in store.each(beats.COMMITS, {}) if c["created_at"] < before and not _logged(store, c)]
    return sum(store.delete(beats.COMMITS, c["id"]) for c in old)


def _logged(store: Store, commit: Document) -> bool:
    beat = store.get(beats.BEATS, commit["beat_id"])
    return beat is not None and commit["sha"][: beats.LOGGED_HEX] in beat["log"]


def forget_samples(store: Store, before: datetime) -> int:
    """Sounds that no beat uses and nobody has corrected; a sound in a beat stays while the beat does."""
    used = {blob for tree in store.each(beats.TREES, {}, batch=TREES_AT_ONCE) for blob in tree["blobs"]}
    old = [
        d
        for d in store.each(samples.NAME, {"created_at": {"lt": before}})
        if d["blob"] not in used and not d.get("locked") and not d.get("corrected")
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
