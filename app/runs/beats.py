"""The main job, and another take of it: sounds in, a beat with its first or next commit out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app import change
from app.runs.hearing import Heard, hear
from app.tasks import JobContext
from db import assets, beats
from db.store import Document
from services.beats import pipeline
from services.beats.document import beat_to_doc
from services.beats.request import BeatRequest
from services.beats.types import Beat
from services.errors import NotFound, SourceExpired
from services.jobs.types import Outcome
from services.projects.types import Commit

BEAT_SLICES = 32  # sounds that one recording gives to a beat: more than any style plays, few enough to look through


def beat(ctx: JobContext) -> Outcome:
    """Stage 1 (or a trim), 2 and 3; the result is the first commit of a new beat."""
    params = ctx.job["params"]
    request = BeatRequest.from_params(params)
    heard = hear(ctx, params["sources"], request.mode, BEAT_SLICES)
    ctx.report("beat", 0.85)
    made = pipeline.make_beat(request, heard.samples, pipeline.Inputs(tuple(ctx.job["inputs"]), heard.warnings))
    commit = start(ctx, made, params)
    return Outcome({"beat_id": ctx.job["id"], "commit": commit}, blobs_of(made))


def start(ctx: JobContext, made: Beat, params: dict[str, Any]) -> str:
    """Save a beat with its first commit; the commit's hash. A second attempt finds the first one's and keeps it."""
    store, owner, beat_id = ctx.deps.store, ctx.job["owner"], ctx.job["id"]
    sha = beats.save_tree(store, owner, beat_to_doc(made), blobs_of(made))
    commit = Commit({"beat": sha}, (), owner, ctx.job["created_at"], "Make the beat")
    beats.save_commit(store, owner, beat_id, commit, 1, change.summary(made))
    beats.insert_beat(
        store,
        {
            "id": beat_id,
            "owner": owner,
            "title": params["title"],
            "mode": params["mode"],
            "sources": params["sources"],
            "head": commit.sha,
            "redo": [],
            "number": 1,
            **change.summary(made),
        },
    )
    return commit.sha


def regenerate(ctx: JobContext) -> Outcome:
    """Only the stages from `from_stage` on run again; the result is one more commit on the beat's head."""
    store, owner, params = ctx.deps.store, ctx.job["owner"], ctx.job["params"]
    doc = beats.beat(store, owner, params["beat_id"])
    change.refuse_stale(doc, params["head"])
    before = change.load(store, owner, doc)
    heard = Heard(tuple(before.kit.values()))
    if params["from_stage"] == "preprocess":
        heard = hear(ctx, _sources(ctx, doc), doc["mode"], BEAT_SLICES)
    ctx.report("beat", 0.85)
    made = pipeline.regenerate(
        before, heard.samples, pipeline.Change(params["from_stage"], params["fields"], heard.warnings)
    )
    doc = change.save(store, owner, doc, made, f"Regenerate from {params['from_stage']}")
    return Outcome({"beat_id": doc["id"], "commit": doc["head"]}, blobs_of(made))


def _sources(ctx: JobContext, doc: Document) -> Sequence[dict[str, Any]]:
    """The uploads a beat was made from. Raises SourceExpired when one is gone."""
    for source in doc["sources"]:
        if "sample_id" not in source:
            try:
                assets.asset(ctx.deps.store, ctx.job["owner"], source["asset_id"])
            except NotFound:
                raise SourceExpired(
                    f"{source['name']} has expired: upload it again, or start from a later stage."
                ) from None
    return list(doc["sources"])


def blobs_of(made: Beat) -> tuple[str, ...]:
    """The stored cuts that a beat stands on."""
    return tuple(sorted({s.blob for s in made.kit.values()}))
