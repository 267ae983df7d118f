"""The files of a beat: made by a worker on first request, stored, then served with ranges."""

from __future__ import annotations

from typing import Any

from flask import Response, g, request
from marshmallow import Schema, fields, validate

from app.api.fields import PictureQuery, ScoreQuery, SheetQuery, VersionQuery
from app.auth import caller, deps, guard
from app.bodies import Whole, parse_query
from app.making import ANSWERS, PROBLEMS, Wanted, made
from app.openapi import Contract, Door, describe
from app.serving import Served, serve
from db import beats as repo
from db.store import Document
from services.errors import NotFound
from services.notation.kit_maps import NOTE_MAPS

blp = Door("files", __name__, url_prefix="/v1", description="Audio, MIDI, kits and stems of a beat")


NOTE_MAP = fields.Str(
    load_default="gm",
    validate=validate.OneOf(NOTE_MAPS),
    metadata={
        "description": "gm: General MIDI. vdrums, nitro, avl: as Roland V-Drums, Alesis Nitro and AVL Drumkits "
        "number their drums. pads: the notes of `kit.sfz`, one for each sound"
    },
)


class WavQuery(VersionQuery):
    """How a WAV is written."""

    bits = fields.Str(load_default="24", validate=validate.OneOf(("16", "24", "32f")))
    loop = Whole(
        load_default=0,
        validate=validate.OneOf((0, 1)),
        metadata={"description": "1: exactly the bars, the tail wrapped to the start"},
    )


class MidiQuery(VersionQuery):
    """Which note a sound gets."""

    map = NOTE_MAP


class StemsQuery(WavQuery):
    """How stems are written, and who plays them."""

    map = fields.Str(
        load_default="gm",
        validate=validate.OneOf(("gm", "pads")),
        metadata={
            "description": "gm: the stems of the beat. pads: the stems as `kit.sfz` plays `beat.mid?map=pads`, without "
            "variation, ducking and section filters; in 16 and 24 bit lowered alike where one would clip"
        },
    )


class BeatScoreQuery(VersionQuery, ScoreQuery):
    """Which state, and how its score is written."""


class BeatSheetQuery(VersionQuery, SheetQuery):
    """Which state, and on what paper."""


class BeatPictureQuery(VersionQuery, PictureQuery):
    """Which state, and which page."""


def _file_route(name: str, summary: str, query: type[Schema] = VersionQuery) -> None:
    """One route for one file name."""

    @blp.route(f"/beat/<job_id>/{name}", methods=["GET"], endpoint=name.replace(".", "_"))
    @describe(
        blp, Contract(summary, query=query, answers=ANSWERS, problems=PROBLEMS, headers=("Range", "If-None-Match"))
    )
    @guard("beats:read", media=True)
    def view(job_id: str) -> Response:
        return _serve(job_id, name, parse_query(request, query()))


for _name, _summary, _query in (
    ("audio.wav", "The beat as WAV", WavQuery),
    ("audio.flac", "The beat as FLAC (24 bit)", VersionQuery),
    ("audio.mp3", "The beat as MP3", VersionQuery),
    ("audio.ogg", "The beat as Ogg Vorbis", VersionQuery),
    ("beat.mid", "The beat as a Standard MIDI File", MidiQuery),
    ("score.pdf", "The beat as a drum score to print", BeatSheetQuery),
    ("score.svg", "A page of the drum score as a picture", BeatPictureQuery),
    ("score.musicxml", "The drum score for notation programs (MusicXML 4.0)", BeatScoreQuery),
    ("beat.bsm", "The beat as a map (deploy/bsm.md)", VersionQuery),
    ("events.csv", "The events as a table", VersionQuery),
    ("kit.zip", "The sounds with an SFZ instrument", VersionQuery),
    ("stems.zip", "A WAV per role; their sum is the mix before the master", StemsQuery),
):
    _file_route(_name, _summary, _query)


@blp.route("/beat/<job_id>/samples/<sample_id>.wav", methods=["GET"], endpoint="preview")
@describe(
    blp,
    Contract(
        "One sound of the kit as WAV",
        query=VersionQuery,
        answers=ANSWERS,
        problems=PROBLEMS,
        headers=("Range", "If-None-Match"),
    ),
)
@guard("beats:read", media=True)
def preview(job_id: str, sample_id: str) -> Response:
    """The stored cut of a sample."""
    doc, tree_sha = _state(job_id, parse_query(request, VersionQuery()).get("version"))
    kit = repo.tree(deps().store, caller().owner, tree_sha)["kit"]
    sample = next((s for s in kit if s["sample_id"] == sample_id), None)
    if sample is None:
        raise NotFound("This beat has no such sample.")
    stem = sample["name"].rpartition(".")[0] or sample["name"]
    return serve(Served(sample["blob"], "audio/wav", f"{stem}.wav", doc["created_at"]))


def _state(beat_id: str, version: int | None) -> tuple[Document, str]:
    """The beat and the hash of the state that is asked for: what a signed link pins, else the version's or the head's.

    Raises NotFound, also for a version that the beat does not have.
    """
    owner, store = caller().owner, deps().store
    doc = repo.beat(store, owner, beat_id)
    pinned = g.get("pinned_hash")
    return doc, pinned or repo.commit_at(store, doc, version)["tree"]["beat"]


def _serve(beat_id: str, name: str, options: dict[str, Any]) -> Response:
    doc, tree_sha = _state(beat_id, options.pop("version", None))
    facts = {"tree": tree_sha, "title": doc["title"], "name": name, "options": options}
    return made(Wanted("export", {"beat_id": beat_id}, facts))
