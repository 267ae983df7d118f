"""Ticks: where hits lie in a MIDI file, and the exact frames at which a player of that file sounds them.

960 ticks a quarter. A file's tempo is a whole number of microseconds a quarter, so what it plays drifts from the beat
by up to a microsecond a second; whoever must agree with a player of the file asks here.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from services.audio.clip import HOUSE_RATE_HZ
from services.beats.grid import bar_bpms, bar_starts_s, bar_steps
from services.beats.types import STEPS_PER_QUARTER, TICKS_PER_STEP, Event, Grid

TICKS_PER_QUARTER = STEPS_PER_QUARTER * TICKS_PER_STEP
US_PER_MINUTE = 60_000_000
TEMPO_MAX_US = 0xFFFFFF  # a tempo has three bytes in the file
VELOCITY_MAX = 127


class TickClock:
    """Seconds, ticks and frames along a grid's tempo map. Bars begin on whole steps, so every bar line is exact."""

    def __init__(self, grid: Grid) -> None:
        self._starts = bar_starts_s(grid)[:-1]
        self._bpm = bar_bpms(grid)
        self.tempos_us = tuple(min(TEMPO_MAX_US, round(US_PER_MINUTE / bpm)) for bpm in self._bpm)
        spans = [bar_steps(grid, bar) * TICKS_PER_STEP for bar in range(grid.bars)]
        self.bar_ticks = (0, *accumulate(spans))
        # Of each bar's start, in microseconds times ticks a quarter: whole numbers, so that nothing is rounded twice.
        self._scaled = (0, *accumulate(span * us for span, us in zip(spans, self.tempos_us, strict=True)))
        self.end = self.bar_ticks[-1]

    def ticks(self, time_s: float) -> int:
        """The tick that sounds at `time_s` >= 0; past the last bar the time runs on at the last tempo."""
        bar = max(0, bisect_right(self._starts, time_s) - 1)
        quarters = (time_s - self._starts[bar]) * self._bpm[bar] / 60.0
        return self.bar_ticks[bar] + round(quarters * TICKS_PER_QUARTER)

    def frame(self, tick: int) -> int:
        """The frame (44.1 kHz) nearest to a tick >= 0 of the file, the later one of two equally near."""
        bar = min(len(self.tempos_us), bisect_right(self.bar_ticks, tick)) - 1
        scaled = self._scaled[bar] + (tick - self.bar_ticks[bar]) * self.tempos_us[bar]
        second = 1_000_000 * TICKS_PER_QUARTER
        return (2 * scaled * HOUSE_RATE_HZ + second) // (2 * second)


def midi_velocity(velocity: float) -> int:
    """A velocity 0..1 in 7 bits: 1..127, for 0 would be a note-off."""
    return max(1, min(VELOCITY_MAX, round(velocity * VELOCITY_MAX)))


def length_ticks(event: Event) -> int:
    """How long an event's note is held, at least a tick: its written length, without swing."""
    return max(1, round(event.duration_steps * TICKS_PER_STEP))
