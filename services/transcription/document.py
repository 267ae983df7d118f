"""A transcription as JSON, as the API shows it and the store keeps it; and activations as bytes for a cache."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from services.beats.grid import bar_starts_s
from services.beats.types import Beat
from services.beats.view import events_json, grid_json
from services.transcription.quantise import Score
from services.transcription.strokes import Correction, Stroke
from services.transcription.types import DRUMS, FAMILIES, Activations, Alternative, Hit

if TYPE_CHECKING:
    from services.transcription.pipeline import Transcription

MAGIC = "drums-2"
TIME_DIGITS, SHARE_DIGITS, BPM_DIGITS = 6, 4, 3
_PARTS = (len(FAMILIES), len(DRUMS), len(DRUMS), 1, len(FAMILIES))  # rows: families … low tone, rises


def pack(heard: Activations) -> bytes:
    """Activations as a line of JSON and their rows as little-endian half floats: 58 bytes a frame, 21 MB an hour."""
    head = {"kind": MAGIC, "frames": heard.frames, "frame_s": heard.frame_s, "peak": heard.peak}
    rows = np.concatenate([heard.families, heard.drums, heard.velocities, heard.low_hz[None, :], heard.rises])
    return json.dumps(head).encode() + b"\n" + rows.astype("<f2").tobytes()


def unpack(data: bytes) -> Activations:
    """What `pack` wrote, rounded to half floats (1/2048 of a value). Raises ValueError for anything else."""
    line, _, rest = data.partition(b"\n")
    head = json.loads(line)
    if not isinstance(head, dict) or head.get("kind") != MAGIC:
        raise ValueError(f"these are no activations of kind {MAGIC}")
    rows = np.frombuffer(rest, "<f2").astype(np.float32).reshape(sum(_PARTS), int(head["frames"]))
    families, drums, velocities, low, risen = np.split(rows, np.cumsum(_PARTS)[:-1])
    return Activations(float(head["frame_s"]), families, drums, velocities, low[0], risen, float(head["peak"]))


def strokes_to_doc(strokes: Sequence[Stroke]) -> list[dict[str, Any]]:
    """`[{id, time_s, instrument, variant, velocity, confidence, alternatives: [{instrument, probability}],
    corrected}]`: seconds as played, shares 0..1."""
    return [
        {
            "id": s.id,
            "time_s": round(s.hit.time_s, TIME_DIGITS),
            "instrument": s.hit.instrument,
            "variant": s.hit.variant,
            "velocity": round(s.hit.velocity, SHARE_DIGITS),
            "confidence": round(s.hit.confidence, SHARE_DIGITS),
            "alternatives": [
                {"instrument": a.instrument, "probability": round(a.probability, SHARE_DIGITS)}
                for a in s.hit.alternatives
            ],
            "corrected": s.corrected,
        }
        for s in strokes
    ]


def strokes_from_doc(rows: Sequence[Mapping[str, Any]]) -> tuple[Stroke, ...]:
    """The inverse of `strokes_to_doc`. Raises KeyError for rows that it did not write."""
    return tuple(
        Stroke(
            r["id"],
            Hit(
                r["time_s"],
                r["instrument"],
                r["variant"],
                r["velocity"],
                r["confidence"],
                tuple(Alternative(a["instrument"], a["probability"]) for a in r["alternatives"]),
            ),
            r["corrected"],
        )
        for r in rows
    )


def corrections_of(said: Mapping[str, Mapping[str, Any]]) -> dict[str, Correction]:
    """Corrections by id out of `{id: {instrument, deleted}}`."""
    return {key: Correction(one.get("instrument"), bool(one.get("deleted"))) for key, one in said.items()}


def transcription_to_doc(made: Transcription) -> dict[str, Any]:
    """A JSON object of plain finite numbers: seconds, quarter notes per minute, shares 0..1.

    `beat` is null where there are no drums. `beat.start_s`: the second of the recording at which the grid's bar 0
    begins; `tempo_map` and `uncertain_bars` count that grid's bars. `bpm` and `meter` are null where nothing beats.
    """
    score, found = made.score, made.rhythm
    constant = score is not None and len(score.grid.tempo_map) == 1
    bpm = score.grid.bpm if constant and score is not None and found.bpm is not None else found.bpm
    return {
        "duration_s": round(made.duration_s, TIME_DIGITS),
        "events": strokes_to_doc(made.strokes),
        "beat": None if score is None else _beat(score),
        "bpm": None if bpm is None else round(bpm, BPM_DIGITS),
        "bpm_confidence": round(found.bpm_confidence, SHARE_DIGITS),
        "tempo_map": [] if score is None or found.bpm is None else _tempo_map(score),
        "meter": found.meter,
        "uncertain_bars": [{"bar": u.bar, "confidence": u.confidence, "reason": u.reason} for u in made.uncertain],
        "warnings": list(made.warnings),
    }


def _beat(score: Score) -> dict[str, Any]:
    beat = Beat(score.grid, score.events, {})
    return {
        "start_s": round(score.start_s, TIME_DIGITS),
        "grid_json": grid_json(score.grid),
        "events_json": events_json(beat),
    }


def _tempo_map(score: Score) -> list[dict[str, Any]]:
    starts = bar_starts_s(score.grid)
    return [
        {"time_s": round(score.start_s + starts[bar], TIME_DIGITS), "bar": bar, "bpm": round(bpm, BPM_DIGITS)}
        for bar, bpm in score.grid.tempo_map
    ]
