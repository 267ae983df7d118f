"""WAV files of our own: the same clip gives the same bytes, always.

16- and 24-bit integer and 32-bit float. No chunk carries a date (libsndfile's PEAK chunk does). 16 bit gets
triangular dither from a fixed seed, because rounding alone distorts quiet tails; 24 bit needs none. `smpl` marks a
loop for samplers, `acid` tells a sequencer tempo and beats.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.audio.clip import Clip
from services.audio.faults import Undecodable
from services.audio.iff import WAVE_FLOAT, WAVE_PCM, parse, to_float
from services.errors import Invalid, NotAudio, TooLarge

DITHER_SEED = 1_770
RIFF_MAX_BYTES = 2**32 - 1
UNITY_NOTE = 60  # middle C plays the sample at its own pitch
_ACID_ONE_SHOT, _ACID_ROOT, _ACID_STRETCH = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Loop:
    """Frames start..end (end exclusive) repeat for ever."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Acid:
    """What a sequencer needs to stretch a loop: quarter-note tempo, beats, meter; or that it is a one-shot."""

    tempo_bpm: float
    beats: int
    meter: tuple[int, int] = (4, 4)
    one_shot: bool = False
    root_note: int | None = None


def write_wav(clip: Clip, bits: int = 24, loop: Loop | None = None, acid: Acid | None = None) -> bytes:
    """A WAV file of `clip`: bits 16, 24 or 32 (float). Integer samples beyond full scale are clipped.

    Deterministic. Digital silence stays digital silence. An empty clip gives a valid file without frames.
    Raises Invalid for other bits and TooLarge past 4 GiB.
    """
    if clip.frames * clip.channels * (bits // 8) > RIFF_MAX_BYTES - 1024:
        raise TooLarge("The audio is too long for a WAV file; ask for FLAC instead.")
    if bits == 32:
        fmt = _fmt(clip, WAVE_FLOAT, bits) + struct.pack("<H", 0)
        data = np.ascontiguousarray(clip.samples.T, "<f4").tobytes()
        parts = [_chunk(b"fmt ", fmt), _chunk(b"fact", struct.pack("<I", clip.frames)), _chunk(b"data", data)]
    else:
        parts = [_chunk(b"fmt ", _fmt(clip, WAVE_PCM, bits)), _chunk(b"data", pack(quantise(clip, bits), bits))]
    if loop is not None:
        parts.append(_chunk(b"smpl", _smpl(clip, loop)))
    if acid is not None:
        parts.append(_chunk(b"acid", _acid(acid)))
    return b"RIFF" + struct.pack("<I", 4 + sum(map(len, parts))) + b"WAVE" + b"".join(parts)


def read_wav(data: bytes) -> Clip:
    """The clip in a WAV file of integer or float PCM, at the file's own rate. Raises NotAudio for anything else."""
    view = memoryview(data)
    try:
        layout = parse(lambda at, count: bytes(view[at : at + count]), len(data))
        frames = to_float(bytes(view[layout.data_offset : layout.data_offset + layout.data_bytes]), layout)
    except Undecodable as err:
        raise NotAudio("This is not a WAV file we can read.", code=err.code) from None
    return Clip(np.ascontiguousarray(frames.T), layout.rate_hz)


def quantise(clip: Clip, bits: int) -> npt.NDArray[np.int32]:
    """`clip` as integers of 16 bits (dithered) or 24, int32 (n, channels). Raises Invalid for other bits."""
    if bits not in {16, 24}:
        raise Invalid("The bit depth must be 16, 24 or 32f.", code="bad_bits")
    full = np.float32(2 ** (bits - 1))
    scaled = clip.samples.T * full  # float32 holds 24-bit integers exactly
    if bits == 16:
        rng = np.random.Generator(np.random.PCG64(DITHER_SEED))
        dither = rng.random(scaled.shape, np.float32) - rng.random(scaled.shape, np.float32)
        scaled += dither * (scaled != 0)
    np.rint(scaled, out=scaled)
    # Both ends of both ranges are exact in float32.
    return np.clip(scaled, -full, full - 1, out=scaled).astype(np.int32)


def pack(values: npt.NDArray[np.int32], bits: int) -> bytes:
    """Integers as little-endian interleaved PCM of 16 or 24 bits."""
    if bits == 16:
        return values.astype("<i2").tobytes()
    return np.ascontiguousarray(values, "<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def _fmt(clip: Clip, tag: int, bits: int) -> bytes:
    align = clip.channels * bits // 8
    return struct.pack("<HHIIHH", tag, clip.channels, clip.rate_hz, clip.rate_hz * align, align, bits)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) & 1)


def _smpl(clip: Clip, loop: Loop) -> bytes:
    period_ns = round(1e9 / clip.rate_hz)
    head = struct.pack("<9I", 0, 0, period_ns, UNITY_NOTE, 0, 0, 0, 1, 0)
    return head + struct.pack("<6I", 0, 0, loop.start, max(loop.start, loop.end - 1), 0, 0)  # its end is inclusive


def _acid(acid: Acid) -> bytes:
    flags = _ACID_ONE_SHOT if acid.one_shot else _ACID_STRETCH
    flags |= _ACID_ROOT if acid.root_note is not None else 0
    note = UNITY_NOTE if acid.root_note is None else acid.root_note
    numerator, denominator = acid.meter
    return struct.pack("<IHHfIHHf", flags, note, 0x8000, 0.0, acid.beats, denominator, numerator, acid.tempo_bpm)
