"""The job that makes a beat from a file of notes."""

from __future__ import annotations

from typing import Any

from app.runs.beats import BEAT_SLICES, blobs_of, start, started
from app.runs.hearing import Heard, hear, store_cuts
from app.tasks import JobContext
from services.beats.imported import Import, imported_beat, title_of_import
from services.beats.types import Beat
from services.errors import FieldError, Invalid, NotFound, SourceExpired
from services.jobs.types import Outcome
from services.notation.incoming import read_notes
from services.transcription.fit import UNITS

MESSAGE = "Import the beat"
ERRORS_MAX = 50  # of a file: nobody reads more


def imported(ctx: JobContext) -> Outcome:
    """Read the job's file, hear its sounds, and save the beat of both with its first commit.

    A further attempt finds the beat that an earlier one made.
    """
    if (before := started(ctx)) is not None:
        return before
    params, source = ctx.params, ctx.params["score"]
    read = _read(ctx, source)
    ctx.report("read", 0.2)
    heard = hear(ctx, params["sources"], params["mode"], BEAT_SLICES) if params["sources"] else Heard()
    ctx.report("beat", 0.85)
    bars = params.get("bars")
    asked = Import(
        kind=source["container"],
        name=source["name"],
        bars=(bars[0], bars[1]) if bars else None,
        bpm=params.get("bpm"),
        unit=UNITS.get(params["grid"]),
        roles=params["roles"],
        inputs=tuple(ctx.job["inputs"]),
        warnings=heard.warnings,
    )
    made = imported_beat(read, heard.samples, asked)
    store_cuts(ctx, made.cuts)
    title = title_of_import(read, params["title"], source["name"])
    commit = start(ctx, made.beat, {**params, "title": title}, MESSAGE)
    return Outcome({"beat_id": ctx.job["id"], "commit": commit, "title": title}, blobs_of(made.beat))


def _read(ctx: JobContext, source: dict[str, Any]) -> Beat:
    """The notes of the job's file. Raises Invalid with what is wrong under the field that held it."""
    try:
        data = ctx.blobs.read(source["sha256"])
    except NotFound:
        raise SourceExpired(f"{source['name']} has expired: upload it again.") from None
    try:
        return read_notes(data, source["container"], ctx.params["map"])
    except Invalid as refused:
        inside = tuple(FieldError(source["field"], f"{e.field} {e.message}") for e in refused.errors[:ERRORS_MAX])
        refused.errors = inside or (FieldError(source["field"], refused.message),)
        raise
