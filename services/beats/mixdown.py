"""Hits onto buses: where each hit starts and ends, what cuts it, and the adding up.

A sound's attack lies on its event's time; what precedes the attack sounds before it, and at the start of a file it is
cut there and fades in. A sound never plays twice at once: its next hit ends it, with a fade that is over when the new
attack comes. An open hat ends with the next closed one. In a loop the hit after the last one is the first one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.audio.clip import HOUSE_RATE_HZ, Samples
from services.beats.perform import Hit
from services.beats.types import Event, Role
from services.beats.voices import EDGE_IN_S, Voice, gate_of, is_open, ramp

RATE = HOUSE_RATE_HZ
CUT_S = 0.008  # fade of a hit that another one cuts: short enough to be heard as a cut, long enough not to click
START_S = 0.003  # fade into a sound whose beginning is cut away
BED_FADE_S = 0.060  # a bed comes in and goes out this long; both together keep the power over a loop's seam
BED_CROSSFADE_S = 0.25  # longest crossfade inside a looped bed
BED_RISE_S = 0.15  # a bed that rises longer than this starts on its event instead of before it
KEEPS_OPEN = frozenset({"shaker", "ride", "crash", "perc"})  # sounds that do not close an open hat

VoiceKey = tuple[str, Role]


@dataclass(frozen=True, slots=True)
class Layout:
    """The time line of a render: `length` frames of bars; a `loop` has neither start nor end."""

    length: int
    loop: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a voice on a bus. `at`: bus frame relative to bar 0 (below 0 only in a loop); fades in frames."""

    role: Role
    samples: Samples
    at: int
    gain: float
    fade_in: int
    fade_out: int

    @property
    def end(self) -> int:
        return self.at + int(self.samples.shape[1])


def velocity_gain(velocity: float) -> float:
    """Linear gain of a velocity 0..1: 40·log10(velocity) dB, the law that SFZ players use by default."""
    return velocity * velocity


def place(hits: Sequence[Hit], voices: Mapping[VoiceKey, Voice], layout: Layout) -> list[Stretch]:
    """Every hit that has a voice as a stretch of audio. `hits` sorted by time; hits without a sample are skipped."""
    played = _one_at_a_time([h for h in hits if h.event.sample_id is not None])
    frames = [round(h.time_s * RATE) for h in played]
    before, after = _neighbours(played, frames, layout)
    placed = []
    for hit, frame, last, following in zip(played, frames, before, after, strict=True):
        voice = voices[_key(hit.event)]
        if voice.samples.shape[1] == 0:
            continue
        if hit.event.role == "TEXTURE":
            placed.append(_bed(hit, frame, voice, (layout.loop, following - frame)))
        else:
            lead = min(voice.attack, frame - last, voice.attack if layout.loop else frame)
            placed.append(_stretch(hit, frame, voice, (lead, following - frame)))
    return placed


def sum_up(placed: Sequence[Stretch], frames: int, lead: int = 0) -> Samples:
    """All stretches added on one bus, float32 (2, frames), bar 0 at frame `lead`; what lies past the end is lost."""
    bus = np.zeros((2, frames), dtype=np.float32)
    longest = max((p.samples.shape[1] for p in placed), default=0)
    scratch = np.empty(
        (2, longest), dtype=np.float32
    )  # one for all hits: an allocation per hit costs more than the sum
    for p in placed:
        room = bus[:, p.at + lead : p.end + lead]
        sound = np.multiply(p.samples, np.float32(p.gain), out=scratch[:, : p.samples.shape[1]])
        if p.fade_in:
            sound[:, : p.fade_in] *= ramp(p.fade_in)
        if p.fade_out:
            sound[:, -p.fade_out :] *= ramp(p.fade_out)[::-1]
        room += sound[:, : room.shape[1]]
    return bus


def _key(event: Event) -> VoiceKey:
    assert event.sample_id is not None
    return event.sample_id, event.role


def _one_at_a_time(hits: Sequence[Hit]) -> list[Hit]:
    """Of hits of one sound on one frame, the loudest: doubled, it would only be 6 dB louder."""
    best: dict[tuple[str | None, int], Hit] = {}
    for hit in hits:
        key = (hit.event.sample_id, round(hit.time_s * RATE))
        if key not in best or hit.event.velocity > best[key].event.velocity:
            best[key] = hit
    return list(best.values())


