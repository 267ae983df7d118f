"""Grooves: swing, lateness and velocities read from audio or MIDI, to be applied to beats."""

from __future__ import annotations

from dataclasses import replace

from flask import Response, request
from marshmallow import Schema, fields, validate

from app.answers import ok
from app.api.fields import PageQuery
from app.auth import caller, deps, guard
from app.bodies import Number, parse, parse_query, within
from app.openapi import Contract, Door, describe
from app.paging import listed
from app.results import groove_body
from app.sources import gather, refuse_unreadable
from app.uploads import Upload
from app.work import Plan, Work, run
from db import grooves as repo
from services.beats import types as t
from services.errors import FieldError, Invalid, NotAudio, TooLarge
from services.grooves.midi_file import BYTES_MAX, DAMAGED, HEAD
from services.notation.containers import MIDI

blp = Door("grooves", __name__, url_prefix="/v1", description="Grooves: how a performance deviates from its grid")

GIVEN = ("audio", "midi", "audio_id", "midi_id")


class GrooveFields(Schema):
    """What is read; exactly one of the files `audio` and `midi`, or of `audio_id` and `midi_id`."""

    audio_id = fields.Str(validate=validate.Length(1, 64), metadata={"description": "Id of an earlier asset or sample"})
    midi_id = fields.Str(
        validate=validate.Length(1, 64), metadata={"description": "`asset_id` of an earlier groove's MIDI file"}
    )
    bpm = Number(
        validate=within(t.BPM_MIN, t.BPM_MAX),
        metadata={"description": "Its tempo in quarter notes per minute; found in the file when left out"},
    )
    meter = fields.Str(
        validate=validate.OneOf(tuple(t.METERS)),
        metadata={"description": "Counted from the start; the MIDI file's own, else 4/4, when left out"},
    )
    name = fields.Str(
        validate=validate.Length(1, 200), metadata={"description": "The file's name without its ending when left out"}
    )


@blp.route("/grooves", methods=["POST"])
@describe(
    blp,
    Contract(
        "Read a groove from audio or MIDI",
        body=GrooveFields,
        files={"audio": False, "midi": False},
        answers={200: "Groove", 202: "Job"},
        problems=(400, 404, 409, 413, 415, 422, 503, 504, 507),
        headers=("Prefer", "Idempotency-Key", "Cache-Control"),
    ),
)
@guard("beats:write")
def create() -> Response:
    """A job that reads swing, lateness and velocities per role and step of one bar."""
    wanted, files = parse(request, GrooveFields(), ("audio", "midi"))
    uploads = [*files.get("audio", []), *(_midi(u) for u in files.get("midi", []))]
    ids: dict[str, str] = {name: wanted.pop(name) for name in ("audio_id", "midi_id") if name in wanted}
    if len(uploads) + len(ids) != 1:
        message = f"send exactly one of {', '.join(GIVEN)}"
        raise Invalid(f"{message[0].upper()}{message[1:]}.", errors=(FieldError("audio", message),))
    refuse_unreadable(uploads, "audio")

    def plan() -> Plan:
        field = next(iter(ids), "audio_id")
        both = gather(deps(), caller().owner, uploads, list(ids.values()), field)
        source = both.sources[0]
        if field == "midi_id" and source["container"] != MIDI:
            raise NotAudio(DAMAGED, code="not_midi", errors=(FieldError(field, "names no MIDI file"),))
        return Plan({**wanted, "sources": list(both.sources)}, both.inputs, both.fresh)

    return run(Work("groove", {**wanted, **ids}, uploads), plan)


def _midi(upload: Upload) -> Upload:
    """A MIDI upload, its container named. Raises NotAudio or TooLarge, before anything is stored."""
    if upload.size > BYTES_MAX:
        message = f"a MIDI file may have {BYTES_MAX // 2**20} MB"
        raise TooLarge(f"{upload.name} is too large: {message}.", errors=(FieldError("midi", message),))
    if not upload.begins(HEAD):
        raise NotAudio(DAMAGED, code="not_midi", errors=(FieldError("midi", f"{upload.name} is not a MIDI file"),))
    return replace(upload, container=MIDI)


@blp.route("/grooves", methods=["GET"])
@describe(blp, Contract("List your grooves, newest first", query=PageQuery, answers={200: "Grooves"}, problems=(422,)))
@guard("beats:read")
def index() -> Response:
    """A page of grooves."""
    page = parse_query(request, PageQuery())
    return listed(
        "grooves", lambda: repo.grooves(deps().store, caller().owner, page.get("cursor"), page["limit"]), groove_body
    )


@blp.route("/grooves/<groove_id>", methods=["GET"])
@describe(blp, Contract("Read a groove again", answers={200: "Groove"}, problems=(404,)))
@guard("beats:read")
def show(groove_id: str) -> Response:
    """The template as it was read; it never changes."""
    return ok(groove_body(repo.groove(deps().store, caller().owner, groove_id)))


@blp.route("/grooves/<groove_id>", methods=["DELETE"])
@describe(blp, Contract("Delete a groove", answers={204: {"description": "Gone"}}, problems=(404,)))
@guard("beats:write")
def delete(groove_id: str) -> Response:
    """Remove the groove; beats that were made with it keep it."""
    repo.delete_groove(deps().store, caller().owner, groove_id)
    return Response(status=204)
