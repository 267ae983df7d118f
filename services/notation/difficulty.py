"""Easier versions of a beat: which hits stay at each level, so that what is left is still the same groove.

Rules, from what makes a part hard to play: how fine the grid is, how many limbs move at once, and ornaments. A level
keeps every hit of the easier ones. Kick and backbeat on beats always stay, for they are the groove; hats thin out to
eighths, then quarters; fills keep their beats; ghost notes, flams, rolls and 32nds come last.
"""

from __future__ import annotations

import math

from services.beats.grid import duration_s
from services.beats.types import BEAT_STEPS, TICKS_PER_STEP, Beat, Event

LEVELS = ("beginner", "easy", "normal", "hard", "expert")
ORNAMENTS = {"ghost", "flam", "roll"}
TIMEKEEPERS = {"hat_closed", "hat_open", "ride", "shaker"}
MAIN = {"kick", "snare", "clap", "crash"}
SOFT = 0.35  # velocity under which a stroke is a whisper
# Strokes a second that make a part as hard as it gets; the difficulty of an even part of them is 10.
FASTEST_HZ = 16.0
DIFFICULTY_MAX = 10.0


def levels(beat: Beat) -> dict[str, int]:
    """For each event that is not muted the first of LEVELS, by place, at which it is played."""
    return {e.id: _level(beat, e) for e in beat.events if not e.muted}


def _level(beat: Beat, event: Event) -> int:
    """How hard a hit is to place: its grid first, then what it is."""
    skipped = beat.grid.steps_per_bar - beat.grid.pickup_steps if event.bar == 0 and beat.grid.pickup_steps else 0
    place = (event.step + skipped) * TICKS_PER_STEP + event.tick
    beat_ticks = BEAT_STEPS[beat.grid.meter] * TICKS_PER_STEP
    if event.articulation in ORNAMENTS or event.velocity < SOFT:
        return 4
    if place % beat_ticks == 0:
        return 0 if event.instrument in MAIN | TIMEKEEPERS else 1
    if place % (2 * TICKS_PER_STEP) == 0:
        return 1 if event.instrument in MAIN else 2
    if place % TICKS_PER_STEP == 0:
        return 2 if event.instrument == "kick" else 3
    return 4


def level_of(beat: Beat) -> float:
    """How hard a whole beat is, 0..10: strokes a second against FASTEST_HZ, on a root so that easy parts spread out."""
    heard = sum(not e.muted for e in beat.events)
    rate = heard / max(1e-9, duration_s(beat.grid))
    return round(min(DIFFICULTY_MAX, DIFFICULTY_MAX * math.sqrt(rate / FASTEST_HZ)), 1)
