"""From a stored sound to a voice: what a role makes of a sample before any event plays it.

A voice is a version of a sound in a role: float32 stereo (2, n) at 44.1 kHz, dressed, gated and placed, with every
level in it, so that playing an event is one multiply and one add. Gate: how long a hit may ring is a constant of its
voice, a fade at the end of its samples, as in a sampler's one-shot pad. Level: the momentary loudness (400 ms, ITU-R
BS.1770-4 and EBU Tech 3341) of a hit of full velocity is the same for every voice, so a whisper and a slam sit equally
well; TEXTURE, which lies under the whole beat, is measured by its mean too. Spikes far above a hit's loudness are bent,
once per voice, as a drum engineer clips single drums (see `tame`).
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import signal

from services.audio.clip import HOUSE_RATE_HZ, Clip, Samples
from services.audio.dsp import ramp
from services.audio.loudness import OFFSET_LUFS, k_weighting
from services.beats.dress import Variant
from services.beats.dress_audio import Wardrobe
from services.beats.placing import own_pan, place_of, placed_at, role_mix
from services.beats.tame import tamed
from services.beats.types import Beat, Event, Role, Sample

VOICE_LUFS = -24.0  # momentary loudness of a hit of full velocity: peaks that fall together stay under full scale
ROLE_LU = {"CORE": 0.0, "ACCENT": -1.0, "MOTION": -9.0, "FILL": -3.0, "TEXTURE": -18.0}  # against CORE, as heard

LEVEL_FLOOR_LUFS = -85.0  # below it a sound counts as silence and is left alone
GAIN_MAX_DB = 60.0  # more only lifts the noise of a nearly silent file
CREST_MAX_DB = 10.0  # peak over momentary loudness: drums that are to be loud together cannot all be spikes
# Of a spike that is bent away: more would be heard as distortion, later on a hiss than on a tone.
TAME_MAX_DB: dict[Role, float] = {"CORE": 6.0, "ACCENT": 6.0, "MOTION": 12.0, "FILL": 6.0, "TEXTURE": 6.0}
SPIKE_LEFT_DB = 6.0  # that may be left of any spike: a lone click in a faint recording would keep it faint
# Of a voice, both channels together, before its role's trim: a click does not get a slam's loudness by its peak alone.
# Hats are all peak, and play at half velocity: they may have more.
PEAK_MAX: dict[Role, float] = {"CORE": 0.56, "ACCENT": 0.56, "MOTION": 1.4, "FILL": 0.56, "TEXTURE": 0.5}
MOMENTARY_S = 0.4  # the window of momentary loudness
BEFORE_S = 0.005  # of a rise that belongs to the hit: the window opens so long before the attack
LEVEL_SPAN_S = 10.0  # of a long bed, what is measured
EDGE_IN_S, EDGE_OUT_S = 0.001, 0.005  # fades at the cut edges of a sound, against clicks
STEEP_S = 0.0002  # fade that even a sound gets which begins at its height: a step clicks, also over a seam
START_S = 0.003  # fade into a sound whose beginning is cut away
PAD_LEAD_S = 0.005  # of a sound before its attack that a pad plays: more would be heard as latency
BED_FADE_S = 0.060  # a bed comes in and goes out this long, along a straight line
LOOP_MIN_S = 1.0  # shorter beds are repeated up to that, so that a long event is made of few pieces
RATE = HOUSE_RATE_HZ
HATS = "hats"  # the cut group of hi-hats


@dataclass(frozen=True, slots=True)
class Gate:
    """How long a hit may sound after its attack: `hold_s` unchanged, then a fade of `release_s`."""

    hold_s: float
    release_s: float


GATES: dict[Role, Gate] = {
    "CORE": Gate(0.90, 0.15),  # the longest low end that a style asks for
    "ACCENT": Gate(0.45, 0.12),
    "MOTION": Gate(0.10, 0.04),
    "FILL": Gate(0.60, 0.15),
    "TEXTURE": Gate(math.inf, 0.0),  # a bed is as long as its event
}
VARIANT_GATES: dict[Variant, Gate] = {"open": Gate(0.35, 0.08), "ring": Gate(2.5, 0.5)}  # hats and cymbals that ring
# Parts of MOTION that neither are hats nor close an open one.
KEEPS_OPEN = frozenset({"shaker", "ride", "crash", "perc"})
CYMBALS = frozenset({"crash", "ride"})


class VoiceKey(NamedTuple):
    """What is prepared once: a sound in a role in one of its versions."""

    sample_id: str
    role: Role
    variant: Variant


@dataclass(frozen=True, slots=True)
class Voice:
    """A prepared sound. `samples`: float32 (2, n), never written to; `attack`: the frame that goes on the event;
    `loops`: a bed, which goes round from its end to its start.
    """

    samples: Samples
    attack: int
    loops: bool = False


def is_open(event: Event) -> bool:
    """Whether an event is an open hat (or what plays its part): it rings on until a closed one chokes it."""
    return event.articulation == "open" or (event.instrument == "hat_open" and event.articulation != "choke")


def variant_of(event: Event) -> Variant:
    """The version of its sound that an event plays: MOTION closed, open or ring, FILL low, mid or high, else ""."""
    if event.role == "MOTION":
        if event.instrument in CYMBALS:
            return "ring"
        return "open" if is_open(event) else "closed"
    if event.role == "FILL":
        if event.variant == "low":
            return "low"
        return "high" if event.variant == "high" else "mid"
    return ""


def key_of(event: Event) -> VoiceKey | None:
    """The voice that an event plays; None for an event with a pitch and no sample."""
    return VoiceKey(event.sample_id, event.role, variant_of(event)) if event.sample_id is not None else None


def hat_keys(beat: Beat) -> frozenset[VoiceKey]:
    """The voices that play a hi-hat's part, open or closed, in any event: they cut one another."""
    keys = (key_of(e) for e in beat.events if e.role == "MOTION" and (is_open(e) or e.instrument not in KEEPS_OPEN))
    return frozenset(key for key in keys if key is not None and key.variant != "ring")


