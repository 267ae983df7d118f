"""Tempo, beats, meter, key and sections against their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mir_eval.beat import f_measure
from mir_eval.segment import detection

from tests.bench.ears.intervals import Figure, figure, ratio
from tests.bench.ears.labels import NOTES

TEMPO_TOLERANCE = 0.04  # of the tempo, as in MIREX
RATIOS_ONE = (1.0,)
RATIOS_HALF = (1.0, 0.5)  # where the backbeat falls on 3, listeners tap at either
RATIOS_TWO = (1.0, 2.0, 0.5, 3.0, 1 / 3)
BEAT_TOLERANCE_S = 0.07
BOUNDARY_S = (0.5, 3.0)
SURE = 0.5  # a tempo with at least this confidence is claimed, not offered
# What a wrong key is worth (MIREX). A fifth counts in both directions; some evaluations only count the one above.
SAME, FIFTH, RELATIVE, PARALLEL = 1.0, 0.5, 0.3, 0.2


@dataclass(frozen=True, slots=True)
class Findings:
    """What an analysis says of a recording, as far as it is scored; `sections`: (start_s, end_s, label)."""

    bpm: float | None
    bpm_confidence: float
    beats_s: tuple[float, ...]
    downbeats_s: tuple[float, ...]
    meter: str | None
    key: str | None
    keys: tuple[str, ...]
    tuning_cents: float | None
    sections: tuple[tuple[float, float, str], ...]
    duration_s: float
    spent_s: float


@dataclass(frozen=True, slots=True)
class Tempo:
    """Whether a tempo is right, and right up to a factor of 2 or 3."""

    one: bool
    two: bool


def tempo(truth_bpm: float, half_time: bool, heard_bpm: float | None) -> Tempo:
    """A tempo in quarter notes a minute against the truth; None is wrong."""
    return Tempo(
        _near(truth_bpm, heard_bpm, RATIOS_HALF if half_time else RATIOS_ONE), _near(truth_bpm, heard_bpm, RATIOS_TWO)
    )


def _near(truth_bpm: float, heard_bpm: float | None, ratios: Sequence[float]) -> bool:
    return heard_bpm is not None and any(abs(heard_bpm / (truth_bpm * r) - 1) <= TEMPO_TOLERANCE for r in ratios)


def share(right: Sequence[bool]) -> Figure:
    """Share of the recordings of which it is true."""
    return figure([np.array([r, 1.0]) for r in right], ratio)


def beat_f(truth_s: Sequence[float], heard_s: Sequence[float]) -> float:
    """F1 of beats within 70 ms, from the recording's start (nothing is trimmed)."""
    if not truth_s or not heard_s:
        return float(not truth_s and not heard_s)
    return float(f_measure(np.array(truth_s), np.array(heard_s), BEAT_TOLERANCE_S))


def key_points(truth: str, heard: str | None) -> float:
    """1 for the key, .5 a fifth up or down in the same mode, .3 its relative, .2 its parallel, else 0."""
    if heard is None:
        return 0.0
    (note, mode), (other, heard_mode) = truth.split(), heard.split()
    up = (NOTES.index(other) - NOTES.index(note)) % len(NOTES)
    if mode == heard_mode:
        return {0: SAME, 5: FIFTH, 7: FIFTH}.get(up, 0.0)
    if up == 0:
        return PARALLEL
    return RELATIVE if up == (9 if mode == "major" else 3) else 0.0


def boundary_f(
    truth: Sequence[tuple[float, float, str]], heard: Sequence[tuple[float, float, str]], window_s: float
) -> float:
    """F1 of the inner boundaries within a window; the ends of the recording do not count."""
    wanted, got = [[a, b] for a, b, _ in truth], [[a, b] for a, b, _ in heard]
    if len(wanted) < 2 or len(got) < 2:
        return float(len(wanted) < 2 and len(got) < 2)
    return float(detection(np.array(wanted), np.array(got), window=window_s, trim=True)[2])
