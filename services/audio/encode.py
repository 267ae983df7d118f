"""A clip as a file people can play: WAV, FLAC, MP3 or OGG Vorbis.

WAV is written here (`wavfile`); the other encoders are foreign code and run in the same cage as the decoders, so
that a crash costs one request and not the worker. WAV and FLAC are deterministic. OGG carries a random serial number
and MP3 may differ between machines: their bytes are not promised. OGG is written in blocks, because libsndfile
crashes the process when it gets a minute at once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from services.audio import sandbox
from services.audio.clip import HOUSE_RATE_HZ, Clip
from services.audio.dsp import resample
from services.audio.wavfile import quantise, write_wav
from services.errors import Invalid, ServiceError

Format = Literal["wav", "flac", "mp3", "ogg"]
FORMATS: tuple[Format, ...] = ("wav", "flac", "mp3", "ogg")

MP3_BITS_PER_S = 256_000
MP3_COMPRESSION = "7"  # LAME -q 7: twice as fast as its default, and 256 kbit/s has bits to spare
OGG_COMPRESSION = 0.4  # libsndfile's scale, 1 - quality: quality 6, about 192 kbit/s
FLAC_COMPRESSION = 5 / 8  # libFLAC level 5
_LOSSY_RATES_HZ = (32_000, 44_100, 48_000)  # full-band MPEG 1 rates
_BLOCK = 4_096
_MEMORY_BYTES = 512 * 1024 * 1024
_WALL_S = 30.0  # plus real time / 5: the slowest encoder measured runs at a twentieth of real time
_WALL_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Tags:
    """What a player shows. Empty fields are left out; WAV carries none."""

    title: str = ""
    artist: str = ""


def encode(clip: Clip, format: str, bits: int = 24, tags: Tags | None = None) -> bytes:  # noqa: A002 - the word is right
    """`clip` as the bytes of a file. bits: WAV 16, 24, 32 (float); FLAC 16, 24; the others ignore it.

    MP3 is 256 kbit/s, OGG Vorbis about 192 kbit/s. Silence gives a valid file, an empty clip
    one frame of it (WAV: none). float32 beyond full
    scale is clipped. Raises Invalid for an unknown format or bits, and ServiceError (`encoder_failed`) if the
    encoder died.
    """
    if format == "wav":
        return write_wav(clip, bits)
    if format not in FORMATS:
        raise Invalid(f"The format must be one of {', '.join(FORMATS)}.", code="bad_format")
    if clip.frames == 0:  # some encoders write no file at all for nothing
        clip = Clip(np.zeros((clip.channels, 1), np.float32), clip.rate_hz)
    if format == "flac":
        ready: Any = quantise(clip, bits) << (32 - bits)  # libsndfile takes the upper bits of int32
        rate_hz = clip.rate_hz
    else:
        lossy = clip if clip.rate_hz in _LOSSY_RATES_HZ else resample(clip, HOUSE_RATE_HZ)
        ready = np.ascontiguousarray(np.clip(lossy.samples.T, -1.0, 1.0))
        rate_hz = lossy.rate_hz
    return _in_child(_Job(format, ready, rate_hz, bits, tags or Tags()), clip.duration_s)


@dataclass(frozen=True, slots=True)
class _Job:
    format: str
    frames: Any  # (n, channels): int32 for FLAC, else float32
    rate_hz: int
    bits: int
    tags: Tags


def _in_child(job: _Job, duration_s: float) -> bytes:
    import soundfile  # noqa: F401 - the child cannot load modules

    from services.audio import libav

    libav.load()
    write = _write_mp3 if job.format == "mp3" else _write_sndfile
    target = os.memfd_create("encoded", os.MFD_CLOEXEC)
    try:
        wall_s = _WALL_S + duration_s * _WALL_SHARE
        size = 2**20 + 2 * job.frames.nbytes  # no encoder needs more than its input
        cage = sandbox.Cage((target,), _MEMORY_BYTES, size, wall_s, wall_s)
        ended = sandbox.run(lambda _: write(job, target), cage, lambda _: None)
        if ended.how != "done":
            raise ServiceError(f"The {job.format} file could not be made.", code="encoder_failed")
        return os.pread(target, os.fstat(target).st_size, 0)
    finally:
        os.close(target)


def _write_sndfile(job: _Job, target: int) -> None:
    import soundfile

    subtype = f"PCM_{job.bits}" if job.format == "flac" else "VORBIS"
    compression = FLAC_COMPRESSION if job.format == "flac" else OGG_COMPRESSION
    with soundfile.SoundFile(
        target,
        "w",
        job.rate_hz,
        job.frames.shape[1],
        subtype,
        format=job.format.upper(),
        closefd=False,
        compression_level=compression,
    ) as file:
        for name in ("title", "artist"):
            if getattr(job.tags, name):
                setattr(file, name, getattr(job.tags, name))
        for at in range(0, len(job.frames), _BLOCK):
            file.write(job.frames[at : at + _BLOCK])


def _write_mp3(job: _Job, target: int) -> None:
    import av

    from services.audio.libav import FdFile

    layout = "mono" if job.frames.shape[1] == 1 else "stereo"
    options = {"compression_level": MP3_COMPRESSION}
    with av.open(FdFile(target), "w", format="mp3") as box:
        box.metadata.update({k: v for k, v in (("title", job.tags.title), ("artist", job.tags.artist)) if v})
        stream: Any = box.add_stream("libmp3lame", rate=job.rate_hz, layout=layout, options=options)
        stream.bit_rate = MP3_BITS_PER_S
        stream.codec_context.format = "fltp"
        stream.codec_context.thread_count = 1
        step = stream.codec_context.frame_size or 1152
        for at in range(0, len(job.frames), step):
            block = np.ascontiguousarray(job.frames[at : at + step].T)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = job.rate_hz, at
            box.mux(stream.encode(frame))
        box.mux(stream.encode(None))
