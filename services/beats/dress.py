"""Dress: what a raw sound needs to be a usable hit for its role, planned from its features alone.

The plan is `Sample.processing`, part of the JSON answer: flat steps in the order in which they are applied, each an
object `{"role", "variant", "step", …numbers with their units}`. `variant` is null for steps that every version of the
sound in that role shares. Audio is dressed when it is first rendered (`dress_audio`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from services.beats.types import Role, Sample

Variant = Literal["", "closed", "open", "ring", "low", "mid", "high"]
VARIANTS: dict[Role, tuple[Variant, ...]] = {
    "CORE": ("",), "ACCENT": ("",), "MOTION": ("closed", "open", "ring"), "FILL": ("mid", "low", "high"),
    "TEXTURE": ("",),
}  # fmt: skip  # the versions of a sound in each role, its plainest one first

Step = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dressing:
    """How to dress: `shape` 0..1 (0 leaves sounds alone), `tune` to one key, the style's CORE decay in ms."""

    shape: float
    tune: bool
    core_decay_ms: float


def plan_kit(
    samples: Sequence[Sample], roles: Mapping[str, Collection[Role]], dressing: Dressing
) -> dict[str, tuple[Step, ...]]:
    """The steps of every sample, by id, for the roles that it plays (`roles`: sample id to roles)."""
    return {s.sample_id: () for s in samples}


def steps_of(sample: Sample, role: Role, variant: Variant) -> list[Step]:
    """The steps of one version of a sample, in order; none for a sound that stays as it is."""
    return [s for s in sample.processing if s.get("role") == role and s.get("variant") in (None, variant)]
