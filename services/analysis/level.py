"""How long and how loud a recording is, in one value: what an answer to silence follows from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from services.analysis.loudness import NO_LOUDNESS, loudness_of
from services.analysis.types import Loudness
from services.audio.clip import AudioSource
from services.audio.decode import SILENT_SWING

BLOCK_FRAMES = 1 << 18  # read at a time: 6 s, 2 MB of stereo
SCAN_SHARE = 0.1  # of the time goes into the scan, the rest into loudness


@dataclass(frozen=True, slots=True)
class Level:
    """`swing`: half the distance between the lowest and the highest sample, so that a constant counts as silence."""

    duration_s: float
    swing: float
    loudness: Loudness

    @property
    def silent(self) -> bool:
        """Nothing moves by more than -80 dB."""
        return self.swing < SILENT_SWING

    def to_bytes(self) -> bytes:
        """A JSON object, equal for equal levels."""
        return json.dumps(asdict(self), sort_keys=True).encode()

    @staticmethod
    def from_bytes(data: bytes) -> Level:
        """The inverse of `to_bytes`."""
        doc = json.loads(data)
        return Level(doc["duration_s"], doc["swing"], Loudness(**doc["loudness"]))


def level_of(source: AudioSource, report: Callable[[float], None]) -> Level:
    """Length in seconds, swing and loudness of a recording of any length, read in blocks; silence has no loudness.

    `report` hears the share done, 0..1.
    """
    swing = _swing(source, report)
    loudness = loudness_of(source, lambda share: report(SCAN_SHARE + (1 - SCAN_SHARE) * share))
    return Level(source.frames / source.rate_hz, swing, loudness if swing >= SILENT_SWING else NO_LOUDNESS)


def _swing(source: AudioSource, report: Callable[[float], None]) -> float:
    low, high = np.full(source.channels, np.inf), np.full(source.channels, -np.inf)
    for at in range(0, source.frames, BLOCK_FRAMES):
        block = source.read(at, BLOCK_FRAMES)
        low, high = np.minimum(low, block.min(axis=1)), np.maximum(high, block.max(axis=1))
        report(SCAN_SHARE * min(1.0, (at + BLOCK_FRAMES) / source.frames))
    return float((high - low).max() / 2) if source.frames else 0.0
