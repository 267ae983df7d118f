"""Fills: what the FILL sounds play in the last one or two beats of a phrase.

Written in the notation of `styles/notation.py` for one or two beats of four or of six sixteenths; velocities rise
into the next phrase. `contour` says who plays: `down` goes from the highest sound to the lowest, `call` gives the
first half to the highest and the answer to the lowest, `flat` stays on one, another in each phrase.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from services.beats.types import METERS

Contour = Literal["down", "call", "flat"]


@dataclass(frozen=True, slots=True)
class Fill:
    """`beats`: 1 or 2. `tabs`: steps in a beat (4 or 6) to the notation of the whole window."""

    name: str
    beats: int
    contour: Contour
    tabs: dict[int, str]


TURN = -1.0  # the height of a fill on one sound: whose turn it is
OWN = "own"  # the FILL line of the style's row

FILLS: dict[str, Fill] = {
    fill.name: fill
    for fill in (
        Fill("run", 2, "down", {4: "5566 7789", 6: "445556 667789"}),
        Fill("short", 1, "down", {4: "5.68", 6: "5.6.68"}),
        Fill("call", 2, "call", {4: "6.6. .78.", 6: "6..6.. .7.8.."}),
        Fill("roll", 1, "flat", {4: "rrrr", 6: "r.r.rr"}),
        Fill("triplet", 1, "down", {4: "t.t.", 6: "t.t.t."}),
        Fill("build", 2, "flat", {4: "5.5. 66rr", 6: "4.4.5. 566rr7"}),
        Fill("stop", 1, "flat", {4: "..6.", 6: "...5.7"}),
    )
}


def fits(fill: Fill, meter: str, beat_steps: int) -> bool:
    """Whether a fill takes at most half a bar of the meter: more would be a bar of its own."""
    return fill.beats * beat_steps <= METERS[meter] // 2


def height(contour: Contour, index: int, count: int) -> float:
    """How high in the set of FILL sounds hit `index` of `count` lies: 0 the highest, 1 the lowest, `TURN` for flat."""
    if contour == "flat" or count < 2:
        return TURN
    if contour == "call":
        return 0.0 if index < count / 2 else 1.0
    return index / (count - 1)
