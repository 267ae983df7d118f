"""A clip in every format the house takes, written by foreign encoders at run time."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import av
import numpy as np
import soundfile
import soxr

from services.audio.clip import Clip

SAME, NEAR = 1e-4, 2.0  # largest error of a sample (lossless), largest change of level in dB (lossy)


def by_sndfile(clip: Clip, container: str, subtype: str | None = None) -> bytes:
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", clip.rate_hz, clip.channels, subtype, format=container) as file:
        for at in range(0, clip.frames, 4096):
            file.write(clip.samples[:, at : at + 4096].T)
    return out.getvalue()


def by_libav(clip: Clip, container: str, codec: str, **options: str) -> bytes:
    """Options beginning with box_ go to the muxer, `rate` and `bit_rate` to the stream."""
    rate = int(options.pop("rate", clip.rate_hz))
    samples = clip.samples
    if rate != clip.rate_hz:
        samples = soxr.resample(clip.samples.T, clip.rate_hz, rate).T
    layout = "mono" if clip.channels == 1 else "stereo"
    out = io.BytesIO()
    muxer = {k[4:]: v for k, v in options.items() if k.startswith("box_")}
    with av.open(out, "w", format=container, options=muxer) as box:
        stream = box.add_stream(codec, rate=rate, layout=layout)
        stream.bit_rate = int(options.get("bit_rate", 192_000))
        wanted = stream.codec_context.codec.audio_formats[0].name
        stream.codec_context.format = wanted
        size = stream.codec_context.frame_size or 1024
        turn = av.AudioResampler(format=wanted, layout=layout, rate=rate, frame_size=size)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        for piece in [*turn.resample(frame), *turn.resample(None)]:
            box.mux(stream.encode(piece))
        box.mux(stream.encode(None))
    return out.getvalue()


# What Chrome's MediaRecorder writes: Opus in a WebM of unknown length, clusters of unknown length, no cues.
as_chrome = partial(by_libav, container="webm", codec="libopus", rate="48000", bit_rate="128000", box_live="1")

LOSSLESS: dict[str, tuple[str, Callable[[Clip], bytes]]] = {
    "wav-16": ("wav", partial(by_sndfile, container="WAV", subtype="PCM_16")),
    "wav-24": ("wav", partial(by_sndfile, container="WAV", subtype="PCM_24")),
    "wav-32": ("wav", partial(by_sndfile, container="WAV", subtype="PCM_32")),
    "wav-float32": ("wav", partial(by_sndfile, container="WAV", subtype="FLOAT")),
    "wav-float64": ("wav", partial(by_sndfile, container="WAV", subtype="DOUBLE")),
    "wav-extensible": ("wav", partial(by_sndfile, container="WAVEX", subtype="PCM_24")),
    "rf64": ("wav", partial(by_sndfile, container="RF64", subtype="PCM_16")),
    "flac-16": ("flac", partial(by_sndfile, container="FLAC", subtype="PCM_16")),
    "flac-24": ("flac", partial(by_sndfile, container="FLAC", subtype="PCM_24")),
    "aiff-16": ("aiff", partial(by_sndfile, container="AIFF", subtype="PCM_16")),
    "aiff-24": ("aiff", partial(by_sndfile, container="AIFF", subtype="PCM_24")),
    "aifc-float": ("aiff", partial(by_sndfile, container="AIFF", subtype="FLOAT")),
    "aifc-float64": ("aiff", partial(by_sndfile, container="AIFF", subtype="DOUBLE")),
    "aifc-sowt": ("aiff", partial(by_libav, container="aiff", codec="pcm_s16le")),
    "m4a-alac": ("m4a", partial(by_libav, container="ipod", codec="alac")),
}
EIGHT_BIT: dict[str, tuple[str, Callable[[Clip], bytes]]] = {
    "wav-8": ("wav", partial(by_sndfile, container="WAV", subtype="PCM_U8")),
    "aiff-8": ("aiff", partial(by_sndfile, container="AIFF", subtype="PCM_S8")),
}
LOSSY: dict[str, tuple[str, Callable[[Clip], bytes]]] = {
    "mp3": ("mp3", partial(by_libav, container="mp3", codec="libmp3lame")),
    "mp3-no-xing": (
        "mp3",
        partial(by_libav, container="mp3", codec="libmp3lame", box_write_xing="0", box_id3v2_version="0"),
    ),
    "ogg-vorbis": ("vorbis", partial(by_sndfile, container="OGG", subtype="VORBIS")),
    "ogg-opus": ("opus", partial(by_libav, container="ogg", codec="libopus", rate="48000", bit_rate="128000")),
    "m4a-aac": ("m4a", partial(by_libav, container="ipod", codec="aac")),
    "mp4-fragmented": ("m4a", partial(by_libav, container="mp4", codec="aac", box_movflags="frag_keyframe+empty_moov")),
    "aac-adts": ("aac", partial(by_libav, container="adts", codec="aac")),
    "webm-opus": ("webm", partial(by_libav, container="webm", codec="libopus", rate="48000", bit_rate="128000")),
    "webm-chrome": ("webm", as_chrome),
}
ALL = LOSSLESS | EIGHT_BIT | LOSSY
