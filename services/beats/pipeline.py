"""The ladder joined: judged samples to pools, a composition and a beat; and the same from a later rung again.

Nothing here touches samples of audio: Stage 1 and 2 (`sounds`) have been before, rendering comes after.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.audio.mastering import TARGET_LUFS
from services.beats.balance import balanced
from services.beats.beat_gen import compose, recompose
from services.beats.compose_types import ComposeRequest, Composition, Sound, sound_of
from services.beats.fitting import fitted
from services.beats.grid import in_order
from services.beats.kit import Kit, locked, make_kit, names_of, plan_of, pooled, pools_of, renew_kit
from services.beats.request import BeatRequest
from services.beats.takes import Change, asked, bounded, check_change, tempo_kept
from services.beats.types import ROLES, SAMPLES_MAX, Beat, Role, Sample
from services.beats.view import events_json, grid_json, sections_json
from services.errors import FieldError, Invalid
from services.grooves.types import Groove, groove_of
from services.models.registry import ROLES as ROLE_MODEL
from services.version import code_version

__all__ = ["Change", "Inputs", "compose_request", "engines", "locked", "make_beat", "regenerate", "skeleton"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a beat was made from, for its meta: source hashes, warnings of earlier stages, the groove it takes on."""

    sha256: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    groove: Groove | None = None


def make_beat(request: BeatRequest, heard: Sequence[Sample], inputs: Inputs) -> Beat:
    """Pools, composition and mix for judged samples, each sound once under the first of its names.

    Raises Invalid for no sounds, for locks that name none of them or disagree on one.
    """
    kit = make_kit(heard, request.roles)
    made = compose(compose_request(request, kit.samples, inputs.groove))
    beat = _beat(request, kit.samples, made, replace(inputs, warnings=(*inputs.warnings, *kit.warnings)))
    return replace(beat, mix=balanced(beat))


def compose_request(request: BeatRequest, samples: Sequence[Sample], groove: Groove | None) -> ComposeRequest:
    """What Stage 3 needs of a request, a kit and the groove that the request names."""
    by_id = {s.sample_id: s for s in samples}
    sounds = tuple(sound_of(replace(by_id[i], pool_role=role)) for role, ids in pools_of(samples).items() for i in ids)
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
        arrange=request.arrange,
        arrange_seed=request.arrange_seed,
        groove=groove,
        groove_amount=request.groove_amount,
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
        "pools": {role: list(ids) for role, ids in pools_of(samples).items()},
        "warnings": [*inputs.warnings, *plan_of(samples).warnings, *made.warnings],
    }
    if inputs.groove is not None:
        meta["groove"] = inputs.groove.to_doc()  # a later take needs it, whether or not it is still among the grooves
    mix = {"roles": {role: {"gain_db": 0.0, "pan": 0.0, "muted": False} for role in ROLES}, "target_lufs": TARGET_LUFS}
    return fitted(Beat(made.grid, made.events, kit, made.sections, mix, meta))


def engines() -> dict[str, Any]:
    """What made a beat, with the hash of every weight file."""
    return {
        "separator": "none",
        "roles": {"name": "soundroutine-roles", "sha256": ROLE_MODEL.sha256},
        "composer": "soundroutine-grammar",
    }


def regenerate(before: Beat, heard: Sequence[Sample], change: Change) -> Beat:
    """Another take: `preprocess` takes the sounds just `heard`, `roles` pools those of the beat anew, `beat` composes
    anew, `arrange` lays the same material out anew, `render` renews the files.

    With `roles`, `bars` or `keep` in the fields, only those roles and bars change and the kept events stay; without,
    tempo changes stay unless `bpm` is sent. Raises Invalid for unknown kept events, bars outside the beat, and fields
    that the change could only ignore.
    """
    check_change(change.from_stage, change.fields)
    if change.from_stage == "render":
        return replace(before, meta={**before.meta, "code_version": code_version()})
    request = asked(before, change)
    kit = _kit(before, heard, request, change.from_stage)
    ungrooved = "groove" in change.fields and change.fields["groove"] is None
    groove = None if ungrooved else change.groove or groove_of(before.meta.get("groove"))
    inputs = Inputs(tuple(before.meta.get("inputs", ())), (*change.warnings, *kit.warnings), groove)
    ask = compose_request(request, kit.samples, groove)
    if bounded(change.fields):
        samples, made = _part(before, kit.samples, ask, change.fields)
    else:
        samples, made = kit.samples, compose(ask)
        grid = tempo_kept(before.grid, made.grid, change.fields)
        made = replace(made, grid=grid, events=in_order(grid, made.events))
    after = replace(_beat(request, samples, made, inputs), mix=before.mix)
    return replace(after, mix=balanced(after, _new_lines(change.fields)))


