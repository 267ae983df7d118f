"""Instruments and roles of one-shots against their labels: accuracy, macro F1, calibration, confusions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.beats.types import INSTRUMENTS
from tests.bench.ears.intervals import Figure, Floats, figure, pooled, ratio
from tests.bench.ears.labels import Shot

ECE_BINS = 10
# Instruments whose role in a beat nobody disputes; only they are asked for a role.
ROLE_OF = {
    "kick": "CORE", "snare": "ACCENT", "rim": "ACCENT", "clap": "ACCENT", "hat_closed": "MOTION", "shaker": "MOTION",
    "tom": "FILL", "texture": "TEXTURE",
}  # fmt: skip
CLASSES = len(INSTRUMENTS)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was heard in a one-shot: instrument and role with their probabilities, and the seconds it took."""

    instrument: str
    instruments: Mapping[str, float]
    role: str
    spent_s: float


@dataclass(frozen=True, slots=True)
class Score:
    """One sound and its answer."""

    shot: Shot
    answer: Answer

    @property
    def right(self) -> bool:
        return self.answer.instrument == self.shot.instrument

    @property
    def role_right(self) -> bool | None:
        """None where the role is open."""
        wanted = ROLE_OF.get(self.shot.instrument)
        return None if wanted is None else self.answer.role == wanted


def accuracy(scores: Sequence[Score]) -> Figure:
    """Share of right instruments among all 15."""
    return figure([np.array([s.right, 1.0]) for s in scores], ratio)


def role_accuracy(scores: Sequence[Score]) -> Figure:
    """Share of right roles, of the sounds whose role is not open."""
    return figure([np.array([s.role_right, 1.0]) for s in scores if s.role_right is not None], ratio)


def _confusion(score: Score) -> Floats:
    """A 1 in the cell of truth and answer, (CLASSES²,)."""
    cell = np.zeros((CLASSES, CLASSES))
    cell[INSTRUMENTS.index(score.shot.instrument), INSTRUMENTS.index(score.answer.instrument)] = 1
    return cell.ravel()


def macro_f1(scores: Sequence[Score]) -> Figure:
    """Mean over the labelled instruments of their F1; a resample without one of them leaves it out."""
    return figure([_confusion(s) for s in scores], _macro)


def _macro(sums: Floats) -> float:
    table = sums.reshape(CLASSES, CLASSES)
    found, truth, said = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    asked = truth > 0
    return float((2 * found[asked] / (truth + said)[asked]).mean()) if asked.any() else float("nan")


def ece(scores: Sequence[Score]) -> Figure:
    """Expected calibration error of the instrument's probability over ten equal bins (Naeini 2015)."""
    rows = []
    for s in scores:
        sure = s.answer.instruments[s.answer.instrument]
        row = np.zeros((ECE_BINS, 2))
        row[min(int(sure * ECE_BINS), ECE_BINS - 1)] = sure, s.right
        rows.append(np.append(row.ravel(), 1.0))
    return figure(rows, _ece)


def _ece(sums: Floats) -> float:
    table = sums[:-1].reshape(ECE_BINS, 2)
    return float(np.abs(table[:, 0] - table[:, 1]).sum() / sums[-1])


def of_class(scores: Sequence[Score], instrument: str) -> tuple[Figure, Figure]:
    """Recall and precision of one instrument."""
    said = [np.array([s.right, 1.0]) for s in scores if s.answer.instrument == instrument]
    return accuracy([s for s in scores if s.shot.instrument == instrument]), figure(said, ratio)


def confusions(scores: Sequence[Score], most: int = 12) -> list[tuple[str, str, int]]:
    """The commonest mistakes: truth, answer, how often."""
    found = Counter((s.shot.instrument, s.answer.instrument) for s in scores if not s.right)
    return [(a, b, n) for (a, b), n in found.most_common(most)]


def speed_ms(scores: Sequence[Score]) -> Figure:
    """Median of the milliseconds of work a sound."""
    return pooled([np.array([[1000 * s.answer.spent_s]]) for s in scores], lambda ms: float(np.median(ms)))
