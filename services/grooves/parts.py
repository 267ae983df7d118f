"""From hits in bands to strokes of roles, and what is left out because another role covers it.

Low hits are CORE. Middle hits nearly as loud as the loudest are ACCENT, high hits brighter than a snare are MOTION.
What cannot be told is left out rather than guessed: an ACCENT beside a kick (either may be the other's click), a hat
under a snare's noise, a soft hat under a kick, ghosts, which lie under hats. Toms and beds are not told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import signal

from services.audio.clip import HOUSE_RATE_HZ, Samples
from services.beats.cuts import first_strong_peak
from services.beats.types import Role
from services.grooves.hits import HOP_S, Band, Floats, Hits, hits, level_of

TOGETHER_S = 0.02  # hits of two bands so near are one moment
CORE_MIN_DB = -14.0  # against the usual loud hit of its band
KICK_SHARE = 0.8  # a kick has at least as much low as middle; a snare's lows are half of it
CLICK_MIN_DB = -26.0  # a kick too soft to be told may still click
ACCENT_MIN_DB = -12.0
MOTION_MIN_DB = -26.0
COVER_DB = -4.5  # against the loudest middle hit
SAME_KICK_DB = -4.0  # lows so near to the usual kick are a kick, whatever else sounds there
HAT_SHARE = 2.0  # more high than middle, by so much in amplitude, is a hat
BRIGHT_SHARE = 1.3  # a hat has at least so much more high than middle
# What is heard of each when its attack is placed: a kick without the hats and claps at the same moment.
CORE_BELOW_HZ, ACCENT_BELOW_HZ = 400.0, 5_000.0
ATTACK_BEFORE_S, ATTACK_AFTER_S = 0.016, 0.04  # around the rise: as far as its steepest moment may lie beside it
BODY_BEFORE_S, BODY_AFTER_S = 0.03, 0.006  # a kick's body begins so near to the half of its low swell
SWELL_BEFORE_S, SWELL_S = 0.012, 0.06  # a kick is at its lowest and loudest a few periods after its attack
BODY_MIN_DB = -9.0  # against the strongest rise there: what is weaker came from elsewhere
KICK_HAT_DB = -3.0  # a high hit together with a kick counts when it is as loud as a hat, not as a beater's click
LOUD_PERCENTILE = 85.0  # of a band's hits: the usual loud one
EARLY_S = 0.0003  # by how much half the level of the high band comes before the attack
USUAL_PEAK: dict[Role, float] = {"CORE": 0.9, "ACCENT": 0.9, "MOTION": 0.75}  # velocity of a role's loudest step


@dataclass(frozen=True, slots=True)
class Heard:
    """A stroke in seconds. `level`: amplitude in its role's band."""

    role: Role
    time_s: float
    level: float


def heard(mono: Samples) -> list[Heard]:
    """The strokes of CORE, ACCENT and MOTION in float32 (n,) at 44.1 kHz, in time order; none in silence."""
    found = hits(mono)
    kicks = _kicks(found)
    strokes = [*_core(mono, found, kicks), *_accent(mono, found, kicks)]
    cover = _covering(found, strokes)
    strokes += [s for s in _motion(found) if not len(cover) or np.abs(cover - s.time_s).min() > TOGETHER_S]
    return sorted(strokes, key=lambda s: (s.time_s, s.role))


def _covering(found: dict[Band, Hits], strokes: Sequence[Heard]) -> Floats:
    """When a hat would be covered: at each ACCENT, and at middle hits as loud as one, kick or not."""
    mid, high = found["mid"], found["high"]
    times = [s.time_s for s in strokes if s.role == "ACCENT"]
    top = float(mid.level.max(initial=0.0))
    for time_s, level in zip(mid.time_s.tolist(), mid.level.tolist(), strict=True):
        bright = high.near(time_s, TOGETHER_S)
        if _above(level, top, COVER_DB) and (bright is None or high.level[bright] < HAT_SHARE * level):
            times.append(time_s)
    return np.array(times)


def _loud(hits: Hits) -> float:
    return float(np.percentile(hits.level, LOUD_PERCENTILE)) if len(hits.level) else 0.0


def _above(level: float, loud: float, db: float) -> bool:
    return loud > 0.0 and level >= loud * 10 ** (db / 20)


