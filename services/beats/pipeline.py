"""The ladder joined: judged samples to pools, a composition and a beat; and the same from a later rung again.

Nothing here touches samples of audio: Stage 1 and 2 (`sounds`) have been before, rendering comes after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.beats.beat_gen import compose, recompose
from services.beats.compose_types import ComposeRequest, Composition, Sound, sound_of
from services.beats.request import BeatRequest
from services.beats.role_assign import Candidate, Judgement, PoolPlan, assign_pools
from services.beats.types import ROLES, SAMPLES_MAX, Beat, Role, Sample
from services.beats.view import events_json, grid_json
from services.errors import FieldError, Invalid
from services.models.registry import ROLES as ROLE_MODEL
from services.version import code_version

ALL_POOLS_FROM = 3  # with so many sounds CORE, ACCENT and MOTION each have their own
TARGET_LUFS = -14.0  # what streaming services play at
NO_SOUNDS = "No sound was found in the recording: it is silent, or nothing in it begins suddenly enough to be a hit."


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a beat was made from, for its meta: source hashes, and warnings of earlier stages."""

    sha256: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A regenerate: from which stage, which fields change (`roles`, `bars`, `keep` bound it), and earlier warnings."""

    from_stage: str
    fields: dict[str, Any]
    warnings: tuple[str, ...] = ()


def make_beat(request: BeatRequest, heard: Sequence[Sample], inputs: Inputs) -> Beat:
    """Pools, composition and mix for judged samples. Raises Invalid for no sounds, and for locks that name none."""
    samples = pooled(distinct(heard), request.roles)
    made = compose(compose_request(request, samples))
    return _beat(request, samples, made, inputs)


def distinct(heard: Sequence[Sample]) -> list[Sample]:
    """At most 64 samples, each sound once, in order. Raises Invalid when there is none."""
    if not heard:
        raise Invalid(NO_SOUNDS, code="no_sounds", errors=(FieldError("samples", NO_SOUNDS),))
    return list({s.sample_id: s for s in heard}.values())[:SAMPLES_MAX]


def locked(heard: Sequence[Sample], locks: dict[str, Role]) -> list[Sample]:
    """The samples with the caller's locks put on them, by name with or without its ending. Raises Invalid(roles)."""
    names = {n for s in heard for n in (s.name, s.name.rpartition(".")[0])}
    unknown = [
        FieldError(f"roles.{name}", "names none of the sounds of this request") for name in locks if name not in names
    ]
    if unknown:
        raise Invalid(f"{unknown[0].field} {unknown[0].message}", errors=tuple(unknown))
    out = []
    for sample in heard:
        lock = locks.get(sample.name) or locks.get(sample.name.rpartition(".")[0])
        out.append(replace(sample, role=lock, locked=True) if lock else sample)
    return out


def pooled(heard: Sequence[Sample], locks: dict[str, Role]) -> list[Sample]:
    """The samples with the pool each plays in, and why."""
    samples = locked(heard, locks)
    plan = _plan(samples)
    return [replace(s, pool_role=plan.pool_role[s.sample_id], reason=plan.reason[s.sample_id]) for s in samples]


def _plan(samples: Sequence[Sample]) -> PoolPlan:
    return assign_pools(
        [
            Candidate(
                s.sample_id,
                s.name,
                Judgement(s.role, s.roles, s.instrument, s.instruments, s.confidence, s.features),
                s.role if s.locked else None,
            )
            for s in samples
        ]
    )


def pools(samples: Sequence[Sample]) -> dict[Role, tuple[str, ...]]:
    """Sample ids by the pool they play in. One or two sounds stand in several pools: a beat needs a pulse."""
    if len(samples) < ALL_POOLS_FROM:
        return _plan(samples).pools
    return {role: tuple(s.sample_id for s in samples if s.pool_role == role) for role in ROLES}


def compose_request(request: BeatRequest, samples: Sequence[Sample]) -> ComposeRequest:
    """What Stage 3 needs of a request and a kit."""
    by_id = {s.sample_id: s for s in samples}
    sounds = tuple(sound_of(replace(by_id[i], pool_role=role)) for role, ids in pools(samples).items() for i in ids)
    return ComposeRequest(
        bpm=request.bpm,
        bars=request.bars,
        style=request.style,
        meter=request.meter,
        swing=request.swing,
        swing_unit=request.swing_unit,
        humanize=request.humanize,
        density=request.density,
        seed=request.seed,
        sounds=sounds,
    )


