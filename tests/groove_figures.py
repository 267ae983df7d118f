"""The figures of a beat, measured on its stems and its JSON, and the bounds that they are to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from services.beats.render import render_mix
from services.beats.styles import STYLES
from services.beats.types import BEAT_STEPS, ROLES, Beat, Role
from tests import groove_measure as measure
from tests.groove_material import Kit, Take, taken, without
from tests.groove_measure import RATE, Event

BALANCE_LU: dict[str, tuple[float, float]] = {
    "ACCENT": (-1.0, 2.0), "FILL": (-3.0, 2.0), "MOTION": (-9.0, 3.0), "TEXTURE": (-18.0, 3.0),
}  # fmt: skip  # against CORE, and how far off is still right
SWING_OFF = 0.015
LATE_OFF_MS = 3.0
MONO_LOSS_LU = 1.5
DUCK_OFF_DB = 1.0
LOW_SIDE_SHARE = 0.02  # of what lies below 120 Hz, by a filter that is not a wall
CORE_LOW_SHARE, LOW_HZ = 0.25, 120.0
HAT_HIGH_SHARE, HIGH_HZ = 0.60, 4_000.0
LUFS, LUFS_OFF = -14.0, 0.5
PEAK_DBTP = -1.0
PEAK_ERROR_DB = 0.05  # between two ways to oversample
# Peaks over loudness that are gone after mix and master: 2 dB of soft clip and 3 dB of limiter, and before them up to
# 1.5 dB of spikes, which slow beats of few hits cannot have at -14 LUFS.
SQUASH_DB = 6.5
HATS_IN_A_BAR, HAT_VELOCITIES = 8, 4
NEAR_A = (0.75, 0.95)  # Jaccard of A and A′
FAR_B = (0.5, 0.8)  # and of A and B
HIT_S = 0.06  # of a hit, what is looked at
DUCK_LOOK_S = 0.03  # the deepest place comes so soon after a kick
CUT_S = 0.008  # what fades out before a hit


@dataclass(frozen=True, slots=True)
class Bound:
    """A figure, what it is to lie between, and the group of tests it belongs to; no value, nothing to keep."""

    group: str
    name: str
    value: float | None
    low: float
    high: float

    @property
    def kept(self) -> bool:
        return self.value is None or self.low - 1e-9 <= self.value <= self.high + 1e-9

    @property
    def said(self) -> str:
        return f"{self.name} {self.value:.3g}, not {self.low:.3g} to {self.high:.3g}"


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured; None where the beat has nothing to measure it on. dB, LU, ms, shares 0..1."""

    swing: float | None
    late_ms: Mapping[str, float]
    balance_lu: Mapping[str, float]
    mono_loss_lu: float
    low_side_share: float
    duck_db: float | None
    core_low_share: float | None
    hat_high_share: float | None
    lufs: float
    peak_dbtp: float
    squash_db: float
    hat_velocities: int | None
    repeats: int
    near_a: float
    far_b: float
    syncopation: tuple[float, ...]
    stray_fills: int
    heard_share: Mapping[str, float]

    def bounds(self, style: str) -> list[Bound]:
        """Every figure with what it is to lie between."""
        row = STYLES[style]
        late = [
            Bound("time", f"{role} lateness ms", ms, own - LATE_OFF_MS, own + LATE_OFF_MS)
            for role, ms in self.late_ms.items()
            for own in (dict(row.offset_ms).get(cast("Role", role), 0.0),)
        ]
        levels = [
            Bound("level", f"{role} level LU", lu, aim - off, aim + off)
            for role, lu in self.balance_lu.items()
            for aim, off in (BALANCE_LU[role],)
        ]
        return [
            Bound("time", "swing", self.swing, row.swing - SWING_OFF, row.swing + SWING_OFF),
            *late,
            *levels,
            Bound("level", "mono loss LU", self.mono_loss_lu, -1.0, MONO_LOSS_LU),
            Bound("level", "side below 120 Hz", self.low_side_share, 0.0, LOW_SIDE_SHARE),
            Bound("duck", "duck dB", self.duck_db, row.duck_db - DUCK_OFF_DB, row.duck_db + DUCK_OFF_DB),
            Bound("sound", "CORE below 120 Hz", self.core_low_share, CORE_LOW_SHARE, 1.0),
            Bound("sound", "hats above 4 kHz", self.hat_high_share, HAT_HIGH_SHARE, 1.0),
            Bound("master", "LUFS", self.lufs, LUFS - LUFS_OFF, LUFS + LUFS_OFF),
            Bound("master", "true peak dBTP", self.peak_dbtp, -20.0, PEAK_DBTP + PEAK_ERROR_DB),
            Bound("master", "squash dB", self.squash_db, -6.0, SQUASH_DB),
            Bound("hit", "hat velocities in a bar", self.hat_velocities, HAT_VELOCITIES, 99),
            Bound("hit", "repeated hits", self.repeats, 0, 0),
            Bound("phrase", "A to A′", self.near_a, *NEAR_A),
            Bound("phrase", "A to B", self.far_b, *FAR_B),
            Bound("phrase", "syncopation", float(np.mean(self.syncopation)), *row.syncopation_range),
            Bound("phrase", "fills off the phrase end", self.stray_fills, 0, 0),
        ]

    def faults(self, style: str, *groups: str) -> list[str]:
        """What is out of bounds in these groups (all when none is named), a few words each."""
        return [b.said for b in self.bounds(style) if not b.kept and (not groups or b.group in groups)]