def _kicks(found: dict[Band, Hits]) -> Hits:
    """Low hits that are loud enough, and not only the lows of something in the middle."""
    low, mid = found["low"], found["mid"]
    loud = _loud(low)
    kept = []
    for time_s, level in zip(low.time_s.tolist(), low.level.tolist(), strict=True):
        other = mid.near(time_s, TOGETHER_S)
        kept.append(_above(level, loud, CORE_MIN_DB) and (other is None or level >= KICK_SHARE * mid.level[other]))
    keep = np.array(kept, dtype=bool)
    return Hits(low.time_s[keep], low.level[keep])


def _core(mono: Samples, found: dict[Band, Hits], kicks: Hits) -> list[Heard]:
    """Kicks, timed by the first strong peak of their lows, near the rise of the body that belongs to them."""
    lows, env = _below(mono, CORE_BELOW_HZ), level_of(mono, "low")
    out = []
    for time_s, level in zip(kicks.time_s.tolist(), kicks.level.tolist(), strict=True):
        at = _first_strong(found["body"], time_s - BODY_BEFORE_S, time_s + BODY_AFTER_S)
        struck = _attack(lows, time_s if at is None else at)
        out.append(Heard("CORE", struck, _swell(env, struck) or level))
    return out


def _swell(env: Floats, at_s: float) -> float:
    """By how much the low level swells from just before a time on: amplitude, 0 where it does not."""
    at = round(at_s / HOP_S)
    before = float(env[max(0, at - round(SWELL_BEFORE_S / HOP_S))])
    top = float(env[at : at + round(SWELL_S / HOP_S)].max(initial=0.0))
    return float(np.sqrt(max(0.0, top**2 - before**2)))


def _below(mono: Samples, high_hz: float) -> Samples:
    """The part under a frequency, without delay."""
    sos = signal.butter(2, high_hz, "low", fs=HOUSE_RATE_HZ, output="sos")
    return np.asarray(signal.sosfiltfilt(sos, mono.astype(np.float64), padlen=0), np.float32)


def _attack(mono: Samples, near_s: float) -> float:
    """The attack next to a time, as Stage 1 places it, in seconds."""
    first = max(0, round((near_s - ATTACK_BEFORE_S) * HOUSE_RATE_HZ))
    stretch = mono[first : round((near_s + ATTACK_AFTER_S) * HOUSE_RATE_HZ)]
    return (first + first_strong_peak(stretch[None])) / HOUSE_RATE_HZ


def _first_strong(hits: Hits, from_s: float, to_s: float) -> float | None:
    first, last = np.searchsorted(hits.time_s, [from_s, to_s])
    if first == last:
        return None
    levels = hits.level[first:last]
    strong = int((levels >= levels.max() * 10 ** (BODY_MIN_DB / 20)).argmax())
    return float(hits.time_s[first + strong])


def _accent(mono: Samples, found: dict[Band, Hits], kicks: Hits) -> list[Heard]:
    """Loud middle hits that are no hats. Beside a kick they are left out: either may be the other's click."""
    low, mid, high = found["low"], found["mid"], found["high"]
    loud = _loud(low)
    alone = []
    for time_s, level in zip(mid.time_s.tolist(), mid.level.tolist(), strict=True):
        bright, deep = high.near(time_s, TOGETHER_S), low.near(time_s, ATTACK_AFTER_S)
        strong = deep is not None and _above(float(low.level[deep]), loud, SAME_KICK_DB)
        kick = strong or kicks.near(time_s, ATTACK_AFTER_S) is not None
        if not kick and (bright is None or high.level[bright] < HAT_SHARE * level):
            alone.append((time_s, level))
    top = max((level for _, level in alone), default=0.0)
    middle = _below(mono, ACCENT_BELOW_HZ)
    return [Heard("ACCENT", _attack(middle, at), level) for at, level in alone if _above(level, top, ACCENT_MIN_DB)]


def _motion(found: dict[Band, Hits]) -> list[Heard]:
    """High hits brighter than a snare; together with a low one only those as loud as a hat."""
    low, mid, high = found["low"], found["mid"], found["high"]
    deep, bright = _loud(low), _loud(high)
    out = []
    for time_s, level in zip(high.time_s.tolist(), high.level.tolist(), strict=True):
        under, beside = low.near(time_s, ATTACK_AFTER_S), mid.near(time_s, TOGETHER_S)
        kick = under is not None and _above(float(low.level[under]), deep, CLICK_MIN_DB)
        if not kick and beside is not None and level < BRIGHT_SHARE * mid.level[beside]:
            continue  # a soft snare's noise
        if _above(level, bright, KICK_HAT_DB if kick else MOTION_MIN_DB):
            out.append(Heard("MOTION", time_s + EARLY_S, level))
    return out
