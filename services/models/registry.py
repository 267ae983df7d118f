"""The networks this product carries: which file, which hash, under which licence, and what answers without it.

A shipped file is read only after its SHA-256 matches the pin below: weights decide what users hear, and a damaged or
swapped file must stop the program loudly instead of judging quietly. `deploy/training/` makes the files and the pins.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from services.errors import Unavailable

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Model:
    """One set of weights. `file` is relative to the repository's root; `replaced_by` answers where it is absent."""

    name: str
    title: str
    file: str
    sha256: str
    licence: str
    commercial_use: bool
    shipped: bool
    replaced_by: str
    card: str


class DamagedModel(Unavailable):
    """A model's file is missing or is not the one that was pinned: 503."""

    code = "damaged_model"


ROLES = Model(
    name="roles",
    title="Instrument and role of a one-shot (own networks on DSP features and pictures)",
    file="services/beats/weights/roles.onnx",
    sha256="8f21e65a7d801270295ac0158efb472bc3a95076aa039478f15fca87b7e30ff2",
    licence="Apache-2.0",
    commercial_use=True,
    shipped=True,
    replaced_by="nothing: it ships with the code",
    card="services/beats/weights/roles.md",
)

DRUMS = Model(
    name="drums",
    title="Drum hits in a recording (own convolutional network)",
    file="services/transcription/weights/drums.onnx",
    sha256="c98a11378bb1eb3deab28bfacc4dbf3fa4f6831ab2ebc101e7f3c4d7c9c96b48",
    licence="Apache-2.0",
    commercial_use=True,
    shipped=True,
    replaced_by="nothing: it ships with the code",
    card="services/transcription/weights/drums.md",
)

KEY = Model(
    name="key",
    title="Key of a recording (own linear model on chroma and chords)",
    file="services/analysis/weights/key.json",
    sha256="0fd3a69c83d0f9eca8774cc434b019f9fa5edefbfd1baaedf011d8ac691f3464",
    licence="Apache-2.0",
    commercial_use=True,
    shipped=True,
    replaced_by="nothing: it ships with the code",
    card="services/analysis/weights/key.md",
)

RHYTHM = Model(
    name="rhythm",
    title="Beats, bars and meter of a recording (own small networks on measures of possible beats)",
    file="services/analysis/weights/rhythm.json",
    sha256="ac0ee30201b9cf3ec58452f79831dd5cb0f8d70090c6a1b92dd74dc6f9bc5413",
    licence="Apache-2.0",
    commercial_use=True,
    shipped=True,
    replaced_by="nothing: it ships with the code",
    card="services/analysis/weights/rhythm.md",
)

ONSETS = Model(
    name="onsets",
    title="Where sounds begin in a recording (own boosted trees on band levels)",
    file="services/beats/weights/onsets.json",
    sha256="6f32755086233e3cd0a979feebda4c4b40bd1447f4a047e4bbf3225f193eeeff",
    licence="Apache-2.0",
    commercial_use=True,
    shipped=True,
    replaced_by="nothing: it ships with the code",
    card="services/beats/weights/onsets.md",
)

MODELS: tuple[Model, ...] = (ROLES, ONSETS, KEY, RHYTHM, DRUMS)


def by_name(name: str) -> Model | None:
    """The model of that name, or None. Names have no unit and are lower case."""
    return next((model for model in MODELS if model.name == name), None)


def verify(model: Model, root: Path = ROOT) -> bytes:
    """The bytes of a model's file, once their SHA-256 equals the pin. Raises DamagedModel otherwise."""
    try:
        data = (root / model.file).read_bytes()
    except OSError as error:
        raise DamagedModel(f"The weights of the model '{model.name}' are missing. Install them again.") from error
    if hashlib.sha256(data).hexdigest() != model.sha256:
        raise DamagedModel(
            f"The weights of the model '{model.name}' do not match their checksum: the file is damaged or was changed. "
            "Install it again."
        )
    return data


def listing(root: Path = ROOT) -> list[dict[str, str | bool]]:
    """Every model with its licence, whether its file is there, and what answers where it is not. Reads no weights."""
    return [
        {
            "name": m.name,
            "title": m.title,
            "licence": m.licence,
            "commercial_use": m.commercial_use,
            "shipped": m.shipped,
            "present": (root / m.file).is_file(),
            "replaced_by": m.replaced_by,
            "sha256": m.sha256,
        }
        for m in MODELS
    ]
