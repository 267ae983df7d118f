"""Long work over HTTP: one way from a request to a job and back, with idempotency, reuse and waiting."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Response, request, url_for

from app import held, queue
from app.answers import ok
from app.auth import caller, deps
from app.errors import answer
from app.etags import tag_of
from app.results import job_body, result_body, result_state
from app.uploads import Upload
from db import assets, idempotency
from db.store import Document
from services import canonical
from services.errors import FieldError, Invalid, ServiceError
from services.version import code_version

DEFAULT_WAIT_S = 20
MAX_WAIT_S = 60
RETRY_AFTER_S = 1
KEY_PATTERN = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request becomes: the job's parameters and inputs, and the assets to remove should it never start."""

    params: dict[str, Any]
    inputs: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of job with its waiting habit; `uploads` and `fields` make the idempotency fingerprint."""

    kind: str
    fields: dict[str, Any]
    uploads: list[Upload] = field(default_factory=list)
    waits: bool = False
    reusable: bool = True


def run(work: Work, plan: Callable[[], Plan]) -> Response:
    """Start the job (or find the one that this request already has), wait as asked, and answer."""
    wait_s = _wait_s(work.waits)
    claim = _idempotency(work)
    if claim is not None and claim.job_id is not None:
        return respond(queue.wait(deps(), caller().owner, claim.job_id, 0), wait_s)
    try:
        job = _submit(work, plan())
    except BaseException:
        if claim is not None:
            idempotency.release(deps().store, claim)
        raise
    if claim is not None:
        idempotency.attach(deps().store, claim, job["id"])
    return respond(job, wait_s)


def _submit(work: Work, plan: Plan) -> Document:
    owner, d = caller().owner, deps()
    reuse_key = (
        canonical.sha256([owner, work.kind, list(plan.inputs), plan.params, code_version()]) if work.reusable else None
    )
    params = {**plan.params, "no_cache": True} if _no_cache() else plan.params
    new = queue.NewJob(
        work.kind, owner, params, plan.inputs, reuse_key=reuse_key, subject=plan.subject, fresh=plan.fresh
    )
    try:
        return queue.submit(d, new, reuse=work.reusable and not _no_cache() and not plan.fresh)
    except ServiceError:
        assets.remove_unheard(d.store, plan.fresh)
        raise


def _no_cache() -> bool:
    return "no-cache" in request.headers.get("Cache-Control", "")


def _idempotency(work: Work) -> idempotency.Claim | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not KEY_PATTERN.fullmatch(key):
        message = "takes 1 to 255 printable characters"
        raise Invalid(f"Idempotency-Key {message}", errors=(FieldError("Idempotency-Key", message),))
    files = [[u.field, u.name, u.sha256] for u in work.uploads]
    fingerprint = canonical.sha256([work.fields, files])
    return idempotency.begin(deps().store, caller().owner, f"{request.method} {request.path}", key, fingerprint)


def _wait_s(waits: bool) -> float:
    prefer = request.headers.get("Prefer", "").lower()
    if "respond-async" in prefer:
        return 0.0
    asked = re.search(r"\bwait\s*=\s*(\d+)", prefer)
    if asked:
        return float(min(MAX_WAIT_S, int(asked[1][:6])))
    return float(DEFAULT_WAIT_S) if waits else 0.0


def respond(job: Document, wait_s: float) -> Response:
    """The job's result if it is there in time (200), its problem if it failed, else 202 with the job."""
    if wait_s > 0 and not queue.ended(job):
        with held.slot() as free:
            if free:
                job = queue.wait(deps(), job["owner"], job["id"], wait_s)
    if job["state"] == "succeeded":
        return finished(job)
    if queue.ended(job):
        return answer(job["error"])
    return accepted(job)


def finished(job: Document) -> Response:
    """200 with the result of a succeeded job; what can be changed carries the ETag that its next change asks for."""
    out = ok(result_body(job))
    if (state := result_state(job)) is not None:
        out.set_etag(tag_of(state))
    return out


def accepted(job: Document) -> Response:
    """202 with the job, where to look and when."""
    out = ok(job_body(job), 202)
    out.headers["Location"] = url_for("jobs.show", job_id=job["id"])
    out.headers["Retry-After"] = str(RETRY_AFTER_S)
    return out
