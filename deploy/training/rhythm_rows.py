"""Rendered tracks as the judge of rhythm sees them: every reading's features, and which readings are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rhythm_material

from services.analysis.activations import FRAMES_PER_S, RhythmActivations, listen_rhythm
from services.analysis.meter import no_rhythm_features, starts
from services.analysis.readings import BAR_BEATS, METERS, Grid, grids
from services.analysis.tempogram import pulse
from services.audio.clip import Clip, ClipSource

NEAR_S = 0.045  # of a true beat: a reading's beat is right
BAR_NEAR_S = 0.06
BEATS_RIGHT, BARS_RIGHT = 0.9, 0.85  # F-measures from which a reading counts as right
HALF_BARS_RIGHT = 0.6  # at half the tempo every second downbeat is right

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """What is true of a track; `bpm` 0 where nothing beats."""

    bpm: float
    meter: str
    beats_s: Floats
    downbeats_s: Floats
    half_time: bool
    kind: str


@dataclass(frozen=True)
class Row:
    """`beat` and `common` (grids, features), `bars` and `begins` by the beats of a bar, `none` (features,).

    `right`: readings as (grid, place of the meter in METERS, first downbeat).
    """

    beat: npt.NDArray[np.float32]
    common: npt.NDArray[np.float32]
    bars: dict[int, npt.NDArray[np.float32]]
    begins: dict[int, npt.NDArray[np.float32]]
    none: npt.NDArray[np.float32]
    right: frozenset[tuple[int, int, int]]
    beating: bool


def f_measure(truth: Floats, found: Floats, within_s: float = NEAR_S) -> float:
    """F of two rising rows of seconds, by the nearest of each to each."""
    if not len(truth) or not len(found):
        return 0.0
    off = np.abs(truth[:, None] - found)
    precision, recall = (float((off.min(axis=axis) <= within_s).mean()) for axis in (0, 1))
    return 2 * precision * recall / max(1e-9, precision + recall)


def right(found: Sequence[Grid], truth: Truth) -> frozenset[tuple[int, int, int]]:
    """The readings that are right; where the backbeat is on 3, those at half the tempo too."""
    if not truth.bpm:
        return frozenset()
    out = []
    first, last = truth.beats_s[0] - 0.05, truth.beats_s[-1] + 0.05
    halves = _halves(truth) if truth.half_time else np.zeros(0)
    for i, grid in enumerate(found):
        beats = grid.beats / FRAMES_PER_S
        inside = (beats >= first) & (beats <= last)
        whole = f_measure(truth.beats_s, beats[inside]) >= BEATS_RIGHT
        if not whole and (not truth.half_time or f_measure(halves, beats[inside]) < BEATS_RIGHT):
            continue
        meter, wanted = (truth.meter, BARS_RIGHT) if whole else ("4/4", HALF_BARS_RIGHT)
        m = METERS[meter][0]
        for k in range(m):
            bars = beats[k::m][inside[k::m]]
            if f_measure(truth.downbeats_s, bars, BAR_NEAR_S) >= wanted and _are(bars, truth.downbeats_s):
                out.append((i, list(METERS).index(meter), k))
    return frozenset(out)


def _are(found: Floats, truth: Floats) -> bool:
    """Whether nearly all that was found is true."""
    return float((np.abs(truth[:, None] - found).min(axis=0) <= BAR_NEAR_S).mean()) > BARS_RIGHT


def _halves(truth: Truth) -> Floats:
    """First and third beats of bars of four."""
    first = int(np.abs(truth.beats_s - truth.downbeats_s[0]).argmin()) % 2
    return truth.beats_s[first::2]


def row(activations: RhythmActivations, truth: Truth) -> Row | None:
    """A track's row, None where it is too short or too quiet to be read."""
    if not activations.onsets.any() or activations.duration_s < 1.5:
        return None
    found = grids(pulse(activations), activations)
    if not found:
        return None
    beat = np.stack([g.beat for g in found]).astype(np.float32)
    common = np.stack([g.common for g in found]).astype(np.float32)
    bars = {beats: np.stack([g.bars[beats] for g in found]).astype(np.float32) for beats in BAR_BEATS}
    begins = {beats: starts(found, beats).astype(np.float32) for beats in BAR_BEATS}
    none = no_rhythm_features(found).astype(np.float32)
    return Row(beat, common, bars, begins, none, right(found, truth), bool(truth.bpm))


@cache
def _sounds(work: str) -> rhythm_material.Sounds:
    return rhythm_material.load(Path(work))


def heard(job: tuple[str, int, int]) -> tuple[RhythmActivations, Truth]:
    """The activations and the truth of one rendered track: (work folder, stream, seed)."""
    work, stream, seed = job
    t = rhythm_material.track(seed, stream, _sounds(work))
    activations = listen_rhythm(ClipSource(Clip(t.audio[None], rhythm_material.RATE_HZ)))
    return activations, Truth(t.bpm, t.meter, t.beats_s, t.downbeats_s, t.half_time, t.kind)
