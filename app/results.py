"""Stored jobs, beats and assets as the bodies that the API answers with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from flask import url_for

from app import queue, transcribed
from app.auth import deps, media_url
from app.deps import Deps
from db import analyses, assets, beats, grooves, jobs, results
from db.store import Document
from services import clock
from services.beats.document import beat_from_doc
from services.beats.view import beat_json
from services.errors import NotFound

# What can be fetched of a beat; each name is a route under /v1/beat/{id}/.
BEAT_FILES = (
    "audio.wav", "audio.flac", "audio.mp3", "audio.ogg", "beat.mid", "kit.zip", "stems.zip", "score.pdf",
    "score.svg", "score.musicxml", "beat.bsm", "events.csv",
)  # fmt: skip
SHOWN_STATES = 32  # formatted states kept in memory; one of 64 bars is about 2 MB
NEW_BEAT_KINDS = ("beat", "import")
BEAT_KINDS = (*NEW_BEAT_KINDS, "regenerate")
ANALYSIS_KINDS = ("analysis", "reanalysis")
FILE_KINDS = ("export", "transcription_file", "transcription_stem")  # their result is a file, not a body
# What a list shows of an analysis: not its beats, of which an hour has thousands.
ANALYSIS_SUMMARY = ("duration_s", "bpm", "bpm_confidence", "meter", "key", "key_confidence", "loudness_lufs")


def result_state(job: Document) -> str | None:
    """The name of the state that a succeeded job made, as the next change asks for it; None where nothing changes."""
    if job["kind"] in (*ANALYSIS_KINDS, *transcribed.KINDS):
        return str(job["id"])
    if job["kind"] in BEAT_KINDS:
        stored = results.result(deps().store, job["id"])
        return str(stored["commit"]) if stored else None
    return None


def result_body(job: Document) -> dict[str, Any]:
    """The 200 body of a succeeded job: also what `job.result` holds. Raises NotFound when it was deleted since."""
    if job["kind"] in BEAT_KINDS:
        stored = results.result(deps().store, job["id"])
        if stored is None:
            raise NotFound("The result of this job is no longer stored.")
        at_head = beat_body(stored["beat_id"], job["owner"], commit=stored["commit"], asked=job)
        takes = [take_body(stored["beat_id"], take) for take in stored.get("takes", ())]
        return {**at_head, "takes": takes} if takes else at_head
    body = results.result(deps().store, job["id"])
    if body is None:
        raise NotFound("The result of this job is no longer stored.")
    if job["kind"] == "asset":
        return asset_body(assets.asset(deps().store, job["owner"], body["asset_id"]))
    if job["kind"] == "groove":
        body = groove_body(grooves.groove(deps().store, job["owner"], body["groove_id"]))
    if job["kind"] in ANALYSIS_KINDS:
        doc = analyses.analysis(deps().store, job["owner"], body["analysis_id"])
        body = analysis_body({**doc, **body["state"]})
    if job["kind"] in transcribed.KINDS:
        body = transcribed.result(job, body)
    return {"job_id": job["id"], "reused_from": job.get("reused_from"), **body}


def beat_body(
    beat_id: str, owner: str, *, commit: str | None = None, asked: Document | None = None, pinned: bool = False
) -> dict[str, Any]:
    """A beat at a commit (its head by default) as API.md's document; `asked` is the job that is being answered.

    `pinned`: the links lead to this version, whatever the head will be.
    """
    store = deps().store
    doc = beats.beat(store, owner, beat_id)
    at = beats.commit(store, owner, beat_id, commit or doc["head"])
    sha = at["tree"]["beat"]
    state = _shown(deps(), owner, sha)
    job = asked or jobs.job_by_id(store, beat_id) or {}
    own = {"timings_ms": job.get("timings_ms") or {}, "reused_from": job.get("reused_from")}
    body = {**state, "meta": {**state["meta"], **own}}
    links, media = beat_links(beat_id, sha, body, at["number"] if pinned else None)
    return {
        "job_id": beat_id,
        "beat_id": beat_id,
        "title": doc["title"],
        "version": at["number"],
        **body,
        "links": links,
        "media": media,
    }


@lru_cache(maxsize=SHOWN_STATES)
def _shown(powers: Deps, owner: str, sha: str) -> dict[str, Any]:
    """A stored state as the contract shows it; it never changes, so all pollers share one. Not to be written to."""
    return beat_json(beat_from_doc(beats.tree(powers.store, owner, sha)))


Addresses = tuple[dict[str, str], dict[str, str]]


def beat_links(beat_id: str, tree: str, body: Mapping[str, Any], version: int | None = None) -> Addresses:
    """The addresses of a beat and its files, at its head or at a version, and their signed twins."""
    base = url_for("beats.show", job_id=beat_id)
    files = {name: f"{base}/{name}" for name in BEAT_FILES}
    previews = {
        f"sample:{s['sample_id']}": url_for("files.preview", job_id=beat_id, sample_id=s["sample_id"])
        for s in body["meta"]["samples"]
    }
    links, media = _at_version({"self": base, **files, **previews}, tree, version)
    others = {"versions": f"{base}/versions", "job": url_for("jobs.show", job_id=beat_id)}
    return {**links, **others}, {**media, **{name: media_url(path, tree) for name, path in others.items()}}


def _at_version(paths: Mapping[str, str], tree: str, version: int | None) -> Addresses:
    query = {} if version is None else {"version": str(version)}
    tail = f"?{urlencode(query)}" if query else ""
    return {n: f"{p}{tail}" for n, p in paths.items()}, {n: media_url(p, tree, query) for n, p in paths.items()}


def take_body(beat_id: str, take: Mapping[str, Any]) -> dict[str, Any]:
    """One of several takes: its version, and where it can be read and heard."""
    return {
        "version": take["version"],
        "commit": take["commit"],
        "seed": take["seed"],
        **_heard_at(beat_id, take["tree"], take["version"]),
    }


def _heard_at(beat_id: str, tree: str, version: int) -> dict[str, Any]:
    """Where a version can be read and heard."""
    base = url_for("beats.show", job_id=beat_id)
    links, media = _at_version({"self": base, "audio.wav": f"{base}/audio.wav"}, tree, version)
    return {"links": links, "media": media}


def beat_summary(doc: Document) -> dict[str, Any]:
    """A beat in a list."""
    base = url_for("beats.show", job_id=doc["id"])
    return {
        "beat_id": doc["id"],
        "job_id": doc["id"],
        "title": doc["title"],
        "style": doc["style"],
        "bpm": doc["bpm"],
        "bars": doc["bars"],
        "created_at": clock.iso(doc["created_at"]),
        "updated_at": clock.iso(doc["updated_at"]),
        "links": {"self": base},
    }


def groove_body(doc: Document) -> dict[str, Any]:
    """A groove as the API shows it: numbers per role and step, a step's number as text."""
    return {
        "groove_id": doc["id"],
        **{name: doc[name] for name in grooves.FACTS},
        "created_at": clock.iso(doc["created_at"]),
        "links": {"self": url_for("grooves.show", groove_id=doc["id"])},
    }