def cut_group(key: VoiceKey, hats: frozenset[VoiceKey]) -> Hashable:
    """Voices of one group cut one another when they begin: all hats (see `hat_keys`), every other voice only itself."""
    return HATS if key in hats else key


def gate_of(role: Role, variant: Variant) -> Gate:
    """The gate of a version of a sound in a role."""
    return VARIANT_GATES.get(variant, GATES[role])


def make_voice(beat: Beat, sample: Sample, clip: Clip, key: VoiceKey, wardrobe: Wardrobe) -> Voice:
    """The voice of a sample at full velocity. `clip`: the whole stored cut, 44.1 kHz, any number of channels.

    Every voice has the same loudness, -24 LUFS, before the trims of sample and role.
    Silence (below -85 LUFS) keeps its level; no frames give an empty voice. Raises ValueError for another rate: stored
    cuts are made at 44.1 kHz.
    """
    if clip.rate_hz != RATE:
        raise ValueError(f"a stored sample has {RATE} Hz, not {clip.rate_hz}")
    dressed = wardrobe.dressed(sample, clip, key.role, key.variant)
    loops = key.role == "TEXTURE"
    attack = 0 if loops else min(dressed.attack, max(0, dressed.samples.shape[1] - 1))
    body = dressed.samples[:, : attack + _gate_frames(key)]
    bounded = own_pan(beat, sample, key.role) == 0.0
    stereo = placed_at(body, place_of(beat, sample, key.role), bounded=bounded, loops=loops)
    if not loops:
        _close(stereo, attack, key)
    stereo = _levelled(stereo, attack, key.role)
    strip = role_mix(beat, key.role)
    own_db = sample.gain_db + float(strip.get("gain_db", 0.0)) + float(strip.get("balance_db", 0.0))
    stereo *= np.float32(10.0 ** (own_db / 20.0))
    if loops and 0 < stereo.shape[1] < LOOP_MIN_S * RATE:
        stereo = np.tile(stereo, (1, math.ceil(LOOP_MIN_S * RATE / stereo.shape[1])))
    return Voice(stereo, attack, loops)


