"""What a beat plays: the events that sound, with their times, for the renderer and the MIDI writer alike.

Muted events, silent ones, roles muted in the mix and events whose dice say no are left out here, once, so that the
MIDI file holds exactly the hits of the audio.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from services.beats.grid import event_end_s, placed
from services.beats.placing import role_mix
from services.beats.types import ROLES, Beat, Event

DICE_SIDES = 1 << 64
FLAM_S = 0.030  # from a flam's grace note to its hit: heard as one thick stroke, not as two
FLAM_SHARE = 0.5  # of the hit's velocity, the grace note's: 12 dB softer


@dataclass(frozen=True, slots=True)
class Hit:
    """An event that sounds. `time_s`: where its attack lies; `duration_s`: as written."""

    event: Event
    time_s: float
    duration_s: float


def perform(beat: Beat) -> tuple[Hit, ...]:
    """The hits of a beat by time, then role, then event id; none for a beat without sounding events.

    A flam is two hits: a grace note comes 30 ms before it, unless the beat begins later than that.
    """
    muted = {role for role in ROLES if role_mix(beat, role).get("muted")}
    seed = int(beat.meta.get("seed", 0))
    sounding = [e for e in beat.events if not e.muted and e.velocity > 0.0 and e.role not in muted and _falls(e, seed)]
    hits = [
        Hit(event, time_s, max(0.0, event_end_s(beat.grid, event) - time_s))
        for time_s, event in placed(beat.grid, sounding)
    ]
    graces = [_grace(hit) for hit in hits if hit.event.articulation == "flam" and hit.time_s >= FLAM_S]
    return tuple(sorted([*hits, *graces], key=lambda hit: hit.time_s) if graces else hits)


def _grace(hit: Hit) -> Hit:
    """The grace note of a flam, as a hit of its own."""
    event = replace(hit.event, id=f"{hit.event.id}/grace", velocity=hit.event.velocity * FLAM_SHARE, articulation=None)
    return Hit(event, hit.time_s - FLAM_S, FLAM_S)


def _falls(event: Event, seed: int) -> bool:
    """Whether an event's dice let it sound: of its own id and the seed, so that an edit elsewhere changes nothing."""
    if event.probability >= 1.0:
        return True
    dice = int.from_bytes(hashlib.sha256(f"{seed}/{event.id}".encode()).digest()[:8], "big")
    return dice / DICE_SIDES < event.probability
