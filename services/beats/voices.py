"""From a stored sound to a voice: what a role makes of a sample before any event plays it.

A voice is float32 stereo (2, n) at 44.1 kHz with every level already in it, so that playing an event is one multiply
and one add. Level: the loudest 400 ms (the momentary loudness of ITU-R BS.1770-4 and EBU Tech 3341) of what the role
lets sound is brought to the role's target, so a whisper and a slam sit equally well. Place: constant-power pan; mono
sounds keep their power at every place, stereo sounds are balanced. TEXTURE is measured by its mean instead, because it
lies under the whole beat. Spikes far above a hit's loudness are bent by up to 5 dB, once per sample, as a drum
engineer clips single drums (see `tame`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from services.audio.clip import HOUSE_RATE_HZ, Clip, Samples
from services.audio.loudness import HOP_S, OFFSET_LUFS, energies, momentary
from services.beats.dress import Variant
from services.beats.tame import peak_db, tamed
from services.beats.types import ROLES, Beat, Event, Role, Sample

CORE_LUFS = -20.0  # momentary loudness of a full-velocity CORE hit: leaves 6 dB for peaks that fall together
ROLE_LU = {"CORE": 0.0, "ACCENT": -1.0, "MOTION": -9.0, "FILL": -3.0, "TEXTURE": -18.0}  # against CORE, as heard
# Where velocities of a role usually lie. The targets are meant for these, so 40·log10 of them is given back.
USUAL_VELOCITY = {"CORE": 0.9, "ACCENT": 0.9, "MOTION": 0.6, "FILL": 0.75, "TEXTURE": 0.32}
OVERLAP_LU = {"MOTION": 3.0, "FILL": 3.0}  # quick hits add up inside 400 ms: a single one may be that much softer
PAN_RANGE = {"MOTION": (0.20, 0.35), "FILL": (0.40, 0.60), "TEXTURE": (0.40, 0.60)}  # the others stand in the middle
GOLDEN = 0.618034  # steps through a range so that neighbours lie far apart

LEVEL_FLOOR_LUFS = -85.0  # below it a sound counts as silence and is left alone
GAIN_MAX_DB = 60.0  # more only lifts the noise of a nearly silent file
CREST_MAX_DB = 10.0  # peak over momentary loudness: drums that are to be loud together cannot all be spikes
TAME_MAX_DB = 5.0  # of a spike that is bent away; more would be heard as distortion
PEAK_MAX = 0.4  # of a voice, 12 dB over CORE's level: a 2 ms tick does not get a slam's loudness by its peak alone
LEVEL_SPAN_S = 10.0  # of a long bed, what is measured
BED_SHARE = 0.1  # of a bed's mean energy: 10 dB down it is no longer the sound
EDGE_IN_S, EDGE_OUT_S = 0.001, 0.005  # fades at the cut edges of a sound, against clicks
RATE = HOUSE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Gate:
    """How long a hit may sound after its attack: at least `hold_s`, at most `max_s`, then a fade of `release_s`."""

    hold_s: float
    max_s: float
    release_s: float


GATES: dict[Role, Gate] = {
    "CORE": Gate(0.45, 1.2, 0.12),
    "ACCENT": Gate(0.40, 1.0, 0.12),
    "MOTION": Gate(0.10, 0.30, 0.04),
    "FILL": Gate(0.45, 1.2, 0.15),
    "TEXTURE": Gate(0.50, math.inf, 0.06),
}
OPEN_GATE = Gate(0.30, 0.60, 0.08)  # an open hat rings until the next closed one
RINGING = {"crash": Gate(2.5, 4.0, 0.5), "ride": Gate(0.8, 1.5, 0.2)}  # cymbals, in whatever role


@dataclass(frozen=True, slots=True)
class Levels:
    """A sample in a role before its levels are applied. `body`: the trimmed sound, one or two channels, raw.

    `attack`: frame of the body that goes on the event. `gain`: linear, without the pan law. `place`: pan -1..1.
    """

    body: Samples
    attack: int
    gain: float
    place: float


@dataclass(frozen=True, slots=True)
class Voice:
    """A prepared sound. `samples`: float32 (2, n), never written to; `attack`: the frame that goes on the event."""

    samples: Samples
    attack: int


def is_open(event: Event) -> bool:
    """Whether an event is an open hat (or what plays its part): it rings on until a closed one chokes it."""
    return event.articulation == "open" or (event.instrument == "hat_open" and event.articulation != "choke")


def variant_of(event: Event) -> Variant:
    """Which version of its sound an event plays: see `dress.VARIANTS`. A FILL without a pitch of its own is `mid`."""
    if event.role == "MOTION":
        if event.instrument in RINGING:
            return "ring"
        return "open" if is_open(event) else "closed"
    if event.role == "FILL":
        return "low" if event.variant == "low" else "high" if event.variant == "high" else "mid"
    return ""


def gate_of(event: Event) -> Gate:
    """The gate of an event by its role, instrument and articulation. `choke`: no longer than its own duration."""
    gate = GATES[event.role]
    if event.articulation == "choke":
        return Gate(0.0, gate.max_s, GATES["MOTION"].release_s)
    if event.role == "TEXTURE":
        return gate
    if event.instrument in RINGING:
        return RINGING[event.instrument]
    return OPEN_GATE if event.role == "MOTION" and is_open(event) else gate


def kit_order(beat: Beat) -> tuple[Sample, ...]:
    """The kit in the order of its pads: by role, then name, then id; the same whatever order the document has."""
    return tuple(sorted(beat.kit.values(), key=lambda s: (ROLES.index(s.pool_role), s.name, s.sample_id)))


def place_of(beat: Beat, sample: Sample, role: Role) -> float:
    """Pan -1..1 of a sample in a role: the role's range, sides taken in turns, plus the sample's and the mix's pan."""
    order = [s for s in kit_order(beat) if s.pool_role == sample.pool_role]
    rank = next((i for i, s in enumerate(order) if s.sample_id == sample.sample_id), 0)
    near, far = PAN_RANGE.get(role, (0.0, 0.0))
    wide = near + (far - near) * ((rank // 2) * GOLDEN % 1.0)
    side = -1.0 if rank % 2 else 1.0
    place = side * wide + sample.pan + float(role_mix(beat, role).get("pan", 0.0))
    return min(1.0, max(-1.0, place))


def role_mix(beat: Beat, role: Role) -> dict[str, Any]:
    """The mixer strip of a role, {gain_db, pan, muted}; empty where the beat sets none."""
    strip = beat.mix.get("roles", {}).get(role)
    return strip if isinstance(strip, dict) else {}


def make_voice(beat: Beat, sample: Sample, clip: Clip, role: Role) -> Voice:
    """The voice of a sample in a role; see `level_sample`. No frames give an empty voice."""
    levels = level_sample(beat, sample, clip, role)
    body, gain = levels.body, levels.gain
    left, right = pan_gains(levels.place, body.shape[0])
    stereo = np.empty((2, body.shape[1]), dtype=np.float32)
    np.multiply(body[0], np.float32(left * gain), out=stereo[0])
    np.multiply(body[-1], np.float32(right * gain), out=stereo[1])
    _soften_edges(stereo, levels.attack)
    return Voice(stereo, levels.attack)


def level_sample(beat: Beat, sample: Sample, clip: Clip, role: Role) -> Levels:
    """Gain and place of a sample in a role. `clip`: the whole stored cut, 44.1 kHz, any number of channels.

    Only the sample's `trim` is kept. Silence (below -85 LUFS) keeps its level. Raises ValueError for another rate:
    stored cuts are made at 44.1 kHz.
    """
    if clip.rate_hz != RATE:
        raise ValueError(f"a stored sample has {RATE} Hz, not {clip.rate_hz}")
    first, body = _sounding(sample, clip)
    if role == "TEXTURE":
        start, end = steady_part(body)
        first, body = first + start, body[:, start:end]
    attack = min(max(0, round(sample.attack_s * RATE) - first), max(0, body.shape[1] - 1))
    level = loudness(_heard(body, attack, role), mean=role == "TEXTURE")
    spike_db = peak_db(_heard(body, attack, role)) - level - CREST_MAX_DB
    if level > LEVEL_FLOOR_LUFS and spike_db > 0.0:
        body = tamed(body, min(spike_db, TAME_MAX_DB))
        level = loudness(_heard(body, attack, role), mean=role == "TEXTURE")
    heard = _heard(body, attack, role)
    gain_db = min(target_lufs(role) - level, GAIN_MAX_DB) if level > LEVEL_FLOOR_LUFS else 0.0
    place = place_of(beat, sample, role)
    peak = float(np.abs(heard).max(initial=0.0)) * max(pan_gains(place, body.shape[0]))
    gain = 10.0 ** (gain_db / 20.0)
    if peak * gain > PEAK_MAX:
        gain = PEAK_MAX / peak
    own_db = sample.gain_db + float(role_mix(beat, role).get("gain_db", 0.0))
    return Levels(body, attack, gain * 10.0 ** (own_db / 20.0), place)


def target_lufs(role: Role) -> float:
    """The momentary loudness of a single full-velocity hit of a role, LUFS before the master."""
    usual_db = 40.0 * math.log10(USUAL_VELOCITY[role] / USUAL_VELOCITY["CORE"])
    return CORE_LUFS + ROLE_LU[role] - OVERLAP_LU.get(role, 0.0) - usual_db


def loudness(body: Samples, *, mean: bool = False) -> float:
    """Loudest momentary (400 ms) loudness of (channels, n), LUFS, or the ungated mean over all of it; -inf for none."""
    if body.shape[1] == 0:
        return -math.inf
    clip = Clip(body, RATE)
    if not mean:
        return float(momentary(clip).max())
    mean_square = float(energies(clip).sum()) * round(HOP_S * RATE) / clip.frames
    return OFFSET_LUFS + 10.0 * math.log10(mean_square) if mean_square > 0.0 else -math.inf


@lru_cache(maxsize=256)
def ramp(frames: int) -> Samples:
    """A raised-cosine rise from 0 to 1, float32 (frames,), read-only; reversed it is the fall."""
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(frames) + 0.5) / max(1, frames))).astype(np.float32)
    rise.setflags(write=False)
    return rise


