"""Canonical JSON: one value, one text, one hash.

Sorted keys, no spaces, UTF-8, floats rounded to 1e-6 and written shortest (an integral float is written as an
integer, so that 1.0 and 1 hash alike). Commits, stage keys and result hashes are made of it.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any


def tidy(value: Any) -> Any:
    """A copy of a JSON value, floats rounded to 1e-6 and integral ones as ints. Raises ValueError for NaN or inf."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("NaN and infinity have no canonical form")
        r = round(value, 6)
        return int(r) if r == int(r) else r
    if isinstance(value, dict):
        return {str(k): tidy(v) for k, v in value.items()}
    if isinstance(value, (int, str)):  # a subclass
        return value
    if isinstance(value, (list, tuple)):
        return [tidy(v) for v in value]
    raise TypeError(f"not a JSON value: {type(value).__name__}")


def dumps(value: Any) -> bytes:
    """Canonical JSON bytes of a JSON value."""
    return json.dumps(tidy(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(value: Any) -> str:
    """Hex SHA-256 of the canonical JSON of a value."""
    return hashlib.sha256(dumps(value)).hexdigest()
