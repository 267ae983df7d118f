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

from services.analysis.readings import BAR_VALUES, METERS, Grid
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
    beat = np.stack([g.beat for g in grids])
    return np.concatenate([beat.max(axis=0)[-20:], beat.min(axis=0)[-20:], [np.log(max(len(g.beats) for g in grids))]])


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
    scores: dict[tuple[int, str, int], float] = {}
    beat = _mean(networks, "beat", np.stack([g.beat for g in grids]))
    none = float(_mean(networks, "none", no_rhythm_features(grids)[None])[0])
    for meter in METERS:
        rows = [g.bars(meter) for g in grids]
        bar = np.mean([_bar(member, meter, np.concatenate(rows)) for member in networks.members], axis=0)
        at = 0
        for i, row in enumerate(rows):
            for first in range(len(row)):
                scores[i, meter, first] = float(beat[i] + bar[at + first])
            at += len(row)
    values = np.array([*scores.values(), none]) / networks.temperature
    chances = np.exp(values - values.max())
    chances /= chances.sum()
    return [Reading(*key, float(p)) for key, p in zip(scores, chances[:-1], strict=True)], float(chances[-1])


def _mean(networks: Judge, name: str, x: Floats) -> Floats:
    return np.asarray(np.mean([member[name](x)[:, 0] for member in networks.members], axis=0))


def _bar(member: dict[str, Net], meter: str, rows: Floats) -> Floats:
    """(n,) for the bars (n, features) of a meter."""
    cut = METERS[meter][0] * BAR_VALUES
    each = np.maximum(0.0, member["place"](rows[:, :cut].reshape(len(rows), -1, BAR_VALUES)))
    return member[meter](np.concatenate([each.reshape(len(rows), -1), rows[:, cut:]], axis=1))[:, 0]
