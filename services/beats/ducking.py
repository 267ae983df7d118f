"""Beds and bass make room for CORE: their level falls when it strikes and is back an eighth later.

The curve of one strike: down to `depth_db` in the 2 ms before it, so that its attack has the room, then up again along
half a cosine in dB, which stays low while the strike is loud. Strikes that follow sooner start it anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from services.audio.clip import HOUSE_RATE_HZ, Samples

RATE = HOUSE_RATE_HZ
ATTACK_S = 0.002
EIGHTHS_A_QUARTER = 2
DEFAULT_DB = -2.0  # of a beat whose style is not in the table

Floats = npt.NDArray[np.float64]


def release_s(bpm: float) -> float:
    """An eighth, seconds."""
    return 60.0 / bpm / EIGHTHS_A_QUARTER


def reduction_db(since_s: Floats, depth_db: float, release: float | Floats) -> Floats:
    """How far down something is, dB <= 0, so many seconds after a strike; 0 past the release and before the strike."""
    place = np.clip(since_s / release, 0.0, 1.0)
    return np.where(since_s < 0.0, 0.0, depth_db * (0.5 + 0.5 * np.cos(np.pi * place)))


def duck(bus: Samples, strikes: Iterable[tuple[int, float]], depth_db: float, *, loop: bool) -> None:
    """Ducks a fresh bus (2, n) in place. `strikes`: (frame, release in seconds); in a `loop` the last one is heard
    over the first frames too.
    """
    n = bus.shape[1]
    found = dict(sorted(strikes))
    if loop and found:
        found = {f - n: r for f, r in found.items()} | found | {f + n: r for f, r in found.items()}
    frames = sorted(found)
    attack = round(ATTACK_S * RATE)
    down = (np.arange(attack) + 0.5) / attack
    before = 0.0
    for frame, following in zip(frames, [*frames[1:], frames[-1] + (1 << 40)] if frames else [], strict=True):
        length = math.ceil(found[frame] * RATE)
        end = min(frame + length, max(frame, following - attack))
        curve = reduction_db(np.arange(end - frame) / RATE, depth_db, found[frame])
        _turn(bus, frame - attack, np.concatenate((before + (depth_db - before) * down, curve)))
        open_s = max(0, following - attack - frame) / RATE
        before = float(reduction_db(np.array([open_s]), depth_db, found[frame])[0])


def _turn(bus: Samples, at: int, gain_db: Floats) -> None:
    """Multiplies the bus from a frame on by gains; what lies outside it is left."""
    first, last = max(0, at), min(bus.shape[1], at + gain_db.size)
    if first < last:
        bus[:, first:last] *= (10.0 ** (gain_db[first - at : last - at] / 20.0)).astype(np.float32)
