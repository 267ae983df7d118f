"""Figures with bootstrap intervals over recordings (Efron 1979).

Each recording is a row of counts; a figure is a function of the sum of the rows: F1 of hits, false and missed hits,
accuracy of right and asked. Drawing recordings with replacement is a multinomial draw of how often each counts, so
1,000 resamples are one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 1_000
SEED = 20_240
INTERVAL = (2.5, 97.5)  # percentiles of a 95 % interval

Floats = npt.NDArray[np.float64]
Sums = Callable[[Floats], float]


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with the ends of its 95 % interval, over `count` recordings; all nan where there are none."""

    value: float
    low: float
    high: float
    count: int

    def text(self, digits: int = 3) -> str:
        """As a cell of a table."""
        if np.isnan(self.value):
            return "–"
        return f"{self.value:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


NOTHING = Figure(float("nan"), float("nan"), float("nan"), 0)


def figure(rows: Sequence[Floats], of: Sums) -> Figure:
    """`of` the summed rows, each (k,), with its interval. A resample on which it is nan does not count."""
    if not len(rows):
        return NOTHING
    table = np.asarray(rows, np.float64)
    n = len(table)
    weights = np.random.default_rng(SEED).multinomial(n, np.full(n, 1.0 / n), RESAMPLES)
    drawn = np.array([of(sums) for sums in weights @ table])
    drawn = drawn[~np.isnan(drawn)]
    value = of(table.sum(axis=0))
    if np.isnan(value) or not drawn.size:
        return NOTHING
    low, high = np.percentile(drawn, INTERVAL)
    return Figure(value, float(low), float(high), n)


def pooled(parts: Sequence[Floats], of: Callable[[Floats], float]) -> Figure:
    """`of` the rows of all recordings together, each recording's being (n, k), with its interval over recordings.

    For what no sum can tell, such as a rank correlation. A resample on which it is nan does not count.
    """
    if not len(parts):
        return NOTHING
    value = of(np.concatenate(parts))
    draws = np.random.default_rng(SEED).integers(len(parts), size=(RESAMPLES, len(parts)))
    drawn = np.array([of(np.concatenate([parts[i] for i in draw])) for draw in draws])
    drawn = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not drawn.size:
        return NOTHING
    low, high = np.percentile(drawn, INTERVAL)
    return Figure(value, float(low), float(high), len(parts))


def ratio(sums: Floats) -> float:
    """The first sum over the second: accuracies, means, rates. nan where the second is 0."""
    return float(sums[0] / sums[1]) if sums[1] else float("nan")


def mean(values: Sequence[float]) -> Figure:
    """The mean of one value a recording; nan values do not count."""
    return figure([np.array([v, 1.0]) for v in values if not np.isnan(v)], ratio)


def f1(sums: Floats) -> float:
    """F1 of (found, false, missed), micro over what was summed; nan where there was nothing to find or be found."""
    found, false, missed = sums
    total = 2 * found + false + missed
    return float(2 * found / total) if total else float("nan")
