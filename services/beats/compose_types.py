"""What Stage 3 takes and gives: sounds with the few features it needs, the request, the composition."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.beats.types import Event, Grid, Role, Sample, Section
from services.grooves.types import Groove

# Names of Stage 2's features that Stage 3 reads; one that is missing counts as unknown.
_BRIGHT_BANDS = ("energy_4000_8000hz", "energy_8000_12000hz", "energy_12000_20000hz")
_LOW_BANDS = ("energy_20_60hz", "energy_60_120hz")
_LENGTH_MS = "decay_40db_ms"
_NOISE = ("attack_flatness", "body_flatness")
_RISE_MS = "attack_ms"
QUICK_MS = 5.0  # a rise as long as this is half as sharp as an immediate one


@dataclass(frozen=True, slots=True)
class Sound:
    """One sound of the kit as Stage 3 sees it.

    `brightness`, `lowness`: share of energy above 4 kHz and below 120 Hz, 0..1. `length_s`: until it has fallen by
    40 dB. `confidence`: of its role, 0..1. `locked`: the user put it where it is. `snap`: how much it is a sharp
    transient with noise in it, 0 (slow, or a pure tone) .. 1 (a click of white noise).
    """

    sample_id: str
    pool_role: Role
    instrument: str = "perc"
    brightness: float = 0.0
    length_s: float = 0.2
    lowness: float = 0.0
    confidence: float = 1.0
    locked: bool = False
    snap: float = 0.0


@dataclass(frozen=True, slots=True)
class ComposeRequest:
    """The fields of `POST /v1/beat` that Stage 3 needs; None where the style decides. `sounds` empty: a skeleton.

    One sound may stand in several roles (a kit of one must play them all). `bpm` 40..300, `bars` 1..64, `swing`
    .50..0.75, `swing_unit` 8 or 16, `humanize` and `density` 0..1, at most 64 sounds. `arrange`: sections instead of a
    flat loop, laid out by `arrange_seed` (the seed itself when None). `groove`: a template whose swing, lateness and
    velocities the events take on by `groove_amount` 0..1.
    """

    bpm: float
    bars: int = 4
    style: str = "auto"
    meter: str | None = None
    swing: float | None = None
    swing_unit: int | None = None
    humanize: float = 0.5
    density: float | None = None
    seed: int = 0
    sounds: tuple[Sound, ...] = ()
    arrange: bool = False
    arrange_seed: int | None = None
    groove: Groove | None = None
    groove_amount: float = 1.0


@dataclass(frozen=True, slots=True)
class Composition:
    """A grid with events on it. `events` sorted as they sound; `style` the row that was used, `why` in a sentence;
    `benched`: {sample_id: reason} of the sounds that play nothing.
    """

    grid: Grid
    events: tuple[Event, ...]
    sections: tuple[Section, ...]
    style: str
    why: str
    warnings: tuple[str, ...] = ()
    benched: Mapping[str, str] = field(default_factory=dict)


def sound_of(sample: Sample) -> Sound:
    """A kit's sample as Stage 3 sees it: shares of energy and length in seconds from its features."""
    f = sample.features
    length_ms = f.get(_LENGTH_MS)
    return Sound(
        sample_id=sample.sample_id,
        pool_role=sample.pool_role,
        instrument=sample.instrument,
        brightness=min(1.0, sum(f.get(name, 0.0) for name in _BRIGHT_BANDS)),
        length_s=max(0.0, sample.trim.end_s - sample.trim.start_s) if length_ms is None else length_ms / 1000.0,
        lowness=min(1.0, sum(f.get(name, 0.0) for name in _LOW_BANDS)),
        confidence=sample.confidence,
        locked=sample.locked,
        snap=_snap(f),
    )


def _snap(features: Mapping[str, float]) -> float:
    """Noise (the root of the flatter of attack and body) by sharpness (1 at once, 1/2 at `QUICK_MS`); 0 if unknown."""
    noise = max(0.0, *(features.get(name, 0.0) for name in _NOISE))
    return min(1.0, math.sqrt(noise)) / (1.0 + max(0.0, features.get(_RISE_MS, 0.0)) / QUICK_MS)
