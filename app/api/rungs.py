"""The rungs of the ladder alone: slices, roles, a skeleton, and the styles to choose from."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from marshmallow import Schema, fields, validate

from app.answers import ok
from app.api.fields import IDS, SkeletonFields
from app.auth import caller, deps, guard
from app.bodies import JsonObject, Whole, parse, within
from app.openapi import Contract, Door, describe
from app.sources import corrected_so_far, gather, named_groove, one_recording, refuse_too_many, refuse_unreadable
from app.uploads import Upload
from app.work import Plan, Work, run
from services.beats import types as t
from services.beats.request import check_style
from services.beats.styles import STYLES

blp = Door("rungs", __name__, url_prefix="/v1", description="Stage 1, 2 and 3 alone")

JOB_PROBLEMS = (400, 404, 409, 413, 415, 422, 503, 504, 507)
JOB_HEADERS = ("Prefer", "Idempotency-Key", "Cache-Control")


class SliceFields(Schema):
    """Stage 1 alone; the recording goes beside it as `audio`."""

    audio_id = fields.Str(validate=validate.Length(1, 64))
    dedupe = fields.Bool(load_default=True)
    max_slices = Whole(load_default=256, validate=within(1, 1024))


class RoleFields(Schema):
    """Stage 2 alone; the sounds go beside it as `samples`."""

    sample_ids = IDS
    roles = JsonObject(keys=fields.Str(), values=fields.Str(validate=validate.OneOf(t.ROLES)), load_default=dict)


class PoolFields(SkeletonFields):
    """Stage 3 alone: the fields of a beat without its sounds; without pools a kit of eight imagined sounds is used."""

    pools = JsonObject(
        keys=fields.Str(validate=validate.OneOf(t.ROLES)),
        values=fields.List(fields.Str(validate=validate.Length(1, 64)), validate=validate.Length(0, t.SAMPLES_MAX)),
        metadata={"description": "Role to sample ids, which need not be stored"},
    )
    roles = JsonObject(
        keys=fields.Str(),
        values=fields.Str(validate=validate.OneOf(t.ROLES)),
        load_default=dict,
        metadata={"description": "Locks: an id of pools, with or without its ending, to the role it moves to"},
    )
    mode = fields.Str(
        load_default="oneshot",
        validate=validate.OneOf(("oneshot", "preprocess")),
        metadata={"description": "As a beat's; without audio it changes nothing"},
    )
    title = fields.Str(load_default="", validate=validate.Length(0, 200))


def _plan(uploads: list[Upload], ids: list[str], params: dict[str, Any], ids_field: str = "sample_ids") -> Plan:
    both = gather(deps(), caller().owner, uploads, ids, ids_field)
    return Plan({**params, "sources": list(both.sources)}, both.inputs, both.fresh)


@blp.route("/slices", methods=["POST"])
@describe(
    blp,
    Contract(
        "Cut a recording into one-shots (Stage 1)",
        body=SliceFields,
        files={"audio": False},
        answers={200: "Slices", 202: "Job"},
        problems=JOB_PROBLEMS,
        headers=JOB_HEADERS,
    ),
)
@guard("beats:write")
def slices() -> Response:
    """Audio of any length to clean one-shots."""
    wanted, files = parse(request, SliceFields(), ("audio",))
    uploads = files.get("audio", [])
    ids = [wanted.pop("audio_id")] if "audio_id" in wanted else []
    one_recording(uploads, ids)
    return run(
        Work("slices", {**wanted, "ids": ids}, uploads, waits=True), lambda: _plan(uploads, ids, wanted, "audio_id")
    )


@blp.route("/roles", methods=["POST"])
@describe(
    blp,
    Contract(
        "Judge sounds (Stage 2)",
        body=RoleFields,
        files={"samples": True},
        answers={200: "Roles", 202: "Job"},
        problems=JOB_PROBLEMS,
        headers=JOB_HEADERS,
    ),
)
@guard("beats:write")
def roles() -> Response:
    """A probability per role and instrument, each sound judged by itself."""
    wanted, files = parse(request, RoleFields(), ("samples",))
    uploads = files.get("samples", [])
    ids = wanted.pop("sample_ids", [])
    refuse_too_many(len(uploads) + len(ids), "samples")
    refuse_unreadable(uploads, "samples")
    return run(
        Work("roles", {**wanted, "ids": ids}, uploads, waits=True),
        lambda: _plan(uploads, ids, {**wanted, **corrected_so_far(deps(), caller().owner)}),
    )


@blp.route("/skeleton", methods=["POST"])
@describe(
    blp,
    Contract(
        "Make a grid and events without audio (Stage 3)",
        body=PoolFields,
        answers={200: "Skeleton", 202: "Job"},
        problems=(400, 409, 415, 422, 503),
        headers=JOB_HEADERS,
    ),
)
@guard("beats:write")
def skeleton() -> Response:
    """The grid and the events that the pools would play."""
    wanted, _ = parse(request, PoolFields())
    check_style(wanted["style"], wanted.get("meter"))
    return run(
        Work("skeleton", wanted, waits=True), lambda: Plan({**wanted, **named_groove(deps(), caller().owner, wanted)})
    )


@blp.route("/styles", methods=["GET"])
@describe(blp, Contract("List the styles", answers={200: "Styles"}))
@guard("beats:read")
def styles() -> Response:
    """Every style that `style` takes, besides `auto`."""
    rows = [
        {
            "name": s.name,
            "title": s.title,
            "description": s.description,
            "bpm_min": s.bpm_range[0],
            "bpm_max": s.bpm_range[1],
            "feel": s.feel,
            "meters": list(s.meters),
            "swing": s.swing,
        }
        for s in STYLES.values()
    ]
    return ok({"styles": rows})
