"""The seam of a loop: what sounds before the first beat and after the last one belongs to the other end.

A loop is exactly as long as its bars. Everything that a flat render would let ring past the end, or cut before the
start, is laid over the other end, so that playing the file round and round is the same as playing the beat forever.
Arrays are float32 (2, n).
"""

from __future__ import annotations

import numpy as np

from services.audio.clip import Clip, Samples

CONTEXT_S = 3.0  # of the loop around itself that a master hears before and after: longer than any limiter's release


def fold(bus: Samples, lead: int, length: int) -> Samples:
    """A bus of `lead` frames before the start, `length` frames of loop and any tail, folded to (2, length).

    Frame i of the bus is frame (i - lead) modulo length of the loop; what falls on one place is added up.
    """
    out = np.zeros((bus.shape[0], length), dtype=np.float32)
    at = 0
    while at < bus.shape[1]:
        place = (at - lead) % length
        count = min(length - place, bus.shape[1] - at)
        out[:, place : place + count] += bus[:, at : at + count]
        at += count
    return out


def surround(clip: Clip) -> tuple[Clip, int]:
    """The loop with whole or partial copies of itself on both sides, and the frame where its own start lies.

    A loop shorter than the context is repeated whole, so that levels measured over it stay those of the loop.
    """
    n = clip.frames
    context = round(CONTEXT_S * clip.rate_hz)
    if n >= context:
        parts = [clip.samples[:, n - context :], clip.samples, clip.samples[:, :context]]
        return Clip(np.concatenate(parts, axis=1), clip.rate_hz), context
    copies = -(-context // n)
    return Clip(np.tile(clip.samples, (1, 2 * copies + 1)), clip.rate_hz), copies * n
