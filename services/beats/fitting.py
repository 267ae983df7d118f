"""A beat's kit fitted to what the beat plays: which roles each sound stands in, and the dress that they ask for."""

from __future__ import annotations

from dataclasses import replace

from services.beats.dress import Dressing, plan_kit
from services.beats.styles import STYLES
from services.beats.types import Beat, Role

USUAL_DECAY_MS = 300.0  # of CORE, where a beat names no style of the table
UNDRESSED = 0.0  # `shape` of a beat whose parameters do not speak of it


def fitted(beat: Beat) -> Beat:
    """The beat with each sound's `processing` planned for its pool and for every role that its events play."""
    plans = plan_kit(tuple(beat.kit.values()), roles_played(beat), dressing_of(beat))
    kit = {
        key: sample if sample.processing == plans[key] else replace(sample, processing=plans[key])
        for key, sample in beat.kit.items()
    }
    return replace(beat, kit=kit)


def roles_played(beat: Beat) -> dict[str, frozenset[Role]]:
    """The roles of each sound of the kit, by its id: its pool's, and those that its events play."""
    found: dict[str, set[Role]] = {key: {sample.pool_role} for key, sample in beat.kit.items()}
    for event in beat.events:
        if event.sample_id is not None:
            found[event.sample_id].add(event.role)
    return {key: frozenset(roles) for key, roles in found.items()}


def dressing_of(beat: Beat) -> Dressing:
    """How far a beat's sounds are dressed: its parameters and its style's CORE decay."""
    asked = beat.meta.get("parameters", {})
    style = STYLES.get(str(beat.meta.get("style")))
    return Dressing(
        float(asked.get("shape", UNDRESSED)),
        bool(asked.get("tune", False)),
        style.core_decay_ms if style else USUAL_DECAY_MS,
    )
