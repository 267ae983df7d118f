"""Dress, the audio: a stored cut becomes the hit that its plan describes (see `dress`)."""

from __future__ import annotations

from dataclasses import dataclass

from services.audio.clip import HOUSE_RATE_HZ, Clip, Samples
from services.beats.dress import Variant
from services.beats.types import Role, Sample


@dataclass(frozen=True, slots=True)
class Dressed:
    """A version of a sound: float32 (1 or 2, n) at 44.1 kHz, never written to; `attack`: the frame that goes on the
    event; `loops`: whether it is a bed that repeats without a seam from its end to its start.
    """

    samples: Samples
    attack: int
    loops: bool = False


class Wardrobe:
    """Dressed sounds, kept by stored cut, trim, role, version and plan, so that each costs once and not per file."""

    def dressed(self, sample: Sample, clip: Clip, role: Role, variant: Variant = "") -> Dressed:
        """The version of a sample. `clip`: the whole stored cut."""
        first = min(max(0, round(sample.trim.start_s * HOUSE_RATE_HZ)), clip.frames)
        last = min(max(first, round(sample.trim.end_s * HOUSE_RATE_HZ)), clip.frames)
        attack = min(max(0, round(sample.attack_s * HOUSE_RATE_HZ) - first), max(0, last - first - 1))
        return Dressed(clip.samples[:2, first:last], attack)
