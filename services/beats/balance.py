"""How loud a role's hits are against CORE's, set once from the events alone.

Every voice has one momentary loudness at full velocity (see `voices`), so what a role's hits are heard at follows from
their velocities and from how many fall into 400 ms. The trim that brings the median hit of a role to its target is
kept in the mix, `roles.ROLE.balance_db`, when a beat is composed: a velocity edited afterwards stays audible.

Loudness of a hit: energies of all hits of its role in the 400 ms that begin with it, taken as short: velocity to the
fourth power (40·log10 dB), less what softer layers and ducking take. Beds: the mean over the same 400 ms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from services.beats import ducking
from services.beats.edit_shapes import ADDED_VELOCITY
from services.beats.grid import bar_bpms, placed
from services.beats.softness import LAYERS, layer_of
from services.beats.styles import STYLES
from services.beats.types import ROLES, Beat, Event, Grid, Role
from services.beats.voices import BED_FADE_S, BEFORE_S, MOMENTARY_S, ROLE_LU

BALANCE_MAX_DB = 24.0  # of a trim either way: beyond it a line of ghosts would be a line of hits
# How much of a layer's loss of treble the loudness of a role's hits loses: all where they have nothing else.
BRIGHT = {"CORE": 0.05, "ACCENT": 0.2, "MOTION": 1.0, "FILL": 0.1}
BED_STEP_S = 0.005  # at which a bed's level is looked at

Floats = ducking.Floats


def balanced(beat: Beat, roles: Sequence[Role] = ROLES) -> dict[str, Any]:
    """The beat's mix with `balance_db` of these roles set from its events (see `balance`)."""
    found = balance(beat.events, beat.grid, duck_db_of(beat))
    strips = dict(beat.mix.get("roles", {}))
    for role in roles:
        strips[role] = {**strips.get(role, {}), "balance_db": found[role]}
    return {**beat.mix, "roles": strips}


def weighed(beat: Beat) -> Beat:
    """The beat with a `balance_db` in every role: beats of older versions have none."""
    strips = beat.mix.get("roles", {})
    missing = [role for role in ROLES if "balance_db" not in strips.get(role, {})]
    return replace(beat, mix=balanced(beat, missing)) if missing else beat


def duck_db_of(beat: Beat) -> float:
    """How far beds and bass yield to CORE in this beat, dB <= 0: its style's row."""
    style = STYLES.get(str(beat.meta.get("style")))
    return style.duck_db if style else ducking.DEFAULT_DB


def balance(events: Sequence[Event], grid: Grid, duck_db: float) -> dict[Role, float]:
    """The trim of each role in dB (2 decimals, within ±24) that brings its median hit to the role's target.

    A role without events gets what a single hit needs that is added by hand: an edit may bring it in.
    """
    heard: dict[Role, list[tuple[float, Event]]] = {role: [] for role in ROLES}
    for time_s, event in placed(grid, [e for e in events if not e.muted and e.velocity > 0.0]):
        heard[event.role].append((time_s, event))
    kicks = [(t, ducking.release_s(bar_bpms(grid)[e.bar])) for t, e in heard["CORE"] if e.instrument != "bass"]
    found: dict[Role, float] = {}
    for role, hits in heard.items():
        if not hits:
            found[role] = round(ROLE_LU[role] - 40.0 * math.log10(ADDED_VELOCITY), 2)
            continue
        loud = _beds(hits, kicks, duck_db) if role == "TEXTURE" else _hits(hits)
        # Where ghosts outnumber the backbeat they would be the median, and lift it 20 dB over CORE.
        full = np.array([e.articulation != "ghost" for _, e in hits])
        median_lu = float(np.median(10.0 * np.log10(loud[full] if full.any() else loud)))
        found[role] = round(max(-BALANCE_MAX_DB, min(BALANCE_MAX_DB, ROLE_LU[role] - median_lu)), 2)
    return found


def _hits(hits: Sequence[tuple[float, Event]]) -> Floats:
    """Energy of the 400 ms that begin with each hit, 1 for a single hit of full velocity."""
    times = np.array([t for t, _ in hits])
    energy = np.array([_energy(e) for _, e in hits])
    sums = np.concatenate(([0.0], np.cumsum(energy)))
    first = np.searchsorted(times, times - BEFORE_S, "left")
    last = np.searchsorted(times, times + MOMENTARY_S - BEFORE_S, "left")
    return np.asarray(sums[last] - sums[first])


def _energy(event: Event) -> float:
    lost_db = LAYERS[layer_of(event)].shelf_db * BRIGHT[event.role]
    return float(event.velocity**4 * 10.0 ** (lost_db / 10.0))


def _beds(hits: Sequence[tuple[float, Event]], kicks: Sequence[tuple[float, float]], duck_db: float) -> Floats:
    """The same of beds: what their fade and the ducking leave of the first 400 ms."""
    since = np.arange(0.0, MOMENTARY_S - BEFORE_S, BED_STEP_S)
    rise = np.minimum(1.0, since / BED_FADE_S)
    strikes = np.array([t for t, _ in kicks])
    found = []
    for time_s, event in hits:
        gain = rise * event.velocity**2
        if strikes.size:
            at = np.searchsorted(strikes, time_s + since, "right") - 1
            gone = np.where(at >= 0, time_s + since - strikes[at], math.inf)
            release = np.array([r for _, r in kicks])[at]
            gain = gain * 10.0 ** (ducking.reduction_db(gone, duck_db, release) / 20.0)
        found.append(float(np.square(gain).sum()) * BED_STEP_S / MOMENTARY_S)
    return np.array(found)
