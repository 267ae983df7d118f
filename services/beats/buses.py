"""A role's bus: its strikes added up, filtered where its section says so, and ducked under CORE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.audio.clip import Samples
from services.beats.ducking import duck
from services.beats.mixdown import Layout, Stretch, sum_up
from services.beats.seam import fold
from services.beats.sieve import Span, filtered
from services.beats.strikes import Strike
from services.beats.types import Role

FILTERED: frozenset[Role] = frozenset({"MOTION", "TEXTURE"})  # what a section's low-pass is for


@dataclass(frozen=True, slots=True)
class Desk:
    """How the buses of a render are treated. `frames`: of a bus before it is folded, bar 0 at frame `lead`.

    `kicks`: what CORE strikes that is no bass; no `duck_db` and no `spans` leave the buses as they are.
    """

    layout: Layout
    lead: int
    frames: int
    kicks: tuple[Strike, ...] = ()
    duck_db: float = 0.0
    spans: tuple[Span, ...] = ()

    def bus(self, role: Role, placed: Sequence[Stretch]) -> Samples:
        """The bus of a role, float32 (2, frames), a loop's (2, length). `placed`: every stretch of the beat."""
        own = [p for p in placed if p.role == role]
        bass = [p for p in own if p.strike.bass] if self.duck_db and role != "TEXTURE" else []
        if not bass:
            bus = self._sum(own)
            if role == "TEXTURE":
                self._duck(bus)
        else:
            bus = self._sum(bass)
            self._duck(bus)
            np.add(bus, self._sum([p for p in own if not p.strike.bass]), out=bus)
        return filtered(bus, self.spans, loop=self.layout.loop) if role in FILTERED else bus

    def _sum(self, placed: Sequence[Stretch]) -> Samples:
        bus = sum_up(placed, self.frames, self.lead)
        return fold(bus, self.lead, self.layout.length) if self.layout.loop else bus

    def _duck(self, bus: Samples) -> None:
        if self.duck_db and bus.any():
            duck(bus, [(k.frame, k.release_s) for k in self.kicks], self.duck_db, loop=self.layout.loop)


def desk_of(placed: Sequence[Stretch], layout: Layout) -> Desk:
    """A desk that only adds up: long enough for every stretch."""
    lead = max([0, *(-p.at for p in placed)])
    return Desk(layout, lead, lead + max([layout.length, *(p.end for p in placed)]))
