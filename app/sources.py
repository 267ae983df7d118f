"""From what a request sent (files, or ids of earlier ones) to stored sources that a job can name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.deps import Deps
from app.uploads import Upload, distinct
from db import assets, corrections, grooves, samples
from services import clock
from services.beats.types import SAMPLES_MAX
from services.errors import FieldError, Invalid, NotAudio, NotFound, TooLarge
from services.grooves.types import Groove
from services.notation import containers

MEDIA_TYPES = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "webm": "audio/webm",
    **containers.MEDIA_TYPES,  # these hold notes instead of sound
}
FORMATS = "wav, flac, mp3, ogg, opus, m4a, aac, aiff or webm"
NOT_AUDIO = f"is not an audio file that can be read: send {FORMATS}"
UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class Stored:
    """The sources of a request as a job's parameters hold them, and which assets exist only because of it."""

    sources: tuple[dict[str, Any], ...]
    fresh: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The hash of each source, in order."""
        return tuple(s["sha256"] for s in self.sources)


def refuse_unreadable(uploads: list[Upload], field: str) -> None:
    """Raise NotAudio naming every file whose first bytes are of no supported format, before anything is stored."""
    wrong = [
        FieldError(
            f"{field}[{i}]" if u.repeats else field, f"{u.name} is empty" if u.size == 0 else f"{u.name} {NOT_AUDIO}"
        )
        for i, u in enumerate(uploads)
        if u.container is None
    ]
    if wrong:
        raise NotAudio(wrong[0].message, errors=tuple(wrong))


def refuse_too_many(count: int, field: str) -> None:
    """Raise TooLarge past 64 sounds, Invalid without any."""
    if count > SAMPLES_MAX:
        raise TooLarge(
            f"{count} sounds were sent; {SAMPLES_MAX} is the most for one request.",
            errors=(FieldError(field, "too many"),),
        )
    if count == 0:
        message = "send at least one audio file, or the id of an earlier one"
        raise Invalid(f"{field}: {message}", errors=(FieldError(field, message),))


def gather(deps: Deps, owner: str, uploads: list[Upload], ids: list[str], ids_field: str = "sample_ids") -> Stored:
    """The sources of a request: its files, then what it names by id, no two with one name. `field` is what the request
    calls each. Raises NotFound, or DiskFull with nothing left behind."""
    old = earlier(deps, owner, ids, ids_field)
    new = store_uploads(deps, owner, uploads)
    sources = [*new.sources, *old.sources]
    names = distinct([s["name"] for s in sources])
    return Stored(tuple({**s, "name": n} for s, n in zip(sources, names, strict=True)), new.fresh)


def store_uploads(deps: Deps, owner: str, uploads: list[Upload]) -> Stored:
    """Adopt the files as blobs and assets. Raises DiskFull with nothing left behind."""
    names = distinct([u.name for u in uploads])
    deps.blobs.put_many([upload.content for upload in uploads if upload.content is not None])
    deps.blobs.adopt_many([(upload.path, upload.sha256) for upload in uploads if upload.path is not None])
    docs = [_asset_doc(deps, upload, name) for upload, name in zip(uploads, names, strict=True)]
    ids, fresh = assets.insert_assets(deps.store, owner, docs)
    sources = tuple(
        {
            "asset_id": own,
            "sha256": upload.sha256,
            "name": name,
            "container": upload.container,
            "field": f"{upload.field}[{i}]" if upload.repeats else upload.field,
        }
        for i, (own, upload, name) in enumerate(zip(ids, uploads, names, strict=True))
    )
    return Stored(sources, tuple(fresh))


def _asset_doc(deps: Deps, upload: Upload, name: str) -> dict[str, Any]:
    return {
        "kind": UPLOAD,
        "name": name,
        "sha256": upload.sha256,
        "bytes": upload.size,
        "container": upload.container,
        "media_type": MEDIA_TYPES.get(upload.container or "", "application/octet-stream"),
        "retention": UPLOAD,
        "expires_at": clock.now() + timedelta(days=deps.settings.upload_days),
    }


def earlier(deps: Deps, owner: str, ids: list[str], field: str) -> Stored:
    """Assets or samples named by id. Raises NotFound naming the ids that are not this owner's."""
    found, missing = [], []
    for i, one in enumerate(ids):
        where = f"{field}[{i}]" if field.endswith("s") else field
        source = _earlier_one(deps, owner, one)
        if source is None:
            missing.append(FieldError(where, "there is no such asset or sample"))
        else:
            found.append({**source, "field": where})
    if missing:
        raise NotFound("One of the ids names nothing of yours.", errors=tuple(missing))
    return Stored(tuple(found))


def named_groove(deps: Deps, owner: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """The content of the groove that a request names, as a job's parameters hold it (so that equal work is equal only
    with an equal groove); nothing without one. Raises NotFound naming the field."""
    if wanted.get("groove") is None:
        return {}
    try:
        doc = grooves.groove(deps.store, owner, wanted["groove"])
    except NotFound as err:
        raise NotFound(err.message, errors=(FieldError("groove", "there is no such groove"),)) from None
    return {"template": Groove.from_doc(doc).to_doc()}


def corrected_so_far(deps: Deps, owner: str) -> dict[str, Any]:
    """How often an owner has corrected a sound, as the parameters of a job that hears roles hold it: equal work is
    equal only while the user says the same."""
    return {"corrections": corrections.count(deps.store, owner)}


def _earlier_one(deps: Deps, owner: str, one: str) -> dict[str, Any] | None:
    try:
        asset = assets.asset(deps.store, owner, one)
    except NotFound:
        pass
    else:
        return {
            "asset_id": asset["id"],
            "sha256": asset["sha256"],
            "name": asset["name"],
            "container": asset["container"],
        }
    try:
        sample = samples.sample(deps.store, owner, one)
    except NotFound:
        return None
    return {
        "sample_id": one,
        "sha256": sample["blob"],
        "name": sample["name"],
        "container": "wav",
        "asset_id": sample["asset_id"],
    }


def one_recording(uploads: list[Upload], ids: list[str]) -> None:
    """Raise what is wrong unless the request holds at most one recording, and one that could be read."""
    refuse_too_many(len(uploads) + len(ids), "audio")
    if len(uploads) + len(ids) > 1:
        raise Invalid("Send one recording at a time.", errors=(FieldError("audio", "send one recording"),))
    refuse_unreadable(uploads, "audio")
