"""Feel: how late and how loud each hit falls against the grid.

A style's mean offsets per role, plus jitter that is correlated as a player's is: a first-order autoregressive walk over
the steps (0.7 a step, so about 0.6 from one hit to the next where hits are a step or two apart) with a drift per bar;
its mean over the beat is taken out, so a role is as late as its row says.
Half of its variance is shared by all roles (one body), half is the role's own; CORE gets half of it. Offsets are drawn
per (role, bar, step), never per event, so a hit's feel does not depend on its neighbours.

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
from services.beats.types import METERS, Role

PER_STEP = 0.7  # correlation of neighbouring steps
KERNEL_STEPS = 16  # 0.7^16 < 0.4 %: what is older is forgotten
DRIFT_SHARE = 0.2  # of the variance, a shift of the whole bar
SHARED_SHARE = 0.5  # of the variance, common to all roles
# Further out is an error, not a feel. In units of the row's jitter; together they keep simultaneous roles within the
# row's own spread plus twice its jitter.
SHARED_BOUND, OWN_BOUND = 1.0, 0.85
CORE_SHARE = 0.5  # the pulse is steadier than what hangs on it
STYLE_HUMANIZE = 0.5  # `humanize` at which a style is itself; 1 doubles it
VELOCITY_SIGMA = 0.035  # of velocity, at the style's own feel
VELOCITY_MIN = 0.02  # softer is silence
GHOST = (0.15, 0.35)  # ghosts stay ghosts
STILL: frozenset[Role] = frozenset({"TEXTURE"})  # beds do not dance

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


def feel_of(style: Style, role: Role, meter: str, bars: int, play: tuple[int, float]) -> Feel:
    """The feel of a role over a beat. `play`: (seed, humanize 0..1); humanize 0 gives zeros."""
    seed, humanize = play
    steps = METERS[meter]
    amount = humanize / STYLE_HUMANIZE
    if amount == 0.0 or role in STILL:
        return Feel(steps, np.zeros(bars * steps), np.zeros(bars * steps))
    share = CORE_SHARE if role == "CORE" else 1.0
    together = np.sqrt(SHARED_SHARE) * walk(bars, steps, seed, "all", "time")
    own = np.sqrt(1 - SHARED_SHARE) * walk(bars, steps, seed, role, "time")
    jitter = np.clip(together, -SHARED_BOUND, SHARED_BOUND) + np.clip(own, -OWN_BOUND, OWN_BOUND)
    jitter = share * style.jitter_ms * (jitter - jitter.mean())
    offsets = np.round(amount * (style.offset_ms.get(role, 0.0) + jitter), 3)
    velocity = amount * share * VELOCITY_SIGMA * walk(bars, steps, seed, role, "velocity")
    return Feel(steps, offsets, velocity)
