"""The shipped role classifier: a small ensemble of networks, run in plain numpy.

A member is a list of dense layers with rectifiers between them (one layer: a logistic regression). Members' logits are
averaged, divided by a temperature that was fitted on kits the members had not heard (Guo et al., "On calibration of
modern neural networks", 2017), and turned into probabilities. The file is JSON so that anybody can read it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from services.beats.types import INSTRUMENTS
from services.models import registry

Floats = npt.NDArray[np.float64]
CLIP_SIGMA = 4.0  # a feature further out than this says no more than one at the edge


@dataclass(frozen=True, slots=True)
class Layer:
    """`weights` (inputs, outputs), `bias` (outputs,)."""

    weights: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class Classifier:
    """An ensemble: inputs are centred by `mean` and divided by `scale`, both (features,)."""

    mean: Floats
    scale: Floats
    members: tuple[tuple[Layer, ...], ...]
    temperature: float
    sha256: str

    def logits(self, vector: Floats) -> Floats:
        """Averaged logits before the temperature, (…, 15) in the order of INSTRUMENTS, for vectors (…, features)."""
        x = np.clip((vector - self.mean) / self.scale, -CLIP_SIGMA, CLIP_SIGMA)
        return np.asarray(np.mean([_member(layers, x) for layers in self.members], axis=0))

    def probabilities(self, vector: Floats) -> Floats:
        """Calibrated probabilities, (…, 15) in the order of INSTRUMENTS, each row of sum 1."""
        z = self.logits(vector) / self.temperature
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        return np.asarray(e / e.sum(axis=-1, keepdims=True))


def _member(layers: tuple[Layer, ...], x: Floats) -> Floats:
    """Log-probabilities of one member, up to nothing: normalised, so that members weigh alike."""
    for layer in layers[:-1]:
        x = np.maximum(0.0, x @ layer.weights + layer.bias)
    z = x @ layers[-1].weights + layers[-1].bias
    z = z - z.max(axis=-1, keepdims=True)
    return np.asarray(z - np.log(np.exp(z).sum(axis=-1, keepdims=True)))


def parse(data: bytes, sha256: str) -> Classifier:
    """A classifier from the JSON bytes of its file. Raises DamagedModel when it is for other classes (no unit)."""
    doc = json.loads(data)
    if tuple(doc["classes"]) != INSTRUMENTS:
        raise registry.DamagedModel("The role classifier was trained for other instruments. Train it again.")
    members = tuple(tuple(Layer(np.array(a["weights"]), np.array(a["bias"])) for a in m) for m in doc["members"])
    return Classifier(np.array(doc["mean"]), np.array(doc["scale"]), members, float(doc["temperature"]), sha256)


@cache
def shipped() -> Classifier:
    """The classifier that comes with the code, read and verified once a process. Raises DamagedModel."""
    return parse(registry.verify(registry.ROLES), registry.ROLES.sha256)
