"""The shipped role classifier: what it reads of a sound, and a small ensemble of dense networks in ONNX.

A network reads the features (`features.py`) and the three pictures (`picture.py`), the pictures averaged down to what
one layer can take in: time in steps that grow, two mel bands or two quarter tones as one. The graph holds everything
else: scaling, the members (each fully connected, rectified), the mean of their log-probabilities, the temperature that
was fitted on kits the members had not heard (Guo et al., "On calibration of modern neural networks", 2017), softmax.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from services.beats.features import NAMES, Features
from services.beats.picture import LONG_FRAMES, LONG_MELS, PARTIALS, SHORT_FRAMES, SHORT_MELS, Pictures
from services.beats.types import INSTRUMENTS
from services.models import onnx, registry

if TYPE_CHECKING:
    from services.models.onnx import Session

Floats = npt.NDArray[np.float32]

INPUT = "sound"  # the graph's input
# Frames at which a step of time begins: fine where a drum happens, coarse where it rings.
LONG_EDGES = (0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 26, 33, 41, 50, 60, LONG_FRAMES)  # of 20 ms
SHORT_EDGES = (0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 28, 32, 38, 44, 54, SHORT_FRAMES)  # of 2 ms
FOLD = 2  # mel bands and quarter tones that are taken as one
LONG_SHAPE = (LONG_MELS // FOLD, len(LONG_EDGES) - 1)
SHORT_SHAPE = (SHORT_MELS // FOLD, len(SHORT_EDGES) - 1)
PARTIALS_SHAPE = (PARTIALS // FOLD,)
PARTS = (len(NAMES), *(int(np.prod(shape)) for shape in (LONG_SHAPE, SHORT_SHAPE, PARTIALS_SHAPE)))
WIDTH = sum(PARTS)


def reduced(pictures: Pictures) -> tuple[Floats, Floats, Floats]:
    """Pictures (…, LONG_SHAPE), (…, SHORT_SHAPE), (…, PARTIALS_SHAPE), levels 0..1, of one sound or of many."""
    joined = (
        _ROWS_LONG @ pictures.long @ _TIMES_LONG,
        _ROWS_SHORT @ pictures.short @ _TIMES_SHORT,
        (pictures.partials[..., ::FOLD] + pictures.partials[..., 1::FOLD]) / FOLD,
    )
    long, short, partials = (np.asarray(part, dtype=np.float32) for part in joined)
    return long, short, partials


def _times(edges: tuple[int, ...]) -> Floats:
    """Averages of the frames between edges, as a matrix (frames, steps)."""
    out = np.zeros((edges[-1], len(edges) - 1), np.float32)
    for i, (a, b) in enumerate(pairwise(edges)):
        out[a:b, i] = 1 / (b - a)
    return out


def read(found: Features) -> Floats:
    """What the networks read of one sound: float32 (1, WIDTH), features first, then the pictures row by row."""
    parts = [found.vector.astype(np.float32), *(part.ravel() for part in reduced(found.pictures))]
    return np.concatenate(parts)[None]


def probabilities(found: Features) -> npt.NDArray[np.float64]:
    """Calibrated probabilities (15,) in the order of INSTRUMENTS, of sum 1. Raises DamagedModel (weights not ours)."""
    answer = shipped().run(None, {INPUT: read(found)})[0][0].astype(np.float64)
    return np.asarray(answer / answer.sum())


@cache
def shipped() -> Session:
    """The networks that come with the code, read and verified once a process. Raises DamagedModel."""
    return checked(onnx.session(registry.ROLES))


def checked(session: Session) -> Session:
    """The session, when its networks were trained for our instruments. Raises DamagedModel otherwise."""
    if session.get_modelmeta().custom_metadata_map.get("classes") != ",".join(INSTRUMENTS):
        raise registry.DamagedModel("The role classifier was trained for other instruments. Train it again.")
    return session


_ROWS_LONG = _times(tuple(range(0, LONG_MELS + 1, FOLD))).T
_ROWS_SHORT = _times(tuple(range(0, SHORT_MELS + 1, FOLD))).T
_TIMES_LONG, _TIMES_SHORT = _times(LONG_EDGES), _times(SHORT_EDGES)
