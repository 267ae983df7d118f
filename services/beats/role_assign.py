"""Stage 2: what each sound is, what it could do in a beat, and which pool it plays from.

`judge` looks at one sound by itself. An instrument is a matter of timbre, and the classifier answers it; a role is a
matter of use, and follows from the instrument where nobody would dispute it (a kick is CORE) and from what can be
measured where it is open (a spoon may be ACCENT, MOTION or FILL). `assign_pools` looks at all sounds of a beat together
and moves as few of them as it can, so that the beat has a pulse, a backbeat and a motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from services.audio.clip import Clip
from services.beats import classifier
from services.beats.features import extract
from services.beats.types import INSTRUMENTS, ROLES, Role

Floats = npt.NDArray[np.float64]

# Shares of CORE, ACCENT, MOTION, FILL, TEXTURE in what an instrument does, and how far measurement may bend them:
# 0 would keep the table, 1 leaves the sound's use open.
USES: dict[str, tuple[tuple[float, float, float, float, float], float]] = {
    "kick": ((0.96, 0.02, 0.00, 0.02, 0.00), 0.0),
    "snare": ((0.02, 0.94, 0.01, 0.03, 0.00), 0.0),
    "rim": ((0.01, 0.90, 0.06, 0.03, 0.00), 0.0),
    "clap": ((0.00, 0.96, 0.02, 0.02, 0.00), 0.0),
    "tom": ((0.06, 0.02, 0.00, 0.92, 0.00), 0.0),
    "hat_closed": ((0.00, 0.02, 0.97, 0.01, 0.00), 0.0),
    "hat_open": ((0.00, 0.10, 0.78, 0.04, 0.08), 0.2),
    "ride": ((0.00, 0.08, 0.80, 0.04, 0.08), 0.2),
    "crash": ((0.00, 0.35, 0.10, 0.35, 0.20), 0.3),
    "shaker": ((0.00, 0.01, 0.96, 0.01, 0.02), 0.0),
    "perc": ((0.05, 0.35, 0.25, 0.30, 0.05), 1.0),
    "bass": ((0.65, 0.05, 0.02, 0.18, 0.10), 0.6),
    "tonal": ((0.08, 0.22, 0.10, 0.35, 0.25), 1.0),
    "vocal": ((0.03, 0.32, 0.05, 0.30, 0.30), 1.0),
    "texture": ((0.01, 0.03, 0.03, 0.04, 0.89), 0.3),
}
BED_MS = 400.0  # the time of 90 % of the energy at which a sound is half a bed
BED_FLOOR = 0.1  # a sound that is over at once keeps this part of its TEXTURE: a bed has to last
EVIDENCE_WEIGHT = 8.0  # full evidence makes an open use this much likelier, plus one
SILENCE_SHARE = 0.3  # TEXTURE's share for silence: first, and hardly more than a guess

REQUIRED: tuple[Role, ...] = ("CORE", "ACCENT", "MOTION")
ALL_FROM = 3  # sounds from which the three required pools are never empty
WISHED_FROM = 5  # sounds from which FILL and TEXTURE are wished for too
WISH_ODDS: dict[Role, float] = {"FILL": 60.0, "TEXTURE": 25.0}  # odds against a promotion up to which a wish is granted
LEAST = 1e-4  # probabilities below this are all "hardly"
NOBODY = 100.0  # price of an empty required pool: more than five promotions at LEAST cost
FORBIDDEN = 1000.0  # price of moving a locked sound
TIE = 1e-9  # price of a place in the order of ids: settles ties, decides nothing else

_SHARES = np.array([USES[name][0] for name in INSTRUMENTS])
_OPENNESS = np.array([USES[name][1] for name in INSTRUMENTS])
_LIKENESS: dict[Role, str] = {
    "CORE": "the nearest to a low pulse",
    "ACCENT": "the nearest to a backbeat",
    "MOTION": "the nearest to a light, quick sound",
    "FILL": "the nearest to a fill",
    "TEXTURE": "the nearest to a bed of sound",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a sound is. `roles` (5) and `instruments` (15) are probabilities of sum 1; `confidence` is `roles[role]`."""

    role: Role
    roles: dict[str, float]
    instrument: str
    instruments: dict[str, float]
    confidence: float
    features: dict[str, float]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sound that wants into a beat; `locked` is the role its user gave it."""

    sample_id: str
    name: str
    judgement: Judgement
    locked: Role | None


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """Which sounds play for which role.

    With three sounds or more each is in exactly one pool. With one or two, pools share: a lone sound plays pulse and
    backbeat (CORE and ACCENT) and its own role; of two, one plays CORE and the other ACCENT, and each its own role too.
    `pool_role` is the first pool of a sound, `reason` one sentence a sound, `warnings` sentences about the whole.
    """

    pools: dict[Role, tuple[str, ...]]
    pool_role: dict[str, Role]
    reason: dict[str, str]
    warnings: tuple[str, ...]


def judge(clip: Clip, attack_s: float | None = None) -> Judgement:
    """Role and instrument of one sound of any length and rate; deterministic, and the same at any gain.

    `attack_s`: the first strong peak in seconds where it is known. Only the first 1.5 s after the onset are heard.
    Silence is TEXTURE with a confidence of 0.3 and no features. Raises DamagedModel when the weights are not ours.
    """
    found = extract(clip, attack_s)
    if found is None:
        return _silence()
    p = classifier.probabilities(found)
    use = role_shares(p, found.named)
    best = int(np.argmax(use))
    return Judgement(
        role=ROLES[best],
        roles={role: float(v) for role, v in zip(ROLES, use, strict=True)},
        instrument=INSTRUMENTS[int(np.argmax(p))],
        instruments={name: float(v) for name, v in zip(INSTRUMENTS, p, strict=True)},
        confidence=float(use[best]),
        features=found.named,
    )


def role_shares(instruments: Floats, features: dict[str, float]) -> Floats:
    """Probabilities of the five roles (order of ROLES) from those of the instruments (15,) and the measured features.

    For each instrument i: share(i, role) × (1 + openness(i) × EVIDENCE_WEIGHT × evidence(role)), TEXTURE also × how
    far the sound lasts, normalised over the roles; then the mean over instruments, weighted by their probabilities.
    """
    bent = _SHARES * (1 + EVIDENCE_WEIGHT * _OPENNESS[:, None] * role_evidence(features)[None, :])
    bent[:, ROLES.index("TEXTURE")] *= BED_FLOOR + (1 - BED_FLOOR) * lasting(features)
    use = instruments @ (bent / bent.sum(axis=1, keepdims=True))
    return np.asarray(use / use.sum())


def lasting(features: dict[str, float]) -> float:
    """How far a sound goes on rather than falls, 0..1: a half where 90 % of its energy takes 0.4 s."""
    return 1 - _falling(features["energy_90_ms"], BED_MS)


def role_evidence(features: dict[str, float]) -> Floats:
    """How much a sound measures like each role, 0..1, order of ROLES.

    CORE: energy below 250 Hz that decays within half a second. ACCENT: a sharp, short sound of middle height. MOTION:
    bright and short. FILL: several strokes, or a pitched ring of middle length. TEXTURE: goes on for long, starts
    slowly or is noisy.
    """
    low = sum(features[f"energy_{a}hz"] for a in ("20_60", "60_120", "120_250"))
    bright = sum(features[f"energy_{a}hz"] for a in ("4000_8000", "8000_12000", "12000_20000"))
    short = _falling(features["decay_20db_ms"], 300.0)
    long = lasting(features)
    sharp = _falling(features["attack_ms"], 15.0)
    many = 1 - _falling(features["strokes"], 2.5, 6.0)
    noisy = min(1.0, 3 * features["body_flatness"])
    return np.array([
        low * _falling(features["decay_20db_ms"], 500.0),
        sharp * short * (1 - low) * (1 - 0.5 * bright),
        min(1.0, 1.3 * bright) * short,
        max(many, 0.5 * features["pitch_strength"] * (1 - short) * (1 - long)),
        long * max(noisy, 1 - sharp, 0.5),
    ])  # fmt: skip


def _falling(value: float, half: float, steepness: float = 3.0) -> float:
    """1 far below `half`, 0.5 at it, 0 far above; counted in ratios."""
    return float(1 / (1 + (max(value, 1e-6) / half) ** steepness))


def _silence() -> Judgement:
    roles = dict.fromkeys(ROLES, (1 - SILENCE_SHARE) / 4) | {"TEXTURE": SILENCE_SHARE}
    instruments = dict.fromkeys(INSTRUMENTS, (1 - SILENCE_SHARE) / 14) | {"texture": SILENCE_SHARE}
    return Judgement("TEXTURE", {str(role): v for role, v in roles.items()}, "texture", instruments, SILENCE_SHARE, {})


def assign_pools(candidates: Sequence[Candidate]) -> PoolPlan:
    """The pools of a beat: each sound in its own role, and as little moved as the promised pools need.

    CORE, ACCENT and MOTION are never empty with three sounds or more, FILL and TEXTURE are filled with five or more
    where the odds against it are small. A promotion costs ln(roles[own] / roles[new]); one sound is chosen for each
    such role by the optimal assignment of Kuhn (1955), so the plan is the likeliest of all that cover the pools.
    Locked sounds never move; what they make impossible is in `warnings`. The order of the candidates does not matter;
    ties go to the smaller id.
    """
    ranked = sorted(candidates, key=lambda c: c.sample_id)
    home: dict[str, Role] = {c.sample_id: c.locked or c.judgement.role for c in ranked}
    kept = _keepers(ranked, home)
    placed = home | {sample: role for role, sample in kept.items()}
    pools: dict[Role, list[str]] = {role: [s for s, own in placed.items() if own == role] for role in ROLES}
    if 0 < len(ranked) < ALL_FROM:
        _share(ranked, home, pools)
    return PoolPlan(
        pools={role: tuple(ids) for role, ids in pools.items()},
        pool_role=placed,
        reason={c.sample_id: _reason(c, placed[c.sample_id]) for c in ranked},
        warnings=_warnings(ranked, pools),
    )


def _wanted(count: int) -> tuple[Role, ...]:
    """Roles that a beat of so many sounds wants covered."""
    if count < ALL_FROM:
        return REQUIRED[: min(count, 2)]
    return ROLES if count >= WISHED_FROM else REQUIRED


def _keepers(ranked: Sequence[Candidate], home: dict[str, Role]) -> dict[Role, str]:
    """One sound for each wanted role, all different, at the least total loss; a role nobody can play is left out.

    A covered set of pools always holds such a choice of distinct sounds, so leaving every other sound at home makes
    the cheapest of these choices the cheapest way to cover the pools.
    """
    wanted = _wanted(len(ranked))
    cost = np.full((len(wanted), len(ranked) + len(wanted)), FORBIDDEN)
    for i, role in enumerate(wanted):
        for j, c in enumerate(ranked):
            cost[i, j] = _loss(c, home[c.sample_id], role) + j * TIE
        cost[i, len(ranked) + i] = float(np.log(WISH_ODDS[role])) if role in WISH_ODDS else NOBODY
    rows, columns = linear_sum_assignment(cost)
    return {wanted[i]: ranked[j].sample_id for i, j in zip(rows, columns, strict=True) if j < len(ranked)}


def _loss(c: Candidate, home: Role, role: Role) -> float:
    """What it costs to play a sound as `role`: the logarithm of the odds against it, at least 0, or FORBIDDEN."""
    if home == role:
        return 0.0
    if c.locked:
        return FORBIDDEN
    roles = c.judgement.roles
    return max(0.0, round(float(np.log(max(roles[home], LEAST) / max(roles[role], LEAST))), 6))


def _share(ranked: Sequence[Candidate], home: dict[str, Role], pools: dict[Role, list[str]]) -> None:
    """One or two sounds: they also play their own role, and a lone one the backbeat."""
    for c in ranked:
        own = home[c.sample_id]
        also: tuple[Role, ...] = (own, "ACCENT") if len(ranked) == 1 else (own,)
        for role in also:
            if not c.locked and c.sample_id not in pools[role]:
                pools[role].append(c.sample_id)
                pools[role].sort()


def _reason(c: Candidate, role: Role) -> str:
    """Why a sound plays in its pool, for its user."""
    if c.locked:
        return f"locked to {c.locked}"
    own = c.judgement.role
    if role != own:
        return f"promoted from {own}: {_LIKENESS[role]} of the sounds that could be spared"
    return f"heard as {c.judgement.instrument.replace('_', ' ')}, {role} with {100 * c.judgement.confidence:.0f} %"


def _warnings(ranked: Sequence[Candidate], pools: dict[Role, list[str]]) -> tuple[str, ...]:
    """Required pools that stay empty because of locks."""
    if not any(c.locked for c in ranked):
        return ()
    wanted = [role for role in _wanted(len(ranked)) if role in REQUIRED]
    empty = [role for role in wanted if not pools[role]]
    return tuple(f"No sound is left for {role}: the locked roles keep all sounds elsewhere." for role in empty)
