"""A file of a beat, made once and stored."""

from __future__ import annotations

from typing import Any

from app.tasks import JobContext
from db import beats, files
from services.audio.wavfile import read_wav
from services.beats.document import beat_from_doc
from services.beats.dress_audio import Wardrobe
from services.beats.export import ExportOptions
from services.beats.export import export as make_file
from services.beats.grid import duration_s
from services.jobs.types import Outcome

WARDROBE = Wardrobe()  # of this worker: the second file of a beat, and its next state, find their sounds dressed


def export(ctx: JobContext) -> Outcome:
    """Render the asked file of a state and remember where it lies."""
    params, owner = ctx.job["params"], ctx.job["owner"]
    beat = beat_from_doc(beats.tree(ctx.deps.store, owner, params["tree"]))
    ctx.measure(duration_s(beat.grid))
    ctx.report("load", 0.1)
    clips = {sample_id: read_wav(ctx.blobs.read(s.blob)) for sample_id, s in beat.kit.items()}
    ctx.report("render", 0.3)
    made = make_file(beat, clips, params["name"], options(params), WARDROBE)
    ctx.report("store", 0.9)
    sha = ctx.blobs.put(made.content)
    files.save_rendered(
        ctx.deps.store,
        owner,
        params["key"],
        {
            "sha256": sha,
            "bytes": len(made.content),
            "media_type": made.media_type,
            "filename": made.filename,
            "beat_id": params["beat_id"],
        },
    )
    return Outcome({"sha256": sha, "filename": made.filename}, (sha,))


def options(params: dict[str, Any]) -> ExportOptions:
    """The query of a file's address as options."""
    asked = params["options"]
    return ExportOptions(
        params["title"], asked.get("bits", "24"), bool(asked.get("loop")), asked.get("map", "gm"),
        asked.get("paper", "a4"), asked.get("repeats", "none"), asked.get("page", 1),
    )  # fmt: skip
