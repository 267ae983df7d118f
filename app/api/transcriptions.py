"""Transcriptions: the drums of a recording as events and notes, a user's corrections of them, and their files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Response, g, request
from marshmallow import Schema, fields, validate

from app import transcribed
from app.api.fields import HintFields, PageQuery, PictureQuery, ScoreQuery, SheetQuery, check_hints
from app.auth import caller, deps, guard
from app.bodies import JsonList, Number, Whole, parse, parse_query, within
from app.etags import required_match, with_etag
from app.making import ANSWERS, PROBLEMS, Wanted, made
from app.openapi import Contract, Door, describe
from app.paging import listed
from app.sources import gather, one_recording
from app.work import Plan, Work, run
from db import transcriptions as repo
from db.store import Document
from services.analysis.document import HINTS, hints_to_doc
from services.beats.filenames import clean
from services.beats.grid import SWING_MAX, SWING_MIN, SWING_UNITS
from services.errors import FieldError, Invalid, NotFound
from services.notation.kit_maps import KIT_NAMES
from services.transcription.quantise import GRIDS
from services.transcription.types import DRUMS

blp = Door("transcriptions", __name__, url_prefix="/v1", description="Drum transcription: a recording's drums as notes")

EVENTS_MAX = 20_000  # corrections in one request
EVENTS_NAMED = 50  # of wrong ids, in an answer
NOTES = ("grid", "swing", "swing_unit")  # how the notes are written
SEPARATE = ("auto", "true", "false")


SWING: dict[str, Any] = {
    "validate": within(SWING_MIN, SWING_MAX),
    "allow_none": True,
    "metadata": {"description": "Place of a pair's second half: 0.5 straight, 0.667 triplet; null: as heard"},
}
SWING_UNIT: dict[str, Any] = {
    "validate": validate.OneOf(SWING_UNITS, error="must be 8 or 16"),
    "allow_none": True,
    "metadata": {"description": "Note value of a pair's halves; null: as heard"},
}


class Separate(fields.Str):
    """`auto`, or whether to separate; JSON's true and false are taken as well."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        said = str(value).lower() if isinstance(value, bool) else value
        return str(super()._deserialize(said, attr, data, **kwargs))


class TranscriptionFields(HintFields):
    """What is heard: the file `audio`, or `audio_id`; music without drums gets an answer without events."""

    audio_id = fields.Str(validate=validate.Length(1, 64), metadata={"description": "Id of an earlier asset or sample"})
    separate = Separate(
        load_default="auto",
        validate=validate.OneOf(SEPARATE),
        metadata={
            "description": "true: listen to the percussive part alone (`hpss`); false: to the full mix; auto: as hears "
            "best here. `engines.separator` says which was used"
        },
    )
    grid = fields.Str(
        load_default="auto",
        validate=validate.OneOf(GRIDS),
        metadata={"description": "Note values: chosen for each beat, or one for all (t: triplets)"},
    )
    swing = Number(**SWING, load_default=None)
    swing_unit = Whole(**SWING_UNIT, load_default=None)
    title = fields.Str(load_default="", validate=validate.Length(0, 200))


class EventCorrection(Schema):
    """What a hit of `events` is: another instrument (null: as heard), or none."""

    id = fields.Str(required=True, validate=validate.Length(1, 64))
    instrument = fields.Str(validate=validate.OneOf(DRUMS), allow_none=True)
    deleted = fields.Bool(metadata={"description": "true: it is no hit; false: it is one after all"})


class TranscriptionPatch(HintFields):
    """What changes; fields that are left out stay, a hint that is null is found again."""

    grid = fields.Str(validate=validate.OneOf(GRIDS))
    swing = Number(**SWING)
    swing_unit = Whole(**SWING_UNIT)
    title = fields.Str(validate=validate.Length(0, 200))
    events = JsonList(
        fields.Nested(EventCorrection),
        validate=validate.Length(1, EVENTS_MAX),
        metadata={"description": "Corrections by id; those made before stay"},
    )


class MidiQuery(Schema):
    """Where the notes lie: as played, or on the grid, or as far towards it as `strength` says."""

    timing = fields.Str(load_default="played", validate=validate.OneOf(("played", "quantised")))
    strength = Number(
        validate=within(0, 1),
        metadata={"description": "How much of a hit's distance to its note timing=quantised takes; 1 unless given"},
    )
    map = fields.Str(
        load_default="gm",
        validate=validate.OneOf(KIT_NAMES),
        metadata={"description": "Which note a drum has: as in `beat.mid`"},
    )


class NoQuery(Schema):
    """Nothing to choose."""


