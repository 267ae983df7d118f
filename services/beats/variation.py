"""No two hits of a player are alike: each hit of a sound is one of a few takes of it, a little louder or softer.

A take is the voice up to 8 cents higher or lower, prepared once; a hit's take and gain are drawn from its id and the
beat's seed, so an edit elsewhere changes neither, and no hit has the take of the hit before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from services.audio.clip import HOUSE_RATE_HZ
from services.beats.perform import Hit
from services.beats.types import Beat
from services.beats.voices import Voice

CENTS = (-8.0, -3.0, 3.0, 8.0)  # of the takes: apart by as much as ears tell apart on a drum, no more
GAIN_DB = 0.7  # a hit is up to so much louder or softer
FULL_HUMANIZE = 0.5  # `humanize` from which all of it is heard, the value of a request that sets none
RESAMPLER = "HQ"  # soxr: 20 bits, no delay


@dataclass(frozen=True, slots=True)
class Chance:
    """How a hit differs from its sound: `take` is an index of `CENTS`, `gain` linear."""

    take: int
    gain: float


def amount_of(beat: Beat) -> float:
    """How much a beat's repeats vary, 0..1, from the `humanize` it was asked with."""
    parameters = beat.meta.get("parameters")
    asked = parameters.get("humanize", FULL_HUMANIZE) if isinstance(parameters, dict) else FULL_HUMANIZE
    return min(1.0, max(0.0, float(asked) / FULL_HUMANIZE))


def chances(hits: Sequence[Hit], seed: int, amount: float) -> list[Chance]:
    """How each hit varies; `hits` by time. The first hit of a sound follows its last one, as in a loop."""
    found: list[Chance] = []
    takes: dict[str, list[int]] = {}  # of each sound: the indices of its hits
    for i, hit in enumerate(hits):
        digest = hashlib.sha256(f"{seed}/{hit.event.id}/take".encode()).digest()
        own = takes.setdefault(hit.event.sample_id or "", [])
        take = digest[0] % len(CENTS)
        if own and found[own[-1]].take == take:
            take = (take + 1 + digest[1] % (len(CENTS) - 1)) % len(CENTS)
        own.append(i)
        swing = int.from_bytes(digest[2:6], "big") / (1 << 32) * 2.0 - 1.0
        found.append(Chance(take, 10.0 ** (amount * GAIN_DB * swing / 20.0)))
    for own in takes.values():
        if len(own) > 1 and found[own[0]].take == found[own[-1]].take:
            others = {found[own[0]].take, found[own[-2]].take}
            free = next(take for take in range(len(CENTS)) if take not in others)
            found[own[-1]] = Chance(free, found[own[-1]].gain)
    return found


def retuned(voice: Voice, cents: float) -> Voice:
    """A voice so many cents higher; itself for 0, and beds as they are."""
    if not cents or voice.loops or voice.samples.shape[1] == 0:
        return voice
    ratio = 2.0 ** (cents / 1200.0)
    out = soxr.resample(voice.samples.T, HOUSE_RATE_HZ * ratio, HOUSE_RATE_HZ, quality=RESAMPLER)
    samples = np.ascontiguousarray(out.T, dtype=np.float32)
    if samples.shape[1] == 0:  # of a sound of a frame or two nothing is left
        return voice
    return Voice(samples, min(round(voice.attack / ratio), samples.shape[1] - 1))
