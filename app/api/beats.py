"""Beats: make, read, list, delete, edit, regenerate, versions. The files of a beat are in `files.py`."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from marshmallow import Schema, ValidationError, fields, validate

from app import change, queue
from app.api.fields import SEED_MAX, BeatFields, PageQuery, SkeletonFields, VersionQuery
from app.auth import caller, deps, guard
from app.bodies import JsonList, Number, Whole, parse, parse_query, within
from app.errors import answer
from app.etags import required_match, with_etag
from app.openapi import Contract, Door, describe
from app.paging import listed
from app.results import NEW_BEAT_KINDS, beat_body, beat_summary, version_body
from app.sources import corrected_so_far, gather, named_groove, refuse_too_many, refuse_unreadable
from app.work import Plan, Work, accepted, run
from db import beats as repo
from db import jobs
from services.beats import types as t
from services.beats.request import check_style
from services.beats.takes import TAKES_MAX, check_change
from services.errors import Canceled, NotFound

blp = Door("beats", __name__, url_prefix="/v1", description="Beats from sounds: Stage 1, 2, 3 and after")

STAGES = ("preprocess", "roles", "beat", "arrange", "render")


OPEN = {"description": "null: the style decides again"}


class EditFields(Schema):
    """Edit operations, applied all or none."""

    ops = JsonList(fields.Dict(keys=fields.Str()), required=True, validate=validate.Length(1, 1000))
    message = fields.Str(validate=validate.Length(1, 200))


def _first_then_last(bars: list[int]) -> None:
    if bars != sorted(bars):
        raise ValidationError("the first is not after the last")


class RegenerateFields(SkeletonFields):
    """What changes; fields that are left out stay as the beat has them."""

    from_stage = fields.Str(
        load_default="beat",
        validate=validate.OneOf(STAGES),
        metadata={
            "description": "The first stage that runs again. `arrange` lays the same material out anew in sections "
            "(`arrange: false`: as a flat loop) and takes `arrange`, `seed`, `bars_total` and `takes` alone"
        },
    )
    takes = Whole(
        validate=within(1, TAKES_MAX),
        metadata={
            "description": "So many takes side by side, each from the next seed that plays something else, each a "
            "version; the beat becomes the first. The answer lists them as `takes`. Fewer come, with a warning, when "
            "no others differ"
        },
    )
    bpm = Number(validate=within(t.BPM_MIN, t.BPM_MAX))
    bars_total = Whole(validate=within(1, t.BARS_MAX), metadata={"description": "The beat's new length in bars"})
    bars = JsonList(  # type: ignore[assignment]  # here it bounds the change
        Whole(validate=within(0, t.BARS_MAX - 1)),
        validate=[validate.Length(equal=2), _first_then_last],
        metadata={"description": "Only these bars: [first, last], from 0"},
    )
    style = fields.Str(validate=validate.Length(1, 40))
    meter = fields.Str(validate=validate.OneOf(tuple(t.METERS)), allow_none=True, metadata=OPEN)
    swing = Number(validate=within(0.5, 0.75), allow_none=True, metadata=OPEN)
    density = Number(validate=within(0, 1), allow_none=True, metadata=OPEN)
    groove = fields.Str(
        validate=validate.Length(1, 64),
        allow_none=True,
        metadata={"description": "Id of a groove; null: the style's own feel again"},
    )
    humanize = Number(validate=within(0, 1))
    shape = Number(validate=within(0, 1))
    tune = fields.Bool()
    arrange = fields.Bool(metadata={"description": "Sections instead of a flat loop"})
    groove_amount = Number(validate=within(0, 1))
    seed = Whole(
        validate=within(0, SEED_MAX),
        metadata={
            "description": "Left out: the beat's own. Where nothing but `from_stage: arrange`, `roles`, `bars`, `keep` "
            "or `takes` is sent, the next one that plays something else. `meta.seed` says which"
        },
    )
    roles = JsonList(
        fields.Str(validate=validate.OneOf(t.ROLES)),
        validate=validate.Length(1, 5),
        metadata={"description": "Only these roles"},
    )
    keep = JsonList(
        fields.Str(), validate=validate.Length(max=20_000), metadata={"description": "Ids of events that stay"}
    )


class RestoreFields(Schema):
    """The version whose state becomes the newest one."""

    version = Whole(required=True, validate=validate.Range(min=1))


@blp.route("/beat", methods=["POST"])
@describe(
    blp,
    Contract(
        "Make a beat from sounds",
        body=BeatFields,
        files={"samples": True},
        answers={200: "Beat", 202: "Job"},
        problems=(400, 404, 409, 413, 415, 422, 503, 504, 507),
        headers=("Prefer", "Idempotency-Key", "Cache-Control"),
    ),
)
@guard("beats:write")
def create() -> Response:
    """The main job: sounds in, grid, events and kit out."""
    wanted, files = parse(request, BeatFields(), ("samples",))
    uploads = files.get("samples", [])
    ids = wanted.pop("sample_ids", [])
    refuse_too_many(len(uploads) + len(ids), "samples")
    check_style(wanted["style"], wanted.get("meter"))
    refuse_unreadable(uploads, "samples")

    def plan() -> Plan:
        template = named_groove(deps(), caller().owner, wanted)
        both = gather(deps(), caller().owner, uploads, ids)
        said = corrected_so_far(deps(), caller().owner)
        return Plan({**wanted, **template, **said, "sources": list(both.sources)}, both.inputs, both.fresh)

    return run(Work("beat", {**wanted, "sample_ids": ids}, uploads, waits=True), plan)


@blp.route("/beats", methods=["GET"])
@describe(blp, Contract("List your beats, newest first", query=PageQuery, answers={200: "Beats"}, problems=(422,)))
@guard("beats:read")
def index() -> Response:
    """A page of beats."""
    page = parse_query(request, PageQuery())
    return listed(
        "beats", lambda: repo.beats(deps().store, caller().owner, page.get("cursor"), page["limit"]), beat_summary
    )


@blp.route("/beat/<job_id>", methods=["GET"])
@describe(
    blp,
    Contract(
        "Read a beat at its head or at a version",
        query=VersionQuery,
        answers={200: "Beat", 202: "Job"},
        problems=(404, 409, 413, 415, 422, 503, 504, 507),
        headers=("If-None-Match",),
    ),
)
@guard("beats:read", media=True)
def show(job_id: str) -> Response:
    """The beat with its ETag; 202 and the job while it runs; the job's problem if it failed.

    An older version has links to the files of that version, and an ETag that a change of the head refuses as stale.
    """
    owner, number = caller().owner, parse_query(request, VersionQuery()).get("version")
    try:
        doc = repo.beat(deps().store, owner, job_id)
    except NotFound:
        return _unfinished(owner, job_id)
    at = repo.commit_at(deps().store, doc, number)["sha"]
    return with_etag(beat_body(job_id, owner, commit=at, pinned=number is not None), at)


def _unfinished(owner: str, job_id: str) -> Response:
    job = jobs.job_by_id(deps().store, job_id)
    if job is None or job["owner"] != owner or job["kind"] not in NEW_BEAT_KINDS or job["state"] == "succeeded":
        raise NotFound(repo.NO_BEAT)
    if job["state"] == "canceled":
        raise Canceled("The making of this beat was canceled.")
    return answer(job["error"]) if queue.ended(job) else accepted(job)


@blp.route("/beat/<job_id>", methods=["DELETE"])
@describe(
    blp, Contract("Delete a beat with its versions and files", answers={204: {"description": "Gone"}}, problems=(404,))
)
@guard("beats:write")
def delete(job_id: str) -> Response:
    """Remove the beat; its sounds go with the next sweep unless another beat uses them."""
    repo.delete_beat(deps().store, caller().owner, job_id)
    return Response(status=204)


@blp.route("/beat/<job_id>", methods=["PATCH"])
@describe(
    blp,
    Contract(
        "Edit a beat: all operations or none, one new version",
        body=EditFields,
        answers={200: "Beat"},
        problems=(400, 404, 409, 412, 415, 422, 428),
        headers=("If-Match",),
    ),
)
@guard("beats:write")
def edit(job_id: str) -> Response:
    """Apply edit operations as one commit."""
    wanted, _ = parse(request, EditFields())
    repo.beat(deps().store, caller().owner, job_id)
    doc = change.edit(
        deps().store, caller().owner, change.Edit(job_id, required_match(), wanted["ops"], wanted.get("message"))
    )
    return with_etag(beat_body(job_id, caller().owner, commit=doc["head"]), doc["head"])


@blp.route("/beat/<job_id>/regenerate", methods=["POST"])
@describe(
    blp,
    Contract(
        "Make another take from a stage on",
        body=RegenerateFields,
        answers={200: "Beat", 202: "Job"},
        problems=(400, 404, 409, 412, 415, 422, 428, 503, 504, 507),
        headers=("If-Match", "Prefer", "Idempotency-Key"),
    ),
)
@guard("beats:write")
def regenerate(job_id: str) -> Response:
    """A job that runs only the later stages again and saves one new version, or as many as `takes` says."""
    wanted, _ = parse(request, RegenerateFields())
    doc = repo.beat(deps().store, caller().owner, job_id)
    head = required_match()
    if "style" in wanted:
        check_style(wanted["style"], wanted.get("meter"))
    check_change(wanted["from_stage"], {k: v for k, v in wanted.items() if k != "from_stage"})
    outer: dict[str, Any] = {name: wanted.pop(name) for name in ("from_stage", "takes") if name in wanted}
    params: dict[str, Any] = {"beat_id": job_id, "head": head, **outer, "fields": wanted}

    def plan() -> Plan:
        change.refuse_stale(doc, head)  # only now: a repeated request finds its job by the Idempotency-Key
        return Plan({**params, **named_groove(deps(), caller().owner, wanted)}, subject=job_id)

    return run(Work("regenerate", {**params}, reusable=False), plan)


@blp.route("/beat/<job_id>/versions", methods=["GET"])
@describe(
    blp,
    Contract(
        "List the versions of a beat, newest first", query=PageQuery, answers={200: "Versions"}, problems=(404, 422)
    ),
)
@guard("beats:read", media=True)
def versions(job_id: str) -> Response:
    """Every saved state."""
    page = parse_query(request, PageQuery())
    doc = repo.beat(deps().store, caller().owner, job_id)
    store = deps().store
    return listed(
        "versions",
        lambda: repo.commits(store, doc, page.get("cursor"), page["limit"]),
        lambda c: version_body(c, doc["head"]),
    )


@blp.route("/beat/<job_id>/restore", methods=["POST"])
@describe(
    blp,
    Contract(
        "Make an older version the newest",
        body=RestoreFields,
        answers={200: "Beat"},
        problems=(400, 404, 412, 415, 422, 428),
        headers=("If-Match",),
    ),
)
@guard("beats:write")
def restore(job_id: str) -> Response:
    """A new version with an older state."""
    wanted, _ = parse(request, RestoreFields())
    repo.beat(deps().store, caller().owner, job_id)
    doc = change.restore(deps().store, caller().owner, job_id, required_match(), wanted["version"])
    return with_etag(beat_body(job_id, caller().owner, commit=doc["head"]), doc["head"])
