"""Jobs of one rung: an asset check, slices, roles, a skeleton."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.runs.hearing import decoded, hear, keep_samples, said_by_owner, store_cuts
from app.tasks import JobContext
from services.audio.decode import Limits
from services.beats import pipeline, sounds
from services.beats.corrections import because
from services.beats.preprocess import SliceRequest
from services.beats.request import BeatRequest, SourceInfo
from services.beats.view import sample_json
from services.grooves.types import groove_of
from services.jobs.types import Outcome


def asset(ctx: JobContext) -> Outcome:
    """Decode one upload to the end: what it is, or why it cannot be used."""
    source = ctx.job["params"]["sources"][0]
    with decoded(ctx, [source], Limits(max_s=ctx.deps.settings.max_audio_s)):
        return Outcome({"asset_id": source["asset_id"]}, (source["sha256"],))


def slices(ctx: JobContext) -> Outcome:
    """Stage 1 alone."""
    params = ctx.job["params"]
    source = params["sources"][0]
    info = SourceInfo(source.get("asset_id") or "", source["sha256"], source["name"])
    with decoded(ctx, [source], Limits(max_s=ctx.deps.settings.max_audio_s)) as (one,):
        found, warnings = sounds.slices(one.pcm, info, SliceRequest(params["dedupe"], params["max_slices"]), ctx.report)
        ids = [sounds.slice_id(info, one.pcm.rate_hz, piece) for piece in found]
        cuts = store_cuts(ctx, sounds.cuts(one.pcm, info, found))
    keep_samples(ctx, cuts, said_by_owner(ctx))
    rows = [
        {
            "sample_id": own,
            "onset_s": piece.onset_s,
            "start_s": piece.start_s,
            "end_s": piece.end_s,
            "attack_s": piece.attack_s,
            "peak_db": piece.peak_db,
            "loudness_db": piece.loudness_db,
            "quality": piece.quality,
            "duplicate_of": None if piece.duplicate_of is None else ids[piece.duplicate_of],
        }
        for own, piece in zip(ids, found, strict=True)
    ]
    return Outcome({"asset_id": info.asset_id, "slices": rows, "warnings": warnings}, tuple(s.blob for s in cuts))


def roles(ctx: JobContext) -> Outcome:
    """Stage 2 alone: each sound judged by itself; earlier corrections count, locks are the caller's word."""
    params = ctx.job["params"]
    heard = hear(ctx, params["sources"], "oneshot", 1)
    locked = [replace(s, reason=because(s)) for s in pipeline.locked(heard.samples, params["roles"])]
    return Outcome(
        {"samples": [sample_json(s) for s in locked], "warnings": list(heard.warnings)}, tuple(s.blob for s in locked)
    )


def skeleton(ctx: JobContext) -> Outcome:
    """Stage 3 alone, for the given pools with the request's locks on them, or for eight imagined sounds."""
    params = ctx.job["params"]
    request, template = BeatRequest.from_params(params), groove_of(params.get("template"))
    body: dict[str, Any] = pipeline.skeleton(request, params.get("pools"), template)
    return Outcome(body)