def figures_of(beat: Beat, kit: Kit) -> tuple[Figures, Take]:
    """The figures of a beat of one phrase, and its audio."""
    take = taken(beat, kit)
    duck_db = None
    if take.of("TEXTURE") and take.of("CORE"):
        still = render_mix(without(beat, "CORE"), kit.clips, wardrobe=kit.wardrobe)
        duck_db = _duck_db(take, still.stems["TEXTURE"].samples)
    found = figures(take, duck_db)
    return (found if found.swing is not None else replace(found, swing=_closed_swing(beat, kit))), take


def _closed_swing(beat: Beat, kit: Kit) -> float | None:
    """The swing of the closed hats alone: a soft one that cuts an open one ends a sound more than it begins one."""
    closed = replace(beat, events=tuple(e for e in beat.events if e.role == "MOTION" and e.articulation != "open"))
    take = taken(closed, kit)
    return measure.swing_ratio(take.grid, measure.onsets_s(take.stems["MOTION"]), take.of("MOTION"))


def figures(take: Take, duck_db: float | None = None) -> Figures:
    """The figures of a take; `duck_db` needs a second render and comes from outside."""
    row = STYLES[take.style]
    onsets = {role: measure.onsets_s(stem) for role, stem in take.stems.items() if take.of(role)}
    rhythm = [role for role in ("CORE", "ACCENT", "MOTION") if take.of(role)]
    late = {role: measure.lateness_ms(take.grid, onsets[role], take.of(role)) for role in rhythm}
    mix = np.sum(list(take.stems.values()), axis=0, dtype=np.float32)
    first = measure.places(take.events, 0)
    bars = range(int(take.grid["bars"]))
    return Figures(
        swing=measure.swing_ratio(take.grid, onsets["MOTION"], take.of("MOTION")) if "MOTION" in onsets else None,
        late_ms={role: float(np.mean(ms)) for role, ms in late.items() if ms},
        balance_lu=balance_lu(take),
        mono_loss_lu=measure.mono_loss_lu(take.master),
        low_side_share=measure.side_share(mix, LOW_HZ),
        duck_db=duck_db,
        core_low_share=measure.band_share(take.stems["CORE"], 0.0, LOW_HZ) if "CORE" in onsets else None,
        hat_high_share=hat_high_share(take),
        lufs=measure.lufs(take.master),
        peak_dbtp=measure.true_peak_db(take.master),
        squash_db=_squash_db(mix, take),
        hat_velocities=_hat_velocities(take),
        repeats=repeats(take),
        near_a=measure.jaccard(first, measure.places(take.events, 1)),
        far_b=measure.jaccard(first, measure.places(take.events, 3)),
        syncopation=tuple(float(measure.lhl(_pulse(take, bar), row.meters[0])) for bar in bars),
        stray_fills=_stray_fills(take),
        heard_share={role: len(late[role]) / len(take.of(role)) for role in rhythm},
    )


