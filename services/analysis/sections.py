"""Where a recording changes, and which of its stretches sound alike.

What sounds before a moment is held against what sounds after it, over four bars each (the checkerboard of Foote 2000,
with the mean of a window in place of all its pairs): a loop of one, two or four bars stays equal to itself whatever its
chords, and a change of chords, instruments or loudness stands out as a peak. Moments are bar lines where downbeats are
known. Stretches are then compared as wholes: what is alike bears the same letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from services.analysis.harmony import FRAME_S, Harmony
from services.analysis.types import Section

Floats = npt.NDArray[np.float64]

SILENT_DB = -70.0  # a frame below it says nothing
BARS = 4  # on either side that are compared
WINDOW_S = 8.0  # the same where no bars are known: four bars at 120 quarters a minute
SHORTEST_S = 5.0  # of a section
SHORTEST_RECORDING_S = 12.0  # below it there is one section
UNIT_S = 0.37  # the grain of boundaries where no bars are known
UNITS_MAX = 6_000  # longer recordings get a coarser grain
BAR_SHORTEST_S, BAR_LONGEST_S = 0.7, 8.0  # other distances between downbeats are gaps or mistakes
CHROMA_STEP = 0.22  # of the chroma's mass moves to other classes: a change to be heard
TIMBRE_STEP_DB = 3.0  # so much the mean band changes
LEVEL_WEIGHT = 0.5  # of the mean level in that: a crescendo is no new section
BROKEN_LOOP = 0.5  # of the distance between bars four apart, that speaks against a boundary between them
ALIKE = 0.85  # of a step: stretches that differ by less bear one label
CHANGED = 1.0  # steps at which a boundary is set
SURE = 2.0  # steps at which it is beyond doubt
LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class _Units:
    """Pieces between `edges_s` (units + 1,), what sounds in each (units, features), how long it sounds (units,)."""

    edges_s: Floats
    features: Floats
    sounding_s: Floats
    reach: int
    in_bars: bool


def sections_of(harmony: Harmony, downbeats_s: Sequence[float], duration_s: float) -> tuple[Section, ...]:
    """Sections of a recording of `duration_s` from its start to its end, without gaps; () for silence.

    Boundaries lie on `downbeats_s` (seconds, rising) where there are enough of them, else on a grain of 0.4 s. A
    recording under 12 s, or one that does not change, is one section A. `confidence` 0..1 says how clearly a section
    differs from the one before; the first one's is 1.
    """
    loud = harmony.level_db > SILENT_DB
    if not loud.any() or duration_s <= 0:
        return ()
    units = _units(harmony, loud, downbeats_s, duration_s)
    cuts = _boundaries(units) if duration_s >= SHORTEST_RECORDING_S else []
    cuts = _merged(units, cuts)
    edges = [0, *(c for c, _ in cuts), len(units.features)]
    labels = _labels([_mean(units, a, b) for a, b in pairwise(edges)])
    sure = [1.0, *(min(1.0, step / SURE) for _, step in cuts)]
    times = [0.0, *(float(units.edges_s[c]) for c, _ in cuts), float(duration_s)]
    rows = zip(times[:-1], times[1:], labels, sure, strict=True)
    return tuple(Section(round(a, 3), round(b, 3), label, round(c, 3)) for a, b, label, c in rows)


def _units(harmony: Harmony, loud: npt.NDArray[np.bool_], downbeats_s: Sequence[float], duration_s: float) -> _Units:
    """Bars, or pieces of UNIT_S where fewer than two windows of them are known."""
    bars = _bar_lines(downbeats_s, duration_s)
    in_bars = len(bars) > 2 * BARS
    if in_bars:
        edges, reach = bars, BARS
    else:
        count = max(1, min(round(duration_s / UNIT_S), UNITS_MAX))
        edges = np.linspace(0, duration_s, count + 1)
        reach = max(1, round(WINDOW_S / duration_s * count))
    # A frame belongs to the unit in which its middle lies.
    frame_s = (np.arange(harmony.frames) + 0.5) * FRAME_S
    unit = np.clip(np.searchsorted(edges, frame_s, side="right") - 1, 0, len(edges) - 2)
    total = np.bincount(unit[loud], minlength=len(edges) - 1).astype(np.float64)
    rows = [np.bincount(unit[loud], row[loud], len(edges) - 1) for row in _features(harmony)]
    return _Units(edges, np.array(rows).T / np.maximum(total, 1)[:, None], total * FRAME_S, reach, in_bars)


def _bar_lines(downbeats_s: Sequence[float], duration_s: float) -> Floats:
    """Edges from 0 to the end at downbeats, with the bars that a gap or an upbeat leaves out."""
    lines = np.array([t for t in downbeats_s if 0 <= t <= duration_s], dtype=np.float64)
    steps = np.diff(lines)
    steps = steps[(steps > BAR_SHORTEST_S) & (steps < BAR_LONGEST_S)]
    if not steps.size:
        return np.zeros(0)
    bar_s = float(np.median(steps))
    edges = [0.0]
    for line in [*lines.tolist(), duration_s]:
        missing = round((line - edges[-1]) / bar_s)
        start = edges[-1]
        # Backwards from the line, so that what lies before the first downbeat keeps to the bars.
        edges += [t for t in (line - k * bar_s for k in range(missing - 1, 0, -1)) if t > start + bar_s / 2]
        if line > edges[-1] + bar_s / 2:
            edges.append(line)
    if duration_s > edges[-1]:
        edges.append(duration_s)
    return np.array(edges)


def _features(harmony: Harmony) -> Floats:
    """Of each frame: the square roots of chroma and bass as shares, and timbre; each so that a step has length 1."""
    rows = []
    for classes in (harmony.chroma, harmony.bass):
        root = np.sqrt(classes.astype(np.float64))
        # A weak frame has no harmony of its own to change to: it counts as even.
        floor = 0.1 * float(root.sum(axis=0).mean()) / 12
        share = (root + floor) / np.maximum((root + floor).sum(axis=0), 1e-9)
        rows.append(share / CHROMA_STEP / np.sqrt(2))
    timbre = harmony.timbre.astype(np.float64) / TIMBRE_STEP_DB / np.sqrt(32)
    timbre[0] *= LEVEL_WEIGHT
    return np.concatenate([*rows, timbre])


def _boundaries(units: _Units) -> list[tuple[int, float]]:
    """The units with which something new begins, and by how many steps it differs from what was before."""
    count = len(units.features)
    change = np.zeros(count)
    for at in range(1, count):
        change[at] = _distance(_mean(units, max(0, at - units.reach), at), _mean(units, at, at + units.reach))
    place = change - BROKEN_LOOP * _broken(units) if units.in_bars else change
    found: list[tuple[int, float]] = []
    for at in np.argsort(-place, kind="stable").tolist():
        if change[at] < CHANGED:
            continue
        edges = [0, count, *(c for c, _ in found)]
        if all(abs(units.edges_s[at] - units.edges_s[e]) >= SHORTEST_S for e in edges) and _is_peak(place, at, units):
            found.append((at, float(change[at])))
    return sorted(found)


def _broken(units: _Units) -> Floats:
    """How far, in steps, the bars on either side of each unit are from repeating after four bars, on average.

    Two loops that share a chord differ as much a bar before the second begins; but there, one bar fits neither.
    """
    x, reach, count = units.features, units.reach, len(units.features)
    apart = np.zeros(count + 2 * reach)
    apart[reach:count] = np.sqrt(np.square(x[reach:] - x[:-reach]).sum(axis=1))
    # apart[i] is bar i against bar i - reach: the left side is asked at i, the right side at i + reach.
    sums = np.concatenate([[0.0], np.cumsum(apart)])
    at = np.arange(count)
    left = sums[at] - sums[np.maximum(0, at - reach)]
    right = sums[at + 2 * reach] - sums[at + reach]
    return np.asarray((left + right) / (2 * reach))


def _is_peak(place: Floats, at: int, units: _Units) -> bool:
    """No better place lies within half a window."""
    near = place[max(0, at - units.reach // 2) : at + units.reach // 2 + 1]
    return bool(place[at] >= near.max())


def _merged(units: _Units, cuts: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Without the cuts between neighbours that are alike as wholes: a fill or a break, not a section."""
    kept = list(cuts)
    while kept:
        edges = [0, *(c for c, _ in kept), len(units.features)]
        means = [_mean(units, a, b) for a, b in pairwise(edges)]
        steps = [_distance(a, b) for a, b in pairwise(means)]
        least = int(np.argmin(steps))
        if steps[least] >= ALIKE:
            return kept
        del kept[least]
    return kept


def _labels(means: list[Floats]) -> list[str]:
    """A letter for each stretch: that of the nearest earlier one that is alike, else the next new one."""
    firsts: list[Floats] = []
    labels: list[str] = []
    for mean in means:
        steps = [_distance(mean, first) for first in firsts]
        at = int(np.argmin(steps)) if steps and min(steps) < ALIKE else len(firsts)
        if at == len(firsts):
            firsts.append(mean)
        labels.append(LABELS[at] if at < len(LABELS) else f"{LABELS[at % 26]}{at // 26}")
    return labels


def _mean(units: _Units, first: int, last: int) -> Floats:
    """What sounds on average in units first..last; NaN-free zeros in silence."""
    weights = units.sounding_s[first:last]
    return np.asarray(weights @ units.features[first:last] / max(float(weights.sum()), 1e-9))


def _distance(a: Floats, b: Floats) -> float:
    """How many steps lie between two means; the harmony's two parts and the timbre add as squares."""
    return float(np.sqrt(np.square(a - b).sum()))