@blp.route("/transcriptions", methods=["POST"])
@describe(
    blp,
    Contract(
        "Write down the drums of a recording",
        body=TranscriptionFields,
        files={"audio": False},
        answers={200: "Transcription", 202: "Job"},
        problems=(400, 404, 409, 413, 415, 422, 503, 504, 507),
        headers=("Prefer", "Idempotency-Key", "Cache-Control"),
    ),
)
@guard("beats:write")
def create() -> Response:
    """A job that hears the hits, finds the beat and writes notes. Waits only when asked."""
    wanted, files = parse(request, TranscriptionFields(), ("audio",))
    uploads = files.get("audio", [])
    ids = [wanted.pop("audio_id")] if "audio_id" in wanted else []
    check_hints(wanted)
    one_recording(uploads, ids)
    said = {name: wanted[name] for name in ("separate", *NOTES, "title")} | {"hints": hints_to_doc(wanted)}

    def plan() -> Plan:
        both = gather(deps(), caller().owner, uploads, ids, "audio_id")
        return Plan({**said, "sources": list(both.sources)}, both.inputs, both.fresh)

    return run(Work("transcription", {**said, "ids": ids}, uploads), plan)


@blp.route("/transcriptions", methods=["GET"])
@describe(
    blp,
    Contract(
        "List your transcriptions, newest first", query=PageQuery, answers={200: "Transcriptions"}, problems=(422,)
    ),
)
@guard("beats:read")
def index() -> Response:
    """A page of transcriptions, without their events."""
    page = parse_query(request, PageQuery())
    store, owner = deps().store, caller().owner
    return listed(
        "transcriptions",
        lambda: repo.transcriptions(store, owner, page.get("cursor"), page["limit"]),
        transcribed.summary,
    )


@blp.route("/transcriptions/<transcription_id>", methods=["GET"])
@describe(
    blp,
    Contract("Read a transcription", answers={200: "Transcription"}, problems=(404,), headers=("If-None-Match",)),
)
@guard("beats:read", media=True)
def show(transcription_id: str) -> Response:
    """The transcription in its present state, with its ETag."""
    doc = repo.transcription(deps().store, caller().owner, transcription_id)
    return with_etag(transcribed.body(doc), doc["job_id"])


@blp.route("/transcriptions/<transcription_id>", methods=["PATCH"])
@describe(
    blp,
    Contract(
        "Correct a transcription: the rest is derived anew without listening again",
        body=TranscriptionPatch,
        answers={200: "Transcription", 202: "Job"},
        problems=(400, 404, 409, 412, 415, 422, 428, 503, 504),
        headers=("If-Match", "Prefer"),
    ),
)
@guard("beats:write")
def correct(transcription_id: str) -> Response:
    """A job that writes the notes anew from the hits as heard and corrected. Waits up to 20 s unless told otherwise."""
    wanted, _ = parse(request, TranscriptionPatch())
    if not wanted:
        message = f"send at least one of {', '.join((*HINTS, *NOTES, 'title', 'events'))}"
        raise Invalid(f"{message[0].upper()}{message[1:]}.", errors=(FieldError("", message),))
    doc = repo.transcription(deps().store, caller().owner, transcription_id)
    head = required_match()
    hints = hints_to_doc({**doc["hints"], **{name: wanted[name] for name in HINTS if name in wanted}})
    check_hints(hints)
    said = {
        "title": wanted.get("title", doc["title"]),
        **{name: wanted.get(name, doc.get(name)) for name in NOTES},
        "hints": hints,
        "corrections": _corrections(doc, wanted.get("events", [])),
    }

    def plan() -> Plan:
        repo.refuse_stale(doc, head)  # only now: a repeated request finds its job by the Idempotency-Key
        return Plan({"transcription_id": transcription_id, "head": head, **said}, subject=transcription_id)

    fingerprint = {"transcription_id": transcription_id, "head": head, **wanted}
    return run(Work("retranscription", fingerprint, waits=True, reusable=False), plan)


