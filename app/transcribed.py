"""Stored transcriptions as the bodies that the API answers with."""

from __future__ import annotations

import json
from typing import Any

from flask import url_for

from app.auth import deps, media_url
from db import transcriptions
from db.store import Document
from services import clock

KINDS = ("transcription", "retranscription")
# Each name is a route under /v1/transcriptions/{id}/, like those of SCORES.
CSV, MIDI, STEM = "events.csv", "drums.mid", "drums.wav"
SCORES = ("score.pdf", "score.svg", "score.musicxml", "map.bsm")


def result(job: Document, stored: dict[str, Any]) -> dict[str, Any]:
    """What a succeeded job made, whatever was corrected since. Raises NotFound when it was deleted."""
    doc = transcriptions.transcription(deps().store, job["owner"], stored["transcription_id"])
    return body({**doc, **stored["state"]})


def body(doc: Document) -> dict[str, Any]:
    """A transcription with everything in it. Raises NotFound when its bytes are gone."""
    told: dict[str, Any] = json.loads(deps().blobs.read(doc["body"]))
    return {**summary(doc), **told, "hints": doc["hints"], **addresses(doc, drums=told["beat"] is not None)}


def summary(doc: Document) -> dict[str, Any]:
    """A transcription in a list: not its events, of which an hour has ten thousands."""
    return {
        "transcription_id": doc["id"],
        "title": doc["title"],
        "name": doc["name"],
        "asset_id": doc["asset_id"],
        **doc["facts"],
        "separate": doc["separate"],
        "grid": doc["grid"],
        "swing": doc.get("swing"),
        "swing_unit": doc.get("swing_unit"),
        "created_at": clock.iso(doc["created_at"]),
        "updated_at": clock.iso(doc["updated_at"]),
        "links": {"self": url_for("transcriptions.show", transcription_id=doc["id"])},
    }


def addresses(doc: Document, *, drums: bool) -> dict[str, Any]:
    """`links`, and their signed twins as `media`; there are MIDI, scores and a stem only of drums."""
    base = url_for("transcriptions.show", transcription_id=doc["id"])
    plain = {"self": base, CSV: f"{base}/{CSV}"} | {name: f"{base}/{name}" for name in (*SCORES, STEM) if drums}
    midi = {f"drums-{timing}.mid": {"timing": timing} for timing in ("played", "quantised")} if drums else {}
    links = {**plain, **{name: f"{base}/{MIDI}?timing={query['timing']}" for name, query in midi.items()}}
    media = {name: media_url(path, doc["body"]) for name, path in plain.items()}
    media |= {name: media_url(f"{base}/{MIDI}", doc["body"], query) for name, query in midi.items()}
    return {"links": links, "media": media}
