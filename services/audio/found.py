"""What decoding learns about a file besides its samples: filled while its blocks are read."""

from __future__ import annotations

from dataclasses import dataclass

BLOCK_S = 1.0  # decoded at a time: a quarter of a megabyte per channel


@dataclass(slots=True)
class Found:
    """Rate, channels and codec of the file itself; `bits` for PCM and FLAC; `complete`: nothing missing or damaged.

    `claimed_s` is the length a header states outright (WAV, AIFF, FLAC), 0 where none does.
    """

    rate_hz: int = 0
    channels: int = 0
    codec: str = ""
    bits: int | None = None
    complete: bool = True
    claimed_s: float = 0.0
