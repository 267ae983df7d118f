"""Equal work is not done twice: how a finished job's result becomes another job's own."""

from __future__ import annotations

from app.deps import Deps
from db import analyses, beats, grooves, results, transcriptions
from db.store import Document
from services.errors import NotFound
from services.jobs.types import Outcome
from services.projects.types import Commit


def beat(deps: Deps, job: Document, original: Document) -> Outcome:
    """A new beat whose first state is the original's first state, whatever was edited there since. Raises NotFound."""
    store, owner = deps.store, job["owner"]
    stored = results.result(store, original["id"])
    if stored is None:
        raise NotFound("The result of this job is no longer stored.")
    first = beats.commit(store, owner, stored["beat_id"], stored["commit"])
    if not beats.renew_tree(store, owner, first["tree"]["beat"]):
        raise NotFound("The state of this beat is no longer stored.")
    commit = Commit({"beat": first["tree"]["beat"]}, (), owner, job["created_at"], first["message"])
    beats.save_commit(store, owner, job["id"], commit, 1, first["listed"])
    beats.insert_beat(
        store,
        {
            "id": job["id"],
            "owner": owner,
            "title": stored.get("title", job["params"]["title"]),
            "mode": job["params"]["mode"],
            "sources": job["params"]["sources"],
            "head": commit.sha,
            "redo": [],
            "number": 1,
            **first["listed"],
        },
    )
    own = {**stored, "beat_id": job["id"], "commit": commit.sha}
    return Outcome(own, tuple(original["blobs"]))


def groove(deps: Deps, job: Document, original: Document) -> Outcome:
    """A new groove with what the original's job read. Raises NotFound when that was deleted since."""
    doc = grooves.groove(deps.store, job["owner"], original["id"])
    facts = {name: doc[name] for name in grooves.FACTS}
    grooves.save_groove(deps.store, job["owner"], job["id"], facts)
    return Outcome({"groove_id": job["id"]})


def analysis(deps: Deps, job: Document, original: Document) -> Outcome:
    """A new analysis in the state that the original's job made, whatever was corrected there since. Raises NotFound
    when what was heard is gone."""
    stored = results.result(deps.store, original["id"])
    if stored is None or not all(deps.blobs.touch(sha) for sha in stored["state"]["blobs"]):
        raise NotFound("The result of this job is no longer stored.")
    state = {**stored["state"], "job_id": job["id"], "updated_at": job["created_at"]}
    analyses.save_analysis(deps.store, job["owner"], job["id"], analyses.of_source(job["params"]["sources"][0]) | state)
    return Outcome({"analysis_id": job["id"], "state": state}, tuple(state["blobs"]))


def transcription(deps: Deps, job: Document, original: Document) -> Outcome:
    """A new transcription in the state that the original's job made, whatever was corrected there since. Raises
    NotFound when its bytes are gone."""
    stored = results.result(deps.store, original["id"])
    if stored is None or not all(deps.blobs.touch(sha) for sha in stored["state"]["blobs"]):
        raise NotFound("The result of this job is no longer stored.")
    state = {**stored["state"], "job_id": job["id"], "updated_at": job["created_at"]}
    facts = transcriptions.of_source(job["params"]["sources"][0]) | state
    transcriptions.save_transcription(deps.store, job["owner"], job["id"], facts)
    return Outcome({"transcription_id": job["id"], "state": state}, tuple(state["blobs"]))