def balance_lu(take: Take) -> dict[str, float]:
    """The momentary loudness of each role against CORE: medians over its hits, on its stem.

    Ghosts are left out: they are meant to lie far under the backbeat, and some bars have more of them than of it.
    """
    level: dict[str, float] = {}
    for role in ROLES:
        times = [e["time_s"] for e in take.of(role) if e["articulation"] != "ghost"]
        hits = measure.hit_lufs(measure.weighted_power(take.stems[role]), times)
        if hits:
            level[role] = float(np.median(hits))
    return {role: lufs - level["CORE"] for role, lufs in level.items() if role != "CORE" and "CORE" in level}


def _duck_db(take: Take, still: measure.Audio) -> float | None:
    """The median depth of the bed right after the kicks, against the same bed without them."""
    curve = measure.duck_curve_db(take.stems["TEXTURE"], still)
    reach = round(DUCK_LOOK_S * RATE / 128)
    depths = []
    for event in take.of("CORE"):
        at = round(event["time_s"] * RATE / 128)
        near = curve[at : at + reach]
        if near.size and not np.isnan(near).all():
            depths.append(float(np.nanmin(near)))
    return float(np.median(depths)) if depths else None


def hat_high_share(take: Take) -> float | None:
    """The smallest share of energy above 4 kHz that a closed hat has, over its hits' median, sound by sound."""
    by_sound: dict[str, list[float]] = {}
    hits = take.of("MOTION")
    for event in hits:
        if event["instrument"] != "hat_closed" or event["articulation"] == "open":
            continue
        gap = _gap_s(hits, event)
        a = max(0, round((event["time_s"] - 0.002) * RATE))
        part = take.stems["MOTION"][:, a : a + round(min(HIT_S, gap) * RATE)]
        if part.shape[1] > 200:
            by_sound.setdefault(event["sample_id"], []).append(measure.band_share(part, HIGH_HZ, RATE))
    return min((float(np.median(shares)) for shares in by_sound.values()), default=None)


def _gap_s(hits: Sequence[Event], event: Event) -> float:
    """Seconds until the next hit of its stem begins."""
    return min((e["time_s"] - event["time_s"] for e in hits if e["time_s"] > event["time_s"] + 0.001), default=1.0)


def repeats(take: Take) -> int:
    """How many hits sound exactly like the hit of the same sound before them."""
    found = 0
    for role in ("CORE", "ACCENT", "MOTION", "FILL"):
        hits = take.of(role)
        last: dict[tuple[str, str], Event] = {}
        for event in hits:
            key = (event["sample_id"], event["instrument"])
            before = last.get(key)
            last[key] = event
            if before is None:
                continue
            length = min(HIT_S, _gap_s(hits, before), _gap_s(hits, event)) - CUT_S
            found += length > 0.005 and measure.same_hit(take.stems[role], before["time_s"], event["time_s"], length)
    return found


def _squash_db(mix: measure.Audio, take: Take) -> float:
    """How many dB of peaks the master took away, at equal loudness."""
    crest = measure.true_peak_db(mix) - measure.lufs(mix)
    return crest - (measure.true_peak_db(take.master) - measure.lufs(take.master))


def _hat_velocities(take: Take) -> int | None:
    """The fewest different velocities in a bar with eight or more closed hats (rides, shakers), None without one."""
    counts = []
    for bar in range(int(take.grid["bars"])):
        hats = [e["velocity"] for e in take.of("MOTION", bar=bar)]
        if len(hats) >= HATS_IN_A_BAR:
            counts.append(len({round(v, 3) for v in hats}))
    return min(counts, default=None)


def _pulse(take: Take, bar: int) -> list[int]:
    return [e["step"] for e in take.events if e["bar"] == bar and e["role"] in {"CORE", "ACCENT"} and not e["tick"]]


def _stray_fills(take: Take) -> int:
    """FILL events that are not in the last two beats of a phrase."""
    steps, beat = int(take.grid["steps_per_bar"]), BEAT_STEPS[str(take.grid["meter"])]
    last = int(take.grid["bars"]) - 1
    return sum(not ((e["bar"] % 4 == 3 or e["bar"] == last) and e["step"] >= steps - 2 * beat) for e in take.of("FILL"))
