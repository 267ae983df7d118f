"""Spikes: how far a peak stands out over the loudness, and bending it down.

A raw hit's first few milliseconds stand 15 to 20 dB over its loudness. A beat of such hits cannot be brought to the
loudness of other music by a limiter: it would duck the whole hit for the sake of its spike. So what stands out is bent
by a memoryless curve, which leaves everything below it untouched and adds its distortion only where the ear is masked
by the attack: first in each sound, once, then, as much as is still missing, in the mix before its master.
Arrays are float32 (channels, n), never written to.
"""

from __future__ import annotations

import math

import numpy as np

from services.audio.clip import Samples

KNEE = 0.75  # of the new peak, -2.5 dB: below it nothing bends, above it the curve turns smoothly


def peak_db(samples: Samples) -> float:
    """The sample peak in dBFS; -inf for silence."""
    peak = max(float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)))
    return 20.0 * math.log10(peak) if peak > 0.0 else -math.inf


def tamed(samples: Samples, by_db: float) -> Samples:
    """A copy whose peak lies at least `by_db` >= 0 dB lower. Silence stays silence."""
    top = 10.0 ** ((peak_db(samples) - by_db) / 20.0)
    knee, span = top * KNEE, top * (1.0 - KNEE)
    out = samples.copy()
    if top <= 0.0:
        return out
    for channel in out:
        hot = np.flatnonzero((channel > knee) | (channel < -knee))
        over = (np.abs(channel[hot]) - knee) / np.float32(span)
        channel[hot] = np.copysign(knee + span * np.tanh(over), channel[hot])
    return out
