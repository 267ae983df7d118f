"""A groove on the events of a beat: their lateness and velocity pulled towards the template's.

Each event is moved by itself, so leaving others out (`density`) changes none. An event takes the numbers of its own
step of the bar; a step that the template lacks keeps its own feel. A hit inside a step (a roll, a triplet) moves with
its step and keeps its velocity, so rolls still rise. A ghost takes the template's velocity as any hit does; one that
the template lifts above a ghost's range is a ghost no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from services.beats.feel import GHOST, STILL, VELOCITY_MIN
from services.beats.grid import OFFSET_MAX_MS, bar_steps
from services.beats.types import BEAT_STEPS, METERS, Event, Grid, Role
from services.errors import FieldError, Invalid
from services.grooves.types import Groove

# Whose lateness a role takes that the template lacks: first the one that is played most like it. Velocities are never
# taken from another role: how loud hats are says nothing of a kick.
NEAREST: dict[Role, tuple[Role, ...]] = {
    "CORE": ("ACCENT", "MOTION", "FILL"),
    "ACCENT": ("FILL", "MOTION", "CORE"),
    "MOTION": ("ACCENT", "FILL", "CORE"),
    "FILL": ("ACCENT", "MOTION", "CORE"),
}
OFFSET_DIGITS, VELOCITY_DIGITS = 3, 3  # as the composer rounds both


def grooved(grid: Grid, events: Sequence[Event], groove: Groove, amount: float) -> list[Event]:
    """The events with lateness and velocity moved by `amount` (0..1) from their own to the template's.

    At 0 everything stays, at 1 a hit on a step of the template has its numbers. TEXTURE stays where it is. A template
    of another meter is read round and round, beat by beat, as long as the beats have the same length; swing is the
    grid's and already there. Raises Invalid(groove) for 6/8 and 12/8 against the other meters.
    """
    refuse_other_beats(groove, grid.meter)
    if amount == 0.0:
        return list(events)
    late = {role: _lateness(groove, role) for role in NEAREST}
    return [e if e.role in STILL else _moved(e, _step(grid, groove, e), (groove, late), amount) for e in events]


def refuse_other_beats(groove: Groove, meter: str) -> None:
    """Raise Invalid(groove) where the beats of the template and of the meter have different lengths."""
    if BEAT_STEPS[groove.meter] != BEAT_STEPS[meter]:
        message = f"is in {groove.meter}, whose beats are of another length than those of {meter}"
        raise Invalid(f"This groove {message}.", errors=(FieldError("groove", message),))


def _lateness(groove: Groove, role: Role) -> Mapping[int, float]:
    for near in (role, *NEAREST[role]):
        if groove.offset_ms.get(near):
            return groove.offset_ms[near]
    return {}


def _step(grid: Grid, groove: Groove, event: Event) -> int:
    """The step of the template that an event lies on: an upbeat holds the last steps of its bar."""
    missing = grid.steps_per_bar - bar_steps(grid, event.bar)
    return (event.step + missing) % METERS[groove.meter]


def _moved(
    event: Event, step: int, template: tuple[Groove, Mapping[Role, Mapping[int, float]]], amount: float
) -> Event:
    groove, late = template
    to_ms = late[event.role].get(step)
    if to_ms is not None:
        offset = event.offset_ms + (to_ms - event.offset_ms) * amount
        event = replace(event, offset_ms=round(min(OFFSET_MAX_MS, max(-OFFSET_MAX_MS, offset)), OFFSET_DIGITS))
    to = groove.velocity.get(event.role, {}).get(step)
    if to is None or event.tick:
        return event
    velocity = round(min(1.0, max(VELOCITY_MIN, event.velocity + (to - event.velocity) * amount)), VELOCITY_DIGITS)
    lifted = event.articulation == "ghost" and velocity > GHOST[1]
    return replace(event, velocity=velocity, articulation=None if lifted else event.articulation)
