"""Drum tracks with known hits, and sources of any shape, for the tests of drum hearing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.audio.clip import HOUSE_RATE_HZ, Clip, Samples
from tests.groove_material import drums

RATE = HOUSE_RATE_HZ


@dataclass(frozen=True)
class Source:
    """An `AudioSource` over an array (channels, n)."""

    samples: Samples
    rate_hz: int = RATE

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def frames(self) -> int:
        return int(self.samples.shape[1])

    def read(self, start: int, count: int) -> Samples:
        return self.samples[:, max(0, start) : max(0, start) + count]


def mono(values: npt.NDArray[np.floating]) -> Source:
    return Source(np.asarray(values, dtype=np.float32)[None])


def drum(name: str) -> Clip:
    """A drum of the tests' kit of synthesised sounds with exact attacks."""
    kit = drums()
    return next(kit.clips[s.sample_id] for s in kit.samples if s.name.removesuffix(".wav") == name)


def track(hits: list[tuple[float, str, float]], seconds: float) -> Source:
    """The hits (second, drum of the kit, gain) as one mono recording."""
    out = np.zeros(round(seconds * RATE), dtype=np.float32)
    for at, name, gain in hits:
        x = drum(name).mono()
        start = round(at * RATE)
        x = x[: max(0, out.size - start)]
        out[start : start + x.size] += gain * x
    return mono(out)
