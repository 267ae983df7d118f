"""From hits in bands to strokes of roles, and what is left out because another role covers it.

Low hits are CORE. Middle hits nearly as loud as the loudest are ACCENT, unless a low hit at the same moment is what
made them. High hits are MOTION where no ACCENT sounds: a snare's noise covers a hat, and a covered hat is left out
rather than guessed. Ghosts lie under hats and are left out too. Toms and beds are not told apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.beats.types import Role
from services.grooves.hits import Band, Hits

TOGETHER_S = 0.02  # hits of two bands so near are one moment
CORE_MIN_DB = -14.0  # against the usual loud hit of its band
CLICK_MIN_DB = -26.0  # a kick too soft to be told may still click
ACCENT_MIN_DB = -12.0
MOTION_MIN_DB = -26.0
WITH_KICK_DB = -4.5  # an ACCENT together with a kick, against the loudest middle hit
CLICK_SHARE, CLICK_PERCENTILE = 1.25, 25.0  # and its middle against its lows, times what a kick alone has
HAT_SHARE = 2.0  # more high than middle, by so much in amplitude, is a hat
BRIGHT_SHARE = 1.3  # a hat has at least so much more high than middle
BODY_BEFORE_S, BODY_AFTER_S = 0.03, 0.006  # a kick's body begins so near to the half of its low swell
BODY_MIN_DB = -9.0  # against the strongest rise there: what is weaker came from elsewhere
KICK_HAT_DB = -6.0  # a high hit together with a kick counts when it is as loud as a hat, not as a beater's click
LOUD_PERCENTILE = 85.0  # of a band's hits: the usual loud one
EARLY_S = {"CORE": 0.0004, "ACCENT": 0.0004, "MOTION": 0.0003}  # by how much half the level comes before the attack
USUAL_PEAK: dict[Role, float] = {"CORE": 0.9, "ACCENT": 0.9, "MOTION": 0.75}  # velocity of a role's loudest step


@dataclass(frozen=True, slots=True)
class Heard:
    """A stroke in seconds. `level`: amplitude in its role's band."""

    role: Role
    time_s: float
    level: float


def heard(found: dict[Band, Hits]) -> list[Heard]:
    """The strokes of CORE, ACCENT and MOTION in time order; none in silence."""
    low, high = _loud(found["low"]), _loud(found["high"])
    strokes = [*_core(found, low), *_accent(found, low)]
    accents = np.array([s.time_s for s in strokes if s.role == "ACCENT"])
    strokes += [
        s for s in _motion(found, (low, high)) if not len(accents) or np.abs(accents - s.time_s).min() > TOGETHER_S
    ]
    return sorted(strokes, key=lambda s: (s.time_s, s.role))


def _loud(hits: Hits) -> float:
    return float(np.percentile(hits.level, LOUD_PERCENTILE)) if len(hits.level) else 0.0


def _above(level: float, loud: float, db: float) -> bool:
    return loud > 0.0 and level >= loud * 10 ** (db / 20)


def _core(found: dict[Band, Hits], loud: float) -> list[Heard]:
    """Low hits, timed by the first strong rise of the body that belongs to them."""
    out = []
    for time_s, level in zip(found["low"].time_s, found["low"].level, strict=True):
        if _above(level, loud, CORE_MIN_DB):
            at = _first_strong(found["body"], time_s - BODY_BEFORE_S, time_s + BODY_AFTER_S)
            out.append(Heard("CORE", (float(time_s) if at is None else at) + EARLY_S["CORE"], float(level)))
    return out


def _first_strong(hits: Hits, from_s: float, to_s: float) -> float | None:
    first, last = np.searchsorted(hits.time_s, [from_s, to_s])
    if first == last:
        return None
    levels = hits.level[first:last]
    strong = int((levels >= levels.max() * 10 ** (BODY_MIN_DB / 20)).argmax())
    return float(hits.time_s[first + strong])


def _accent(found: dict[Band, Hits], loud: float) -> list[Heard]:
    """Loud middle hits that are no hats; together with a low hit only those that are more than a kick's own click."""
    low, mid, high = found["low"], found["mid"], found["high"]
    alone: list[Heard] = []
    with_low: list[tuple[Heard, float]] = []
    for time_s, level in zip(mid.time_s.tolist(), mid.level.tolist(), strict=True):
        bright, deep = high.near(time_s, TOGETHER_S), low.near(time_s, TOGETHER_S)
        hit = Heard("ACCENT", time_s + EARLY_S["ACCENT"], level)
        if deep is not None and _above(low.level[deep], loud, CORE_MIN_DB):
            with_low.append((hit, level / float(low.level[deep])))
        elif bright is None or high.level[bright] < HAT_SHARE * level:
            alone.append(hit)
    top = max((s.level for s in [*alone, *(hit for hit, _ in with_low)]), default=0.0)
    click = CLICK_SHARE * float(np.percentile([share for _, share in with_low], CLICK_PERCENTILE)) if with_low else 0.0
    return [s for s in alone if _above(s.level, top, ACCENT_MIN_DB)] + [
        s for s, share in with_low if share > click and _above(s.level, top, WITH_KICK_DB)
    ]


def _motion(found: dict[Band, Hits], loud: tuple[float, float]) -> list[Heard]:
    """High hits brighter than a snare; together with a low one only those as loud as a hat."""
    low, mid, high = found["low"], found["mid"], found["high"]
    out = []
    for time_s, level in zip(high.time_s.tolist(), high.level.tolist(), strict=True):
        deep = low.near(time_s, TOGETHER_S)
        kick = deep is not None and _above(low.level[deep], loud[0], CLICK_MIN_DB)
        other = mid.near(time_s, TOGETHER_S)
        if not kick and other is not None and level < BRIGHT_SHARE * mid.level[other]:
            continue  # a soft snare's noise
        if _above(level, loud[1], KICK_HAT_DB if kick else MOTION_MIN_DB):
            out.append(Heard("MOTION", time_s + EARLY_S["MOTION"], level))
    return out
