"""The job that reads a groove from one recording or MIDI file."""

from __future__ import annotations

from typing import Any

from app.runs.hearing import decoded
from app.tasks import JobContext
from db import assets, grooves
from services.audio.decode import Limits
from services.errors import NotFound, ServiceError, SourceExpired
from services.grooves.audio import groove_of_audio
from services.grooves.midi import groove_of_midi
from services.grooves.midi_file import BYTES_MAX
from services.grooves.types import Read
from services.jobs.types import Outcome
from services.notation.containers import MIDI


def groove(ctx: JobContext) -> Outcome:
    """Read the groove of the job's source and save it under the job's id."""
    params = ctx.job["params"]
    source = params["sources"][0]
    asked = {"bpm": params.get("bpm"), "meter": params.get("meter")}
    read = _of_midi(ctx, source, asked) if source["container"] == MIDI else _of_audio(ctx, source, asked)
    own = {
        "name": params.get("name") or source["name"].rpartition(".")[0] or source["name"],
        "asset_id": source.get("asset_id"),
        "bpm": read.bpm,
        **read.groove.to_doc(),
    }
    grooves.save_groove(ctx.deps.store, ctx.job["owner"], ctx.job["id"], own)
    return Outcome({"groove_id": ctx.job["id"]})


def _of_midi(ctx: JobContext, source: dict[str, Any], asked: dict[str, Any]) -> Read:
    try:
        with ctx.blobs.open(source["sha256"]) as file:
            data = file.read(BYTES_MAX + 1)
    except NotFound:
        raise SourceExpired(f"{source['name']} has expired: upload it again.") from None
    try:
        return groove_of_midi(data, **asked)
    except ServiceError:
        assets.remove_unheard(ctx.deps.store, tuple(ctx.job.get("fresh") or ()))
        raise


def _of_audio(ctx: JobContext, source: dict[str, Any], asked: dict[str, Any]) -> Read:
    limits = Limits(max_s=ctx.deps.settings.max_audio_s)
    with decoded(ctx, [source], limits) as (one,):
        return groove_of_audio(one.pcm, **asked, report=lambda share: ctx.report("groove", 0.3 + 0.7 * share))
