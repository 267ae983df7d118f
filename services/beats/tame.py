"""Spikes: how far a peak stands out over the loudness, and bending it down.

A raw hit's first few milliseconds stand 15 to 20 dB over its loudness. A beat of such hits cannot be brought to the
loudness of other music by a limiter: it would duck the whole hit for the sake of its spike. So what stands out is bent
by a memoryless curve, which leaves everything below it untouched and adds its distortion only where the ear is masked
by the attack: first in each sound, once, then on the bus of its role, and as much as is still missing in the mix before
its master.
Arrays are float32 (channels, n), never written to.
"""

from __future__ import annotations

import math

import numpy as np

from services.audio.clip import Clip, Samples
from services.audio.loudness import HOP_S, Energies, energies, gated, squares, true_peak_db

MIX_MAX_DB = 9.0  # of a mix of nothing but spikes; what is still too quiet then stays so
SEARCH_STEPS = 5  # halvings of that range: a third of a dB
STRIDE = 10  # every tenth sample tells what bending takes from 100 ms; divides them at 44.1 kHz
BETWEEN_MIN_DB = 0.7  # true peaks this far over the sample peak are the master's affair
BETWEEN_SPAN_S = 8.0  # of a mix, where that is measured
BETWEEN_GROWS = 0.12  # per dB: bending once more raises them further, measured on white noise
KNEE = 0.75  # of the new peak, -2.5 dB: below it nothing bends, above it the curve turns smoothly


def peak_db(samples: Samples) -> float:
    """The sample peak in dBFS; -inf for silence."""
    peak = max(float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)))
    return 20.0 * math.log10(peak) if peak > 0.0 else -math.inf


def tamed(samples: Samples, by_db: float) -> Samples:
    """A copy whose peak lies at least `by_db` >= 0 dB lower. Silence stays silence.

    All channels get the gain of the loudest, sample by sample: bent apart, a sound would move towards the middle.
    """
    out = samples.copy()
    hold(out, 10.0 ** ((peak_db(samples) - by_db) / 20.0))
    return out


def hold(fresh: Samples, top: float) -> None:
    """Bends fresh samples in place as `tamed` does, so that none passes `top`; up to 0.75 of it nothing changes."""
    knee, span = np.float32(top * KNEE), np.float32(top * (1.0 - KNEE))
    if top <= 0.0 or max(float(fresh.max(initial=0.0)), -float(fresh.min(initial=0.0))) <= knee:
        return
    level = np.abs(fresh).max(axis=0)
    hot = np.flatnonzero(level > knee)
    loud = level[hot]
    fresh[:, hot] *= (knee + span * np.tanh((loud - knee) / span)) / loud


def levelled(clip: Clip, crest_db: float) -> Clip:
    """The clip with its spikes bent so that its true peak is about `crest_db` over its loudness; itself where it is.

    At most `MIX_MAX_DB` are bent. Loudness is integrated (BS.1770). Silence stays silence.
    """
    hops = energies(clip)
    by_db = _search(clip, hops, crest_db)
    if not by_db:
        return clip
    bent = tamed(clip.samples, by_db)
    # Between its samples a bent noise rises again, the more the more it is bent: that has to be bent away as well.
    between_db = _between_db(Clip(bent, clip.rate_hz))
    if between_db > BETWEEN_MIN_DB:
        more_db = between_db + BETWEEN_GROWS * between_db**2
        bent = tamed(clip.samples, _search(clip, hops, crest_db - more_db))
    return Clip(bent, clip.rate_hz)


def _between_db(clip: Clip) -> float:
    """How far the true peak lies over the sample peak, from some seconds around the largest sample."""
    at = int(np.abs(clip.samples).max(axis=0).argmax())
    reach = round(BETWEEN_SPAN_S * clip.rate_hz / 2)
    part = Clip(clip.samples[:, max(0, at - reach) : at + reach], clip.rate_hz)
    return true_peak_db(part) - peak_db(part.samples)


def _search(clip: Clip, hops: Energies, crest_db: float) -> float:
    """By how many dB to tame for a sample peak `crest_db` over the loudness; 0 where nothing stands out, or in silence.

    What bending takes from the loudness is estimated from the plain energy of each 100 ms: good to a tenth of a LU.
    """
    peak, loud = peak_db(clip.samples), gated(hops)
    if loud is None or peak - loud <= crest_db:
        return 0.0
    thin = clip.samples[:, ::STRIDE]
    hop = round(HOP_S * clip.rate_hz / STRIDE)
    before, thin_db = squares(thin, hop), peak_db(thin)
    low, high = 0.0, MIX_MAX_DB
    for _ in range(SEARCH_STEPS):
        middle = (low + high) / 2.0
        after = squares(tamed(thin, middle + thin_db - peak), hop)
        kept = np.divide(after, before, out=np.zeros_like(after), where=before > 0)
        left = gated(hops * kept)
        if left is None or peak - middle - left <= crest_db:
            high = middle
        else:
            low = middle
    return high
