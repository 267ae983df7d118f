"""Compressed sound through libav (PyAV), so that it works in the cage and guesses nothing.

Demuxer and decoders are named beforehand: libav never probes. All its modules are loaded before the cage closes, and
its files are descriptors.

Transform codecs start with a fade-in of their window, and encoders put a delay before the sound. Where the container
says how much, libav removes it. Where it does not (raw AAC, fragmented MP4, MP3 without a LAME header), the delay that
every encoder gives is removed here, so that an attack stays within 5 ms of its place.
"""

from __future__ import annotations

import errno
import functools
import importlib
import io
import os
import pkgutil
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from services.audio.clip import Samples
from services.audio.faults import Undecodable
from services.audio.found import BLOCK_S, Found
from services.audio.iff import require_shape

Block = tuple[int, Samples]  # rate in Hz, float32 (n, channels)

_PACKETS_BAD_MAX = 0.5  # share of undecodable packets from which the rest is noise, not music
_READ_BUFFER_BYTES = 65_536
_MP3_DELAY = 1_105  # 529 of every decoder (ISO 11172-3 filter bank) and 576 of LAME, in samples
# Container: demuxer, and the only decoders it may start.
_NAMED: dict[str, tuple[str, str]] = {
    "flac": ("flac", "flac"),
    "mp3": ("mp3", "mp3float,mp3"),
    "vorbis": ("ogg", "vorbis"),
    "opus": ("ogg", "libopus,opus"),
    "m4a": ("mov", "aac,alac,mp3float"),
    "aac": ("aac", "aac"),
    "webm": ("matroska", "libopus,opus,vorbis"),
}


@functools.cache
def load() -> None:
    """Import every part of PyAV: it loads some only when a file needs them, and the cage lets nothing be opened."""
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith(("__main__", "datasets")):  # a command line, and a downloader of samples
            importlib.import_module(module.name)


class FdFile(io.RawIOBase):
    """An open descriptor as the file object libav reads or writes: by position, without touching its own."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd, self._at = fd, 0

    def readable(self) -> bool:
        """Always: a write-only descriptor fails at the first read."""
        return True

    def writable(self) -> bool:
        """Always: a read-only descriptor fails at the first write."""
        return True

    def seekable(self) -> bool:
        """Always: positions are counted here."""
        return True

    def read(self, count: int = -1) -> bytes:
        """At most count bytes from the present position, b"" at the end; all that is left for -1."""
        data = os.pread(self._fd, os.fstat(self._fd).st_size if count < 0 else count, self._at)
        self._at += len(data)
        return data

    def write(self, data: Any) -> int:
        """Write bytes at the present position; returns how many. Raises OSError when the disk is full."""
        count = os.pwrite(self._fd, data, self._at)
        self._at += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position and return it. Raises OSError before the start."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence)
        at = offset + (os.fstat(self._fd).st_size if start is None else start)
        if at < 0:
            raise OSError(errno.EINVAL, "before the start of the file")
        self._at = at
        return at

    def tell(self) -> int:
        """The present position."""
        return self._at


def blocks(source: int, container: str, found: Found) -> Iterator[Block]:
    """The sound of an open file in blocks of about one second, at its own rate and channels; fills `found`.

    Raises Undecodable (`damaged`, `no_track`, `codec`, `bad_rate`, `bad_channels`).
    """
    demuxer, decoders = _NAMED[container]
    options = {"codec_whitelist": decoders, "format_whitelist": demuxer, "protocol_whitelist": "pipe"}
    try:
        box = av.open(FdFile(source), format=demuxer, options=options, buffer_size=_READ_BUFFER_BYTES)
    except (FFmpegError, ValueError, EOFError):
        raise Undecodable("damaged") from None
    if not box.streams.audio:
        raise Undecodable("no_track")
    stream = box.streams.audio[0]
    if stream.codec_context is None or stream.codec_context.name not in decoders.split(","):
        raise Undecodable("codec")
    stream.codec_context.thread_count = 1  # the cage allows no threads
    found.codec = stream.codec_context.name
    if found.codec == "flac":
        found.bits, found.claimed_s = _flac_facts(source)
    yield from _gathered(_pieces(box, stream, found), found)


def _gathered(pieces: Iterator[Block], found: Found) -> Iterator[Block]:
    """Pieces of some milliseconds joined to blocks, split where rate or channels change."""
    held: list[Samples] = []
    count, shape = 0, (0, 0)
    for rate_hz, piece in pieces:
        now = (rate_hz, piece.shape[1])
        if now != shape or count >= BLOCK_S * rate_hz:
            if held:
                yield shape[0], np.concatenate(held)
            held, count = [], 0
        if now != shape:
            require_shape(*now)
            shape = now
            found.rate_hz, found.channels = found.rate_hz or now[0], found.channels or now[1]
        held.append(piece)
        count += len(piece)
    if held:
        yield shape[0], np.concatenate(held)


def _pieces(box: Any, stream: Any, found: Found) -> Iterator[Block]:
    """Decoded frames without the encoder's delay; damaged packets are left out, a break in the container is the end."""
    good = bad = skip = sounded = 0
    try:
        for packet in box.demux(stream):
            try:
                frames = packet.decode()
            except (FFmpegError, ValueError):
                bad += 1
                continue
            if not good and not bad and frames:
                skip = _untold_delay(stream.codec_context, frames[0])
            good += 1
            for frame in frames:
                samples = _samples(frame)
                sounded += len(samples)
                yield frame.sample_rate, samples[skip:]
                skip = max(0, skip - len(samples))
    except (FFmpegError, EOFError):
        found.complete = False
    found.complete = found.complete and not bad and sounded > 0
    if bad > _PACKETS_BAD_MAX * (good + bad):
        raise Undecodable("damaged")


def _untold_delay(codec: Any, first: Any) -> int:
    """Samples to drop at the start. A first packet that gives a whole frame shows that the container told no delay."""
    if codec.name == "aac":
        return int(first.samples) if first.samples >= codec.frame_size else 0
    if codec.name in {"mp3float", "mp3"}:
        return _MP3_DELAY if first.samples >= codec.frame_size else 0
    return 0


def _samples(frame: Any) -> Samples:
    """A frame as float32 (n, channels)."""
    values: np.ndarray = frame.to_ndarray()
    values = values.T if frame.format.is_planar else values.reshape(-1, len(frame.layout.channels))
    samples: Samples = values.astype(np.float32, copy=False)
    if values.dtype == np.uint8:
        samples = (samples - 128.0) * np.float32(1 / 128)
    elif values.dtype.kind == "i":
        samples *= np.float32(2.0 ** (1 - 8 * values.dtype.itemsize))
    return samples


def _flac_facts(source: int) -> tuple[int | None, float]:
    """Bits per sample and length in seconds out of a FLAC's STREAMINFO, if that comes first as it should."""
    raw = os.pread(source, 8, 18)  # rate 20 bits, channels 3, bits 5, samples 36
    facts = int.from_bytes(raw, "big")
    rate_hz, bits, samples = facts >> 44, (facts >> 36 & 31) + 1, facts & (1 << 36) - 1
    return (bits, samples / rate_hz) if len(raw) == 8 and rate_hz and os.pread(source, 4, 0) == b"fLaC" else (None, 0.0)