def _neighbours(hits: Sequence[Hit], frames: Sequence[int], layout: Layout) -> tuple[list[int], list[int]]:
    """For each hit the frame of the last hit of its sound, and of the next one that cuts it."""
    far = 1 << 60
    before, after = [-far] * len(hits), [far] * len(hits)
    rounds = (-layout.length, 0, layout.length) if layout.loop else (0,)
    last: dict[str | None, tuple[int, int]] = {}  # sample -> (index, frame)
    ringing: list[tuple[int, int]] = []  # open hats not yet closed: (index, frame)
    for shift in rounds:
        for i, hit in enumerate(hits):
            now = frames[i] + shift
            if (previous := last.get(hit.event.sample_id)) is not None:
                index, then = previous
                after[index] = min(after[index], now - then + frames[index])
                before[i] = max(before[i], then - shift)
            last[hit.event.sample_id] = (i, now)
            if is_open(hit.event) and hit.event.role == "MOTION":
                ringing.append((i, now))
            elif _closes(hit.event):
                for index, then in ringing:
                    if now > then:
                        after[index] = min(after[index], now - then + frames[index])
                ringing = [(index, then) for index, then in ringing if now <= then]
    return before, after


def _closes(event: Event) -> bool:
    if event.instrument == "hat_closed":
        return True
    return event.role == "MOTION" and not is_open(event) and event.instrument not in KEEPS_OPEN


def _stretch(hit: Hit, frame: int, voice: Voice, span: tuple[int, int]) -> Stretch:
    """A hit from `lead` frames before its attack to its gate, the voice's end, or the hit that cuts it."""
    lead, until_cut = span
    gate = gate_of(hit.event)
    held = min(max(hit.duration_s, gate.hold_s), gate.max_s)
    natural = voice.samples.shape[1] - voice.attack
    gated = round((held + gate.release_s) * RATE)
    tail = max(1, min(natural, gated, until_cut))
    fade = 0
    if tail < natural:
        wish = CUT_S if tail == until_cut else gate.release_s
        fade = min(round(wish * RATE), tail)
    first = voice.attack - lead
    fade_in = 0
    if first > 0:  # cut close to its attack, as at the start of a file, the fade goes over the attack: no click
        fade_in = min(round(START_S * RATE), max(lead, round(EDGE_IN_S * RATE)), lead + tail)
    sound = voice.samples[:, first : voice.attack + tail]
    return Stretch(hit.event.role, sound, frame - lead, velocity_gain(hit.event.velocity), fade_in, fade)


def _bed(hit: Hit, frame: int, voice: Voice, limits: tuple[bool, int]) -> Stretch:
    """A bed as long as its event, looped where the sound is shorter; its fade-out lies after the event's end.

    A short rise is kept and serves as the fade-in; a long swell would start seconds too early, so its bed begins on
    the event and fades in. `limits`: whether the render is a loop, and the frames until the sound's next event.
    """
    loop, until_next = limits
    fade = round(BED_FADE_S * RATE)
    swells = voice.attack > round(BED_RISE_S * RATE)
    rise = 0 if swells else min(voice.attack, voice.attack if loop else frame)
    first = 0 if swells else voice.attack - rise
    frames = max(fade, min(round(hit.duration_s * RATE), until_next)) + rise + fade
    sound = loop_bed(voice.samples[:, first:], frames)
    _fade_bed(sound, fade if swells else min(max(rise, round(EDGE_IN_S * RATE)), fade), fade)
    return Stretch("TEXTURE", sound, frame - rise, velocity_gain(hit.event.velocity), 0, 0)


def _fade_bed(sound: Samples, into: int, out: int) -> None:
    """Equal-power fades in place on a fresh bed: one bed's end and the next one's start add up to one bed."""
    sound[:, :into] *= np.sqrt(ramp(into))
    sound[:, -out:] *= np.sqrt(ramp(out))[::-1]


def loop_bed(sound: Samples, frames: int) -> Samples:
    """`frames` frames of a sound (2, n > 0), repeated with equal-power crossfades; always a fresh array."""
    n = sound.shape[1]
    if n >= frames:
        return sound[:, :frames].copy()
    cross = min(round(BED_CROSSFADE_S * RATE), n // 3)
    hop = n - cross
    out = np.zeros((2, frames + n), dtype=np.float32)
    up = np.sqrt(ramp(cross)) if cross else None
    for k in range(math.ceil(frames / hop)):
        piece = sound.copy()
        if up is not None:
            piece[:, -cross:] *= up[::-1]
            if k:
                piece[:, :cross] *= up
        out[:, k * hop : k * hop + n] += piece
    return out[:, :frames].copy()
