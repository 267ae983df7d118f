"""Files that a worker makes on first request: stored under what they depend on, then served with ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Response

from app import held, queue
from app.auth import caller, deps
from app.errors import answer
from app.serving import Served, serve
from db import files
from services import canonical
from services.errors import Busy
from services.version import code_version

MAKE_S = 30.0
RETRY_AFTER_S = 5
FILE = {
    "description": "The file",
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}
ANSWERS: dict[int, Any] = {
    200: FILE,
    206: {**FILE, "description": "A range of it"},
    304: {"description": "Not changed"},
}
PROBLEMS = (404, 416, 422, 503)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file: the kind of job that makes it, whose it is (`beat_id` or `transcription_id`), and what it depends on."""

    kind: str
    subject: dict[str, str]
    facts: dict[str, Any]


def made(wanted: Wanted) -> Response:
    """The file, made first where it is not there. Raises Busy when that takes longer than 30 s."""
    d, owner = deps(), caller().owner
    facts = {**wanted.facts, "code": code_version()}
    key = files.file_key(owner, facts)
    found = files.rendered(d.store, key)
    if found is None or not d.blobs.touch(found["sha256"]):
        failed = _make(wanted, key, {**facts, **wanted.subject, "key": key})
        if failed is not None:
            return failed
        found = files.rendered(d.store, key)
    if found is None:
        raise Busy("The file is still being made.", retry_after_s=RETRY_AFTER_S)
    return serve(Served(found["sha256"], found["media_type"], found["filename"], found["created_at"]))


def _make(wanted: Wanted, key: str, params: dict[str, Any]) -> Response | None:
    """Have a worker make the file; wait at most 30 s. A problem when that failed, Busy when it is not done."""
    d, owner = deps(), caller().owner
    reuse_key = canonical.sha256([wanted.kind, key])
    subject = next(iter(wanted.subject.values()))
    job = queue.running_with(d, owner, reuse_key) or queue.submit(
        d, queue.NewJob(wanted.kind, owner, params, reuse_key=reuse_key, subject=subject), reuse=False
    )
    with held.slot() as free:
        if free:
            job = queue.wait(d, owner, job["id"], MAKE_S)
    if job["state"] in ("failed", "canceled"):
        return answer(job["error"])
    if not queue.ended(job):
        raise Busy("The file is still being made.", retry_after_s=RETRY_AFTER_S)
    return None
