"""A groove: how a performance deviates from its grid, per role and step of one bar, to be applied to other beats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.beats.types import ROLES, Role


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

    def to_doc(self) -> dict[str, Any]:
        """A JSON object: `meter, swing, swing_unit`, and per role an object of steps (as text) to numbers."""
        return {
            "meter": self.meter,
            "swing": self.swing,
            "swing_unit": self.swing_unit,
            "offset_ms": _table(self.offset_ms),
            "velocity": _table(self.velocity),
        }

    @staticmethod
    def from_doc(doc: Mapping[str, Any]) -> Groove:
        """The inverse of `to_doc`; other keys are left alone, so a stored document may hold more."""
        return Groove(
            doc["meter"], doc["swing"], doc["swing_unit"], _by_step(doc["offset_ms"]), _by_step(doc["velocity"])
        )


def groove_of(doc: Mapping[str, Any] | None) -> Groove | None:
    """The groove of a document that may not be there."""
    return None if doc is None else Groove.from_doc(doc)


@dataclass(frozen=True, slots=True)
class Read:
    """A groove as it was read, with the tempo (quarter notes per minute) of what it was read from."""

    groove: Groove
    bpm: float


def _table(rows: Mapping[Role, Mapping[int, float]]) -> dict[str, dict[str, float]]:
    return {role: {str(step): rows[role][step] for step in sorted(rows[role])} for role in ROLES if role in rows}


def _by_step(rows: Mapping[Role, Mapping[str, float]]) -> dict[Role, dict[int, float]]:
    return {role: {int(step): value for step, value in row.items()} for role, row in rows.items()}
