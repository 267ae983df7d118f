"""The values of dress: versions of a sound, steps of its plan, and how far to go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from services.beats.types import Role

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
