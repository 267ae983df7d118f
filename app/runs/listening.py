"""Listening inside a job: what a recording's parts hear is kept as blobs, so that no owner's audio is heard twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from app.runs.hearing import decoded
from app.tasks import JobContext
from db import assets, stages
from services.analysis.parts import Part, hear_parts
from services.audio.decode import Limits
from services.version import code_version

NO_NAMES: Mapping[str, str] = MappingProxyType({})
DECODED = 0.3  # of a job's progress is done once its audio is decoded


@dataclass(frozen=True, slots=True)
class Listened:
    """What was heard, and the SHA-256 of the blob that keeps it, by the part's name."""

    found: Mapping[str, Any]
    blobs: Mapping[str, str]


def listened(
    ctx: JobContext,
    source: dict[str, Any],
    parts: Sequence[Part],
    until: float,
    stages_named: Mapping[str, str] = NO_NAMES,
) -> Listened:
    """What the parts hear in a job's source, silent ones too; what was heard before, by any job of this owner with
    this code, comes from its blobs, and a source of which nothing is new is not even decoded.

    Progress goes up to `until` (0..1); its stages are the parts' names, or what `stages_named` calls them. Raises what
    `decoded` raises.
    """
    known = _known(ctx, source, parts)
    new = [part for part in parts if part.name not in known]
    if not new:
        return opened(ctx, known, parts)
    limits = Limits(max_s=ctx.deps.settings.max_audio_s)

    def named(stage: str, progress: float) -> None:
        ctx.report(stages_named.get(stage, stage), DECODED + (until - DECODED) * progress)

    with decoded(ctx, [source], limits, silence=True) as (one,):
        fresh = hear_parts(one.pcm, new, named)
    kept = ctx.blobs.put_many([part.pack(fresh[part.name]) for part in new])
    blobs = {part.name: sha for part, sha in zip(new, kept, strict=True)}
    stages.save_stages(
        ctx.deps.store,
        ctx.job["owner"],
        {_key(ctx, source, part): {"blob": blobs[part.name]} for part in new},
    )
    old = opened(ctx, known, [part for part in parts if part.name in known])
    return Listened({**old.found, **fresh}, {**known, **blobs})


def opened(ctx: JobContext, blobs: Mapping[str, str], parts: Sequence[Part]) -> Listened:
    """What parts heard earlier, out of its blobs. Raises NotFound when one is gone."""
    return Listened({p.name: p.unpack(ctx.blobs.read(blobs[p.name])) for p in parts}, dict(blobs))


def _known(ctx: JobContext, source: dict[str, Any], parts: Sequence[Part]) -> dict[str, str]:
    """The blobs of the parts that were heard before and are still there, renewed."""
    if ctx.job["params"].get("no_cache"):
        return {}
    if "sample_id" not in source and assets.audio_facts(ctx.deps.store, source["asset_id"]) is None:
        return {}  # never decoded since it was uploaded: what is known of an asset has to be noted
    found = {part.name: stages.stage(ctx.deps.store, _key(ctx, source, part)) for part in parts}
    return {name: body["blob"] for name, body in found.items() if body and ctx.blobs.touch(body["blob"])}


def _key(ctx: JobContext, source: dict[str, Any], part: Part) -> str:
    return stages.stage_key(ctx.job["owner"], part.name, {"code": code_version(), "sha256": source["sha256"]})
