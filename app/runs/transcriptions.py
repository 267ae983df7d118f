"""The jobs that write down the drums of a recording, do so anew when its user knows better, and make its files."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app.runs.hearing import decoded
from app.runs.listening import DECODED, listened, opened
from app.tasks import JobContext
from db import assets, files, transcriptions
from db.store import Document
from services.analysis.document import hints_of
from services.analysis.parts import RHYTHM
from services.audio.decode import Limits
from services.errors import NotFound, SourceExpired
from services.jobs.types import Outcome
from services.transcription.document import (
    corrections_of,
    strokes_from_doc,
    strokes_to_doc,
    transcription_to_doc,
)
from services.transcription.files import transcription_file
from services.transcription.pipeline import Asked, drum_part, engines, parts, separator_of, strokes_of, transcribe
from services.transcription.quantise import Wanted
from services.transcription.stem import stem_bytes, write_stem
from services.version import code_version

HEARD = 0.9  # of the progress; beats and notes take the rest

# What a user says of a transcription: part of its state, and a parameter of the jobs that make it.
SAID = ("title", "separate", "grid", "swing", "swing_unit", "hints", "corrections")
# What the progress calls the listening of each part.
STAGES = {"drums": "detect", "percussion": "separate", "rhythm": "beats"}
SCORES = ("score.pdf", "score.svg", "score.musicxml")


@dataclass(frozen=True, slots=True)
class _Basis:
    """What notes are derived from: the strokes as heard, the rhythm's activations, and where what was heard lies."""

    strokes: Sequence[dict[str, Any]]
    rhythm: Any
    parts: dict[str, str]
    separator: str


def transcription(ctx: JobContext) -> Outcome:
    """Hear the job's source and write its drums down, saved under the job's id.

    A further attempt finds the transcription that an earlier one saved, unless it was changed since: then what it
    found itself is the job's result all the same.
    """
    source, separator = ctx.params["sources"][0], separator_of(ctx.params["separate"])
    heard = listened(ctx, source, parts(separator), HEARD, STAGES)
    strokes = strokes_to_doc(strokes_of(heard.found[drum_part(separator).name]))
    basis = _Basis(strokes, heard.found[RHYTHM.name], dict(heard.blobs), separator)
    state = _state(ctx, basis, {**ctx.params, "corrections": {}})
    facts = {**transcriptions.of_source(source), **state}
    transcriptions.save_transcription(ctx.deps.store, ctx.job["owner"], ctx.job["id"], facts)
    return _outcome(ctx.job["id"], state)


def retranscription(ctx: JobContext) -> Outcome:
    """Write the notes anew from the strokes as heard, with what the user says now; nothing is listened to again."""
    store, owner, params = ctx.deps.store, ctx.job["owner"], ctx.params
    doc = transcriptions.transcription(store, owner, params["transcription_id"])
    if doc["job_id"] == ctx.job["id"]:  # an earlier attempt came so far
        return _outcome(doc["id"], transcriptions.state_of(doc))
    transcriptions.refuse_stale(doc, params["head"])
    state = _state(ctx, _basis_of(ctx, doc), {**params, "separate": doc["separate"]})
    changed = transcriptions.change_state(store, owner, doc["id"], params["head"], state)
    return _outcome(doc["id"], transcriptions.state_of(changed))


def _basis_of(ctx: JobContext, doc: Document) -> _Basis:
    """What a transcription stands on. The strokes stay as they were heard, so that corrections keep their meaning;
    the rhythm is heard anew where other code heard it. Raises SourceExpired when that cannot be."""
    strokes = json.loads(ctx.blobs.read(doc["strokes"]))
    kept = {**doc["parts"]}
    if doc["code_version"] == code_version():
        try:
            return _Basis(strokes, opened(ctx, kept, (RHYTHM,)).found[RHYTHM.name], kept, doc["separator"])
        except NotFound:
            pass  # bytes were lost: the recording may still be there
    source = doc["source"]
    _require(ctx, source)
    heard = listened(ctx, source, (RHYTHM,), HEARD, STAGES)
    return _Basis(strokes, heard.found[RHYTHM.name], {**kept, **heard.blobs}, doc["separator"])


