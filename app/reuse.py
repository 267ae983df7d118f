"""Equal work is not done twice: how a finished job's result becomes another job's own."""

from __future__ import annotations

from app.deps import Deps
from db import beats, results
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
            "title": job["params"]["title"],
            "mode": job["params"]["mode"],
            "sources": job["params"]["sources"],
            "head": commit.sha,
            "redo": [],
            "number": 1,
            **first["listed"],
        },
    )
    return Outcome({"beat_id": job["id"], "commit": commit.sha}, tuple(original["blobs"]))
