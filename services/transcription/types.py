"""Values of drum transcription: hits as heard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# What the network tells apart, in the order of its outputs. All are instruments of the product's list.
DRUMS: tuple[str, ...] = ("kick", "snare", "rim", "clap", "tom", "hat_closed", "hat_open", "ride", "crash")
# Families whose members sound much alike; the network hears the family first.
FAMILIES: dict[str, tuple[str, ...]] = {
    "kick": ("kick",),
    "snare": ("snare", "rim", "clap"),
    "tom": ("tom",),
    "hihat": ("hat_closed", "hat_open"),
    "cymbal": ("ride", "crash"),
}

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Activations:
    """What the network hears in each frame of a recording, all float32 and 0..1, frame k at k * `frame_s` seconds.

    `families` (5, frames) in the order of FAMILIES, `drums` (9, frames) in the order of DRUMS: how sure it is that a
    hit begins here. `velocities` (9, frames): how hard such a hit is. `low_hz` (frames,): the low tone that begins
    here, which tells toms apart. `rises` (5, frames): how much each family's band rises here, dB below a full-scale
    sine. `peak`: the loudest sample of the recording, so that silence is known.
    """

    frame_s: float
    families: Floats
    drums: Floats
    velocities: Floats
    low_hz: Floats
    rises: Floats
    peak: float

    @property
    def frames(self) -> int:
        return int(self.families.shape[1])


@dataclass(frozen=True, slots=True)
class Alternative:
    """What else a hit could be: an instrument and its probability 0..1."""

    instrument: str
    probability: float


@dataclass(frozen=True, slots=True)
class Hit:
    """One stroke as played. `time_s`: where it begins; `velocity`, `confidence` 0..1; `variant` of the instrument.

    `variant`: "low", "mid" or "high" for a tom; "ghost" for a very soft snare; "flam" for a stroke with a grace note
    before it (the grace note is not a hit of its own); None else. `alternatives`: the second-best instrument first.
    """

    time_s: float
    instrument: str
    variant: str | None
    velocity: float
    confidence: float
    alternatives: tuple[Alternative, ...] = ()
