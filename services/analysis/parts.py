"""What is heard in a recording once and kept as bytes: a further question needs no further listening."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from services.analysis.activations import RhythmActivations, listen_rhythm
from services.analysis.harmony import Harmony, listen_harmony
from services.analysis.level import Level, level_of
from services.audio.clip import AudioSource
from services.jobs.types import Report

Share = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Part:
    """One way of listening: `hear` a source, `pack` what was heard into bytes and `unpack` it again.

    `name` is also the stage that progress shows and the cache keeps; `weight` is its time against that of the others.
    """

    name: str
    weight: float
    hear: Callable[[AudioSource, Share], Any]
    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes], Any]


RHYTHM = Part("rhythm", 1.0, listen_rhythm, RhythmActivations.to_bytes, RhythmActivations.from_bytes)
HARMONY = Part("harmony", 1.0, listen_harmony, Harmony.to_bytes, Harmony.from_bytes)
LEVEL = Part("loudness", 0.5, level_of, Level.to_bytes, Level.from_bytes)


def hear_parts(source: AudioSource, parts: Sequence[Part], report: Report) -> dict[str, Any]:
    """What each part hears in a source at 44.1 kHz, by its name. `report` hears the part and the share of all done."""
    total = sum(part.weight for part in parts)
    found: dict[str, Any] = {}
    done = 0.0
    for part in parts:
        found[part.name] = part.hear(source, _within(report, part.name, done / total, part.weight / total))
        done += part.weight
    return found


def _within(report: Report, name: str, start: float, share: float) -> Share:
    return lambda done: report(name, start + share * min(1.0, max(0.0, done)))
