"""The time and new ids: the only two things in the house that differ between two runs."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime


def now() -> datetime:
    """The present UTC time, cut to milliseconds (both stores keep exactly that)."""
    t = datetime.now(UTC)
    return t.replace(microsecond=t.microsecond // 1000 * 1000)


def iso(t: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`: `2026-11-21T09:00:00.000Z`. Sorts as text."""
    return t.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{t.microsecond // 1000:03d}Z"


def parse_iso(text: str) -> datetime:
    """The inverse of `iso`. Raises ValueError for anything else."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def new_id() -> str:
    """A UUIDv7 (RFC 9562) as 32 hex digits: 48 bits of unix milliseconds, then 74 random bits; sorts by creation."""
    ms = time.time_ns() // 1_000_000
    r = int.from_bytes(os.urandom(10), "big")
    value = (ms << 80) | (0x7 << 76) | (((r >> 62) & 0xFFF) << 64) | (0b10 << 62) | (r & ((1 << 62) - 1))
    return f"{value:032x}"
