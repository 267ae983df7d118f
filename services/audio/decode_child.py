"""The half of decoding that runs inside the cage: bytes in, float32 frames out, every limit counted on the way.

WAV and AIFF are read by our own few lines, everything else by libav through PyAV, whose demuxer and decoders are
named beforehand: nothing is probed. What comes out is resampled in a stream (soxr, independent of block borders),
brought to at most two channels, checked and written.

A file that breaks off or holds damaged stretches yields what could be read, marked incomplete, if that is at least
10 ms and most of its packets were sound; else it is refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import soxr

from services.audio import iff, libav
from services.audio.clip import Samples
from services.audio.downmix import to_channels
from services.audio.dsp import SOXR_QUALITY
from services.audio.faults import LEVEL_MAX, MIN_S, Undecodable
from services.audio.found import BLOCK_S, Found


@dataclass(frozen=True, slots=True)
class Order:
    """One file to decode: open descriptors, its container, and the limits that concern it."""

    source: int
    target: int
    container: str
    rate_hz: int
    max_channels: int
    max_s: float


Tell = Callable[[float], None]  # seconds decoded so far


def decode(order: Order, tell: Tell) -> dict[str, Any]:
    """Decode one file into `order.target`. Raises Undecodable, or OSError when the disk is full."""
    found = Found()
    blocks = (
        _pcm_blocks(order, found)
        if order.container in {"wav", "aiff"}
        else libav.blocks(order.source, order.container, found)
    )
    sink = _Sink(order, tell)
    for rate_hz, block in blocks:
        if found.claimed_s > order.max_s:  # true or a lie, the file is refused; no claim ever lets one pass
            raise Undecodable("too_long")
        sink.take(rate_hz, block)
    sink.finish(found.complete)
    return {
        "rate_hz": found.rate_hz,
        "channels": found.channels,
        "kept": sink.channels,
        "codec": found.codec,
        "bits": found.bits,
        "complete": found.complete,
        "peak": sink.peak,
        "swing": sink.swing,
    }


@dataclass(slots=True)
class _Sink:
    """Takes blocks at the file's rate and channels, writes frames of the house."""

    order: Order
    tell: Tell
    channels: int = 0
    written: int = 0
    peak: float = 0.0
    _taken_s: float = 0.0
    _told_s: float = 0.0
    _rate_hz: int = 0
    _stream: Any = None
    _low: float = field(default=float("inf"))
    _high: float = field(default=float("-inf"))

    @property
    def swing(self) -> float:
        """Half the distance between the lowest and highest sample: 0 for silence and for a constant."""
        return max(0.0, (self._high - self._low) / 2)

    def take(self, rate_hz: int, block: Samples) -> None:
        """float32 (n, channels) at rate_hz. A file may change its rate; it is resampled from there on."""
        self._taken_s += len(block) / rate_hz
        if self._taken_s > self.order.max_s:
            raise Undecodable("too_long")
        self.channels = self.channels or min(block.shape[1], self.order.max_channels)
        block = to_channels(block, self.channels)
        if rate_hz != self._rate_hz:
            self._flush()
            self._rate_hz = rate_hz
            if rate_hz != self.order.rate_hz:
                self._stream = soxr.ResampleStream(
                    rate_hz, self.order.rate_hz, self.channels, dtype="float32", quality=SOXR_QUALITY
                )
        self._write(block if self._stream is None else self._stream.resample_chunk(block))
        if self._taken_s - self._told_s >= BLOCK_S:
            self._told_s = self._taken_s
            self.tell(self._taken_s)

    def finish(self, complete: bool) -> None:
        self._flush()
        if self.written < MIN_S * self.order.rate_hz:
            raise Undecodable("too_short" if complete and self.written else "no_samples" if complete else "damaged")

    def _flush(self) -> None:
        if self._stream is not None:
            self._write(self._stream.resample_chunk(np.zeros((0, self.channels), np.float32), last=True))
            self._stream = None

    def _write(self, block: Samples) -> None:
        if not len(block):
            return
        low, high = float(block.min()), float(block.max())
        if not (np.isfinite(low) and np.isfinite(high)):  # min and max of a block with a NaN are NaN
            raise Undecodable("not_finite")
        self._low, self._high = min(self._low, low), max(self._high, high)
        self.peak = max(self.peak, -low, high)
        if self.peak > LEVEL_MAX:
            raise Undecodable("bad_level")
        view = np.ascontiguousarray(block).data.cast("B")
        while len(view):
            view = view[os.write(self.order.target, view) :]
        self.written += len(block)


def _pcm_blocks(order: Order, found: Found) -> Iterator[tuple[int, Samples]]:
    size = os.fstat(order.source).st_size
    layout = iff.parse(lambda at, count: os.pread(order.source, count, at), size)
    found.rate_hz, found.channels, found.bits = layout.rate_hz, layout.channels, layout.bits
    found.codec, found.complete, found.claimed_s = f"pcm_{layout.kind}", layout.complete, layout.claimed_s
    step = max(1, int(layout.rate_hz * BLOCK_S)) * layout.frame_bytes
    for at in range(layout.data_offset, layout.data_offset + layout.data_bytes, step):
        count = min(step, layout.data_offset + layout.data_bytes - at)
        raw = os.pread(order.source, count, at)
        yield layout.rate_hz, iff.to_float(raw[: len(raw) - len(raw) % layout.frame_bytes], layout)
