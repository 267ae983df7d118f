"""Strikes onto buses: where each one starts and ends, what cuts it, and the adding up.

A sound's attack lies on its event's time; what precedes the attack sounds before it, and at the start of a file it is
cut there and fades in. A strike that begins lets what it cuts fade out in 8 ms from that moment, as samplers do: the
last strike of its own voice, and among hats the open one that still rings. A bed goes round as long as its event.
In a loop the strike after the last one is the first one.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from services.audio.clip import HOUSE_RATE_HZ, Samples
from services.audio.dsp import ramp
from services.beats.strikes import Strike
from services.beats.types import Role
from services.beats.voices import BED_FADE_S, EDGE_IN_S, START_S

RATE = HOUSE_RATE_HZ
CUT_S = 0.008  # fade of a strike that another one cuts: short enough to be heard as a cut, long enough not to click
_FAR = 1 << 60


def _line(seconds: float) -> Samples:
    """A straight rise from 0 to 1 over so many seconds, read-only."""
    frames = round(seconds * RATE)
    rise = ((np.arange(frames) + 0.5) / frames).astype(np.float32)
    rise.setflags(write=False)
    return rise


BED_RISE = _line(BED_FADE_S)
BED_FALL, CUT_FALL = BED_RISE[::-1], _line(CUT_S)[::-1]


@dataclass(frozen=True, slots=True)
class Layout:
    """The time line of a render: `length` frames of bars; a `loop` has neither start nor end."""

    length: int
    loop: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a voice on a bus. `at`: bus frame relative to bar 0 (below 0 only in a loop).

    `rise` multiplies its first frames, `fall` its last ones; None leaves them.
    """

    strike: Strike
    samples: Samples
    at: int
    gain: float
    rise: Samples | None = None
    fall: Samples | None = None

    @property
    def role(self) -> Role:
        return self.strike.role

    @property
    def end(self) -> int:
        return self.at + int(self.samples.shape[1])


def place(strikes: Sequence[Strike], layout: Layout) -> list[Stretch]:
    """Every strike as stretches of audio. `strikes` sorted by time."""
    placed: list[Stretch] = []
    for strike, (lead, until) in zip(strikes, _bounds(strikes, layout), strict=True):
        if strike.voice.samples.shape[1] == 0:
            continue
        if strike.voice.loops:
            placed.extend(_bed(strike, until))
        else:
            placed.append(_stretch(strike, lead, until))
    return placed


def sum_up(placed: Sequence[Stretch], frames: int, lead: int = 0) -> Samples:
    """All stretches added on one bus, float32 (2, frames), bar 0 at frame `lead`; what lies past the end is lost."""
    bus = np.zeros((2, frames), dtype=np.float32)
    longest = max((p.samples.shape[1] for p in placed), default=0)
    # One scratch for all: an allocation per stretch costs more than the sum.
    scratch = np.empty((2, longest), dtype=np.float32)
    for p in placed:
        room = bus[:, p.at + lead : p.end + lead]
        sound = np.multiply(p.samples, np.float32(p.gain), out=scratch[:, : p.samples.shape[1]])
        if p.rise is not None:
            sound[:, : p.rise.size] *= p.rise
        if p.fall is not None:
            sound[:, sound.shape[1] - p.fall.size :] *= p.fall
        room += sound[:, : room.shape[1]]
    return bus


def _bounds(strikes: Sequence[Strike], layout: Layout) -> list[tuple[int, int]]:
    """For each strike the frames that it may begin before its attack, and those after it until it is cut.

    A rise takes at most half of the time since the last strike that it cuts, so that a roll of slow sounds stays one.
    """
    found = [(0, 0)] * len(strikes)
    groups: dict[Hashable, list[int]] = {}
    for i, strike in enumerate(strikes):
        groups.setdefault(strike.group, []).append(i)
    for members in groups.values():
        times = sorted({strikes[i].frame for i in members})
        before = dict(zip(times, [times[-1] - layout.length if layout.loop else -_FAR, *times[:-1]], strict=True))
        leads = {}
        for i in members:
            strike = strikes[i]
            room = (strike.frame - before[strike.frame]) // 2
            leads[i] = max(0, min(strike.voice.attack, room, _FAR if layout.loop else strike.frame))
        begins = dict.fromkeys(times, _FAR)
        for i, lead in leads.items():
            begins[strikes[i].frame] = min(begins[strikes[i].frame], strikes[i].frame - lead)
        last = begins[times[0]] + layout.length if layout.loop else _FAR
        following = dict(zip(times, [*(begins[t] for t in times[1:]), last], strict=True))
        for i, lead in leads.items():
            found[i] = (lead, following[strikes[i].frame] - strikes[i].frame)
    return found


def _stretch(strike: Strike, lead: int, until: int) -> Stretch:
    """A strike from `lead` frames before its attack to its voice's end, or the fade that begins `until` frames after.

    Cut close to its attack, as at the start of a file, the fade into it goes over the attack: no click.
    """
    voice = strike.voice
    if strike.held is not None:
        until = min(until, strike.held)
    natural = voice.samples.shape[1] - voice.attack
    tail = min(natural, max(0, until) + CUT_FALL.size)
    first = voice.attack - lead
    rise = None
    if first > 0:
        wish = max(lead, round(EDGE_IN_S * RATE))
        rise = ramp(min(round(START_S * RATE), wish, lead + tail))
    faded = tail - max(0, until)
    fall = CUT_FALL[:faded] if faded > 0 else None
    sound = voice.samples[:, first : voice.attack + tail]
    return Stretch(strike, sound, strike.frame - lead, strike.gain, rise, fall)


def _bed(strike: Strike, until: int) -> list[Stretch]:
    """A bed from its event to its end or its sound's next event, round and round, with a fade after that.

    In pieces that are views of the voice: six minutes of a bed take no memory.
    """
    samples = strike.voice.samples
    period, rise, fall = samples.shape[1], BED_RISE.size, BED_FALL.size
    frames = max(1, min(strike.held or 0, until))
    if frames < rise:  # so short that it goes before it has come: from the level that it has reached, as an envelope
        sound = np.take(samples, range(frames + fall), axis=1, mode="wrap")
        sound[:, :frames] *= BED_RISE[:frames]
        sound[:, frames:] *= BED_RISE[frames - 1]
        return [Stretch(strike, sound, strike.frame, strike.gain, None, BED_FALL)]
    pieces = []
    for at in range(0, frames, period):
        sound = samples[:, : min(period, frames - at)]
        pieces.append(Stretch(strike, sound, strike.frame + at, strike.gain, None if at else BED_RISE))
    tail = np.take(samples, range(frames, frames + fall), axis=1, mode="wrap")
    pieces.append(Stretch(strike, tail, strike.frame + frames, strike.gain, None, BED_FALL))
    return pieces
