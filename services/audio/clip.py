"""Audio inside the house: float32, shape (channels, n), nominal range -1..1, and its rate in Hz."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

HOUSE_RATE_HZ = 44_100


@dataclass(frozen=True, slots=True)
class Clip:
    """A piece of audio in memory. `samples`: float32 (channels, n), n may be 0; never written to by its reader."""

    samples: Samples
    rate_hz: int

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def frames(self) -> int:
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        return self.frames / self.rate_hz

    def mono(self) -> Samples:
        """The mean of the channels, float32 (n,)."""
        mixed: Samples = self.samples[0] if self.channels == 1 else self.samples.mean(axis=0, dtype=np.float32)
        return mixed

    def cut(self, start_s: float, end_s: float) -> Clip:
        """The part from start_s to end_s (clipped to the clip), as a view."""
        a = max(0, round(start_s * self.rate_hz))
        b = min(self.frames, round(end_s * self.rate_hz))
        return Clip(self.samples[:, a : max(a, b)], self.rate_hz)


class AudioSource(Protocol):
    """Decoded audio of any length, read in pieces so that an hour never lies in memory."""

    @property
    def rate_hz(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def frames(self) -> int: ...

    def read(self, start: int, count: int) -> Samples:
        """Frames start..start+count (fewer at the end), float32 (channels, n)."""
        ...


@dataclass(frozen=True, slots=True)
class ClipSource:
    """A clip in memory as an `AudioSource`."""

    clip: Clip

    @property
    def rate_hz(self) -> int:
        return self.clip.rate_hz

    @property
    def channels(self) -> int:
        return self.clip.channels

    @property
    def frames(self) -> int:
        return self.clip.frames

    def read(self, start: int, count: int) -> Samples:
        """Frames start..start+count (fewer at the end), float32 (channels, n)."""
        return self.clip.samples[:, start : start + count]
