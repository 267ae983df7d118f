"""In which of the 24 keys a recording is, how sure that is, and when it is in none.

Two linear models judge the measures of `tonality`. The first gives each key a score from its own point of view, the
same weights for all twelve tonics of a mode, and their softmax is the probability; the second says whether there is a
key at all. Both were learned from music made for it (`make train-key`; card: `weights/key.md`), and their probabilities
were then softened until they held on recordings that neither had seen.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.analysis.harmony import FRAME_S, Harmony
from services.analysis.tonality import classes_of, evidence, sounding, traits
from services.analysis.types import KeyEstimate, KeyProbability
from services.models import registry

Floats = npt.NDArray[np.float64]

TONICS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
KEYS = tuple(f"{tonic} {mode}" for mode in ("major", "minor") for tonic in TONICS)
SHOWN = 3  # likeliest keys in an answer
SHORTEST_S = 2.5  # of notes: less is a chord, not a key
FEWEST_CLASSES = 2.6  # pitch classes: a tone and its octave or fifth are in no key
IN_TUNE = 0.3  # agreement below which there is no tuning to tell
TONAL = 0.15  # share of energy in tones below which the same holds
UNLIKELY = 0.15  # of the best key: below it no key stands out
DIGITS = 4

NO_KEY = KeyEstimate(None, 0.0, (), None)


@dataclass(frozen=True, slots=True)
class KeyModel:
    """Weights of `evidence` for major and minor (2, measures), their offsets (2,), and how much scores are softened.

    `gate` (traits,) and `gate_offset` judge `traits`; all float64.
    """

    weights: Floats
    offsets: Floats
    temperature: float
    gate: Floats
    gate_offset: float

    def probabilities(self, measures: Floats) -> Floats:
        """Of each key in the order of KEYS, float64 (24,), summing to 1, from `evidence` (24, measures)."""
        scores = np.concatenate(
            [measures[:12] @ self.weights[0] + self.offsets[0], measures[12:] @ self.weights[1] + self.offsets[1]]
        )
        likely = np.exp((scores - scores.max()) / self.temperature)
        return np.asarray(likely / likely.sum())

    def keyed(self, found: Floats) -> float:
        """How probable it is that what has these `traits` is in a key, 0..1."""
        return float(1 / (1 + np.exp(-np.clip(found @ self.gate + self.gate_offset, -50, 50))))


@functools.cache
def shipped() -> KeyModel:
    """The model that ships with the code (no unit). Raises DamagedModel when its file is missing or not ours."""
    return from_json(registry.verify(registry.KEY))


def from_json(data: bytes) -> KeyModel:
    """A model from the bytes of its file (no unit)."""
    doc = json.loads(data)
    rows = {name: np.array(doc[name], dtype=np.float64) for name in ("weights", "offsets", "gate")}
    return KeyModel(rows["weights"], rows["offsets"], doc["temperature"], rows["gate"], doc["gate_offset"])


def key_of(harmony: Harmony) -> KeyEstimate:
    """Key, its confidence 0..1, the three likeliest keys of all 24, and the tuning in cents above A = 440 Hz.

    The confidence is the probability that there is a key times that of the one named. `key` is None, its confidence 0
    and `keys` empty for silence, drums, noise, speech, a single tone, what has no tonal centre, and less than 2.5 s of
    notes. The tuning may be known where the key is not; it is None where nothing is pitched.
    """
    heard, found = sounding(harmony), traits(harmony)
    if heard is None or found is None:
        return NO_KEY
    chroma, _ = heard
    pitched = harmony.in_tune >= IN_TUNE and float(np.median(harmony.tonal)) >= TONAL
    tuning = round(harmony.tuning_cents, 1) if pitched else None
    none = KeyEstimate(None, 0.0, (), tuning)
    if chroma.shape[1] * FRAME_S < SHORTEST_S or classes_of(chroma) < FEWEST_CLASSES:
        return none
    model = shipped()
    keyed = model.keyed(found)
    likely = model.probabilities(evidence(harmony))
    best = np.argsort(-likely, kind="stable")[:SHOWN].tolist()
    if keyed < 0.5 or likely[best[0]] < UNLIKELY:
        return none
    keys = tuple(KeyProbability(KEYS[k], round(float(likely[k]), DIGITS)) for k in best)
    return KeyEstimate(keys[0].key, round(keyed * float(likely[best[0]]), DIGITS), keys, tuning)
