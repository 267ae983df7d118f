"""Drum transcription against its labels: onset F1 at 50 and 20 ms, velocity, invented hits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from mir_eval.util import match_events
from scipy.stats import rankdata

from services.transcription.types import Hit
from tests.bench.ears.intervals import Figure, Floats, f1, figure, mean, pooled, ratio
from tests.bench.ears.labels import FIVE, FOLD, Track

TOLERANCES_S = (0.05, 0.02)
VELOCITY_CLASSES = ("kick", "snare")
PAIRS_MIN = 8  # strokes of a class in a recording below which a rank correlation says nothing
SPREAD_MIN = 0.25  # from the softest to the hardest of them: below, they are all played alike


@dataclass(frozen=True, slots=True)
class Score:
    """One recording. `counts` (five classes, tolerances, found false missed); `levels` per velocity class (n, 2): true
    and heard velocity of the strokes that were found at 50 ms.

    `named`: of the hits found at 50 ms, how many have the right instrument of nine, and how many are labelled.
    """

    track: Track
    counts: Floats
    levels: tuple[Floats, ...]
    named: Floats
    spent_s: float
    duration_s: float


def score(track: Track, hits: Sequence[Hit], spent_s: float, duration_s: float) -> Score:
    """The hits heard in a track against its labels; instruments outside the five classes do not count."""
    heard = [h for h in hits if h.instrument in FOLD]
    counts = np.zeros((len(FIVE), len(TOLERANCES_S), 3))
    levels = {drum: np.zeros((0, 2)) for drum in VELOCITY_CLASSES}
    named = np.zeros(2)
    for c, drum in enumerate(FIVE):
        truth = [i for i, d in enumerate(track.drums) if d == drum]
        truth.sort(key=lambda i: track.times[i])
        got = sorted((h for h in heard if FOLD[h.instrument] == drum), key=lambda h: h.time_s)
        for t, tolerance_s in enumerate(TOLERANCES_S):
            pairs = _matched([track.times[i] for i in truth], [h.time_s for h in got], tolerance_s)
            counts[c, t] = len(pairs), len(got) - len(pairs), len(truth) - len(pairs)
            if t:
                continue
            if drum in levels and track.velocity is not None and pairs:
                levels[drum] = np.array([(track.velocity[truth[a]], got[b].velocity) for a, b in pairs])
            if track.nine is not None:
                named += sum(got[b].instrument == track.nine[truth[a]] for a, b in pairs), len(pairs)
    return Score(track, counts, tuple(levels.values()), named, spent_s, duration_s)


def _matched(truth: Sequence[float], got: Sequence[float], tolerance_s: float) -> list[tuple[int, int]]:
    """The largest matching of times within the tolerance, each used once."""
    if not truth or not got:
        return []
    return [(int(a), int(b)) for a, b in match_events(np.array(truth), np.array(got), tolerance_s)]


def _rank(levels: Floats) -> float:
    """Spearman's rank correlation of (n, 2); nan where there are few or all are played alike. An answer that is all
    alike knows nothing: 0.
    """
    if len(levels) < PAIRS_MIN or np.ptp(levels[:, 0]) < SPREAD_MIN:
        return float("nan")
    if np.ptp(levels[:, 1]) == 0:
        return 0.0
    ranks = rankdata(levels, axis=0) - (len(levels) + 1) / 2
    return float((ranks[:, 0] * ranks[:, 1]).sum() / np.sqrt((ranks**2).sum(axis=0).prod()))


def micro(scores: Sequence[Score], tolerance: int) -> Figure:
    """F1 over the five classes together, at TOLERANCES_S[tolerance]."""
    return figure([s.counts[:, tolerance].sum(axis=0) for s in scores], f1)


def of_class(scores: Sequence[Score], drum: str, tolerance: int) -> Figure:
    """F1 of one class."""
    return figure([s.counts[FIVE.index(drum), tolerance] for s in scores], f1)


def precision(scores: Sequence[Score], tolerance: int) -> Figure:
    """Found of all heard."""
    return figure([s.counts[:, tolerance].sum(axis=0) for s in scores], _precision)


def recall(scores: Sequence[Score], tolerance: int) -> Figure:
    """Found of all played."""
    return figure([s.counts[:, tolerance].sum(axis=0) for s in scores], _recall)


def _precision(sums: Floats) -> float:
    return ratio(np.array([sums[0], sums[0] + sums[1]]))


def _recall(sums: Floats) -> float:
    return ratio(np.array([sums[0], sums[0] + sums[2]]))


def loss(scores: Sequence[Score]) -> Figure:
    """How much lower micro F1 is at 20 ms than at 50 ms, on the same recordings."""
    rows = [s.counts.sum(axis=0).ravel() for s in scores]
    return figure(rows, lambda sums: f1(sums[:3]) - f1(sums[3:]))


def velocity(scores: Sequence[Score], drum: str) -> Figure:
    """Rank correlation of the velocities of all strokes of a drum that were found, over all recordings together."""
    return pooled([s.levels[VELOCITY_CLASSES.index(drum)] for s in scores], _rank)


def velocity_within(scores: Sequence[Score], drum: str) -> Figure:
    """The same within a recording, mean over the recordings whose strokes differ."""
    return mean([_rank(s.levels[VELOCITY_CLASSES.index(drum)]) for s in scores])


def instruments(scores: Sequence[Score]) -> Figure:
    """Of the hits found at 50 ms, how many are the right one of nine instruments."""
    return figure([s.named for s in scores], ratio)


def speed(scores: Sequence[Score]) -> Figure:
    """Seconds of work per second of audio."""
    return figure([np.array([s.spent_s, s.duration_s]) for s in scores], ratio)


def invented(counts: Sequence[tuple[int, float]]) -> Figure:
    """Hits a minute where there are none: (hits, seconds of audio) per recording."""
    return figure([np.array([hits, seconds / 60.0]) for hits, seconds in counts], ratio)


def groups(scores: Sequence[Score], by: Callable[[Track], str]) -> dict[str, list[Score]]:
    """Scores by a word of their track, in the order in which the words appear."""
    found: dict[str, list[Score]] = {}
    for s in scores:
        found.setdefault(by(s.track), []).append(s)
    return found
