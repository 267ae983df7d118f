"""Soft hits are not quiet hard ones: they are duller and begin more slowly.

Three layers by velocity, as sampled instruments have them: hard hits sound as they are, softer ones lose treble
through a shelf and some of their attack. No layer changes the level law: that is 40·log10(velocity) dB for all, and
what the slower attack takes is given back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import signal

from services.audio import dsp
from services.audio.clip import HOUSE_RATE_HZ, Samples
from services.audio.dsp import ramp
from services.beats.types import Event
from services.beats.voices import Voice

RATE = HOUSE_RATE_HZ
SHELF_HZ = 3_200.0  # middle of the shelf: from 5 kHz on nearly all of it is lost
PRECEDES_S = 0.0005  # the slower attack begins so long before the old one
SPARED = 0.3  # of what precedes the attack: a rise is heard, its end is not


@dataclass(frozen=True, slots=True)
class Layer:
    """Hits from `least` (velocity) on: a shelf of `shelf_db` above 5 kHz, and an attack that is `slower_s` longer."""

    least: float
    shelf_db: float
    slower_s: float


HARD, MEDIUM, SOFT = 0, 1, 2
LAYERS = (Layer(0.62, 0.0, 0.0), Layer(0.38, -2.5, 0.001), Layer(0.0, -5.5, 0.002))


def layer_of(event: Event) -> int:
    """Which of `LAYERS` an event plays; ghosts are soft at any velocity, beds have no layers."""
    if event.role == "TEXTURE":
        return HARD
    if event.articulation == "ghost":
        return SOFT
    return next(i for i, layer in enumerate(LAYERS) if event.velocity >= layer.least)


def softened(voice: Voice, layer: int) -> Voice:
    """A voice in a layer: itself in the hard one. Silence stays silence."""
    how = LAYERS[layer]
    if not how.shelf_db or voice.samples.shape[1] == 0:
        return voice
    samples = np.asarray(signal.sosfilt(_shelf(how.shelf_db), voice.samples), np.float32)
    begin = max(0, voice.attack - round(PRECEDES_S * RATE))
    end = min(samples.shape[1], voice.attack + round(how.slower_s * RATE))
    before = float(np.vdot(samples, samples))
    samples[:, :begin] *= np.float32(SPARED)
    samples[:, begin:end] *= np.float32(SPARED) + np.float32(1.0 - SPARED) * ramp(end - begin)
    after = float(np.vdot(samples, samples))
    if after > 0.0:  # a short tick is mostly attack: it becomes slower, not softer
        samples *= np.float32(math.sqrt(before / after))
    return Voice(samples, voice.attack, voice.loops)


@lru_cache(maxsize=8)
def _shelf(gain_db: float) -> Samples:
    return dsp.shelf("high", SHELF_HZ, gain_db, RATE).astype(np.float32)
