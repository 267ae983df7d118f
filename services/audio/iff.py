"""Plain PCM in chunks: WAV (RIFF, RF64, BW64) and AIFF/AIFC, read without any foreign code.

A header is a claim. The layout found here only says where samples lie and what shape they have; how many there
are is what the file really holds. Multimedia Programming Interface 1.0 (1991), EBU Tech 3306 (RF64), Audio IFF 1.3
(1989) and AIFF-C (1991).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from services.audio.clip import Samples
from services.audio.faults import BITS_FLOAT, BITS_INT, CHANNELS_END, RATE_END_HZ, RATE_MIN_HZ, Undecodable

ReadAt = Callable[[int, int], bytes]  # (offset, count) -> at most count bytes

CHUNKS_MAX = 4_096  # a file of millions of empty chunks is an attack, not a recording
WAVE_PCM, WAVE_FLOAT, WAVE_EXTENSIBLE = 1, 3, 0xFFFE
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")  # every KSDATAFORMAT_SUBTYPE ends so
_UNKNOWN_SIZE = 0xFFFFFFFF  # written by recorders that cannot seek back
_DENORMAL = 1e-20  # -400 dB: flushed, because filters run a hundred times slower on denormal numbers

Kind = Literal["int", "unsigned", "float"]
_AIFC: dict[bytes, tuple[Kind, str, int]] = {  # compression type -> kind, byte order, bits (0: as COMM says)
    b"NONE": ("int", ">", 0),
    b"twos": ("int", ">", 0),
    b"sowt": ("int", "<", 0),
    b"raw ": ("unsigned", ">", 8),
    b"in24": ("int", ">", 24),
    b"in32": ("int", ">", 32),
    b"fl32": ("float", ">", 32),
    b"FL32": ("float", ">", 32),
    b"fl64": ("float", ">", 64),
    b"FL64": ("float", ">", 64),
}


@dataclass(frozen=True, slots=True)
class PcmLayout:
    """Where PCM lies in a file. `data_bytes`: what is there, whole frames; `claimed_bytes`: what the header says.

    `complete`: no frame is missing. A header that does not know its length claims what is there.
    """

    rate_hz: int
    channels: int
    bits: int
    kind: Kind
    order: str  # "<" or ">"
    data_offset: int
    data_bytes: int
    claimed_bytes: int

    @property
    def complete(self) -> bool:
        return self.claimed_bytes <= self.data_bytes + self.frame_bytes - 1

    @property
    def claimed_s(self) -> float:
        return self.claimed_bytes / self.frame_bytes / self.rate_hz

    @property
    def frame_bytes(self) -> int:
        return self.channels * self.bits // 8

    @property
    def frames(self) -> int:
        return self.data_bytes // self.frame_bytes


def parse(read: ReadAt, size: int) -> PcmLayout:
    """The layout of a WAV or AIFF file of `size` bytes. Raises Undecodable (`damaged`, `codec`, `bad_*`)."""
    return _parse_aiff(read, size) if read(0, 4) == b"FORM" else _parse_wav(read, size)


def to_float(raw: bytes, layout: PcmLayout) -> Samples:
    """Whole frames of PCM as float32 (n, channels), full scale 1.0. Raises Undecodable (`not_finite`)."""
    if layout.kind == "unsigned":
        flat = (np.frombuffer(raw, np.uint8).astype(np.float32) - 128.0) * np.float32(1 / 128)
    elif layout.kind == "float":
        flat = _checked(np.frombuffer(raw, f"{layout.order}f{layout.bits // 8}"))
    elif layout.bits == 24:
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, slice(1, 4) if layout.order == "<" else slice(0, 3)] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        flat = wide.view(f"{layout.order}i4")[:, 0].astype(np.float32) * np.float32(2**-31)
    else:
        flat = np.frombuffer(raw, f"{layout.order}i{layout.bits // 8}").astype(np.float32)
        flat *= np.float32(2.0 ** (1 - layout.bits))
    return flat.reshape(-1, layout.channels)


def _checked(values: np.ndarray) -> Samples:
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes inf and is refused below
        flat = values.astype(np.float32)
    if not np.isfinite(flat).all():
        raise Undecodable("not_finite")
    flat[np.abs(flat) < _DENORMAL] = 0.0
    return flat


def _chunks(read: ReadAt, size: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """(name, offset of the content, claimed size) of each chunk; the walk ends where the file does."""
    at = 12
    for _ in range(CHUNKS_MAX):
        head = read(at, 8)
        if len(head) < 8:
            return
        length = struct.unpack(f"{order}I", head[4:])[0]
        yield head[:4], at + 8, length
        at += 8 + length + (length & 1)
        if at >= size:
            return


def _parse_wav(read: ReadAt, size: int) -> PcmLayout:
    fmt, long_data = b"", 0
    for name, at, length in _chunks(read, size, "<"):
        if name == b"ds64":
            long_data = int.from_bytes(read(at + 8, 8), "little")
        elif name == b"fmt ":
            fmt = read(at, min(length, 40))
        elif name == b"data":
            if len(fmt) < 16:
                break
            claimed = long_data if length == _UNKNOWN_SIZE and long_data else length
            if claimed == 0 and read(4, 4) == b"\0\0\0\0":
                claimed = _UNKNOWN_SIZE  # a recorder died before it filled in any length
            return _wav_layout(fmt, at, claimed, size)
    raise Undecodable("damaged")


def _wav_layout(fmt: bytes, at: int, claimed: int, size: int) -> PcmLayout:
    tag, channels, rate, _, align, bits = struct.unpack("<HHIIHH", fmt[:16])
    if tag == WAVE_EXTENSIBLE and len(fmt) >= 40 and fmt[26:40] == _GUID_TAIL:
        tag = int.from_bytes(fmt[24:26], "little")
    if tag not in {WAVE_PCM, WAVE_FLOAT}:
        raise Undecodable("codec")
    kind: Kind = "float" if tag == WAVE_FLOAT else "unsigned" if bits == 8 else "int"
    _require(rate, channels, bits, kind)
    if align != channels * bits // 8:
        raise Undecodable("damaged")
    there = max(0, size - at)
    claimed = there if claimed == _UNKNOWN_SIZE else claimed
    here = min(claimed, there)
    return PcmLayout(rate, channels, bits, kind, "<", at, here - here % align, claimed)


def _parse_aiff(read: ReadAt, size: int) -> PcmLayout:
    comm, sound = b"", None
    for name, at, length in _chunks(read, size, ">"):
        if name == b"COMM":
            comm = read(at, min(length, 22))
        elif name == b"SSND":
            head = read(at, 8)
            skip = int.from_bytes(head[:4], "big")
            sound = (at + 8 + skip, length - 8 - skip)
        if len(comm) >= 18 and sound:
            return _aiff_layout(comm, *sound, size)
    raise Undecodable("no_samples" if len(comm) >= 18 else "damaged")


def _aiff_layout(comm: bytes, at: int, claimed: int, size: int) -> PcmLayout:
    channels, frames, bits = struct.unpack(">HIH", comm[:8])
    kind, order, fixed_bits = _AIFC.get(comm[18:22] or b"NONE", (None, "", 0))
    if kind is None:
        raise Undecodable("codec")
    bits = fixed_bits or bits
    rate = _extended(comm[8:18])
    _require(rate, channels, bits, kind)
    align = channels * bits // 8
    here = max(0, min(claimed, frames * align, size - at))
    return PcmLayout(rate, channels, bits, kind, order, at, here - here % align, frames * align)


def _extended(raw: bytes) -> int:
    """The nearest integer of a positive 80-bit extended float; 0 for what cannot be a sample rate."""
    exponent = int.from_bytes(raw[:2], "big") - 16_383
    if not 0 <= exponent < 32:
        return 0
    return (int.from_bytes(raw[2:], "big") + (1 << (62 - exponent))) >> (63 - exponent)


def _require(rate_hz: int, channels: int, bits: int, kind: Kind) -> None:
    require_shape(rate_hz, channels)
    if bits not in (BITS_FLOAT if kind == "float" else BITS_INT):
        raise Undecodable("bad_bits")


def require_shape(rate_hz: int, channels: int) -> None:
    """Raises Undecodable (`bad_channels`, `bad_rate`) for what no musician records."""
    if not 1 <= channels < CHANNELS_END:
        raise Undecodable("bad_channels")
    if not RATE_MIN_HZ <= rate_hz < RATE_END_HZ:
        raise Undecodable("bad_rate")
