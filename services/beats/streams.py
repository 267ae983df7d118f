"""Seeded chance in named streams.

Every decision draws from the stream of its own name (seed, role, purpose, place), so that another hat line draws the
same kicks, and a beat of eight bars begins like the beat of four. Names are hashed with SHA-256: no stream depends on
Python's salted `hash`, on the order of a dict or on another stream.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
_SEED_BYTES = 8


def _number(names: tuple[object, ...]) -> int:
    text = "/".join(str(name) for name in names)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:_SEED_BYTES], "big")


def stream(*names: object) -> random.Random:
    """A generator of its own for these names, equal in every process."""
    return random.Random(_number(names))


def noise(count: int, *names: object) -> npt.NDArray[np.float64]:
    """`count` independent standard normal numbers for these names, float64 (count,)."""
    return np.random.Generator(np.random.PCG64(_number(names))).standard_normal(count)


def pick(chance: random.Random, items: Sequence[T]) -> T:
    """One item, all alike. `items` must not be empty. Only `random()` is drawn: it is the same in every Python."""
    return items[int(chance.random() * len(items))]


def shuffled(chance: random.Random, items: Sequence[T]) -> list[T]:
    """The items in a seeded order (Fisher and Yates)."""
    found = list(items)
    for i in range(len(found) - 1, 0, -1):
        j = int(chance.random() * (i + 1))
        found[i], found[j] = found[j], found[i]
    return found
