"""How much a rhythm pulls against its meter, after Longuet-Higgins and Lee, "The rhythmic interpretation of monophonic
music" (1984): each hit that is held over a stronger position counts by the difference of their weights.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.beats.types import METERS

DIVISIONS: dict[str, tuple[int, ...]] = {
    "4/4": (2, 2, 2, 2), "3/4": (3, 2, 2), "2/4": (2, 2, 2), "5/4": (5, 2, 2), "7/8": (7, 2),
    "6/8": (2, 3, 2), "12/8": (2, 2, 3, 2),
}  # fmt: skip  # how each meter divides, down to sixteenths


def syncopation(steps: Sequence[int], meter: str) -> float:
    """Longuet-Higgins-Lee syncopation of one bar, heard as a loop: 0 or more; the bar's steps in any order.

    Each hit that is followed by a stronger silent position before the next hit adds the difference of the two weights.
    No hits: 0.
    """
    length = METERS[meter]
    weights = _weights(meter)
    marks = sorted(set(steps))
    total = 0
    for i, step in enumerate(marks):
        following = marks[(i + 1) % len(marks)] + (length if i + 1 >= len(marks) else 0)
        silent = [weights[s % length] for s in range(step + 1, following)]
        if silent and max(silent) > weights[step]:
            total += max(silent) - weights[step]
    return float(total)


def _weights(meter: str) -> list[int]:
    """Weight of each step: 0 for the bar line, one less for each level of division."""
    length = METERS[meter]
    weights = [-len(DIVISIONS[meter])] * length
    span = length
    weights[0] = 0
    for level, parts in enumerate(DIVISIONS[meter], start=1):
        span //= parts
        for step in range(0, length, span):
            weights[step] = max(weights[step], -level)
    weights[0] = 0
    return weights
