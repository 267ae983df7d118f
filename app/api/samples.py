"""Samples: an owner's sounds over all beats; a correction here is the user's word."""

from __future__ import annotations

from typing import Any, cast

from flask import Response, current_app, request, url_for
from marshmallow import Schema, fields, validate

from app.api.fields import PageQuery
from app.auth import caller, deps, guard, media_url
from app.bodies import JsonList, parse, parse_query
from app.etags import required_match, with_etag
from app.library import Library, similar
from app.openapi import Contract, Door, describe
from app.paging import listed
from app.serving import Served, serve
from app.uploads import shown_name
from db import corrections
from db import samples as repo
from db.store import Document
from services.beats import types as t
from services.beats.likeness import heeded
from services.errors import StaleVersion

blp = Door("samples", __name__, url_prefix="/v1", description="Your sounds over all beats")

FILE = {"description": "The sound as WAV", "content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}}
SHOWN = (
    "sample_id",
    "asset_id",
    "name",
    "role",
    "roles",
    "instrument",
    "instruments",
    "confidence",
    "features",
    "onset_s",
    "attack_s",
    "source",
    "tags",
    "locked",
    "reason",
    "corrected_by",
)
HEARD = ("role", "roles", "instrument", "instruments", "confidence")  # of a sample, what the classifier says


class SampleQuery(PageQuery):
    """Which sounds."""

    role = fields.Str(validate=validate.OneOf(t.ROLES))
    instrument = fields.Str(validate=validate.OneOf(t.INSTRUMENTS))
    similar_to = fields.Str(
        validate=validate.Length(1, 64),
        metadata={"description": "Id of one of your sounds: the others, the most alike first, each with `similarity`"},
    )
    q = fields.Str(validate=validate.Length(1, 100), metadata={"description": "A part of the name or of a tag"})


class SamplePatch(Schema):
    """A correction."""

    name = fields.Str(validate=validate.Length(1, 200))
    role = fields.Str(
        validate=validate.OneOf(t.ROLES),
        allow_none=True,
        metadata={"description": "What it does. Later sounds that are alike follow. null takes the correction back"},
    )
    instrument = fields.Str(
        validate=validate.OneOf(t.INSTRUMENTS),
        allow_none=True,
        metadata={
            "description": "What it is, for it and for later sounds that are alike; in later requests their roles "
            "follow, unless a role was said too. null takes the correction back"
        },
    )
    tags = JsonList(fields.Str(validate=validate.Length(1, 40)), validate=validate.Length(max=32))


def library() -> Library:
    """The sounds that this process has in memory."""
    return cast("Library", current_app.extensions["library"])


def _body(doc: Document) -> dict[str, Any]:
    own = url_for("samples.show", sample_id=doc["sample_id"])
    links = {"self": own, "preview": f"{own}/preview"}
    media = {name: media_url(path, doc["blob"]) for name, path in links.items()}
    near = {"similarity": doc["similarity"]} if "similarity" in doc else {}
    return {**{key: doc.get(key) for key in SHOWN}, **near, "links": links, "media": media}


@blp.route("/samples", methods=["GET"])
@describe(
    blp,
    Contract(
        "List your sounds, newest first or the most alike first",
        query=SampleQuery,
        answers={200: "Samples"},
        problems=(404, 422),
    ),
)
@guard("assets:read")
def index() -> Response:
    """A page of sounds, by role and instrument where asked."""
    page = parse_query(request, SampleQuery())
    where: dict[str, Any] = {k: page[k] for k in ("role", "instrument") if k in page}
    store, owner = deps().store, caller().owner
    wanted = repo.Wanted(page.get("cursor"), page["limit"], page.get("q"))
    if "similar_to" not in page:
        return listed("samples", lambda: repo.find_samples(store, owner, where, wanted), _body)
    asked = repo.sample(store, owner, page["similar_to"])
    return listed("samples", lambda: similar(library().shelf(store, owner), store, asked, where, wanted), _body)


@blp.route("/samples/<sample_id>", methods=["GET"])
@describe(blp, Contract("Read a sound", answers={200: "Sample"}, problems=(404,)))
@guard("assets:read", media=True)
def show(sample_id: str) -> Response:
    """What is known of a sound."""
    doc = repo.sample(deps().store, caller().owner, sample_id)
    return with_etag(_body(doc), _tag(doc))


@blp.route("/samples/<sample_id>", methods=["PATCH"])
@describe(
    blp,
    Contract(
        "Correct a sound's name, role, instrument or tags",
        body=SamplePatch,
        answers={200: "Sample"},
        problems=(400, 404, 412, 415, 422, 428),
        headers=("If-Match",),
    ),
)
@guard("assets:write")
def correct(sample_id: str) -> Response:
    """The corrected role is a lock in later beats that name this sample by id; sounds like it follow the correction."""
    wanted, _ = parse(request, SamplePatch())
    doc = repo.sample(deps().store, caller().owner, sample_id)
    if _tag(doc) != required_match():
        raise StaleVersion("The sound has changed since you read it: read it again and repeat the change.")
    if "name" in wanted:
        wanted["name"] = shown_name(wanted["name"])
    doc = repo.correct(deps().store, doc, {**wanted, **_said(doc, wanted)})
    if wanted.keys() & {"name", "role", "instrument"}:
        corrections.keep(deps().store, doc, heeded(doc.get("features") or {}))
    return with_etag(_body(doc), _tag(doc))


def _said(doc: Document, wanted: dict[str, Any]) -> dict[str, Any]:
    """What a sample's document holds once its role or instrument was corrected, or a correction taken back (null)."""
    new = {key: wanted[key] for key in ("role", "instrument") if key in wanted}
    if not new:
        return {}
    # a sound locked by an older release has lost which role was heard, but not the probabilities
    heard = doc.get("heard") or {**{key: doc[key] for key in HEARD}, "role": max(doc["roles"], key=doc["roles"].get)}
    old = doc.get("corrected") or {"role": doc["role"] if doc["locked"] else None, "instrument": None}
    said = {**old, **new}
    words = {key: word for key, word in said.items() if word}
    return {
        **heard,
        **words,
        "heard": heard if words else None,
        "corrected": words or None,
        "corrected_by": [],
        "reason": "",
        "locked": "role" in words,
    }


@blp.route("/samples/<sample_id>/preview", methods=["GET"])
@describe(
    blp,
    Contract(
        "Hear a sound",
        answers={200: FILE, 206: {**FILE, "description": "A range of it"}},
        problems=(404, 416),
        headers=("Range",),
    ),
)
@guard("assets:read", media=True)
def preview(sample_id: str) -> Response:
    """The stored cut."""
    doc = repo.sample(deps().store, caller().owner, sample_id)
    stem = doc["name"].rpartition(".")[0] or doc["name"]
    return serve(Served(doc["blob"], "audio/wav", f"{stem}.wav", doc["created_at"]))


def _tag(doc: Document) -> str:
    return f"{doc['sample_id']}-{doc['version']}"
