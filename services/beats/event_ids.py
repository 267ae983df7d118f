"""Event ids: where an event was born, never random (`b0s4t0-ACCENT-0`: bar, step, tick, role, ordinal there).

An id stays with its event through every edit, so after a move it tells history, not the place.
"""

from __future__ import annotations

from collections.abc import Container

from services.beats.types import Role


def event_id(bar: int, step: int, tick: int, role: Role, ordinal: int) -> str:
    """The id of the ordinal-th event that is born at a place in a role."""
    return f"b{bar}s{step}t{tick}-{role}-{ordinal}"


def free_id(place: tuple[int, int, int], role: Role, taken: Container[str]) -> str:
    """The id with the lowest ordinal at (bar, step, tick) in a role that no event has."""
    ordinal = 0
    while (found := event_id(*place, role, ordinal)) in taken:
        ordinal += 1
    return found
