"""From judged sounds to the kit of a beat: each sound once, the user's locks on it, and the pool it plays in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from services.beats.corrections import because
from services.beats.role_assign import Candidate, Judgement, PoolPlan, assign_pools
from services.beats.types import ROLES, SAMPLES_MAX, Role, Sample
from services.errors import FieldError, Invalid

ALL_POOLS_FROM = 3  # with so many sounds CORE, ACCENT and MOTION each have their own
NO_SOUNDS = "No sound was found in the recording: it is silent, or nothing in it begins suddenly enough to be a hit."


@dataclass(frozen=True, slots=True)
class Kit:
    """The sounds of a beat in the order they came, at most 64, each once; and what the user should know of them."""

    samples: tuple[Sample, ...]
    warnings: tuple[str, ...] = ()


def make_kit(heard: Sequence[Sample], locks: dict[str, Role]) -> Kit:
    """The sounds with locks and pools. Raises Invalid: none at all, locks that name none of them or disagree."""
    return pooled(distinct(locked(heard, locks)))


def renew_kit(before: Iterable[Sample], heard: Sequence[Sample], locks: dict[str, Role]) -> Kit:
    """The sounds heard anew, as the user had set them in the kit `before`, in their pools.

    A role that was locked there outlives the hearing, by id or else by name; gain, pan and trim do by id, since they
    belong to that very cut. A lock that names no sound any more is a warning. Raises Invalid when there are no sounds.
    """
    old = tuple(before)
    named = {name for s in heard for name in names_of(s.name)}
    kit = distinct(locked(heard, {name: role for name, role in locks.items() if name in named}))
    by_id, by_name = {s.sample_id: s for s in old}, {s.name: s for s in old}
    found = []
    for sample in kit.samples:
        same = by_id.get(sample.sample_id)
        mine = sample if same is None else replace(sample, gain_db=same.gain_db, pan=same.pan, trim=same.trim)
        was = same or by_name.get(sample.name)
        found.append(replace(mine, role=was.role, locked=True) if was is not None and was.locked else mine)
    lost = [f"The lock on {name} names no sound of this beat any more." for name in locks if name not in named]
    return pooled(Kit(tuple(found), (*kit.warnings, *lost)))


def names_of(name: str) -> tuple[str, ...]:
    """What a lock may call a sound of this name: with and without its ending."""
    stem = name.rpartition(".")[0]
    return (name, stem) if stem else (name,)


def locked(heard: Sequence[Sample], locks: dict[str, Role]) -> list[Sample]:
    """The samples with the caller's locks put on them, by name with or without its ending. Raises Invalid(roles)."""
    names = {name for s in heard for name in names_of(s.name)}
    unknown = [
        FieldError(f"roles.{name}", "names none of the sounds of this request") for name in locks if name not in names
    ]
    if unknown:
        raise Invalid(f"{unknown[0].field} {unknown[0].message}", errors=tuple(unknown))
    out = []
    for sample in heard:
        lock = next((locks[name] for name in names_of(sample.name) if name in locks), None)
        out.append(replace(sample, role=lock, locked=True) if lock else sample)
    return out


def distinct(heard: Sequence[Sample]) -> Kit:
    """Each sound once, under the first of its names, with a warning for each other one; a lock on any name counts.

    Raises Invalid when there is no sound, and for locks on one sound's names that disagree.
    """
    if not heard:
        raise Invalid(NO_SOUNDS, code="no_sounds", errors=(FieldError("samples", NO_SOUNDS),))
    kept: dict[str, Sample] = {}
    warnings: list[str] = []
    for sample in heard:
        first = kept.setdefault(sample.sample_id, sample)
        if first is sample:
            continue
        if sample.name != first.name:
            warnings.append(f"{sample.name} is the same sound as {first.name} and is in the kit once.")
        if sample.locked and first.locked and sample.role != first.role:
            message = f"is the same sound as {first.name}, which is locked to {first.role}"
            raise Invalid(f"{sample.name} {message}.", errors=(FieldError(f"roles.{sample.name}", message),))
        if sample.locked:
            kept[sample.sample_id] = replace(first, role=sample.role, locked=True)
    return Kit(tuple(kept.values())[:SAMPLES_MAX], tuple(warnings))


def pooled(kit: Kit) -> Kit:
    """The kit with the pool each sound plays in, and why."""
    plan = plan_of(kit.samples)
    samples = (replace(s, pool_role=plan.pool_role[s.sample_id], reason=_reason(s, plan)) for s in kit.samples)
    return replace(kit, samples=tuple(samples))


def _reason(sample: Sample, plan: PoolPlan) -> str:
    """The correction that moved a sound to where it plays, else what the plan says."""
    stays = plan.pool_role[sample.sample_id] == sample.role
    return (because(sample) if stays else "") or plan.reason[sample.sample_id]


def plan_of(samples: Sequence[Sample]) -> PoolPlan:
    """The pools of judged samples, their locks heeded."""
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


def pools_of(samples: Sequence[Sample]) -> dict[Role, tuple[str, ...]]:
    """Sample ids by the pool they play in. One or two sounds stand in several pools: a beat needs a pulse."""
    if len(samples) < ALL_POOLS_FROM:
        return plan_of(samples).pools
    return {role: tuple(s.sample_id for s in samples if s.pool_role == role) for role in ROLES}