def _beat(request: BeatRequest, samples: Sequence[Sample], made: Composition, inputs: Inputs) -> Beat:
    kit = {s.sample_id: replace(s, benched=made.benched.get(s.sample_id)) for s in samples}
    meta = {
        "style": made.style,
        "why": made.why,
        "seed": request.seed,
        "parameters": {k: v for k, v in request.to_params().items() if k != "title"},
        "engines": engines(),
        "code_version": code_version(),
        "inputs": list(inputs.sha256),
        "pools": {role: list(ids) for role, ids in pools(samples).items()},
        "warnings": [*inputs.warnings, *_plan(samples).warnings, *made.warnings],
    }
    mix = {"roles": {role: {"gain_db": 0.0, "pan": 0.0, "muted": False} for role in ROLES}, "target_lufs": TARGET_LUFS}
    return Beat(made.grid, made.events, kit, made.sections, mix, meta)


def engines() -> dict[str, Any]:
    """What made a beat, with the hash of every weight file."""
    return {
        "separator": "none",
        "roles": {"name": "soundroutine-roles", "sha256": ROLE_MODEL.sha256},
        "composer": "soundroutine-grammar",
    }


def regenerate(before: Beat, heard: Sequence[Sample], change: Change) -> Beat:
    """Another take: `preprocess` and `roles` pool the sounds anew, `beat` composes anew, `render` renews the files.

    With `roles`, `bars` or `keep` in the fields, only those roles and bars change and the kept events stay.
    Raises Invalid for unknown kept events or bars outside the beat.
    """
    fields = dict(change.fields)
    bound = {name: fields.pop(name, None) for name in ("roles", "bars", "keep")}
    if "bars_total" in fields:
        fields["bars"] = fields.pop("bars_total")
    request = BeatRequest.from_params({**before.meta["parameters"], **_played(before)}).changed(fields)
    inputs = Inputs(tuple(before.meta.get("inputs", ())), change.warnings)
    if change.from_stage == "render":
        return replace(before, meta={**before.meta, "code_version": code_version()})
    samples = list(before.kit.values())
    if change.from_stage in ("preprocess", "roles"):
        samples = pooled(distinct(heard), request.roles)
    ask = compose_request(request, samples)
    if any(value is not None for value in bound.values()):
        roles = frozenset(bound["roles"]) if bound["roles"] else None
        bars = (bound["bars"][0], bound["bars"][1]) if bound["bars"] else None
        made = recompose(before, ask, roles, bars, frozenset(bound["keep"] or ()))
    else:
        made = compose(ask)
    after = _beat(request, samples, made, inputs)
    return replace(after, mix=before.mix)


def _played(before: Beat) -> dict[str, Any]:
    """The parameters as edits have left them: a tempo or swing set by hand is not undone by another take."""
    return {
        "bpm": before.grid.bpm,
        "bars": before.grid.bars,
        "meter": before.grid.meter,
        "swing": before.grid.swing,
        "swing_unit": before.grid.swing_unit,
        "style": before.meta["style"],
    }


def skeleton(request: BeatRequest, pools: dict[str, list[str]] | None) -> dict[str, Any]:
    """Stage 3 alone as the fields of a beat: events for the given pools, or for imagined sounds."""
    sounds = tuple(Sound(sample_id, role) for role in ROLES for sample_id in (pools or {}).get(role, ()))
    made = compose(replace(compose_request(request, ()), sounds=sounds))
    counts = {role: sum(e.role == role for e in made.events) for role in ROLES}
    meta = {
        "style": made.style,
        "why": made.why,
        "seed": request.seed,
        "parameters": request.to_params(),
        "engines": {"composer": engines()["composer"]},
        "code_version": code_version(),
        "pools": {role: list((pools or {}).get(role, ())) for role in ROLES},
        "role_counts": counts,
        "samples": [],
        "warnings": list(made.warnings),
        "benched": dict(made.benched),
    }
    sections = [{"name": s.name, "first_bar": s.first_bar, "bars": s.bars} for s in made.sections]
    return {
        "grid_json": grid_json(made.grid),
        "events_json": events_json(Beat(made.grid, made.events, {})),
        "meta": meta,
        "sections": sections,
    }
