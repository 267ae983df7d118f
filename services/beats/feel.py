"""Feel: how late and how loud each hit falls against the grid.

A style's mean offsets per role, plus jitter that is correlated as a player's is: a first-order autoregressive walk over
the steps (0.7 a step, so about 0.6 from one hit to the next where hits are a step or two apart) with a drift per bar;
its mean over the beat is taken out, so a role is as late as its row says.
Half of its variance is shared by all roles (one body), half is the role's own; CORE gets half of it. Offsets are drawn
per (role, bar, step), never per event, so a hit's feel does not depend on its neighbours.

Roles on one step stay within 12 ms of each other, or within the spread of the row's own offsets where that is wider:
what would lie further apart is drawn together about its middle.

Sources for correlated timing: Hennig et al., "The nature and perception of fluctuations in human musical rhythms"
(2011). The numbers are starting values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.beats.streams import noise
from services.beats.styles.types import Style
from services.beats.types import METERS, ROLES, Role

PER_STEP = 0.7  # correlation of neighbouring steps
KERNEL_STEPS = 16  # 0.7^16 < 0.4 %: what is older is forgotten
DRIFT_SHARE = 0.2  # of the variance, a shift of the whole bar
SHARED_SHARE = 0.5  # of the variance, common to all roles
BOUND = 2.2  # further out is an error, not a feel; in units of the row's jitter
SPREAD_MS = 12.0  # between roles on one step, where the row does not ask for more
TOGETHER: tuple[Role, ...] = ("CORE", "ACCENT", "MOTION", "FILL")
CORE_SHARE = 0.5  # the pulse is steadier than what hangs on it
STYLE_HUMANIZE = 0.5  # `humanize` at which a style is itself; 1 doubles it
VELOCITY_SIGMA = 0.035  # of velocity, at the style's own feel
VELOCITY_MIN = 0.02  # softer is silence
GHOST = (0.15, 0.35)  # ghosts stay ghosts
STILL: frozenset[Role] = frozenset(set(ROLES) - set(TOGETHER))  # beds do not dance

Floats = npt.NDArray[np.float64]
Struck = tuple[int, int, float, bool]  # bar, step, written velocity, whether it is a ghost


@dataclass(frozen=True, slots=True)
class Feel:
    """Per bar and step, float64 (bars × steps,): `offset_ms` lateness, `velocity` to be added. Never written to."""

    steps: int
    offset_ms: Floats
    velocity: Floats

    def on(self, hits: Sequence[Struck]) -> tuple[list[float], list[float]]:
        """Offsets in ms and velocities (.02..1, ghosts .15..35, rounded to 1e-3) of hits."""
        if not hits:
            return [], []
        bars, steps, written, ghosts = (np.array(column) for column in zip(*hits, strict=True))
        at = bars * self.steps + steps
        low, high = np.where(ghosts, GHOST[0], VELOCITY_MIN), np.where(ghosts, GHOST[1], 1.0)
        velocities = np.round(np.clip(written + self.velocity[at], low, high), 3)
        return self.offset_ms[at].tolist(), velocities.tolist()


def walk(bars: int, steps: int, *names: object) -> Floats:
    """Correlated noise of variance 1, mean 0: float64 (bars × steps,), drawn from the stream of these names."""
    count = bars * steps
    white = noise(count + KERNEL_STEPS, *names, "walk")
    kernel = PER_STEP ** np.arange(KERNEL_STEPS)
    slow = np.convolve(white, kernel / np.sqrt((kernel**2).sum()), mode="valid")[:count]
    drift = np.repeat(noise(bars, *names, "drift"), steps)
    return np.asarray(np.sqrt(1 - DRIFT_SHARE) * slow + np.sqrt(DRIFT_SHARE) * drift)


def feels_of(style: Style, meter: str, bars: int, play: tuple[int, float]) -> dict[Role, Feel]:
    """The feel of every role over a beat. `play`: (seed, humanize 0..1); humanize 0 gives zeros, 1 doubles all."""
    seed, humanize = play
    count = bars * METERS[meter]
    amount = humanize / STYLE_HUMANIZE
    still = Feel(METERS[meter], np.zeros(count), np.zeros(count))
    if amount == 0.0:
        return dict.fromkeys(ROLES, still)
    shared = walk(bars, METERS[meter], seed, "all", "time")
    late = amount * _together(style, np.stack([_lateness(style, role, shared, bars, seed) for role in TOGETHER]))
    found = dict.fromkeys(ROLES, still)
    for role, offsets in zip(TOGETHER, np.round(late, 3), strict=True):
        loudness = walk(bars, METERS[meter], seed, role, "velocity")
        if role == "FILL":  # as a whole, so that a fill rises as it is written
            loudness = np.repeat(loudness[:: METERS[meter]], METERS[meter])
        found[role] = Feel(METERS[meter], offsets, amount * _share(role) * VELOCITY_SIGMA * loudness)
    return found


def _share(role: Role) -> float:
    return CORE_SHARE if role == "CORE" else 1.0


def _lateness(style: Style, role: Role, shared: Floats, bars: int, seed: int) -> Floats:
    """Lateness of a role by itself in ms, float64 like `shared`; its mean is the row's."""
    own = walk(bars, shared.size // bars, seed, role, "time")
    jitter = np.clip(np.sqrt(SHARED_SHARE) * shared + np.sqrt(1 - SHARED_SHARE) * own, -BOUND, BOUND)
    return np.asarray(style.offset_ms.get(role, 0.0) + _share(role) * style.jitter_ms * (jitter - jitter.mean()))


def _together(style: Style, late: Floats) -> Floats:
    """Lateness in ms, float64 (roles, steps), no step's roles further apart than they may be."""
    row = [style.offset_ms.get(role, 0.0) for role in TOGETHER]
    limit = max(SPREAD_MS, max(row) - min(row))
    high, low = late.max(axis=0), late.min(axis=0)
    middle = (high + low) / 2
    return np.asarray(middle + (late - middle) * np.minimum(1.0, limit / np.maximum(high - low, limit)))
