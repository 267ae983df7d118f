"""A beat as the contract shows it: `grid_json`, `events_json`, `meta`, and the body of `GET /v1/beat/{id}`.

Pure formatting: seconds rounded to 1e-6, nothing computed here that the beat does not say.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.beats.grid import bar_starts_s, duration_s, placed, step_s_at
from services.beats.types import ROLES, Beat, CorrectedBy, Event, Grid, Sample, Section, Trim

DECIMALS = 6  # of seconds: the contract's canonical rounding


def grid_json(grid: Grid) -> dict[str, Any]:
    """`{bpm, tempo_map [[bar, bpm]], meter, steps_per_bar, bars, swing, swing_unit, step_s, bar_starts_s [],
    duration_s, pickup_steps}`. `step_s` is a straight step of the first bar; `bar_starts_s` has one entry per bar.
    """
    return {
        "bpm": grid.bpm,
        "tempo_map": [[bar, bpm] for bar, bpm in grid.tempo_map],
        "meter": grid.meter,
        "steps_per_bar": grid.steps_per_bar,
        "bars": grid.bars,
        "swing": grid.swing,
        "swing_unit": grid.swing_unit,
        "step_s": round(step_s_at(grid), DECIMALS),
        "bar_starts_s": [round(s, DECIMALS) for s in bar_starts_s(grid)[:-1]],
        "duration_s": round(duration_s(grid), DECIMALS),
        "pickup_steps": grid.pickup_steps,
    }


def events_json(beat: Beat) -> list[dict[str, Any]]:
    """Every event with its `time_s` (seconds, never below 0), sorted by it, then role, then id; muted ones too."""
    return [_event_json(p.event, p.time_s) for p in placed(beat.grid, beat.events)]


def _event_json(event: Event, time_s: float) -> dict[str, Any]:
    return {
        "id": event.id,
        "bar": event.bar,
        "step": event.step,
        "tick": event.tick,
        "offset_ms": event.offset_ms,
        "time_s": time_s,
        "duration_steps": event.duration_steps,
        "role": event.role,
        "instrument": event.instrument,
        "sample_id": event.sample_id,
        "pitch": event.pitch,
        "velocity": event.velocity,
        "articulation": event.articulation,
        "variant": event.variant,
        "probability": event.probability,
        "muted": event.muted,
        "source": event.source,
        "confidence": event.confidence,
    }


def sample_json(sample: Sample) -> dict[str, Any]:
    """One sound as in `meta.samples`: what it was judged to be, the role it plays (`pool_role`) and how it is played.

    `trim` and `alternatives` (other hits of a one-shot) are seconds of the stored cut, `gain_db` and `pan` (-1 left to
    1 right) are the sound's own, `loudness_db` is relative to the loudest sound of its source, `quality` 0..1.
    """
    return {
        "sample_id": sample.sample_id,
        "name": sample.name,
        "asset_id": sample.asset_id,
        "role": sample.role,
        "roles": dict(sample.roles),
        "pool_role": sample.pool_role,
        "reason": sample.reason,
        "instrument": sample.instrument,
        "instruments": dict(sample.instruments),
        "confidence": sample.confidence,
        "features": dict(sample.features),
        "processing": [dict(step) for step in sample.processing],
        "benched": sample.benched,
        "source": {
            "asset_id": sample.source.asset_id,
            "start_s": sample.source.start_s,
            "end_s": sample.source.end_s,
        },
        "onset_s": sample.onset_s,
        "attack_s": sample.attack_s,
        "locked": sample.locked,
        "trim": _trim_json(sample.trim),
        "gain_db": sample.gain_db,
        "pan": sample.pan,
        "alternatives": [_trim_json(one) for one in sample.alternatives],
        "quality": sample.quality,
        "loudness_db": sample.loudness_db,
        "tags": list(sample.tags),
        "corrected_by": corrected_by_json(sample.corrected_by),
    }


def corrected_by_json(corrections: Iterable[CorrectedBy]) -> list[dict[str, Any]]:
    """`[{sample_id, name, similarity}]`, the most alike (1) first: the corrections that had a vote."""
    return [{"sample_id": c.sample_id, "name": c.name, "similarity": c.similarity} for c in corrections]


def _trim_json(trim: Trim) -> dict[str, float]:
    return {"start_s": trim.start_s, "end_s": trim.end_s}


def pools_json(beat: Beat) -> dict[str, list[str]]:
    """`{CORE … TEXTURE: [sample_id]}` by the role each sound plays in this beat, in the order of the kit."""
    return {role: [s.sample_id for s in beat.kit.values() if s.pool_role == role] for role in ROLES}


def meta_json(beat: Beat) -> dict[str, Any]:
    """`{style, why, seed, parameters, code_version, inputs, engines, pools, role_counts, samples, timings_ms, warnings,
    reused_from}`.

    `role_counts` counts the sounds of each pool. What the beat's own meta does not say is null or empty.
    """
    pools = pools_json(beat)
    meta = beat.meta
    return {
        "style": meta.get("style"),
        "why": meta.get("why", ""),
        "seed": meta.get("seed", 0),
        "parameters": dict(meta.get("parameters", {})),
        "code_version": meta.get("code_version"),
        "inputs": list(meta.get("inputs", [])),
        "engines": dict(meta.get("engines", {})),
        "pools": pools,
        "role_counts": {role: len(ids) for role, ids in pools.items()},
        "samples": [sample_json(s) for s in beat.kit.values()],
        "timings_ms": dict(meta.get("timings_ms", {})),
        "warnings": list(meta.get("warnings", [])),
        "reused_from": meta.get("reused_from"),
    }


def sections_json(sections: Iterable[Section]) -> list[dict[str, Any]]:
    """`[{name, first_bar, bars, low_pass_hz}]` in the order of the beat."""
    return [{"name": s.name, "first_bar": s.first_bar, "bars": s.bars, "low_pass_hz": s.low_pass_hz} for s in sections]


def beat_json(beat: Beat) -> dict[str, Any]:
    """`{grid_json, events_json, meta, sections, mix}`: the body of a beat without job id, links and media."""
    return {
        "grid_json": grid_json(beat.grid),
        "events_json": events_json(beat),
        "meta": meta_json(beat),
        "sections": sections_json(beat.sections),
        "mix": beat.mix,
    }
