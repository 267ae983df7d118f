"""Which possible onsets begin a sound that a listener would cut out, and are not part of one or of what goes on behind.

What it does. Boosted decision trees judge the traits of each possible onset (`onset_traits`). They were fitted by
deploy/training/train_onsets.py on rendered recordings: struck, dropped, shaken and crumpled things at known samples
over rooms, speech and music. Trees know no values beyond those they saw, so strange input gets no strange answer.
Onsets closer than a double knock are one.

How likely is likely enough follows how clearly the hits thereabouts stand over what goes on behind them. Where they do,
the doubtful onsets are parts of compound sounds, and few hits are in doubt; where they hardly do, the hits are.

Source. J. H. Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of Statistics 29(5), 2001.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from services.beats.onset_traits import BAND_UNIT_DB, TOTAL_RISE, TRAITS, traits
from services.beats.onsets import FIRST_WHOLE, Array, BandLevels, Indices, Onsets, novelty, possible_onsets
from services.models import registry

LIKELY_FAINT, LIKELY_CLEAR = 0.42, 0.52  # probabilities from which a possible onset counts, where hits ...
FAINT_DB, CLEAR_DB = 8.5, 13.0  # ... rise by so much above the 135 ms before them, all bands together
SURE = 0.8  # probability from which an onset tells how clear the hits are ...
SURE_NEAR = 15  # ... by the median of so many of them around
STARTED_DB = 25.0  # a rise from which what sounds at the first sample begins there: it was trimmed so
MIN_GAP_FRAMES = 16  # 46 ms: closer than a double knock, two onsets are one sound
STRONGER = 3.0  # times: a late neighbour this much stronger was the hit, the early one its precursor
TAIL_DB, TAIL_FRAMES, LOUDER = 10.0, 64, 8.0  # such a rise within 186 ms of one so many times as strong is its end
RATTLE_DB = 10.0  # strength of a possible onset that counts as a grain of a rattle
RATTLE_GAP_FRAMES = 24  # 70 ms
RATTLE_GRAINS = 5  # so many, each within the gap of the one before, are one rattle: only its first may begin


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees side by side, as arrays over all their nodes.

    `roots`: each tree's first node; `trait` < 0 in a leaf; `border`: at most this goes to `left`, else `right`;
    `value`: the log-odds that a leaf adds to `base`; `depth`: steps from any root to any leaf, at most.
    """

    base: float
    roots: Indices
    trait: Indices
    border: npt.NDArray[np.float64]
    left: Indices
    right: Indices
    value: npt.NDArray[np.float64]
    depth: int

    def probability(self, found: Array) -> npt.NDArray[np.float64]:
        """Probabilities (n,) of traits (n, TRAITS)."""
        odds = np.full(len(found), self.base)
        rows = np.arange(len(found))
        for root in self.roots:
            node = np.full(len(found), root)
            for _ in range(self.depth):
                lower = found[rows, np.maximum(self.trait[node], 0)] <= self.border[node]
                node = np.where(self.trait[node] < 0, node, np.where(lower, self.left[node], self.right[node]))
            odds += self.value[node]
        return np.asarray(1 / (1 + np.exp(-odds)))


def parse(data: bytes) -> Forest:
    """The forest in a weights file. Raises DamagedModel when it was fitted to other traits."""
    doc = json.loads(data)
    if doc["traits"] != TRAITS:
        raise registry.DamagedModel("The judge of onsets was trained on other traits. Train it again.")
    roots, trait, left, right = (np.asarray(doc[k], dtype=np.int64) for k in ("roots", "trait", "left", "right"))
    border, value = (np.asarray(doc[k], dtype=np.float64) for k in ("border", "value"))
    return Forest(float(doc["base"]), roots, trait, border, left, right, value, int(doc["depth"]))


@cache
def shipped() -> Forest:
    """The forest that is shipped, one a process (no unit). Raises DamagedModel when it is missing or not ours."""
    return parse(registry.verify(registry.ONSETS))


def detect_onsets(levels: BandLevels) -> Onsets:
    """The frames in which sounds begin, in time order, each with its summed rise in dB. None in silence."""
    found = novelty(levels)
    possible = possible_onsets(found)
    known = traits(levels, found, possible.frame)
    probability = shipped().probability(known)
    likely = probability >= least_likely(known, probability)
    likely |= (possible.frame <= FIRST_WHOLE) & (possible.strength_db >= STARTED_DB)
    likely &= ~_rattling(possible)
    return _apart(Onsets(possible.frame[likely], possible.strength_db[likely]))


def least_likely(found: Array, probability: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The probabilities (n,) from which possible onsets count, of all traits (n, TRAITS) and probabilities in order.

    LIKELY_FAINT to LIKELY_CLEAR; the latter where nothing is sure.
    """
    sure = np.flatnonzero(probability >= SURE)
    if not sure.size:
        return np.full(len(found), LIKELY_CLEAR)
    rise_db = median_filter(found[sure, TOTAL_RISE] * BAND_UNIT_DB, SURE_NEAR, mode="nearest")
    there_db = np.interp(np.arange(len(found)), sure, rise_db)
    return np.asarray(np.interp(there_db, (FAINT_DB, CLEAR_DB), (LIKELY_FAINT, LIKELY_CLEAR)))


def _rattling(possible: Onsets) -> npt.NDArray[np.bool_]:
    """Which possible onsets are grains of a rattle after its first."""
    strong = np.flatnonzero(possible.strength_db >= RATTLE_DB)
    inside = np.zeros(possible.frame.size, dtype=np.bool_)
    breaks = np.flatnonzero(np.diff(possible.frame[strong]) > RATTLE_GAP_FRAMES) + 1
    for run in np.split(strong, breaks):
        if run.size >= RATTLE_GRAINS:
            inside[run[0] + 1 : run[-1] + 1] = True
    return inside


def _apart(onsets: Onsets) -> Onsets:
    """Close neighbours joined."""
    frame, strength = onsets.frame, onsets.strength_db
    kept: list[int] = []
    for i in range(frame.size):
        gap = frame[i] - frame[kept[-1]] if kept else frame[i] + TAIL_FRAMES
        if gap < TAIL_FRAMES and strength[i] < min(TAIL_DB, strength[kept[-1]] / LOUDER):
            continue
        if gap >= MIN_GAP_FRAMES:
            kept.append(i)
        elif strength[i] > STRONGER * strength[kept[-1]]:
            kept[-1] = i
    index = np.asarray(kept, dtype=np.int64)
    return Onsets(frame[index], strength[index])
