"""The life of a job as rules on its document: queued → running → succeeded | failed | canceled.

Each rule takes the document as it is stored and answers the document to store, or None when the rule does not apply.
A rule is meant for a compare-and-swap, so of two runners one wins and the other learns that it lost. Every attempt has
a number; a write that names a number that is no longer the present one does not apply: a runner that was frozen, or cut
off, and wakes up late can change nothing (fencing).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from services.jobs.types import TERMINAL, NewJob

Job = dict[str, Any]

LEASE_S = 6.0  # three renewals of 2 s may be late before somebody else takes over
MAX_CRASHES = 3  # attempts whose process died: a fourth would most likely die of the same input
SCHEMA = 1


def queued(new: NewJob, job_id: str, place: tuple[str, int], at: datetime) -> Job:
    """The first document of a job; `place` is its queue and its turn in it (smaller runs earlier), `at` in UTC."""
    queue, turn = place
    return {
        "id": job_id, "owner": new.owner, "kind": new.kind, "queue": queue, "turn": turn, "state": "queued",
        "params": new.params, "inputs": list(new.inputs), "request": new.request, "audio_s": new.audio_s,
        "reuse_key": new.reuse_key, "reused_from": None, "subject": new.subject, "fresh": list(new.fresh),
        "stage": None, "stages": {}, "progress": 0.0, "attempt": 0, "crashes": 0, "lease": None, "cancel": False,
        "error": None, "blobs": [], "timings_ms": {}, "cost": 0.0, "outbox": [], "created_at": at, "updated_at": at,
        "started_at": None, "finished_at": None, "schema": SCHEMA,
    }  # fmt: skip


def claimed(job: Job, owner: str, at: datetime) -> Job | None:
    """Queued → running: the next attempt, leased to `owner` for LEASE_S seconds."""
    if job["state"] != "queued":
        return None
    lease = {"owner": owner, "until": at + timedelta(seconds=LEASE_S), "returned": False}
    return {
        **job,
        "state": "running",
        "attempt": job["attempt"] + 1,
        "lease": lease,
        "started_at": at,
        "updated_at": at,
    }


def holds(job: Job, attempt: int) -> bool:
    """Whether this attempt is the one that may still write."""
    return bool(job["state"] == "running" and job["attempt"] == attempt)


def renewed(job: Job, attempt: int, at: datetime) -> Job | None:
    """The lease again for LEASE_S seconds from `at`."""
    if not holds(job, attempt):
        return None
    return {**job, "lease": {**job["lease"], "until": at + timedelta(seconds=LEASE_S)}}


def progressed(job: Job, attempt: int, step: tuple[str, float], at: datetime) -> Job | None:
    """Stage and progress (0..1) of a running attempt."""
    if not holds(job, attempt):
        return None
    return {**job, "stage": step[0], "progress": min(1.0, max(0.0, step[1])), "updated_at": at}


def measured(job: Job, attempt: int, audio_s: float) -> Job | None:
    """The length of the job's audio in seconds, once decoding knows it."""
    return {**job, "audio_s": audio_s} if holds(job, attempt) else None


def succeeded(job: Job, attempt: int, blobs: tuple[str, ...], at: datetime) -> Job | None:
    """Running → succeeded with the SHA-256 of every blob that the result stands on."""
    if not holds(job, attempt):
        return None
    return _ended({**job, "blobs": sorted(set(blobs)), "progress": 1.0}, "succeeded", at)


def failed(job: Job, attempt: int, problem: dict[str, Any], at: datetime) -> Job | None:
    """Running → failed with a problem document."""
    if not holds(job, attempt):
        return None
    return _ended({**job, "error": problem}, "failed", at)


def stop_asked(job: Job, problem: dict[str, Any], at: datetime) -> Job | None:
    """A user's cancel: a queued job is canceled with `problem` at once, a running one is told to stop."""
    if job["state"] == "queued":
        return _ended({**job, "cancel": True, "error": problem}, "canceled", at)
    if job["state"] == "running" and not job["cancel"]:
        return {**job, "cancel": True, "updated_at": at}
    return None


def canceled(job: Job, attempt: int, problem: dict[str, Any], at: datetime) -> Job | None:
    """Running → canceled, once its runner has stopped."""
    if not holds(job, attempt):
        return None
    return _ended({**job, "error": problem}, "canceled", at)


def released(job: Job, attempt: int, at: datetime, *, returned: bool) -> Job | None:
    """The lease ended before its time: the runner's process died, or (`returned`) it hands the job back unharmed."""
    if not holds(job, attempt):
        return None
    return {**job, "lease": {**job["lease"], "until": at, "returned": returned}}


def lapsed(job: Job, at: datetime) -> bool:
    """Whether a running job has nobody who works on it any more."""
    return bool(job["state"] == "running" and job["lease"]["until"] <= at)


def rescued(job: Job, problems: dict[str, dict[str, Any]], at: datetime) -> Job | None:
    """A lapsed job: canceled where that was asked, queued for the next attempt, or failed after MAX_CRASHES crashes.

    `problems` holds the documents for `canceled` and `failed`.
    """
    if not lapsed(job, at):
        return None
    if job["cancel"]:
        return _ended({**job, "error": problems["canceled"]}, "canceled", at)
    crashes = job["crashes"] + (0 if job["lease"]["returned"] else 1)
    if crashes >= MAX_CRASHES:
        return _ended({**job, "crashes": crashes, "error": problems["failed"]}, "failed", at)
    return {
        **job,
        "state": "queued",
        "crashes": crashes,
        "lease": None,
        "stage": None,
        "progress": 0.0,
        "updated_at": at,
    }


def reused(job: Job, original: Job, blobs: tuple[str, ...], at: datetime) -> Job:
    """A fresh job that succeeds at once with the result of an equal one."""
    done = {**job, "attempt": 1, "reused_from": original["id"], "progress": 1.0, "started_at": at, "cost": 0.0}
    return _ended({**done, "blobs": sorted(set(blobs))}, "succeeded", at)


def ended(job: Job) -> bool:
    """Whether the job is in a state that it never leaves."""
    return job["state"] in TERMINAL


def _ended(job: Job, state: str, at: datetime) -> Job:
    started = job["started_at"] or at
    timings = {"queued": _ms(job["created_at"], started), "run": _ms(started, at), "total": _ms(job["created_at"], at)}
    note = {"type": f"job.{state}", "at": at, "attempt": job["attempt"]}
    return {
        **job,
        "state": state,
        "lease": None,
        "timings_ms": {**job["timings_ms"], **timings},
        "finished_at": at,
        "updated_at": at,
        "outbox": [*job["outbox"], note],
    }


def _ms(start: datetime, end: datetime) -> int:
    return max(0, round((end - start).total_seconds() * 1000))
