"""Analyses: tempo, beats, meter, key, loudness and sections of a recording, and a user's corrections of them."""

from __future__ import annotations

from flask import Response, request
from marshmallow import fields, validate

from app.api.fields import HintFields, PageQuery, check_hints
from app.auth import caller, deps, guard
from app.bodies import parse, parse_query
from app.etags import required_match, with_etag
from app.openapi import Contract, Door, describe
from app.paging import listed
from app.results import analysis_body, analysis_summary
from app.sources import gather, one_recording
from app.work import Plan, Work, run
from db import analyses as repo
from services.analysis.document import HINTS, hints_to_doc
from services.errors import FieldError, Invalid

blp = Door("analyses", __name__, url_prefix="/v1", description="Analyses: tempo, key, loudness and sections")


class AnalysisFields(HintFields):
    """What is heard: the file `audio`, or `audio_id`; silence and noise get an honest answer instead of a tempo."""

    audio_id = fields.Str(validate=validate.Length(1, 64), metadata={"description": "Id of an earlier asset or sample"})


class AnalysisPatch(HintFields):
    """What changes; fields that are left out stay, null leaves it to us again."""


@blp.route("/analyses", methods=["POST"])
@describe(
    blp,
    Contract(
        "Analyse a recording",
        body=AnalysisFields,
        files={"audio": False},
        answers={200: "Analysis", 202: "Job"},
        problems=(400, 404, 409, 413, 415, 422, 503, 504, 507),
        headers=("Prefer", "Idempotency-Key", "Cache-Control"),
    ),
)
@guard("beats:write")
def create() -> Response:
    """A job that finds tempo, beats, downbeats, meter, key, loudness and sections. Waits only when asked."""
    wanted, files = parse(request, AnalysisFields(), ("audio",))
    uploads = files.get("audio", [])
    ids = [wanted.pop("audio_id")] if "audio_id" in wanted else []
    check_hints(wanted)
    one_recording(uploads, ids)
    hints = hints_to_doc(wanted)

    def plan() -> Plan:
        both = gather(deps(), caller().owner, uploads, ids, "audio_id")
        return Plan({**hints, "sources": list(both.sources)}, both.inputs, both.fresh)

    return run(Work("analysis", {**hints, "ids": ids}, uploads), plan)


@blp.route("/analyses", methods=["GET"])
@describe(
    blp, Contract("List your analyses, newest first", query=PageQuery, answers={200: "Analyses"}, problems=(422,))
)
@guard("beats:read")
def index() -> Response:
    """A page of analyses, without their beats."""
    page = parse_query(request, PageQuery())
    store, owner = deps().store, caller().owner
    return listed("analyses", lambda: repo.analyses(store, owner, page.get("cursor"), page["limit"]), analysis_summary)


@blp.route("/analyses/<analysis_id>", methods=["GET"])
@describe(blp, Contract("Read an analysis", answers={200: "Analysis"}, problems=(404,), headers=("If-None-Match",)))
@guard("beats:read")
def show(analysis_id: str) -> Response:
    """The analysis in its present state, with its ETag."""
    doc = repo.analysis(deps().store, caller().owner, analysis_id)
    return with_etag(analysis_body(doc), doc["job_id"])


@blp.route("/analyses/<analysis_id>", methods=["PATCH"])
@describe(
    blp,
    Contract(
        "Correct an analysis: the rest is derived anew without listening again",
        body=AnalysisPatch,
        answers={200: "Analysis", 202: "Job"},
        problems=(400, 404, 409, 412, 415, 422, 428, 503, 504),
        headers=("If-Match", "Prefer"),
    ),
)
@guard("beats:write")
def correct(analysis_id: str) -> Response:
    """A job that derives beats, bars and tempo anew from what was heard. Waits up to 20 s unless told otherwise."""
    wanted, _ = parse(request, AnalysisPatch())
    if not wanted:
        message = f"send at least one of {', '.join(HINTS)}"
        raise Invalid(f"{message[0].upper()}{message[1:]}.", errors=(FieldError("", message),))
    doc = repo.analysis(deps().store, caller().owner, analysis_id)
    head = required_match()
    hints = hints_to_doc({**doc["hints"], **wanted})
    check_hints(hints)

    def plan() -> Plan:
        repo.refuse_stale(doc, head)  # only now: a repeated request finds its job by the Idempotency-Key
        return Plan({"analysis_id": analysis_id, "head": head, "hints": hints}, subject=analysis_id)

    fingerprint = {"analysis_id": analysis_id, "head": head, **wanted}
    return run(Work("reanalysis", fingerprint, waits=True, reusable=False), plan)


@blp.route("/analyses/<analysis_id>", methods=["DELETE"])
@describe(blp, Contract("Delete an analysis", answers={204: {"description": "Gone"}}, problems=(404,)))
@guard("beats:write")
def delete(analysis_id: str) -> Response:
    """Remove the analysis and what was heard for it."""
    repo.delete_analysis(deps().store, caller().owner, analysis_id)
    return Response(status=204)
