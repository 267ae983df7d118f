"""Beats from notes: a MIDI file, a score or a map becomes a beat that plays at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Response, request
from marshmallow import Schema, ValidationError, fields, validate

from app.api.fields import IDS, LOCKS
from app.auth import caller, deps, guard
from app.bodies import JsonList, Number, Whole, parse, within
from app.openapi import Contract, Door, describe
from app.sources import corrected_so_far, earlier, gather, refuse_too_many, refuse_unreadable
from app.uploads import Upload
from app.work import Plan, Work, run
from services.beats import types as t
from services.errors import FieldError, Invalid, NotAudio, TooLarge
from services.notation import containers
from services.notation.bounds import BARS_READ_MAX
from services.notation.kit_maps import KIT_NAMES
from services.transcription.quantise import GRIDS

blp = Door("imports", __name__, url_prefix="/v1", description="Beats from MIDI files, scores and maps")

AS_IT_IS = "exact"  # the grid of the file
NOT_NOTES = "is no file of notes that can be read: send mid, musicxml, mxl or bsm"


def _in_order(bars: list[int]) -> None:
    if bars != sorted(bars):
        raise ValidationError("the first is not after the last")


class ImportFields(Schema):
    """What is read, as `file` or `file_id`, and what plays it: `samples`, or the built-in kit without any."""

    file_id = fields.Str(
        validate=validate.Length(1, 64), metadata={"description": "Id of the file of an earlier import"}
    )
    sample_ids = IDS
    roles = LOCKS
    title = fields.Str(
        load_default="",
        validate=validate.Length(0, 200),
        metadata={"description": "The file's own title, else its name, when left out"},
    )
    bpm = Number(
        validate=within(t.BPM_MIN, t.BPM_MAX),
        metadata={"description": "One tempo for all of it, in quarter notes per minute, instead of the file's"},
    )
    bars = JsonList(
        Whole(validate=within(0, BARS_READ_MAX - 1)),
        validate=[validate.Length(equal=2), _in_order],
        metadata={
            "description": "Only these bars of the file: [first, last], from 0. A beat holds 64 bars, or up to 256 "
            "that last at most 300 s; without `bars` a longer file is 413"
        },
    )
    grid = fields.Str(
        load_default=AS_IT_IS,
        validate=validate.OneOf((AS_IT_IS, *(grid for grid in GRIDS if grid != "auto"))),
        metadata={
            "description": "Where notes lie: exact, as the file says; else each on the nearest note of this value, and "
            "the rest is `offset_ms`: a played part reads well and sounds the same"
        },
    )
    map = fields.Str(
        load_default="gm",
        validate=validate.OneOf(KIT_NAMES),
        metadata={"description": "Which drum a note of a MIDI file is, as in `beat.mid`; scores and maps name theirs"},
    )


@blp.route("/beats/import", methods=["POST"])
@describe(
    blp,
    Contract(
        "Make a beat from a MIDI file, a score (MusicXML) or a map (.bsm)",
        body=ImportFields,
        files={"file": False, "samples": True},
        answers={200: "Beat", 202: "Job"},
        problems=(400, 404, 409, 413, 415, 422, 503, 504, 507),
        headers=("Prefer", "Idempotency-Key", "Cache-Control"),
    ),
)
@guard("beats:write")
def create() -> Response:
    """A job that reads the drums of a file and gives each a sound; the beat is edited and kept as any other."""
    wanted, files = parse(request, ImportFields(), ("file", "samples"))
    notes = [_of_notes(upload) for upload in files.get("file", [])]
    sounds, ids = files.get("samples", []), wanted.pop("sample_ids", [])
    named: list[str] = [wanted.pop("file_id")] if "file_id" in wanted else []
    if len(notes) + len(named) != 1:
        message = "send one file, or the id of an earlier one"
        raise Invalid(f"file: {message}", errors=(FieldError("file", message),))
    if sounds or ids:
        refuse_too_many(len(sounds) + len(ids), "samples")
        refuse_unreadable(sounds, "samples")

    def plan() -> Plan:
        old = [_known(one) for one in named]
        both = gather(deps(), caller().owner, [*sounds, *notes], ids)
        score = old[0] if old else both.sources[len(sounds)]
        heard = [source for source in both.sources if source is not score]
        said = corrected_so_far(deps(), caller().owner) if heard else {}
        params: dict[str, Any] = {**wanted, **said, "mode": "oneshot", "score": score, "sources": heard}
        return Plan(params, (score["sha256"], *(s["sha256"] for s in heard)), both.fresh)

    return run(Work("import", {**wanted, "sample_ids": ids, "file_id": named}, [*sounds, *notes]), plan)


def _of_notes(upload: Upload) -> Upload:
    """A file of notes, its container named. Raises NotAudio or TooLarge, before anything is stored."""
    kind = containers.kind_of(upload.head(containers.HEAD_BYTES))
    if kind is None:
        message = f"{upload.name} is empty" if upload.size == 0 else f"{upload.name} {NOT_NOTES}"
        raise NotAudio(message, code="not_notes", errors=(FieldError("file", message),))
    if upload.size > containers.SIZES_MAX[kind]:
        message = f"{upload.name} is too large: {containers.SIZES_MAX[kind] >> 20} MB is the most"
        raise TooLarge(message, errors=(FieldError("file", message),))
    return replace(upload, container=kind)


def _known(asset_id: str) -> dict[str, Any]:
    """The source of an earlier import. Raises NotFound, or NotAudio for an asset that holds sound."""
    (source,) = earlier(deps(), caller().owner, [asset_id], "file_id").sources
    if source["container"] not in containers.KINDS:
        message = f"{source['name']} {NOT_NOTES}"
        raise NotAudio(message, code="not_notes", errors=(FieldError("file_id", message),))
    return source