def steady_part(body: Samples) -> tuple[int, int]:
    """First and end frame of what a bed is made of: without the near silence before a swell and after a decay.

    From the first to the last 100 ms whose K-weighted energy is at least a tenth of the mean; all of it for silence.
    """
    hops = energies(Clip(body, RATE))
    if not hops.any():
        return 0, body.shape[1]
    loud = np.flatnonzero(hops >= BED_SHARE * hops.mean())
    hop = round(HOP_S * RATE)
    return int(loud[0]) * hop, min(body.shape[1], (int(loud[-1]) + 1) * hop)


def _sounding(sample: Sample, clip: Clip) -> tuple[int, Samples]:
    """The first frame of the trim and the trimmed audio, one or two channels."""
    first = min(max(0, round(sample.trim.start_s * RATE)), clip.frames)
    last = min(max(first, round(sample.trim.end_s * RATE)), clip.frames)
    body = clip.samples[:, first:last]
    return first, body if body.shape[0] <= 2 else body.mean(axis=0, keepdims=True, dtype=np.float32)


def _heard(body: Samples, attack: int, role: Role) -> Samples:
    """What a hit of this role lets sound: measuring seconds that the gate cuts would make the hit too quiet."""
    gate = GATES[role]
    span = LEVEL_SPAN_S if role == "TEXTURE" else gate.hold_s + gate.release_s / 2
    return body[:, : attack + round(span * RATE)]


def pan_gains(place: float, channels: int) -> tuple[float, float]:
    """Left and right gain of the constant-power law; a stereo sound in the middle passes unchanged."""
    angle = (place + 1.0) * math.pi / 4.0
    unity = math.sqrt(2.0) if channels == 2 else 1.0
    return unity * math.cos(angle), unity * math.sin(angle)


def _soften_edges(stereo: Samples, attack: int) -> None:
    """Fades a fresh voice in and out in place; never over its attack."""
    n = stereo.shape[1]
    rise = min(round(EDGE_IN_S * RATE), attack, n)
    fall = min(round(EDGE_OUT_S * RATE), n - attack)
    if rise > 0:
        stereo[:, :rise] *= ramp(rise)
    if fall > 0:
        stereo[:, -fall:] *= ramp(fall)[::-1]
