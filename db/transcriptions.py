"""Transcriptions: the drums heard in an owner's recordings (db/heard.py says how they are kept).

A document also names blobs for the strokes as heard and for the body as the API shows it: an hour of drums is longer
than a document may be.
"""

from __future__ import annotations

from db.heard import Heard, of_source

# What a job changes: who made it and when, what the user said, the facts for lists, and where its parts lie.
STATE = (
    "job_id", "updated_at", "code_version", "title", "separate", "separator", "grid", "swing", "swing_unit", "hints",
    "corrections", "facts", "body", "strokes", "parts", "blobs",
)  # fmt: skip
LATER = ("swing", "swing_unit")  # None: as heard
KEPT = Heard("transcriptions", "transcription", STATE, LATER)

save_transcription, transcription, transcriptions, delete_transcription = KEPT.save, KEPT.one, KEPT.page, KEPT.delete
change_state, refuse_stale, state_of = KEPT.change, KEPT.refuse_stale, KEPT.state_of

__all__ = [
    "change_state", "delete_transcription", "of_source", "refuse_stale", "save_transcription", "state_of",
    "transcription", "transcriptions",
]  # fmt: skip
