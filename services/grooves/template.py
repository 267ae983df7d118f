"""Strokes on a grid become a template of one bar: swing first, then lateness and velocity per role and step.

Swing is sought on a drum machine's dial (whole percents, and the triplet), for pairs of sixteenths and of eighths: the
setting that leaves the strokes nearest to their steps, once each role's own usual lateness is taken out. It must
explain a good part of what the straight grid leaves, else the grid is called straight and the rest is lateness.
Lateness and velocity are medians over the bars, so a fill or a slip does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from services.beats.grid import SWING_MAX, SWING_MIN, SWING_UNITS, swung_steps
from services.beats.types import METERS, ROLES, Grid, Role
from services.errors import Invalid
from services.grooves.types import Groove

NO_GROOVE = "no_groove"
STROKES_MIN = 4  # fewer say nothing of a groove
STEPS_MIN = 2  # different steps of the bar: one step in each bar has no feel between its beats
# Of the shorter gap beside a step, from where the role lies on average: further out is a triplet's or a roll's hit.
REACH = 0.27
COST_MAX_STEPS = 0.25  # of one stroke: rolls lie far from every grid and must not steer it
GAIN_MIN_STEPS = 0.004  # swing must bring the strokes nearer by so much on average (half a millisecond) ...
GAIN_SHARE = 0.3  # ... and by this share of what the straight grid leaves
TRIPLET = 2 / 3
SWINGS = tuple(sorted({*(p / 100 for p in range(round(SWING_MIN * 100), round(SWING_MAX * 100) + 1)), TRIPLET}))
MOVED_MIN = 2  # different steps that a swing moves: one alone is a push
MS_DIGITS, VELOCITY_DIGITS, SWING_DIGITS = 3, 3, 4

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stroke:
    """A hit against a straight grid. `place`: steps (with fraction) from any bar line; `velocity` 0..1.

    `step_ms`: how long a step lasts there. `cut`: it lies at the very start, where an earlier time could not be kept.
    """

    role: Role
    place: float
    step_ms: float
    velocity: float
    cut: bool = False


def template(strokes: Sequence[Stroke], meter: str) -> Groove:
    """The groove of strokes in a meter: swing (.50..0.75, four digits), lateness in ms, velocities 0..1 by medians.

    TEXTURE is left out. Raises Invalid `no_groove` for fewer than four strokes or strokes on a single step.
    """
    heard = [s for s in strokes if s.role != "TEXTURE"]
    if len(heard) < STROKES_MIN:
        raise no_groove("holds too few drum hits for a groove")
    swing, unit = _swing(heard, meter)
    found = _by_step(heard, _edges(meter, swing, unit))
    if len({step for _, step in found}) < STEPS_MIN:
        raise no_groove("has no hits between its beats that could be a groove")
    offset: dict[Role, dict[int, float]] = {}
    velocity: dict[Role, dict[int, float]] = {}
    for role, step in sorted(found, key=lambda at: (ROLES.index(at[0]), at[1])):
        rows = found[role, step]
        timed = [row for row in rows if not row[1].cut] or rows
        offset.setdefault(role, {})[step] = round(float(np.median([late for late, _ in timed])), MS_DIGITS) + 0.0
        velocity.setdefault(role, {})[step] = round(float(np.median([s.velocity for _, s in rows])), VELOCITY_DIGITS)
    return Groove(meter, swing, unit, offset, velocity)


def _by_step(strokes: Sequence[Stroke], edges: Floats) -> dict[tuple[Role, int], list[tuple[float, Stroke]]]:
    """The strokes of each role and step with their lateness in ms, without those that belong to no step."""
    found: dict[tuple[Role, int], list[tuple[float, Stroke]]] = {}
    gaps = np.diff(edges).tolist()
    for role in ROLES:
        own = [s for s in strokes if s.role == role]
        if own:
            steps, late = nearest(edges, np.array([s.place for s in own]))
            usual = float(np.median(late))
            for stroke, step, by in zip(own, steps.tolist(), late.tolist(), strict=True):
                if abs(by - usual) <= REACH * min(gaps[step - 1], gaps[step]):
                    found.setdefault((role, step), []).append((by * stroke.step_ms, stroke))
    return found


def no_groove(what: str) -> Invalid:
    """The refusal of a file that has no groove: a sentence that begins with "This recording"."""
    return Invalid(f"This recording {what}.", code=NO_GROOVE)


def nearest(edges: Floats, places: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
    """The step of the bar that each place lies next to, and how late it is, both float64 in steps.

    `edges`: where the steps 0..n of a bar lie. A place just before the bar line is early for step 0 of the next bar.
    """
    length = edges[-1]
    inside = np.mod(places, length)
    index = np.abs(inside[:, None] - edges[None, :]).argmin(axis=1)
    return index % (len(edges) - 1), inside - edges[index]


@lru_cache(maxsize=len(METERS) * len(SWING_UNITS) * len(SWINGS))
def _edges(meter: str, swing: float, unit: int) -> Floats:
    """Where the steps 0..n of a bar lie under a swing, float64 in straight steps."""
    grid = Grid(((0, 120.0),), meter=meter, bars=1, swing=swing, swing_unit=unit)
    steps = METERS[meter]
    return np.array([swung_steps(grid, float(s)) for s in range(steps)] + [float(steps)])


def _swing(strokes: Sequence[Stroke], meter: str) -> tuple[float, int]:
    """The swing and its unit; .50 and 16 for a straight grid."""
    places = np.array([s.place for s in strokes])
    roles = np.array([ROLES.index(s.role) for s in strokes])
    straight = _left(_edges(meter, SWING_MIN, SWING_UNITS[1]), places, roles)
    best, swing, unit = straight, SWING_MIN, SWING_UNITS[1]
    for one_unit in sorted(SWING_UNITS, reverse=True):
        if _moved(strokes, meter, one_unit) < MOVED_MIN:
            continue
        for one in SWINGS[1:]:
            left = _left(_edges(meter, one, one_unit), places, roles)
            if left < best - 1e-9:
                best, swing, unit = left, one, one_unit
    gain = straight - best
    if gain < max(GAIN_MIN_STEPS, GAIN_SHARE * straight):
        return SWING_MIN, SWING_UNITS[1]
    return round(swing, SWING_DIGITS), unit


def _moved(strokes: Sequence[Stroke], meter: str, unit: int) -> int:
    """On how many different steps of the bar that a swing of this unit moves the strokes lie."""
    edges = _edges(meter, SWING_MAX, unit)
    steps = {round(s.place) % METERS[meter] for s in strokes}
    return sum(abs(edges[step] - step) > 0 for step in steps)


def _left(edges: Floats, places: Floats, roles: npt.NDArray[np.int64]) -> float:
    """How far strokes lie from their steps on average, each role's median lateness taken out; in steps."""
    _, late = nearest(edges, places)
    for role in np.unique(roles):
        own = roles == role
        late[own] -= np.median(late[own])
    return float(np.minimum(np.abs(late), COST_MAX_STEPS).mean())