def pad_voice(voice: Voice) -> Voice:
    """A voice as a pad plays it: from at most 5 ms before its attack, faded in there, all of it after the trigger.

    Its `attack` is 0: the frame that goes on the event is the first one. Beds are pads already.
    """
    lead = round(PAD_LEAD_S * RATE)
    if voice.loops or voice.attack <= lead:
        return Voice(voice.samples, 0, voice.loops)
    samples = voice.samples[:, voice.attack - lead :].copy()
    rise = min(round(START_S * RATE), samples.shape[1])
    samples[:, :rise] *= ramp(rise)
    return Voice(samples, 0)


def hit_lufs(stereo: Samples, attack: int, *, mean: bool = False) -> float:
    """Loudness of (channels, n) in LUFS: of the 400 ms from its attack, or (`mean`) of all of it; -inf for silence."""
    window = round((LEVEL_SPAN_S if mean else MOMENTARY_S) * RATE)
    first = max(0, attack - round(BEFORE_S * RATE))
    heard = stereo[:, first : first + window]
    window = heard.shape[1] if mean else window
    if not heard.any():
        return -math.inf
    weighted = signal.sosfilt(k_weighting(RATE), heard.astype(np.float64))
    return OFFSET_LUFS + 10.0 * math.log10(max(float(np.square(weighted).sum()) / window, 1e-20))


def _gate_frames(key: VoiceKey) -> int:
    gate = gate_of(key.role, key.variant)
    return round((gate.hold_s + gate.release_s) * RATE) if math.isfinite(gate.hold_s) else 1 << 40


def _close(stereo: Samples, attack: int, key: VoiceKey) -> None:
    """Fades a fresh voice in at its edge and out by its gate, in place; over its attack only where it has no rise."""
    n = stereo.shape[1]
    rise = min(max(round(STEEP_S * RATE), min(round(EDGE_IN_S * RATE), attack)), n)
    gated = n == attack + _gate_frames(key)
    fall = min(round((gate_of(key.role, key.variant).release_s if gated else EDGE_OUT_S) * RATE), n - attack)
    if rise > 0:
        stereo[:, :rise] *= ramp(rise)
    if fall > 0:
        stereo[:, -fall:] *= ramp(fall)[::-1]


def _levelled(stereo: Samples, attack: int, role: Role) -> Samples:
    """A fresh voice, its spikes bent, at the loudness of all voices; silence as it is."""
    level = _level(stereo, attack, role)
    if level <= LEVEL_FLOOR_LUFS:
        return stereo
    spike_db = 20.0 * math.log10(_peak(stereo)) - level - CREST_MAX_DB
    if spike_db > 0.0:
        stereo = tamed(stereo, max(min(spike_db, TAME_MAX_DB[role]), spike_db - SPIKE_LEFT_DB))
        level = _level(stereo, attack, role)
    gain = 10.0 ** (min(VOICE_LUFS - level, GAIN_MAX_DB) / 20.0)
    stereo *= np.float32(min(gain, PEAK_MAX[role] / _peak(stereo)))
    return stereo


def _level(stereo: Samples, attack: int, role: Role) -> float:
    """The loudness of a hit; of a bed the mean, or its beginning where that stands out."""
    hit = hit_lufs(stereo, attack)
    return max(hit, hit_lufs(stereo, attack, mean=True)) if role == "TEXTURE" else hit


def _peak(stereo: Samples) -> float:
    """The peak of both channels together: of a mono sound the same at every place."""
    return math.sqrt(float(np.square(stereo).sum(axis=0).max(initial=0.0)))
