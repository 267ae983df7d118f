"""Assets: stored sounds. The same bytes again are the same asset."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

from flask import Response, request
from marshmallow import Schema

from app.answers import ok
from app.api.fields import PageQuery
from app.auth import caller, deps, guard, media_url
from app.bodies import parse, parse_query
from app.etags import with_etag
from app.openapi import Contract, Door, describe
from app.paging import listed
from app.results import asset_body
from app.serving import Served, serve
from app.sources import refuse_unreadable, store_uploads
from app.uploads import Upload
from app.work import Plan, Work, run
from db import assets as repo
from db.store import Document
from services.errors import Busy, FieldError, Invalid, NotAudio
from services.notation import containers

blp = Door("assets", __name__, url_prefix="/v1", description="Stored sounds")

FILE = {
    "description": "The file as it was uploaded",
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}


class AssetFields(Schema):
    """No fields beside the file."""


@blp.route("/assets", methods=["POST"])
@describe(
    blp,
    Contract(
        "Upload a sound",
        body=AssetFields,
        files={"audio": False},
        answers={200: "Asset", 201: "Asset", 202: "Job"},
        problems=(400, 409, 413, 415, 422, 503, 507),
        headers=("Prefer", "Idempotency-Key"),
    ),
)
@guard("assets:write")
def create() -> Response:
    """Store and check one file: 201 with the new asset, or 200 with the one you already have."""
    fields, files = parse(request, AssetFields(), ("audio",))
    uploads = files.get("audio", [])
    if len(uploads) != 1:
        raise Invalid("Send exactly one file as `audio`.", errors=(FieldError("audio", "send exactly one file"),))
    refuse_unreadable(uploads, "audio")
    known = None if "Idempotency-Key" in request.headers else _known(uploads)
    if known is not None:
        return ok(asset_body(known))
    fresh: list[str] = []

    def plan() -> Plan:
        stored = store_uploads(deps(), caller().owner, uploads)
        fresh.extend(stored.fresh)
        return Plan({"sources": list(stored.sources)}, stored.inputs, stored.fresh)

    out = run(Work("asset", fields, uploads, waits=True, reusable=False), plan)
    if out.status_code == 200 and fresh:
        out.status_code = 201
        out.headers["Location"] = f"/v1/assets/{fresh[0]}"
    return out


def _known(uploads: list[Upload]) -> Document | None:
    """The asset that this owner has of these bytes, decoded before, with its retention renewed."""
    store, owner = deps().store, caller().owner
    doc = store.get(repo.NAME, repo.asset_id(owner, uploads[0].sha256))
    if doc is None or repo.audio_facts(store, doc["id"]) is None or not deps().blobs.touch(doc["sha256"]):
        return None
    store_uploads(deps(), owner, uploads)
    return store.get(repo.NAME, doc["id"])


@blp.route("/assets", methods=["GET"])
@describe(blp, Contract("List your assets, newest first", query=PageQuery, answers={200: "Assets"}, problems=(422,)))
@guard("assets:read")
def index() -> Response:
    """A page of assets."""
    page = parse_query(request, PageQuery())
    return listed(
        "assets", lambda: repo.assets(deps().store, caller().owner, page.get("cursor"), page["limit"]), asset_body
    )


@blp.route("/assets/<asset_id>", methods=["GET"])
@describe(
    blp,
    Contract(
        "Read an asset",
        answers={200: "Asset", 304: {"description": "Not changed"}},
        problems=(404,),
        headers=("If-None-Match",),
    ),
)
@guard("assets:read", media=True)
def show(asset_id: str) -> Response:
    """What is known of a stored sound."""
    doc = repo.asset(deps().store, caller().owner, asset_id)
    return with_etag(asset_body(doc), f"{doc['sha256']}-{doc['version']}")


@blp.route("/assets/<asset_id>", methods=["DELETE"])
@describe(blp, Contract("Delete an asset", answers={204: {"description": "Gone"}}, problems=(404,)))
@guard("assets:write")
def delete(asset_id: str) -> Response:
    """Remove the asset; beats made from it keep their own cuts."""
    repo.delete_asset(deps().store, caller().owner, asset_id)
    return Response(status=204)


@blp.route("/assets/<asset_id>/content", methods=["GET"])
@describe(
    blp,
    Contract(
        "Download the file",
        answers={200: FILE, 206: {**FILE, "description": "A range of it"}},
        problems=(404, 416),
        headers=("Range", "If-None-Match"),
    ),
)
@guard("assets:read", media=True)
def content(asset_id: str) -> Response:
    """The bytes as they came."""
    doc = repo.asset(deps().store, caller().owner, asset_id)
    return serve(Served(doc["sha256"], doc["media_type"], doc["name"], doc["created_at"]))


@blp.route("/assets/<asset_id>/waveform", methods=["GET"])
@describe(blp, Contract("Peaks for drawing", answers={200: "Waveform"}, problems=(404, 415, 503)))
@guard("assets:read", media=True)
def waveform(asset_id: str) -> Response:
    """[[min, max], …] over equal parts of the sound, -1..1; a file of notes has none."""
    doc = repo.asset(deps().store, caller().owner, asset_id)
    if doc["container"] in containers.KINDS:
        raise NotAudio(f"{doc['name']} holds notes, not sound.")
    facts = repo.audio_facts(deps().store, doc["id"])
    if facts is None:
        raise Busy("This sound has not been decoded yet.", retry_after_s=2)
    return ok({"asset_id": asset_id, "duration_s": facts["duration_s"], "peaks": _peaks(facts["peaks"])})


def _peaks(packed: str) -> list[list[float]]:
    """[[min, max], …] of the stored signed bytes."""
    values = [round(v / 127, 3) for v in memoryview(base64.b64decode(packed)).cast("b")]
    return [[low, high] for low, high in zip(values[::2], values[1::2], strict=True)]


@blp.route("/assets/<asset_id>/link", methods=["POST"])
@describe(blp, Contract("Make a signed link to the file", answers={200: "Link"}, problems=(404,)))
@guard("assets:read")
def link(asset_id: str) -> Response:
    """A link that needs no header, for an hour."""
    doc = repo.asset(deps().store, caller().owner, asset_id)
    url = media_url(f"/v1/assets/{asset_id}/content", doc["sha256"])
    expires = int(url.partition("expires=")[2].partition("&")[0])
    return ok({"url": url, "expires_at": datetime.fromtimestamp(expires, UTC).isoformat().replace("+00:00", "Z")})
