"""A groove to write down: hats, kick, snare, a fill of triplets, ghosts, flams, in any meter."""

from __future__ import annotations

from typing import Any

from services.beats.types import BEAT_STEPS, METERS, Beat, Event, Grid, Section
from services.notation.drumset import PLACES, ROLE_OF


def groove(meter: str = "4/4", bars: int = 4, **grid: Any) -> Beat:
    """A beat of `bars` bars whose last holds a fill."""
    steps, beat = METERS[meter], BEAT_STEPS[meter]
    events: list[Event] = []

    def add(bar: int, step: int, instrument: str, velocity: float = 0.8, **more: Any) -> None:
        role, height = ROLE_OF[instrument], more.get("variant")
        pitch = PLACES[f"{instrument}/{height}" if height else instrument].note
        events.append(Event(f"e{len(events)}", bar, step, role, instrument, velocity, pitch=pitch, **more))

    for bar in range(bars):
        for step in range(0, steps, 2):
            add(bar, step, "hat_open" if step == steps - 2 and bar % 2 else "hat_closed", 0.5)
        add(bar, 0, "kick", 0.9)
        add(bar, steps // 2 // 2 * 2, "kick", 0.7)
        for step in range(beat, steps, 2 * beat):
            add(bar, step, "snare", 1.0, articulation="accent" if bar == 0 else None)
        add(bar, steps - 1, "snare", 0.2, articulation="ghost")
        if bar == 0:
            add(bar, 0, "crash")
        if bar == bars - 1 and beat == 4:
            for i, height in enumerate(("high", "mid", "low")):
                add(bar, i * 320 // 240, "tom", tick=i * 320 % 240, variant=height)
        if bar == bars - 1:
            add(bar, beat, "clap", articulation="flam")
            add(bar, 0, "rim", articulation="roll")
    fields = {"tempo_map": ((0, 112.0),), "meter": meter, "bars": bars} | grid
    return Beat(Grid(**fields), tuple(events), {}, (Section("A", 0, bars),), {}, {"title": "A groove"})
