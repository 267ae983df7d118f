"""The jobs that analyse one recording, and that derive an analysis anew when its user knows better."""

from __future__ import annotations

from typing import Any

from app.runs.listening import Listened, listened, opened
from app.tasks import JobContext
from db import analyses, assets
from db.store import Document
from services.analysis.document import analysis_to_doc, hints_of, hints_to_doc
from services.analysis.pipeline import PARTS, Heard, derive, engines
from services.errors import NotFound, SourceExpired
from services.jobs.types import Outcome
from services.version import code_version

HEARD = 0.85  # of the progress; what is derived takes the rest


def analysis(ctx: JobContext) -> Outcome:
    """Hear the job's source and derive everything from it, saved under the job's id.

    A further attempt finds the analysis that an earlier one saved, unless it was changed since: then what it found
    itself is the job's result all the same.
    """
    source = ctx.params["sources"][0]
    heard = listened(ctx, source, PARTS, HEARD)
    state = _state(ctx, heard, hints_to_doc(ctx.params))
    facts = {**analyses.of_source(source), **state}
    analyses.save_analysis(ctx.deps.store, ctx.job["owner"], ctx.job["id"], facts)
    return _outcome(ctx.job["id"], state)


def reanalysis(ctx: JobContext) -> Outcome:
    """Derive an analysis again under other hints, from what was heard; its document takes on the new state."""
    store, owner, params = ctx.deps.store, ctx.job["owner"], ctx.params
    doc = analyses.analysis(store, owner, params["analysis_id"])
    if doc["job_id"] == ctx.job["id"]:  # an earlier attempt came so far
        return _outcome(doc["id"], analyses.state_of(doc))
    analyses.refuse_stale(doc, params["head"])
    state = _state(ctx, _heard_before(ctx, doc), params["hints"])
    changed = analyses.change_state(store, owner, doc["id"], params["head"], state)
    return _outcome(doc["id"], analyses.state_of(changed))


def _heard_before(ctx: JobContext, doc: Document) -> Listened:
    """What the analysis stands on; heard anew where other code heard it. Raises SourceExpired when it cannot be."""
    if doc["code_version"] == code_version():
        try:
            return opened(ctx, doc["parts"], PARTS)
        except NotFound:
            pass  # bytes were lost: the recording may still be there
    source = doc["source"]
    if "sample_id" not in source:
        try:
            assets.asset(ctx.deps.store, ctx.job["owner"], source["asset_id"])
        except NotFound:
            raise SourceExpired(f"{source['name']} has expired: upload it again and analyse it anew.") from None
    return listened(ctx, source, PARTS, HEARD)


def _state(ctx: JobContext, listened_to: Listened, hints: dict[str, Any]) -> dict[str, Any]:
    """The state of an analysis that this job makes."""
    heard = Heard.of(listened_to.found)
    ctx.measure(heard.level.duration_s)
    ctx.report("beats", HEARD)
    made = derive(heard, hints_of(hints))
    return {
        "job_id": ctx.job["id"],
        "updated_at": ctx.job["created_at"],
        "code_version": code_version(),
        "engines": engines(),
        "hints": hints,
        "found": analysis_to_doc(made),
        "parts": dict(listened_to.blobs),
        "blobs": sorted(set(listened_to.blobs.values())),
    }


def _outcome(analysis_id: str, state: dict[str, Any]) -> Outcome:
    return Outcome({"analysis_id": analysis_id, "state": state}, tuple(state["blobs"]))
