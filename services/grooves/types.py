"""A groove: how a performance deviates from its grid, per role and step of one bar, to be applied to other beats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.beats.types import Role


@dataclass(frozen=True, slots=True)
class Groove:
    """A template of one bar.

    `swing` (.50..0.75, place of a pair's second note) and `swing_unit` (8 or 16) are what all roles share;
    `offset_ms[role][step]` is the lateness against that swung grid, `velocity[role][step]` 0..1. Steps that a role does
    not play are missing. `meter`: the bar that it was read from.
    """

    meter: str
    swing: float
    swing_unit: int
    offset_ms: Mapping[Role, Mapping[int, float]] = field(default_factory=dict)
    velocity: Mapping[Role, Mapping[int, float]] = field(default_factory=dict)
