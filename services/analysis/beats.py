"""Beats of a given period: where strong onsets lie about a period apart.

Dynamic programming over frames (Ellis, "Beat tracking by dynamic programming", 2007), with a period that may change
over time. Times are then refined between frames, and smoothed by parabolas through neighbouring beats, because the
slips of a player are not the pulse.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

TIGHTNESS = 120.0  # cost of the squared logarithm of an interval against the period, in deviations of the strength
SHORTEST, LONGEST = 0.7, 1.4  # of the period: intervals that are tried
REFINE_FRAMES = 3  # a beat is moved to the strongest frame so near
HEARD = 0.5  # deviations of the strength: a beat with less has no onset of its own
UNHEARD, LOUD = 0.02, 3.0  # weights of a beat without an onset, and the most that one with an onset has
SLIP_ROUNDS, SLIP_FRAMES = 3, 2.0  # parabolas, one after the other, and how far off a slip counts half
LEVEL, STRAIGHT = 1e-6, 2.0  # of weights: what holds a parabola's slope and bend where hardly anything is heard

Floats = npt.NDArray[np.float64]


def track(strength: Floats, period: Floats) -> Floats:
    """Frames (with fractions) of the beats in `strength` (frames,) whose interval is about `period` (frames,) frames.

    The chain begins and ends wherever it is best, and is then continued to both ends of the recording.
    """
    n = len(strength)
    total = strength.copy()
    came = np.full(n, -1)
    at = 0
    while at < n:
        p = float(period[at])
        low, high = max(1, int(SHORTEST * p)), max(2, int(np.ceil(LONGEST * p)))
        here = np.arange(at, min(n, at + low))
        back = np.arange(low, high + 1)
        from_ = here[:, None] - back
        cost = TIGHTNESS * np.log(back / p) ** 2
        value = np.where(from_ >= 0, total[np.maximum(from_, 0)], -np.inf) - cost
        best = value.argmax(axis=1)
        reached = value[np.arange(len(here)), best]
        good = reached > 0.0
        total[here] += np.where(good, reached, 0.0)
        came[here] = np.where(good, here - back[best], -1)
        at += len(here)
    tail = max(0, n - int(LONGEST * period[-1]))
    frame = tail + int(total[tail:].argmax())
    beats = []
    while frame >= 0:
        beats.append(frame)
        frame = int(came[frame])
    return extended(np.asarray(beats[::-1], np.float64), period, n)


def extended(beats: Floats, period: Floats, n: int) -> Floats:
    """The beats with more before and after them, a period apart, as long as they lie in `n` frames or just before."""
    before, after = [], []
    at = beats[0] - period[int(beats[0])]
    while at >= -REFINE_FRAMES:
        before.append(at)
        at -= period[int(at)]
    at = beats[-1] + period[int(beats[-1])]
    while at <= n - 1:
        after.append(at)
        at += period[int(at)]
    return np.concatenate([before[::-1], beats, after])


def refined(strength: Floats, beats: Floats) -> tuple[Floats, Floats]:
    """Beats moved to the peak next to them, between frames by a parabola, and how much is heard of each, 0 or more."""
    n = len(strength)
    middle = np.clip(np.rint(beats).astype(int), 1, n - 2)
    around = np.clip(middle[:, None] + np.arange(-REFINE_FRAMES, REFINE_FRAMES + 1), 1, n - 2)
    top = around[np.arange(len(beats)), strength[around].argmax(axis=1)]
    left, here, right = strength[top - 1], strength[top], strength[top + 1]
    bend = left - 2 * here + right
    shift = np.where(bend < -1e-9, 0.5 * (left - right) / np.where(bend < -1e-9, bend, 1.0), 0.0)
    heard = (here >= left) & (here >= right) & (here > HEARD)
    moved = np.where(heard, top + np.clip(shift, -0.5, 0.5), beats)
    return moved, np.where(heard, np.maximum(here, 0.0), 0.0)


def smoothed(beats: Floats, weights: Floats, reach: float) -> Floats:
    """Each beat on the parabola through its neighbours, which count less with their distance (`reach` beats) and slips.

    A parabola, since a line lags behind a tempo that grows; where few neighbours are heard it is a line all the same.
    `weights` (beats,): what is not heard hardly counts. Fewer than three beats stay as they are.
    """
    n = len(beats)
    if n < 3:
        return beats
    width = min(n - 1, int(np.ceil(2.5 * reach)))
    offset = np.arange(-width, width + 1)
    index = np.arange(n)[:, None] + offset
    inside = (index >= 0) & (index < n)
    index = np.clip(index, 0, n - 1)
    powers = (offset / reach) ** np.arange(3)[:, None]  # (3, neighbours)
    products = (powers[:, None] * powers).reshape(9, -1)
    heard = np.exp(-0.5 * (offset / reach) ** 2) * inside * (UNHEARD + np.minimum(weights, LOUD))[index]
    y = beats[index] - beats[:, None]
    w, out = heard, y
    for _ in range(SLIP_ROUNDS):
        normal = (w @ products.T).reshape(n, 3, 3) + np.diag([0.0, LEVEL, STRAIGHT])
        bent = np.linalg.solve(normal, ((w * y) @ powers.T)[:, :, None])[:, :, 0]
        out = bent @ powers
        w = heard / (1 + ((y - out) / SLIP_FRAMES) ** 2)
    return np.asarray(beats + bent[:, 0])