def _corrections(doc: Document, events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """All corrections with the new ones. Raises Invalid naming each id that no hit of the recording has."""
    found: dict[str, dict[str, Any]] = {key: dict(one) for key, one in doc["corrections"].items()}
    if not events:
        return found
    heard = {row["id"] for row in json.loads(deps().blobs.read(doc["strokes"]))}
    wrong = [
        FieldError(f"events[{i}].id", "there is no such event in this transcription")
        for i, event in enumerate(events)
        if event["id"] not in heard
    ]
    if wrong:
        raise Invalid(f"{wrong[0].field}: {wrong[0].message}.", errors=tuple(wrong[:EVENTS_NAMED]))
    for event in events:
        said = found.get(event["id"], {}) | {k: v for k, v in event.items() if k != "id"}
        found[event["id"]] = {k: v for k, v in said.items() if v}  # null and false: as heard
    return {key: one for key, one in found.items() if one}


@blp.route("/transcriptions/<transcription_id>", methods=["DELETE"])
@describe(blp, Contract("Delete a transcription", answers={204: {"description": "Gone"}}, problems=(404,)))
@guard("beats:write")
def delete(transcription_id: str) -> Response:
    """Remove the transcription, what was heard for it, and its files."""
    repo.delete_transcription(deps().store, caller().owner, transcription_id)
    return Response(status=204)


@blp.route(f"/transcriptions/<transcription_id>/{transcribed.CSV}", methods=["GET"])
@describe(
    blp,
    Contract(
        "The hits as a table", query=NoQuery, answers=ANSWERS, problems=PROBLEMS, headers=("Range", "If-None-Match")
    ),
)
@guard("beats:read", media=True)
def events_csv(transcription_id: str) -> Response:
    """A row for each hit: when and what, how hard, how sure, and where it lies in the grid."""
    return _file(transcription_id, transcribed.CSV, parse_query(request, NoQuery()))


@blp.route(f"/transcriptions/<transcription_id>/{transcribed.MIDI}", methods=["GET"])
@describe(
    blp,
    Contract(
        "The drums as a Standard MIDI File",
        query=MidiQuery,
        answers=ANSWERS,
        problems=PROBLEMS,
        headers=("Range", "If-None-Match"),
    ),
)
@guard("beats:read", media=True)
def drums_mid(transcription_id: str) -> Response:
    """Bars and tempo of the grid, hits as played or on their notes; 404 where there are no drums."""
    asked = parse_query(request, MidiQuery())
    if asked["timing"] == "played" and "strength" in asked:
        message = "is for timing=quantised"
        raise Invalid(f"strength {message}.", errors=(FieldError("strength", message),))
    strength = {"strength": asked.get("strength", 1.0)} if asked["timing"] == "quantised" else {}
    return _file(transcription_id, transcribed.MIDI, asked | strength)


def _score_route(name: str, summary: str, query: type[Schema]) -> None:
    """One route for one file of the notes; 404 where there are no drums."""

    @blp.route(f"/transcriptions/<transcription_id>/{name}", methods=["GET"], endpoint=name.replace(".", "_"))
    @describe(
        blp, Contract(summary, query=query, answers=ANSWERS, problems=PROBLEMS, headers=("Range", "If-None-Match"))
    )
    @guard("beats:read", media=True)
    def view(transcription_id: str) -> Response:
        return _file(transcription_id, name, parse_query(request, query()))


for _name, _summary, _query in (
    ("score.pdf", "The drums as a score to print", SheetQuery),
    ("score.svg", "A page of the score as a picture", PictureQuery),
    ("score.musicxml", "The score for notation programs (MusicXML 4.0)", ScoreQuery),
    ("map.bsm", "The drums as a map, times of the recording (deploy/bsm.md)", NoQuery),
):
    _score_route(_name, _summary, _query)


@blp.route(f"/transcriptions/<transcription_id>/{transcribed.STEM}", methods=["GET"])
@describe(
    blp,
    Contract(
        "The drums alone, as audio",
        query=NoQuery,
        answers=ANSWERS,
        problems=(*PROBLEMS, 409, 507),
        headers=("Range", "If-None-Match"),
    ),
)
@guard("beats:read", media=True)
def drums_wav(transcription_id: str) -> Response:
    """The recording's percussive part by median filtering (`hpss`): WAV, mono, 24 bits, as long as the recording.

    Made while the recording is there (409 `source_expired` later); 404 where there are no drums.
    """
    parse_query(request, NoQuery())
    doc = repo.transcription(deps().store, caller().owner, transcription_id)
    if not doc["facts"]["hits"]:
        raise NotFound("No drums were found in this recording: there is nothing to hear.", code="no_drums")
    facts = {
        "name": transcribed.STEM,
        "source": doc["source"],
        "duration_s": doc["facts"]["duration_s"],
        "filename": f"{clean(_title(doc), 'drums')} - drums.wav",
    }
    return made(Wanted("transcription_stem", {"transcription_id": transcription_id}, facts))


def _title(doc: Document) -> str:
    """What the files of a transcription are called by."""
    return str(doc["title"] or doc["name"].rpartition(".")[0] or doc["name"])


def _file(transcription_id: str, name: str, options: dict[str, Any]) -> Response:
    """A file of the state that a signed link pins, else of the present one."""
    doc = repo.transcription(deps().store, caller().owner, transcription_id)
    facts = {"body": g.get("pinned_hash") or doc["body"], "title": _title(doc), "name": name, "options": options}
    return made(Wanted("transcription_file", {"transcription_id": transcription_id}, facts))
