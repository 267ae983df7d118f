"""A role's bus: its strikes added up, ducked under CORE, filtered where its section says so, its peaks bent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.audio.clip import Samples
from services.audio.dsp import from_db
from services.beats.ducking import duck
from services.beats.mixdown import Layout, Stretch, sum_up
from services.beats.seam import fold
from services.beats.sieve import Span, filtered
from services.beats.strikes import Strike
from services.beats.tame import hold
from services.beats.types import Role

# Where the peaks of a role's bus end, dBFS, at the level that `balance` gives its hits: a few loud hits in a line of
# soft ones, or two sounds at once, would otherwise be bent in the mix, together with all that sounds under them.
CEILING_DB: dict[Role, float] = {"CORE": -11.5, "ACCENT": -12.5, "MOTION": -19.5, "FILL": -14.5, "TEXTURE": -24.0}
FILTERED: frozenset[Role] = frozenset({"MOTION", "TEXTURE"})  # what a section's low-pass is for


@dataclass(frozen=True, slots=True)
class Desk:
    """How the buses of a render are treated. `frames`: of a bus before it is folded, bar 0 at frame `lead`.

    `kicks`: what CORE strikes that is no bass; no `duck_db`, no `spans` and no `gains_db` (the faders of a person, with
    which the ceilings of the buses move) leave the buses as they are.
    """

    layout: Layout
    lead: int
    frames: int
    kicks: tuple[Strike, ...] = ()
    duck_db: float = 0.0
    spans: tuple[Span, ...] = ()
    gains_db: Mapping[Role, float] | None = None

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
        if role in FILTERED:
            bus = filtered(bus, self.spans, loop=self.layout.loop)
        if self.gains_db is not None:
            hold(bus, from_db(CEILING_DB[role] + self.gains_db[role]))
        return bus

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
