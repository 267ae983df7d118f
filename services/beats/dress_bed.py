"""Beds: the steadiest part of a sound, evened out and closed to a loop.

The steadiest part is the window, of several lengths, whose level (in blocks of 50 ms) varies least, lies near the
sound's loudest and is long; the three are weighed against each other in dB. Its end flows into its start with equal
power. A part too short to loop without being heard as a buzz goes on as noise of its own spectrum, which repeats by
itself. Arrays are float32 (1 or 2, n) at 44.1 kHz.
"""

from __future__ import annotations

import numpy as np
from scipy import signal
from scipy.ndimage import uniform_filter1d

from services.audio.clip import Samples
from services.beats.dress_hit import HOP, RATE, TINY, Curve, curved, levels
from services.beats.dress_layers import of_spectrum
from services.beats.dress_types import Step

BLOCK = round(0.05 * RATE)  # samples
LONGEST_S, SHORTEST_S = 4.0, 1.0  # of the part that is looked for
SHRINK = 0.75  # from one length tried to the next
QUIET_COST = 0.3  # dB of unsteadiness that a dB under the loudest part is worth
SHORT_COST_DB = 4.0  # what no length at all would cost, against the longest
UNSTEADY_DB = 7.0  # standard deviation of a part's level over which it is no bed, but a hit and its decay
LOUDEST_S = 0.25  # of such a hit, what a bed is made of
LOOPS_FROM_S = 0.5  # a shorter part would repeat more than twice a second, which is heard as a pulse
SMEAR = 65_536  # samples, 1.5 s: the period of what a short part becomes
SMEAR_WINDOW = 4096  # samples
CROSS_MS = 120.0  # of a bed that is not dressed
CROSS_MAX = 0.4  # of a part's length
SLACK_MS = 20.0  # a period of the lowest tone heard in a bed
EVEN_MS = 150.0  # over which the level is taken that is evened out
LEVEL_FLOOR = 1e-6  # of the loudest: silence


def steady_part(samples: Samples) -> Samples:
    """The part that a bed is made of, a view: the steadiest, or the loudest quarter of a second of what only decays.

    All of a sound that is shorter than that, or silent.
    """
    blocks, loudest = samples.shape[1] // BLOCK, round(LOUDEST_S * RATE / BLOCK)
    if blocks <= loudest:
        return samples
    power = np.einsum("cn,cn->n", samples[:, : blocks * BLOCK], samples[:, : blocks * BLOCK])
    mean = power.reshape(blocks, BLOCK).mean(axis=1, dtype=np.float64)
    if mean.max() <= 0.0:
        return samples
    db = 10 * np.log10(mean / mean.max() + LEVEL_FLOOR)
    longest, shortest = min(blocks, round(LONGEST_S * RATE / BLOCK)), min(blocks, round(SHORTEST_S * RATE / BLOCK))
    length, best, found = longest, np.inf, (0, longest)
    while length >= shortest:
        cost = _cost_db(db, length, longest)
        if cost.min() < best:
            best, found = float(cost.min()), (int(np.argmin(cost)), length)
        length = int(length * SHRINK)
    if np.std(db[found[0] : sum(found)]) > UNSTEADY_DB:
        sums = np.cumsum(np.pad(mean, (1, 0)))
        found = (int(np.argmax(sums[loudest:] - sums[:-loudest])), loudest)
    return samples[:, found[0] * BLOCK : (found[0] + found[1]) * BLOCK]


def _cost_db(db: Curve, length: int, longest: int) -> Curve:
    """What each window of `length` blocks costs: its unsteadiness, its quietness, its shortness."""
    sums = np.cumsum(np.pad(db, (1, 0)))
    squares = np.cumsum(np.pad(db * db, (1, 0)))
    mean = (sums[length:] - sums[:-length]) / length
    spread = np.sqrt(np.maximum(0.0, (squares[length:] - squares[:-length]) / length - mean * mean))
    return np.asarray(spread - QUIET_COST * mean + SHORT_COST_DB * (1 - length / longest))


def even(samples: Samples, step: Step) -> Samples:
    """The level brought towards its median by at most `db` either way."""
    level = levels(samples, EVEN_MS)
    if not level.any():
        return samples
    gain_db = np.clip(20 * np.log10(np.median(level) / np.maximum(level, TINY) + TINY), -step["db"], step["db"])
    width = max(1, round(EVEN_MS * RATE / 1000 / HOP))
    return curved(samples, 10 ** (uniform_filter1d(gain_db, width, mode="nearest") / 20))


def looped(samples: Samples, cross_ms: float = CROSS_MS) -> Samples:
    """A bed whose end flows into its start; shorter by the crossfade. No frames stay none.

    The end is taken, within `SLACK_MS`, where it is most alike to the start, and the gains are such that what both have
    in common is no louder than the rest: equal power for noise, equal gain for a tone.
    """
    n = samples.shape[1]
    if n < LOOPS_FROM_S * RATE:
        return _smeared(samples) if n and samples.any() else samples
    cross = min(round(cross_ms * RATE / 1000), int(CROSS_MAX * n))
    end, alike = _likest_end(samples.mean(axis=0), cross)
    angle = (np.arange(cross) + 0.5) * np.pi / 2 / cross
    rise, fall = np.sin(angle), np.cos(angle)
    even_out = 1 / np.sqrt(1 + 2 * alike * rise * fall)
    bed = samples[:, : end - cross].copy()
    bed[:, :cross] *= (rise * even_out).astype(np.float32)
    bed[:, :cross] += samples[:, end - cross : end] * (fall * even_out).astype(np.float32)
    return bed


def _likest_end(mono: Samples, cross: int) -> tuple[int, float]:
    """The frame before which the last `cross` frames resemble the first most, and their correlation, at least 0."""
    slack = round(SLACK_MS * RATE / 1000)
    head, tail = mono[:cross].astype(np.float64), mono[-cross - slack :].astype(np.float64)
    products = signal.correlate(tail, head, "valid", method="fft")
    sums = np.cumsum(np.pad(tail * tail, (1, 0)))
    powers = np.maximum(sums[cross:] - sums[:-cross], 0.0) * float(head @ head)
    likeness = products / np.sqrt(powers + TINY)
    best = int(np.argmax(likeness))
    return mono.size - slack + best, float(np.clip(likeness[best], 0.0, 1.0))


def _smeared(samples: Samples) -> Samples:
    """Noise with the spectrum and the loudest level of a short sound."""
    power = np.square(samples, dtype=np.float64).mean(axis=0)
    window = min(power.size, BLOCK)
    loud = np.convolve(power, np.full(window, 1 / window), "valid").max()
    return of_spectrum(samples, SMEAR, SMEAR_WINDOW) * np.float32(np.sqrt(loud))
