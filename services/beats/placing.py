"""Where a sound stands between the speakers.

CORE and ACCENT stand in the middle, MOTION 20-35 % and the others 40-60 % to the sides, taken in turns along the kit.
Mono sounds keep their power at every place (constant-power law), stereo sounds are balanced. Two bounds keep a beat
whole on one speaker: a sound is mono below 120 Hz, and no wider than loses 1.4 dB when both channels are added up.
What a person pans goes where it is panned.
Arrays are float32 (channels, n) at 44.1 kHz.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from scipy import signal

from services.audio.clip import HOUSE_RATE_HZ, Samples
from services.beats.types import ROLES, Beat, Role, Sample

PAN_RANGE = {"MOTION": (0.20, 0.35), "FILL": (0.40, 0.60), "TEXTURE": (0.40, 0.60)}  # the others stand in the middle
GOLDEN = 0.618034  # steps through a range so that neighbours lie far apart
# Bass from one side is weak on one speaker and makes a needle jump. The corner lies above the 120 Hz below which a
# sound is to be mono: there its sides are 8 dB down, 24 dB more with each octave.
MONO_CORNER_HZ, MONO_ORDER = 150.0, 4
MONO_WARM_S = 0.1  # of a bed's end that the filter hears before its start, so that it goes round without a step
SIDE_MAX = 10 ** (1.4 / 10) - 1.0  # energy of the sides over that of the middle: mono loses 10·log10(1 + it) dB
TURNED = 10.0  # sides so many times stronger than the middle: channels of opposite sign, one of which is kept
ONE_SIDED = 10.0  # energy of one channel over the other's, from which the other one is room and noise


def kit_order(beat: Beat) -> tuple[Sample, ...]:
    """The kit in the order of its pads: by role, then name, then id; the same whatever order the document has."""
    return tuple(sorted(beat.kit.values(), key=lambda s: (ROLES.index(s.pool_role), s.name, s.sample_id)))


def role_mix(beat: Beat, role: Role) -> dict[str, Any]:
    """The mixer strip of a role, {gain_db, pan, muted, balance_db}; empty where the beat sets none."""
    strip = beat.mix.get("roles", {}).get(role)
    return strip if isinstance(strip, dict) else {}


def own_pan(beat: Beat, sample: Sample, role: Role) -> float:
    """What a person has panned: the sample's pan plus the mix's, 0 where nobody has."""
    return sample.pan + float(role_mix(beat, role).get("pan", 0.0))


def place_of(beat: Beat, sample: Sample, role: Role) -> float:
    """Pan -1..1 of a sample in a role: the role's range, sides taken in turns, plus what a person has panned."""
    order = [s for s in kit_order(beat) if s.pool_role == sample.pool_role]
    rank = next((i for i, s in enumerate(order) if s.sample_id == sample.sample_id), 0)
    near, far = PAN_RANGE.get(role, (0.0, 0.0))
    wide = near + (far - near) * ((rank // 2) * GOLDEN % 1.0)
    side = -1.0 if rank % 2 else 1.0
    return min(1.0, max(-1.0, side * wide + own_pan(beat, sample, role)))


def pan_gains(place: float, channels: int) -> tuple[float, float]:
    """Left and right gain of the constant-power law; a stereo sound in the middle passes unchanged."""
    angle = (place + 1.0) * math.pi / 4.0
    unity = math.sqrt(2.0) if channels == 2 else 1.0
    return unity * math.cos(angle), unity * math.sin(angle)


def placed_at(body: Samples, place: float, *, bounded: bool = True, loops: bool = False) -> Samples:
    """A sound of one or two channels at a pan of -1..1: a fresh float32 (2, n).

    `bounded`: mono below 120 Hz and not too wide. `loops`: the sound goes round, so its filter does too. Stereo sounds
    are centred first: a recording that leans to one side stands where its role does.
    """
    if body.shape[0] == 2:
        body = _centred(body)
    left, right = pan_gains(place, body.shape[0])
    out = np.empty((2, body.shape[1]), dtype=np.float32)
    np.multiply(body[0], np.float32(left), out=out[0])
    np.multiply(body[-1], np.float32(right), out=out[1])
    if not bounded or body.shape[1] == 0 or (body.shape[0] == 1 and left == right):
        return out
    middle, side = (out[0] + out[1]) * np.float32(0.5), (out[0] - out[1]) * np.float32(0.5)
    side = _high(side, loops)
    strong, wide = _energy(middle) * SIDE_MAX, _energy(side)
    if wide > strong:
        side *= np.float32(math.sqrt(strong / wide))
    np.add(middle, side, out=out[0])
    np.subtract(middle, side, out=out[1])
    return out


def _centred(body: Samples) -> Samples:
    """Two channels of equal energy; the louder one alone where there is hardly another, or it is the same turned over
    and both would vanish in mono.
    """
    left, right = _energy(body[0]), _energy(body[1])
    weak, strong = sorted((left, right))
    if _energy(body[0] - body[1]) > TURNED * _energy(body[0] + body[1]) or strong > ONE_SIDED * weak:
        return body[:1] if left >= right else body[1:]
    if left == right:
        return body
    even = math.sqrt(left * right)
    return np.asarray(body * np.sqrt([[even / left], [even / right]]), np.float32)


def _energy(x: Samples) -> float:
    return float(np.dot(x, x))


def _high(side: Samples, loops: bool) -> Samples:
    """What of the sides may stay: above 120 Hz."""
    warm = round(MONO_WARM_S * HOUSE_RATE_HZ) if loops else 0
    heard = np.take(side, range(-warm, side.size), mode="wrap") if warm else side
    return np.asarray(signal.sosfilt(_high_pass(), heard)[warm:], np.float32)


@cache
def _high_pass() -> Samples:
    sos = signal.butter(MONO_ORDER, MONO_CORNER_HZ, "high", fs=HOUSE_RATE_HZ, output="sos")
    return np.asarray(sos, np.float32)