def _require(ctx: JobContext, source: dict[str, Any]) -> None:
    """Raise SourceExpired when the recording is gone."""
    if "sample_id" not in source:
        try:
            assets.asset(ctx.deps.store, ctx.job["owner"], source["asset_id"])
        except NotFound:
            raise SourceExpired(f"{source['name']} has expired: upload it again and transcribe it anew.") from None


def _state(ctx: JobContext, basis: _Basis, said: dict[str, Any]) -> dict[str, Any]:
    """The state of a transcription that this job makes."""
    ctx.measure(basis.rhythm.duration_s)
    ctx.report("quantise", HEARD)
    wanted = Wanted(said["grid"], said["swing"], said["swing_unit"])
    asked = Asked(wanted, hints_of(said["hints"]), corrections_of(said["corrections"]))
    made = transcription_to_doc(transcribe(strokes_from_doc(basis.strokes), basis.rhythm, asked))
    body, strokes = ctx.blobs.put_many(
        [_bytes({**made, "engines": engines(basis.separator)}), _bytes(list(basis.strokes))]
    )
    facts = {"duration_s": made["duration_s"], "bpm": made["bpm"], "meter": made["meter"], "hits": len(made["events"])}
    return {
        "job_id": ctx.job["id"],
        "updated_at": ctx.job["created_at"],
        "code_version": code_version(),
        **{name: said[name] for name in SAID},
        "separator": basis.separator,
        "facts": facts,
        "body": body,
        "strokes": strokes,
        "parts": basis.parts,
        "blobs": sorted({body, strokes, *basis.parts.values()}),
    }


def _bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _outcome(transcription_id: str, state: dict[str, Any]) -> Outcome:
    return Outcome({"transcription_id": transcription_id, "state": state}, tuple(state["blobs"]))


def file(ctx: JobContext) -> Outcome:
    """Make a file of a state and remember where it lies."""
    params = ctx.params
    body = json.loads(ctx.blobs.read(params["body"]))
    ctx.measure(body["duration_s"])
    ctx.report("engrave" if params["name"] in SCORES else "write", 0.5)
    made = transcription_file(body, params["name"], params["title"], params["options"])
    sha = ctx.blobs.put(made.content)
    files.save_rendered(
        ctx.deps.store,
        ctx.job["owner"],
        params["key"],
        {
            "sha256": sha,
            "bytes": len(made.content),
            "media_type": made.media_type,
            "filename": made.filename,
            "transcription_id": params["transcription_id"],
        },
    )
    return Outcome({"sha256": sha, "filename": made.filename}, (sha,))


def stem(ctx: JobContext) -> Outcome:
    """Separate the drums of a recording into a WAV file and remember where it lies."""
    params, blobs = ctx.params, ctx.blobs
    ctx.measure(params["duration_s"])
    _require(ctx, params["source"])
    with decoded(ctx, [params["source"]], Limits(max_s=ctx.deps.settings.max_audio_s), silence=True) as (one,):
        blobs.require_room(stem_bytes(one.pcm))
        handle, path = tempfile.mkstemp(prefix="stem-", dir=blobs.staging())
        os.close(handle)
        try:
            sha = write_stem(one.pcm, path, lambda done: ctx.report("separate", DECODED + (1 - DECODED) * done))
            size = os.path.getsize(path)
            blobs.adopt(path, sha)
        finally:
            with suppress(FileNotFoundError):  # the store took it over
                os.unlink(path)
    made = {"sha256": sha, "bytes": size, "media_type": "audio/wav", "filename": params["filename"]}
    facts = {**made, "transcription_id": params["transcription_id"]}
    files.save_rendered(ctx.deps.store, ctx.job["owner"], params["key"], facts)
    return Outcome({"sha256": sha, "filename": params["filename"]}, (sha,))
