"""Fills: what the FILL sounds play in the last one or two beats of a phrase.

Written in the notation of `styles/notation.py` for one or two beats of four or of six sixteenths; velocities rise
into the next phrase. `contour` says who plays: `down` goes from the highest sound to the lowest, `call` gives the
first half to the highest and the answer to the lowest, `flat` stays on one, another in each phrase.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from services.beats.styles.notation import PARTS, parse_bar
from services.beats.styles.types import Style
from services.beats.types import BEAT_STEPS, METERS, Role

Contour = Literal["down", "call", "flat"]


@dataclass(frozen=True, slots=True)
class Fill:
    """`beats`: 1 or 2. `tabs`: steps in a beat (4 or 6) to the notation of the whole window."""

    name: str
    beats: int
    contour: Contour
    tabs: dict[int, str]


TURN = -1.0  # the height of a fill on one sound: whose turn it is
GROUP = 3  # sounds of one turn: of a fill: high, middle, low
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


@dataclass(frozen=True, slots=True)
class FillTab:
    """A fill written out for a meter. `window`: the step of the bar from which it reigns; `hits`: (step, tick,
    velocity 0..1); `places`: (FILL, step, tick) of each.
    """

    contour: Contour
    window: int
    hits: tuple[tuple[int, int, float], ...]
    places: frozenset[tuple[Role, int, int]]


def fill_names(style: Style, meter: str, *, long: bool, short: bool) -> list[str]:
    """The fills of a style that suit a meter. `long`: those of two beats where there are any; `short`: of one beat."""
    names = [i for i in style.fill_ids if i == OWN or fits(FILLS[i], meter, BEAT_STEPS[meter])]
    if long:
        names = [i for i in names if i != OWN and FILLS[i].beats > 1] or names
    if short:
        names = [i for i in names if i == OWN or FILLS[i].beats == 1]
    return names or [OWN]


@lru_cache(maxsize=256)  # styles × meters × fills
def fill_tab(style: Style, meter: str, name: str) -> FillTab:
    """A fill by its name (`own`: the FILL line of the row) in the last bar of a phrase."""
    beat, steps = BEAT_STEPS[meter], METERS[meter]
    contour: Contour = "down"
    if name == OWN:
        line = style.lines["FILL"][0]
        hits = list(zip(line.steps, line.ticks, line.velocity, strict=True))
        window = steps - beat * -(-(steps - line.steps[0]) // beat)
    else:
        fill = FILLS[name]
        contour, window = fill.contour, steps - fill.beats * beat
        text = "." * window + fill.tabs[beat].replace(" ", "")
        hits = [raw[:3] for raw in parse_bar(text, meter, PARTS["tom"].level)]
    return FillTab(contour, window, tuple(hits), frozenset(("FILL", step, tick) for step, tick, _ in hits))