def analysis_body(doc: Document) -> dict[str, Any]:
    """An analysis as the API shows it, with the hints it was derived under."""
    return {
        "analysis_id": doc["id"],
        "name": doc["name"],
        "asset_id": doc["asset_id"],
        **doc["found"],
        "hints": doc["hints"],
        "engines": doc["engines"],
        "created_at": clock.iso(doc["created_at"]),
        "updated_at": clock.iso(doc["updated_at"]),
        "links": _analysis_links(doc),
    }


def analysis_summary(doc: Document) -> dict[str, Any]:
    """An analysis in a list."""
    return {
        "analysis_id": doc["id"],
        "name": doc["name"],
        "asset_id": doc["asset_id"],
        **{name: doc["found"][name] for name in ANALYSIS_SUMMARY},
        "created_at": clock.iso(doc["created_at"]),
        "updated_at": clock.iso(doc["updated_at"]),
        "links": _analysis_links(doc),
    }


def _analysis_links(doc: Document) -> dict[str, str]:
    return {"self": url_for("analyses.show", analysis_id=doc["id"])}


def version_body(doc: Document, head: str) -> dict[str, Any]:
    """A commit in a beat's list of versions."""
    return {
        "version": doc["number"],
        "commit": doc["sha"],
        "parents": doc["parents"],
        "message": doc["message"],
        "at": clock.iso(doc["at"]),
        "head": doc["sha"] == head,
        **_heard_at(doc["beat_id"], doc["tree"]["beat"], doc["number"]),
    }


