"""Drum tracks whose beats are known, played on the made kit of the groove tests: nothing of it was ever fitted on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from services.analysis.activations import RhythmActivations, listen_rhythm
from services.audio.clip import Clip, ClipSource
from tests.groove_material import drums

RATE = 44_100
# Strokes of one bar, (quarter, drum). K S H: kick, snare, hat.
Bar = Sequence[tuple[float, str]]
DRUM = {"K": "kick.wav", "S": "snare.wav", "H": "hat.wav", "C": "clap.wav", "T": "tom low.wav"}
GAIN = {"K": 1.0, "S": 0.8, "H": 0.35, "C": 0.7, "T": 0.8}


def bar(quarters: float, hats: float, **strokes: Sequence[float]) -> Bar:
    """Strokes by drum, and hats every `hats` quarters (0: none)."""
    made = [(q, drum) for drum, places in strokes.items() for q in places]
    return made + ([(q, "H") for q in np.arange(0, quarters - 1e-9, hats)] if hats else [])


ROCK = bar(4, 0.5, K=(0, 2, 2.5), S=(1, 3))
SIXTEENTHS = bar(4, 0.25, K=(0, 0.75, 2.5), S=(1, 3))
FOUR_FLOOR = bar(4, 0.5, K=(0, 1, 2, 3), C=(1, 3))
BREAKBEAT = bar(4, 0.5, K=(0, 2.5), S=(1, 3))
WALTZ = bar(3, 1.0, K=(0,), S=(1, 2))
BALLAD = bar(3, 0.5, K=(0, 1.0), S=(1.5,))
BLUES = bar(6, 0.5, K=(0, 3, 4.5), S=(1.5, 4.5))
SEVEN = bar(3.5, 0.5, K=(0, 1), S=(2,))
FIVE = bar(5, 0.5, K=(0, 2), S=(3, 4))


@dataclass(frozen=True)
class Played:
    """Audio, and where its beats are; `bpm` where it is constant."""

    audio: np.ndarray
    beats_s: np.ndarray
    downbeats_s: np.ndarray

    @property
    def activations(self) -> RhythmActivations:
        return heard(self.audio)


def heard(audio: np.ndarray) -> RhythmActivations:
    """The activations of mono audio."""
    return listen_rhythm(ClipSource(Clip(audio.astype(np.float32)[None], RATE)))


@cache
def sounds() -> dict[str, np.ndarray]:
    kit = drums()
    names = {s.name: kit.clips[s.sample_id].samples[0] for s in kit.samples}
    return {drum: names[file] for drum, file in DRUM.items()}


def steady(bpm: float) -> Callable[[float], float]:
    return lambda quarter: quarter * 60 / bpm


def played(
    pattern: Bar | Sequence[Bar],
    quarters: float,
    *,
    bars: int,
    when: Callable[[float], float],
    beat: float = 1.0,
    seed: int = 0,
) -> Played:
    """Bars of `quarters` at the times of `when`; strokes vary a little, and an empty bar has none."""
    rng = np.random.default_rng(seed)
    rows = [pattern] * bars if isinstance(pattern[0][0], (int, float)) else list(pattern)
    out = np.zeros(round((when(bars * quarters) + 1.0) * RATE))
    for i, row in enumerate(rows):
        for quarter, drum in row:
            at = round(when(i * quarters + quarter) * RATE)
            if at < 0:
                continue  # before the recording begins
            sound = sounds()[drum][: len(out) - at]
            out[at : at + len(sound)] += GAIN[drum] * rng.uniform(0.75, 1.0) * sound
    times = lambda step: np.array([when(q) for q in np.arange(0, bars * quarters - 1e-9, step)])  # noqa: E731
    return Played(0.5 * out / np.abs(out).max(), times(beat), times(quarters))


def f_measure(truth: np.ndarray, found: Sequence[float], within: float = 0.07) -> float:
    """F of two rising sequences of seconds."""
    import mir_eval

    return float(mir_eval.beat.f_measure(np.asarray(truth), np.asarray(found), within))
