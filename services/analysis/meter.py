"""Which reading of a pulse is right: small networks judge the beat, the bar, and whether there is any rhythm at all.

A reading's score is that of its beat, from what bands do on and between beats, plus that of its bar, from what tells
its beats apart: a network for each meter. All readings of a recording and "no rhythm" share one softmax, whose
temperature was fitted on tracks that the networks had not heard; so probabilities of tempi, meters and downbeats are
sums over readings, and what a user knows better only strikes readings out. Fitted by deploy/training/train_rhythm.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from services.analysis.readings import BAR_BEATS, GENERAL, METERS, Grid
from services.models import registry

CLIP_SIGMA = 5.0  # a feature further out than this says no more than one at the edge

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Net:
    """Dense layers with rectifiers between them, on features centred by `mean` and divided by `scale`."""

    mean: Floats
    scale: Floats
    layers: tuple[tuple[Floats, Floats], ...]

    def __call__(self, x: Floats) -> Floats:
        """(…, outputs) for features (…, f)."""
        x = np.clip((x - self.mean) / self.scale, -CLIP_SIGMA, CLIP_SIGMA)
        for weights, bias in self.layers[:-1]:
            x = np.maximum(0.0, x @ weights + bias)
        weights, bias = self.layers[-1]
        return np.asarray(x @ weights + bias)


@dataclass(frozen=True, slots=True)
class Judge:
    """The ensemble. Each member has nets for the beat, for no rhythm, for one beat within a bar, and for each meter.

    A meter's net hears what the net for one beat makes of each beat of the bar, then what all bars share.
    """

    members: tuple[dict[str, Net], ...]
    temperature: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A grid (its place in the list), a meter, the first downbeat's place among its beats, and a probability 0..1."""

    grid: int
    meter: str
    first: int
    probability: float


def no_rhythm_features(grids: Sequence[Grid]) -> Floats:
    """(features,): the best of every number that describes a grid, over all grids."""
    beat = np.stack([g.beat[-GENERAL:] for g in grids])
    return np.concatenate([beat.max(axis=0), beat.min(axis=0), [np.log(max(len(g.beats) for g in grids))]])


@cache
def judge() -> Judge:
    """The shipped networks. Raises DamagedModel when their file is not the pinned one."""
    return parsed(registry.verify(registry.RHYTHM))


def parsed(data: bytes) -> Judge:
    """The networks in JSON. Raises ValueError or KeyError for anything else."""
    stored = json.loads(data)
    members = tuple({name: _net(net) for name, net in member.items()} for member in stored["members"])
    return Judge(members, float(stored["temperature"]))


def _net(stored: dict[str, list]) -> Net:  # type: ignore[type-arg]
    layers = tuple((np.asarray(w, np.float64), np.asarray(b, np.float64)) for w, b in stored["layers"])
    return Net(np.asarray(stored["mean"], np.float64), np.asarray(stored["scale"], np.float64), layers)


def judged(grids: Sequence[Grid], networks: Judge) -> tuple[list[Reading], float]:
    """Every reading with its probability, and the probability that there is no rhythm; together 1."""
    members = networks.members
    beat = np.mean([m["beat"](np.stack([g.beat for g in grids]))[:, 0] for m in members], axis=0)
    none = float(np.mean([m["none"](no_rhythm_features(grids)[None])[0, 0] for m in members]))
    bars = {beats: np.stack([g.bars[beats] for g in grids]) for beats in BAR_BEATS}
    common = np.stack([g.common for g in grids])
    keys: list[tuple[int, str, int]] = []
    scores: list[Floats] = []
    for meter, (beats, _) in METERS.items():
        bar = np.mean([_bars(m, meter, bars[beats], common, starts(grids, beats)) for m in members], axis=0)
        keys += [(i, meter, first) for i in range(len(grids)) for first in range(beats)]
        scores.append((beat[:, None] + bar).ravel())
    values = np.concatenate([*scores, [none]]) / networks.temperature
    chances = np.exp(values - values.max())
    chances /= chances.sum()
    return [Reading(*key, float(p)) for key, p in zip(keys, chances[:-1], strict=True)], float(chances[-1])


def starts(grids: Sequence[Grid], beats: int) -> Floats:
    """(grids, beats): 1 where the music begins with a bar that begins on this beat."""
    out = np.zeros((len(grids), beats))
    for i, grid in enumerate(grids):
        if grid.start is not None:
            out[i, grid.start % beats] = 1.0
    return out


def turned(beats: int) -> npt.NDArray[np.intp]:
    """(beats, beats): row k is the order of a bar's beats when it begins with beat k."""
    return (np.arange(beats)[:, None] + np.arange(beats)) % beats


def _bars(member: dict[str, Net], meter: str, bars: Floats, common: Floats, begins: Floats) -> Floats:
    """(grids, beats): the score of a bar that begins on each beat, of `bars` (grids, beats, BAR_VALUES)."""
    grids, beats, _ = bars.shape
    each = np.maximum(0.0, member["place"](bars))[:, turned(beats)].reshape(grids, beats, -1)
    shared = np.broadcast_to(common[:, None], (grids, beats, common.shape[1]))
    return member[meter](np.concatenate([each, shared, begins[:, :, None]], axis=2))[:, :, 0]