def _new_lines(fields: Mapping[str, Any]) -> Sequence[Role]:
    """The roles whose lines are wholly new: where a part stays, so does its level."""
    if fields.get("bars") or fields.get("keep"):
        return ()
    return fields.get("roles") or ROLES


def _kit(before: Beat, heard: Sequence[Sample], request: BeatRequest, from_stage: str) -> Kit:
    """The sounds of another take. The beat's own kit has its locks; only a new hearing needs those of the request."""
    if from_stage == "preprocess":
        return renew_kit(before.kit.values(), heard, request.roles)
    own = Kit(tuple(before.kit.values()))
    return pooled(own) if from_stage == "roles" else own


def _part(
    before: Beat, samples: Sequence[Sample], ask: ComposeRequest, fields: Mapping[str, Any]
) -> tuple[tuple[Sample, ...], Composition]:
    """Some roles, some bars made anew, and the sounds that play then: a kept event keeps its own."""
    known = {s.sample_id for s in samples}
    beat = replace(before, kit={**before.kit, **{s.sample_id: s for s in samples}})
    roles = frozenset(fields["roles"]) if fields.get("roles") else None
    bars = (fields["bars"][0], fields["bars"][1]) if fields.get("bars") else None
    made = recompose(beat, ask, roles, bars, frozenset(fields.get("keep") or ()))
    playing = {e.sample_id for e in made.events}
    old = [s for s in before.kit.values() if s.sample_id in playing - known]
    return (*samples, *old), made


def skeleton(
    request: BeatRequest, pools: Mapping[str, Sequence[str]] | None, groove: Groove | None = None
) -> dict[str, Any]:
    """Stage 3 alone as the fields of a beat: events for the given pools, or for imagined sounds.

    The request's `roles` move sounds of the pools, by their id with or without an ending, to another pool.
    `role_counts` counts the sounds of each pool, as in a beat: all 0 without pools. Raises Invalid: `pools` with the
    same sound twice in one role or more than 64 sounds, `roles.x` where the pools hold no x.
    """
    seats = _seats(pools or {}, request.roles)
    locks = {i for i in itertools.chain(*seats.values()) if _lock(i, request.roles)}
    sounds = tuple(Sound(i, role, locked=i in locks) for role, ids in seats.items() for i in ids)
    made = compose(replace(compose_request(request, (), groove), sounds=sounds))
    meta = {
        "style": made.style,
        "why": made.why,
        "seed": request.seed,
        "parameters": request.to_params(),
        "engines": {"composer": engines()["composer"]},
        "code_version": code_version(),
        "pools": seats,
        "role_counts": {role: len(ids) for role, ids in seats.items()},
        "samples": [],
        "warnings": list(made.warnings),
        "benched": dict(made.benched),
    }
    return {
        "grid_json": grid_json(made.grid),
        "events_json": events_json(Beat(made.grid, made.events, {})),
        "meta": meta,
        "sections": sections_json(made.sections),
    }


def _seats(pools: Mapping[str, Sequence[str]], locks: Mapping[str, Role]) -> dict[Role, list[str]]:
    """The pools of a skeleton once its locks have moved sounds; all five roles, a moved sound last in its pool."""
    given = {role: list(pools.get(role, ())) for role in ROLES}
    ids = set(itertools.chain(*given.values()))
    errors = [
        FieldError("pools", f"hold the same sound twice in {r}") for r, row in given.items() if len(set(row)) < len(row)
    ]
    if len(ids) > SAMPLES_MAX:
        errors.append(FieldError("pools", f"hold at most {SAMPLES_MAX} sounds"))
    named = {name for i in ids for name in names_of(i)}
    errors += [FieldError(f"roles.{name}", "names none of the sounds of pools") for name in locks if name not in named]
    if errors:
        raise Invalid(f"{errors[0].field} {errors[0].message}.", errors=tuple(errors))
    moved = {i: role for i in itertools.chain(*given.values()) if (role := _lock(i, locks))}
    seats = {role: [i for i in row if moved.get(i, role) == role] for role, row in given.items()}
    for i, role in moved.items():
        if i not in seats[role]:
            seats[role].append(i)
    return seats


def _lock(sample_id: str, locks: Mapping[str, Role]) -> Role | None:
    return next((locks[name] for name in names_of(sample_id) if name in locks), None)
