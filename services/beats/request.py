"""What `POST /v1/beat` asks for, as a frozen value, and its plain form in a job's parameters."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from services.beats.styles import find_style, styles_for
from services.beats.types import Role
from services.errors import FieldError, Invalid

Mode = Literal["oneshot", "preprocess"]


@dataclass(frozen=True, slots=True)
class BeatRequest:
    """The fields of API.md; `None` where the style decides. `roles` locks sounds by name."""

    bpm: float
    bars: int = 4
    mode: Mode = "oneshot"
    style: str = "auto"
    meter: str | None = None
    swing: float | None = None
    swing_unit: int | None = None
    humanize: float = 0.5
    density: float | None = None
    shape: float = 0.6
    tune: bool = True
    arrange: bool = False
    arrange_seed: int | None = None  # None: the seed
    groove: str | None = None
    groove_amount: float = 1.0
    roles: dict[str, Role] = field(default_factory=dict)
    seed: int = 0
    title: str = ""

    def to_params(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self)

    @staticmethod
    def from_params(params: dict[str, Any]) -> BeatRequest:
        """The inverse of `to_params`; unknown keys are left alone, so job parameters may hold more."""
        return BeatRequest(**{k: params[k] for k in BeatRequest.__dataclass_fields__ if k in params})

    def changed(self, fields: dict[str, Any]) -> BeatRequest:
        """The request with some fields replaced."""
        return replace(self, **fields)


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """One input sound: the asset it lies in, the hash of its bytes and the name the user gave it."""

    asset_id: str
    sha256: str
    name: str


def check_style(name: str, meter: str | None) -> None:
    """Raise Invalid(style) for an unknown name, Invalid(meter) for a meter that the style is not played in."""
    if name == "auto":
        if meter is not None and not styles_for(meter):
            raise _no_meter(f"no style is played in {meter}")
        return
    style = find_style(name)
    if meter is not None and meter not in style.meters:
        raise _no_meter(f"{style.title} is played in {' or '.join(style.meters)}, not in {meter}")


def _no_meter(message: str) -> Invalid:
    return Invalid(f"meter: {message}", errors=(FieldError("meter", message),))