def job_body(job: Document, *, whole: bool = True) -> dict[str, Any]:
    """A job as `GET /v1/jobs/{id}` shows it; in lists without `result`."""
    d = deps()
    waiting = job["state"] == "queued"
    links = {
        "self": url_for("jobs.show", job_id=job["id"]),
        "events": url_for("jobs.events", job_id=job["id"]),
        "cancel": url_for("jobs.cancel", job_id=job["id"]),
    }
    if job["kind"] in BEAT_KINDS:
        links["result"] = url_for("beats.show", job_id=job.get("subject") or job["id"])
    if job["kind"] in ANALYSIS_KINDS and (job.get("subject") or job["state"] == "succeeded"):
        links["result"] = url_for("analyses.show", analysis_id=job.get("subject") or job["id"])
    if job["kind"] in transcribed.KINDS:
        links["result"] = url_for("transcriptions.show", transcription_id=job.get("subject") or job["id"])
    body = {
        "job_id": job["id"],
        "kind": job["kind"],
        "state": job["state"],
        "stage": job.get("stage"),
        "progress": job.get("progress", 0.0),
        "queue_position": queue.position(d, job) if waiting and whole else None,
        "eta_s": queue.eta_s(d, job) if whole else None,
        "attempt": job.get("attempt", 0),
        "worker_alive": queue.workers_alive(d) > 0,
        "error": job.get("error"),
        "timings_ms": job.get("timings_ms") or {},
        "reused_from": job.get("reused_from"),
        "created_at": clock.iso(job["created_at"]),
        "updated_at": clock.iso(job["updated_at"]),
        "links": links,
    }
    if whole:
        body["result"] = _result_or_none(job)
    return body


def _result_or_none(job: Document) -> dict[str, Any] | None:
    if job["state"] != "succeeded" or job["kind"] in FILE_KINDS:
        return None
    try:
        return result_body(job)
    except NotFound:
        return None


def asset_body(doc: Document) -> dict[str, Any]:
    """An asset as the API shows it."""
    base = url_for("assets.show", asset_id=doc["id"])
    facts = assets.audio_facts(deps().store, doc["id"]) or {}
    waveform = url_for("assets.waveform", asset_id=doc["id"])
    links = {"self": base, "content": url_for("assets.content", asset_id=doc["id"]), "waveform": waveform}
    return {
        "asset_id": doc["id"],
        "kind": doc["kind"],
        "name": doc["name"],
        "sha256": doc["sha256"],
        "bytes": doc["bytes"],
        "media_type": doc["media_type"],
        "duration_s": facts.get("duration_s"),
        "channels": facts.get("channels"),
        "rate_hz": facts.get("rate_hz"),
        "retention": doc["retention"],
        "created_at": clock.iso(doc["created_at"]),
        "expires_at": clock.iso(doc["expires_at"]) if doc.get("expires_at") else None,
        "links": links,
        "media": {name: media_url(path, doc["sha256"]) for name, path in links.items()},
    }
