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
from services.beats.document import beat_from_doc, beat_to_doc
from services.beats.request import BeatRequest
from services.beats.retakes import another, take_seed
from services.beats.types import Beat
from services.errors import FieldError, Invalid, NotFound, SourceExpired, StaleVersion
from services.grooves.types import groove_of
from services.jobs.types import Outcome
from services.projects.types import Commit

BEAT_SLICES = 32  # sounds that one recording gives to a beat: more than any style plays, few enough to look through


def beat(ctx: JobContext) -> Outcome:
    """Stage 1 (or a trim), 2 and 3; the result is the first commit of a new beat.

    A further attempt finds the beat that an earlier one made, whatever was edited there since.
    """
    params = ctx.job["params"]
    if (before := started(ctx)) is not None:
        return before
    request = BeatRequest.from_params(params)
    heard = hear(ctx, params["sources"], request.mode, BEAT_SLICES)
    ctx.report("beat", 0.85)
    inputs = pipeline.Inputs(tuple(ctx.job["inputs"]), heard.warnings, groove_of(params.get("template")))
    made = pipeline.make_beat(request, heard.samples, inputs)
    commit = start(ctx, made, params)
    return Outcome({"beat_id": ctx.job["id"], "commit": commit}, blobs_of(made))


def started(ctx: JobContext) -> Outcome | None:
    """What an earlier attempt of this job has begun, if it came that far."""
    if ctx.job["attempt"] < 2:
        return None
    try:
        doc = beats.beat(ctx.deps.store, ctx.job["owner"], ctx.job["id"])
        first = beats.commit_by_number(ctx.deps.store, doc, 1)
        state = beats.tree(ctx.deps.store, ctx.job["owner"], first["tree"]["beat"])
    except NotFound:
        return None
    found = {"beat_id": doc["id"], "commit": first["sha"], "title": doc["title"]}
    return Outcome(found, blobs_of(beat_from_doc(state)))


def start(ctx: JobContext, made: Beat, params: dict[str, Any], message: str = "Make the beat") -> str:
    """Save a beat with its first commit; the commit's hash.

    The commit is of the time at which the job was asked for: the same state again is the same commit.
    """
    store, owner, beat_id = ctx.deps.store, ctx.job["owner"], ctx.job["id"]
    sha = beats.save_tree(store, owner, beat_to_doc(made), blobs_of(made))
    commit = Commit({"beat": sha}, (), owner, ctx.job["created_at"], message)
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
    """Only the stages from `from_stage` on run again; the result is one more commit on the beat's head, or `takes`.

    Their time is that of the job, so that a further attempt finds what an earlier one saved.
    """
    store, owner, params = ctx.deps.store, ctx.job["owner"], ctx.job["params"]
    if ctx.job["attempt"] > 1 and (mine := _saved(ctx)):
        return _made_before(ctx, mine)
    doc = beats.beat(store, owner, params["beat_id"])
    change.refuse_stale(doc, params["head"])
    before = change.load(store, owner, doc)
    heard = Heard(tuple(before.kit.values()))
    if params["from_stage"] == "preprocess":
        heard = hear(ctx, _sources(ctx, doc), doc["mode"], BEAT_SLICES)
    ctx.report("beat", 0.85)
    asked = pipeline.Change(params["from_stage"], params["fields"], heard.warnings, groove_of(params.get("template")))
    made = another(before, heard.samples, asked, params.get("takes"))
    try:
        doc = change.save_takes(store, doc, made, _message(ctx), at=ctx.job["created_at"])
    except StaleVersion:
        if not (mine := _saved(ctx)):
            raise
        return _made_before(ctx, mine)  # an attempt that was taken for dead has saved it meanwhile
    return _taken(ctx, [beats.commit(store, owner, doc["id"], sha) for sha in doc["log"][-len(made) :]], made)


def _taken(ctx: JobContext, commits: Sequence[Document], made: Sequence[Beat]) -> Outcome:
    """The outcome of a regenerate: its first commit, and where takes were asked for, all of them."""
    takes = [
        {"version": c["number"], "commit": c["sha"], "tree": c["tree"]["beat"], "seed": take_seed(m, _stage(ctx))}
        for c, m in zip(commits, made, strict=True)
    ]
    found = {"takes": takes} if ctx.job["params"].get("takes") else {}
    return Outcome({"beat_id": commits[0]["beat_id"], "commit": commits[0]["sha"], **found}, blobs_of(*made))


def _message(ctx: JobContext) -> str:
    return f"Regenerate from {_stage(ctx)}"


def _stage(ctx: JobContext) -> str:
    return str(ctx.job["params"]["from_stage"])


def _saved(ctx: JobContext) -> list[Document]:
    """The commits with which an earlier attempt of this job moved the beat's head, wherever the head is by now."""
    doc = beats.beat(ctx.deps.store, ctx.job["owner"], ctx.job["params"]["beat_id"])
    mine = ([ctx.job["params"]["head"]], ctx.job["created_at"], _message(ctx))
    listed = (beats.commit(ctx.deps.store, ctx.job["owner"], doc["id"], sha) for sha in doc["log"])
    return [c for c in listed if (list(c["parents"]), c["at"], c["message"]) == mine]


def _made_before(ctx: JobContext, commits: Sequence[Document]) -> Outcome:
    """The outcome of a regenerate whose end was never written."""
    trees = [beats.tree(ctx.deps.store, ctx.job["owner"], c["tree"]["beat"]) for c in commits]
    return _taken(ctx, commits, [beat_from_doc(tree) for tree in trees])


def _sources(ctx: JobContext, doc: Document) -> Sequence[dict[str, Any]]:
    """The uploads a beat was made from. Raises SourceExpired when one is gone, Invalid where there were none."""
    if not doc["sources"]:
        message = "must be a later stage: this beat was made without recordings"
        raise Invalid(f"from_stage {message}.", code="no_sounds", errors=(FieldError("from_stage", message),))
    for source in doc["sources"]:
        if "sample_id" not in source:
            try:
                assets.asset(ctx.deps.store, ctx.job["owner"], source["asset_id"])
            except NotFound:
                raise SourceExpired(
                    f"{source['name']} has expired: upload it again, or start from a later stage."
                ) from None
    return list(doc["sources"])


def blobs_of(*made: Beat) -> tuple[str, ...]:
    """The stored cuts that beats stand on."""
    return tuple(sorted({s.blob for beat in made for s in beat.kit.values()}))
