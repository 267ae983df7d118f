"""Jobs: the state of long work, its progress as a stream, and the way to stop it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flask import Response, request

from app import held, queue
from app.answers import ok
from app.api.fields import PageQuery
from app.auth import caller, deps, guard
from app.bodies import parse_query
from app.etags import of_body, with_etag
from app.openapi import Contract, Door, describe
from app.paging import listed
from app.results import job_body
from app.work import RETRY_AFTER_S
from db import jobs as repo
from services.errors import Busy

blp = Door("jobs", __name__, url_prefix="/v1", description="Long work: state, progress, cancel")

STREAM = {
    "description": "Server-sent events: `snapshot` first, then `progress`, and the terminal state last",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


@blp.route("/jobs", methods=["GET"])
@describe(blp, Contract("List your jobs, newest first", query=PageQuery, answers={200: "Jobs"}, problems=(422,)))
@guard("jobs:read")
def index() -> Response:
    """A page of jobs, without their results."""
    page = parse_query(request, PageQuery())
    store, owner = deps().store, caller().owner
    return listed(
        "jobs",
        lambda: repo.jobs(store, owner, page.get("cursor"), page["limit"]),
        lambda job: job_body(job, whole=False),
    )


@blp.route("/jobs/<job_id>", methods=["GET"])
@describe(
    blp,
    Contract(
        "Read a job",
        answers={200: "Job", 304: {"description": "Not changed"}},
        problems=(404,),
        headers=("If-None-Match",),
    ),
)
@guard("jobs:read", media=True)
def show(job_id: str) -> Response:
    """The job as it stands; poll it with If-None-Match."""
    job = repo.job(deps().store, caller().owner, job_id)
    body = job_body(job)
    # Signed links and estimates change with the clock; the document's version says whether anything happened.
    tag = of_body([job["id"], job["version"], body["queue_position"], body["worker_alive"]])
    out = with_etag(body, tag)
    if not queue.ended(job):
        out.headers["Retry-After"] = str(RETRY_AFTER_S)
    return out


@blp.route("/jobs/<job_id>/cancel", methods=["POST"])
@describe(blp, Contract("Stop a job", answers={200: "Job", 202: "Job"}, problems=(404, 409)))
@guard("jobs:write")
def cancel(job_id: str) -> Response:
    """A queued job is canceled at once (200); a running one is told to stop (202). An ended one is a conflict."""
    job = queue.cancel(deps(), caller().owner, job_id)
    return ok(job_body(job), 200 if queue.ended(job) else 202)


@blp.route("/jobs/<job_id>/events", methods=["GET"])
@describe(blp, Contract("Follow a job", answers={200: STREAM}, problems=(404, 503), headers=("Last-Event-ID",)))
@guard("jobs:read")
def events(job_id: str) -> Response:
    """Server-sent events until the job ends; `Last-Event-ID` replays what was missed."""
    job = repo.job(deps().store, caller().owner, job_id)
    if not held.take():
        raise Busy("Too many open streams: poll the job instead, or try again shortly.", retry_after_s=5)
    d, last = deps(), request.headers.get("Last-Event-ID")
    whole = job_body(job, whole=False)
    out = Response(_lines(queue.events(d, job["owner"], job_id, last), whole), mimetype="text/event-stream")
    out.call_on_close(held.give)
    out.headers["Cache-Control"] = "no-cache"
    out.headers["X-Accel-Buffering"] = "no"
    return out


def _lines(stream: Iterator[queue.Happening | None], job: dict[str, Any]) -> Iterator[str]:
    """The events as text; the snapshot is the job as `GET /v1/jobs/{id}` shows it, but for the result."""
    for one in stream:
        if one is None:
            yield ": still here\n\n"
        else:
            data = {**job, **one.data} if one.event == "snapshot" else one.data
            yield f"id: {one.id}\nevent: {one.event}\ndata: {json.dumps(data)}\n\n"
