"""How hard drums are struck: each stroke's level against the recording's own loud strokes of that drum.

A network that hears a second or two cannot know how loud a kit's loudest stroke is; a whole recording can. Most of a
velocity is therefore measured: the rise in the band of the drum's family, against the strokes of the same drum. A
player's velocity v is heard as an amplitude of QUIETEST + (1 - QUIETEST) * v, as samplers usually play it. The
network's own guess, which also hears how the sound changes, is the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from services.transcription.types import Floats, Hit

QUIETEST = 0.25  # amplitude of velocity 0
LOUD_SHARE = 0.9  # the quantile of a drum's levels that counts as a loud stroke
LOUD = 0.95  # amplitude of that stroke
GUESSED = 0.3  # share of the network's guess
ENOUGH = 4  # strokes of a drum; fewer say nothing of each other
LEAST = 0.03
DIGITS = 3


def weighed(hits: Sequence[Hit], rises: Floats, frame_s: float) -> list[Hit]:
    """Hits of one family with their velocities. `rises` (frames,): dB, see spectrum.rises."""
    levels: dict[str, list[float]] = {}
    own = [float(rises[min(rises.size - 1, round(hit.time_s / frame_s))]) for hit in hits]
    for hit, level in zip(hits, own, strict=True):
        levels.setdefault(hit.instrument, []).append(level)
    loud = {drum: float(np.quantile(rows, LOUD_SHARE)) for drum, rows in levels.items() if len(rows) >= ENOUGH}
    out = []
    for hit, level in zip(hits, own, strict=True):
        if hit.instrument not in loud:
            out.append(hit)
            continue
        amplitude = LOUD * 10.0 ** ((level - loud[hit.instrument]) / 20.0)
        measured = float(np.clip((amplitude - QUIETEST) / (1.0 - QUIETEST), LEAST, 1.0))
        velocity = GUESSED * hit.velocity + (1.0 - GUESSED) * measured
        out.append(replace(hit, velocity=round(velocity, DIGITS)))
    return out
