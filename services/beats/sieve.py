"""Filtered sections: MOTION and TEXTURE end at a section's `low_pass_hz`, as in an intro heard from the next room.

The filter has run for a while when its section begins, and is moved forward by its own delay. 20 ms of crossfade lead
from one section to the next, over before the first hit of the new one. Arrays are float32 (2, n) at 44.1 kHz.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import signal

from services.audio.clip import HOUSE_RATE_HZ, Samples
from services.beats.grid import bar_starts_s
from services.beats.types import Beat

RATE = HOUSE_RATE_HZ
ORDER = 2  # 12 dB an octave
CROSS_S = 0.020
EARLY_S = 0.008  # hits of a section begin so long before it: a feel that pushes, and the rise to their attack
WARM_S = 0.050  # that the filter runs before it is heard
DELAY = 2**0.5  # of a second-order Butterworth at low frequencies, in units of 1 / (2π · corner)


@dataclass(frozen=True, slots=True)
class Span:
    """Frames `first` to `last` (the first one after it) low-passed at `low_pass_hz`."""

    first: int
    last: int
    low_pass_hz: float


def spans_of(beat: Beat, frames: int) -> tuple[Span, ...]:
    """The filtered stretches of a beat; what rings past its end, up to `frames`, belongs to the last section.

    `frames`: the length of the bus; a loop's ends with its bars.
    """
    starts = [round(s * RATE) for s in bar_starts_s(beat.grid)]
    bars = beat.grid.bars
    found = []
    for section in beat.sections:
        first, last = min(section.first_bar, bars), min(section.first_bar + section.bars, bars)
        corner = section.low_pass_hz
        if corner is not None and 0.0 < corner < RATE / 2 and first < last:
            found.append(Span(starts[first], max(frames, starts[last]) if last == bars else starts[last], corner))
    return tuple(found)


def filtered(bus: Samples, spans: Sequence[Span], *, loop: bool) -> Samples:
    """The bus with its spans low-passed; itself where there are none. In a `loop` both ends meet."""
    if not spans or not bus.any():
        return bus
    cross, early, warm = (round(s * RATE) for s in (CROSS_S, EARLY_S, WARM_S))
    line = ((np.arange(cross) + 0.5) / cross).astype(np.float32)
    out = bus.copy()
    for span in spans:
        first, last = span.first - early - cross, span.last - early
        delay = round(DELAY / (2 * np.pi * span.low_pass_hz) * RATE)
        heard = _piece(bus, first - warm, last + delay, loop)
        sos = signal.butter(ORDER, span.low_pass_hz, "low", fs=RATE, output="sos").astype(np.float32)
        change = signal.sosfilt(sos, heard)[:, warm + delay :] - heard[:, warm : heard.shape[1] - delay]
        change[:, :cross] *= line
        change[:, change.shape[1] - cross :] *= line[::-1]
        _add(out, change, first, loop)
    return out


def _piece(bus: Samples, first: int, last: int, loop: bool) -> Samples:
    """Frames of a bus from below 0 to past its end: round and round in a loop, else silence there."""
    n = bus.shape[1]
    if loop:
        return np.take(bus, np.arange(first, last), axis=1, mode="wrap")
    inside = bus[:, max(0, first) : min(n, last)]
    return np.pad(inside, ((0, 0), (max(0, -first), max(0, last - n))))


def _add(out: Samples, change: Samples, at: int, loop: bool) -> None:
    """Adds a change to the bus from a frame on, round its ends in a loop."""
    n = out.shape[1]
    for start in (at - n, at, at + n) if loop else (at,):
        first, last = max(0, start), min(n, start + change.shape[1])
        if first < last:
            out[:, first:last] += change[:, first - start : last - start]
