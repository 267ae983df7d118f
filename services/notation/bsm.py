"""A beat as a `.bsm` map: one JSON document of hits with stable ids, confidence, velocity and both their times.

Version 2.0.0, described in deploy/bsm.md and deploy/bsm.schema.json. Earlier drafts of the format disagreed about case,
component names and lanes; here keys are camelCase, components are the names of COMPONENTS, and a hit has no lane: a
player lays components out as it likes. Times are milliseconds of the audio as numbers, not rounded to whole ones.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from services.beats.filenames import title_of
from services.beats.grid import bar_starts_s, duration_s, placed, position_s
from services.beats.types import TICKS_PER_STEP, Beat, Event, Grid
from services.notation.difficulty import LEVELS, level_of, levels
from services.notation.drumset import key_of
from services.version import code_version

FORMAT, VERSION = "bsm", "2.0.0"
MS = 1000.0
DIGITS = 3  # of a millisecond
CREATOR = "SoundRoutine"
SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://soundroutine.invalid/bsm/2")
# Component names of a map by row of drumset.PLACES.
COMPONENTS = {
    "kick": "kick", "bass": "bass", "snare": "snare", "rim": "cross_stick", "clap": "clap", "tom": "tom",
    "tom/low": "tom_low", "tom/mid": "tom_mid", "tom/high": "tom_high", "hat_closed": "hihat_closed",
    "hat_open": "hihat_open", "ride": "ride", "crash": "crash", "shaker": "shaker", "perc": "percussion",
    "tonal": "tonal", "vocal": "vocal", "texture": "texture",
}  # fmt: skip


def beat_bsm(beat: Beat, start_s: float = 0.0) -> bytes:
    """The map of a beat, always the same bytes for it. `start_s`: the second of the audio at which the beat begins.

    Muted events are left out; a beat without events is a map without hits.
    """
    events = [p.event for p in placed(beat.grid, beat.events) if not p.event.muted]
    thinned = levels(beat)
    hits = [_hit(e, max(0.0, start_s + _time_s(beat.grid, e)), thinned) for e in events]
    body = {
        "timing": _timing(beat, start_s),
        "drumKit": {"components": sorted({h["component"] for h in hits})},
        "sections": [{"name": s.name, "firstBar": s.first_bar, "bars": s.bars} for s in beat.sections],
        "difficulties": {level: sum(h["level"] <= i for h in hits) for i, level in enumerate(LEVELS)},
        "hitObjects": hits,
    }
    title = title_of(beat) or ""
    name = str(uuid.uuid5(SPACE, json.dumps([title, body], sort_keys=True)))
    meta = {"title": title, "artist": "", "creator": CREATOR, "beatmapId": name, "generator": code_version()}
    made = {"format": FORMAT, "version": VERSION, "metadata": meta | {"difficulty": level_of(beat)}, **body}
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def _timing(beat: Beat, start_s: float) -> dict[str, Any]:
    """The grid: `tempoMap` names each bar at which the tempo changes and its time; bpm counts quarter notes."""
    grid, starts = beat.grid, bar_starts_s(beat.grid)
    return {
        "bpm": grid.bpm,
        "timeSignature": grid.meter,
        "offset": round(start_s * MS, DIGITS),
        "duration": round(duration_s(grid) * MS, DIGITS),
        "bars": grid.bars,
        "pickupSteps": grid.pickup_steps,
        "swing": grid.swing,
        "swingUnit": grid.swing_unit,
        "tempoMap": [
            {"bar": bar, "time": round((start_s + starts[bar]) * MS, DIGITS), "bpm": bpm} for bar, bpm in grid.tempo_map
        ],
    }


def _time_s(grid: Grid, event: Event) -> float:
    """Second from the first bar line; before it where the first stroke was early, since the audio may begin earlier."""
    return position_s(grid, event.bar, event.step + event.tick / TICKS_PER_STEP) + event.offset_ms / MS


def _hit(event: Event, time_s: float, thinned: dict[str, int]) -> dict[str, Any]:
    return {
        "id": event.id,
        "time": round(time_s * MS, DIGITS),
        "component": COMPONENTS[key_of(event)],
        "velocity": event.velocity,
        "confidence": event.confidence,
        "level": thinned[event.id],
        "role": event.role,
        "articulation": event.articulation,
        "duration": event.duration_steps,
        "place": {"bar": event.bar, "step": event.step, "tick": event.tick, "offsetMs": event.offset_ms},
    }
