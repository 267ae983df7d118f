"""What a beat plays: the events that sound, with their times, for the renderer and the MIDI writer alike.

Muted events, silent ones, roles muted in the mix and events whose dice say no are left out here, once, so that the
MIDI file holds exactly the hits of the audio.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from services.beats.grid import event_end_s, placed
from services.beats.types import ROLES, Beat, Event
from services.beats.voices import role_mix

DICE_SIDES = 1 << 64


@dataclass(frozen=True, slots=True)
class Hit:
    """An event that sounds. `time_s`: where its attack lies; `duration_s`: as written."""

    event: Event
    time_s: float
    duration_s: float


def perform(beat: Beat) -> tuple[Hit, ...]:
    """The hits of a beat by time, then role, then event id; none for a beat without sounding events."""
    muted = {role for role in ROLES if role_mix(beat, role).get("muted")}
    seed = int(beat.meta.get("seed", 0))
    sounding = [e for e in beat.events if not e.muted and e.velocity > 0.0 and e.role not in muted and _falls(e, seed)]
    return tuple(
        Hit(event, time_s, max(0.0, event_end_s(beat.grid, event) - time_s))
        for time_s, event in placed(beat.grid, sounding)
    )


def _falls(event: Event, seed: int) -> bool:
    """Whether an event's dice let it sound: of its own id and the seed, so that an edit elsewhere changes nothing."""
    if event.probability >= 1.0:
        return True
    dice = int.from_bytes(hashlib.sha256(f"{seed}/{event.id}".encode()).digest()[:8], "big")
    return dice / DICE_SIDES < event.probability
