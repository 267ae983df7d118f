"""Analyses: what was found in an owner's recordings, under fixed hints (db/heard.py says how they are kept)."""

from __future__ import annotations

from db.heard import Heard, of_source

# What a job changes: who made it and when, the hints, what was found, and where lies what was heard, by part.
STATE = ("job_id", "updated_at", "code_version", "engines", "hints", "found", "parts", "blobs")
KEPT = Heard("analyses", "analysis", STATE)

save_analysis, analysis, analyses, delete_analysis = KEPT.save, KEPT.one, KEPT.page, KEPT.delete
change_state, refuse_stale, state_of = KEPT.change, KEPT.refuse_stale, KEPT.state_of

__all__ = [
    "analyses", "analysis", "change_state", "delete_analysis", "of_source", "refuse_stale", "save_analysis", "state_of",
]  # fmt: skip
