"""Files that nobody should be able to hurt us with, built at run time, each with the status it must get.

`build(folder)` writes them all. `status` is the HTTP status of a request that sends the file as a one-shot: 413 too
much, 415 not audio, 422 audio that makes no sense. `where` is the first gate that can know: `door` (magic bytes, in
the web process), `decode` (in the cage), `stage` (decodes well, but there is nothing to hear).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import numpy as np

from services.audio.clip import Clip
from tests import sounds
from tests.encoded import ALL, as_chrome, by_libav, by_sndfile

ONESHOT_S = 30.0
SECRET = "/etc/passwd"  # what playlists and scripts try to name
NAMES = (
    "../../../etc/passwd.wav",
    "..\\..\\windows\\win.ini.wav",
    "nul\0byte.wav",
    "a" * 4_000 + ".wav",
    "\u202egnp.exe\u202c.wav",  # right-to-left override
    "שלום.wav",
    "  .wav",
    ".",
    "-rf.wav",
    "con\r\nContent-Type: text/html\r\n.wav",
    "same.wav",
    "same.wav",
)


@dataclass(frozen=True, slots=True)
class Hostile:
    """One file on disk, the status it must get, and the first gate that can refuse it."""

    name: str
    path: Path
    status: Literal[413, 415, 422]
    where: Literal["door", "decode", "stage"]


def wav(data: bytes = b"", **facts: int) -> bytes:
    """A WAV with any header: tag, channels, rate, bits, align, claimed (data bytes), riff (size field)."""
    channels, rate, bits = facts.get("channels", 1), facts.get("rate", 44_100), facts.get("bits", 16)
    align = facts.get("align", channels * bits // 8)
    fmt = struct.pack("<HHIIHH", facts.get("tag", 1), channels, rate, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits)
    claimed = facts.get("claimed", len(data))
    riff = facts.get("riff", 36 + len(data))
    return (
        b"RIFF"
        + struct.pack("<I", riff)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + fmt
        + b"data"
        + struct.pack("<I", claimed)
        + data
    )


def _float_wav(values: list[float], bits: int = 32) -> bytes:
    data = np.resize(np.array(values), 44_100).astype(f"<f{bits // 8}").tobytes()
    return wav(data, tag=3, bits=bits)


def _pcm(seconds: float = 0.5) -> bytes:
    return (sounds.noise(seconds).samples[0] * 32_767).astype("<i2").tobytes()


def _aiff(rate: bytes, channels: int = 1, bits: int = 16, frames: int = 22_050) -> bytes:
    data = _pcm()
    comm = struct.pack(">HIH", channels, frames, bits) + rate
    body = b"AIFFCOMM" + struct.pack(">I", 18) + comm + b"SSND" + struct.pack(">III", 8 + len(data), 0, 0) + data
    return b"FORM" + struct.pack(">I", len(body)) + body


def _silent_film() -> bytes:
    import io

    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as box:
        stream = box.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        for i in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), i * 20, np.uint8), format="rgb24")
            box.mux(stream.encode(frame))
        box.mux(stream.encode(None))
    return out.getvalue()


def _random(n: int, seed: int = 3) -> bytes:
    return np.random.Generator(np.random.PCG64(seed)).bytes(n)


def _flac_claiming(samples: int, keep: int) -> bytes:
    """A FLAC whose STREAMINFO claims a number of samples; only its first `keep` bytes."""
    flac = bytearray(by_sndfile(sounds.noise(1.0), "FLAC"))
    facts = int.from_bytes(flac[18:26], "big") >> 36 << 36 | samples
    flac[18:26] = facts.to_bytes(8, "big")
    return bytes(flac[:keep])


def _nulled(data: bytes, start: int) -> bytes:
    """The file's beginning, then noise instead of its sound."""
    return data[:start] + _random(len(data) - start)


def _long_silence() -> Clip:
    return Clip(np.zeros((1, 44_100 * 120), np.float32), 44_100)


def _texts() -> Iterator[tuple[str, bytes]]:
    yield "playlist.m3u", f"#EXTM3U\n#EXTINF:1,x\n{SECRET}\n".encode()
    yield "hls.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{SECRET}\n#EXT-X-ENDLIST\n".encode()
    yield "playlist.pls", f"[playlist]\nFile1={SECRET}\nNumberOfEntries=1\n".encode()
    yield "session.sdp", b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"
    yield "list.ffconcat", f"ffconcat version 1.0\nfile '{SECRET}'\n".encode()
    yield "cue.cue", f'FILE "{SECRET}" WAVE\nTRACK 01 AUDIO\nINDEX 01 00:00:00\n'.encode()
    yield "dash.mpd", b'<?xml version="1.0"?><MPD><Period><BaseURL>file:///etc/passwd</BaseURL></Period></MPD>'
    yield "page.wav", b"<html><body>404</body></html>"
    yield "script.wav", b"#!/bin/sh\nexit 0\n"
    yield "empty.wav", b""
    yield "one-byte.wav", b"R"
    yield "zeros.wav", bytes(10_000)
    yield "zip.wav", b"PK\x03\x04" + _random(4_000)
    yield "program.wav", b"\x7fELF" + _random(4_000)
    yield "picture.wav", b"\x89PNG\r\n\x1a\n" + _random(4_000)
    yield "gzip.flac", b"\x1f\x8b\x08" + _random(4_000)
    yield "midi.wav", b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96) + _random(100)
    yield "random.mp3", b"\x00" + _random(20_000)
    yield "film.wav", b"RIFF" + struct.pack("<I", 5_000) + b"AVI LIST" + _random(5_000)
    yield "speex.ogg", b"OggS\0\2" + bytes(20) + b"\1\x50Speex   1.2" + bytes(60)
    yield "heic.m4a", struct.pack(">I", 24) + b"ftypheic" + bytes(12) + _random(2_000)
    yield "matroska.webm", bytes.fromhex("1a45dfa3934282886d6174726f736b61") + _random(2_000)
    yield "id3-only.mp3", b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + b"TEXT" * 50


def _wavs() -> Iterator[tuple[str, int, bytes]]:
    """Broken and nonsensical WAV files."""
    yield "no-samples.wav", 422, wav()
    yield "one-sample.wav", 422, wav(b"\x10\x20")
    yield "nine-ms.wav", 422, wav(_pcm(0.009))
    yield "nan.wav", 422, _float_wav([0.1, float("nan")])
    yield "inf.wav", 422, _float_wav([0.1, float("-inf")])
    yield "beyond-float32.wav", 422, _float_wav([0.1, 1e300], 64)
    yield "absurd-level.wav", 422, _float_wav([1e30, -1e30])
    yield "channels-0.wav", 422, wav(_pcm(), channels=0, align=2)
    yield "channels-64.wav", 422, wav(_pcm(), channels=64)
    yield "channels-65535.wav", 422, wav(_pcm(), channels=65_535)
    yield "rate-0.wav", 422, wav(_pcm(), rate=0)
    yield "rate-1.wav", 422, wav(_pcm(), rate=1)
    yield "rate-768k.wav", 422, wav(_pcm(), rate=768_000)
    yield "rate-4g.wav", 422, wav(_pcm(), rate=2**32 - 1)
    yield "bits-0.wav", 422, wav(_pcm(), bits=0)
    yield "bits-7.wav", 422, wav(_pcm(), bits=7, align=1)
    yield "bits-64.wav", 422, wav(_pcm(), bits=64)
    yield "float-16.wav", 422, wav(_pcm(), tag=3)
    yield "wrong-align.wav", 415, wav(_pcm(), align=7)
    yield "adpcm.wav", 415, wav(_pcm(), tag=2, bits=4, align=1)
    yield "gsm.wav", 415, wav(_pcm(), tag=49)
    yield "claims-2g.wav", 413, wav(_pcm(), bits=8, claimed=2**31, riff=2**31 + 36)
    yield "claims-2g-empty.wav", 415, wav(claimed=2**31, riff=2**31 + 36)
    yield "long.wav", 413, wav(bytes(31 * 8_000), bits=8, rate=8_000)
    whole = wav(_pcm())
    for name, cut in (("riff", 12), ("fmt-name", 16), ("fmt", 24), ("fmt-end", 36), ("data-name", 40), ("data", 44)):
        yield f"cut-at-{name}.wav", 415, whole[:cut]
    yield "fmt-4g.wav", 415, whole[:16] + b"\xff\xff\xff\xff" + whole[20:]
    yield "million-chunks.wav", 415, whole[:12] + b"junk\0\0\0\0" * 200_000 + whole[12:]
    yield "data-first.wav", 415, whole[:12] + whole[36:] + whole[12:36]


def _others() -> Iterator[tuple[str, int, bytes]]:
    """Broken files of the other containers."""
    good_rate = bytes.fromhex("400eac44000000000000")
    yield "rate-nan.aiff", 422, _aiff(b"\x7f\xff\xc0" + bytes(7))
    yield "rate-negative.aiff", 422, _aiff(b"\xc0" + good_rate[1:])
    yield "channels-0.aiff", 422, _aiff(good_rate, channels=0)
    yield "bits-7.aiff", 422, _aiff(good_rate, bits=7)
    yield "claims-4g.aiff", 413, _aiff(good_rate, frames=2**32 - 1)
    yield "no-sound.aiff", 422, _aiff(good_rate)[:38]
    yield "claims-64g.flac", 413, _flac_claiming(2**36 - 1, 10**9)
    yield "header-only.flac", 415, _flac_claiming(44_100, 42)
    yield "noise-inside.flac", 415, _nulled(ALL["flac-16"][1](sounds.noise()), 42)
    yield "noise-inside.m4a", 415, ALL["m4a-aac"][1](sounds.noise())[:40] + _random(20_000)
    yield "huge-box.m4a", 415, struct.pack(">I", 20) + b"ftypM4A " + bytes(8) + b"\xff\xff\xff\xffmoov" + _random(2_000)
    yield "silent-film.m4a", 415, _silent_film()
    yield "header-only.webm", 415, as_chrome(sounds.noise())[:40]
    yield "header-only.ogg", 415, ALL["ogg-vorbis"][1](sounds.noise())[:58]
    yield "header-only-opus.ogg", 415, ALL["ogg-opus"][1](sounds.noise())[:47]
    yield "bomb.flac", 413, by_sndfile(_long_silence(), "FLAC")
    yield "bomb.opus", 413, by_libav(_long_silence(), "ogg", "libopus", rate="48000", bit_rate="6000")
    yield "sync-then-noise.mp3", 415, ALL["mp3-no-xing"][1](sounds.noise(0.2))[:300] + _random(40_000)
    yield "sync-then-noise.aac", 415, ALL["aac-adts"][1](sounds.noise(0.2))[:7] + _random(40_000)


def _inaudible() -> Iterator[tuple[str, int, bytes]]:
    write: Callable[[Clip], bytes] = ALL["wav-24"][1]
    yield "silence.wav", 422, write(sounds.silence(1.0))
    yield "dc.wav", 422, write(Clip(np.full((1, 44_100), 0.5, np.float32), 44_100))
    yield "silence.flac", 422, ALL["flac-16"][1](sounds.silence(1.0))


def build(folder: Path) -> list[Hostile]:
    """Write the corpus (about 8 MB) into `folder`. The seven-hour MP3 is apart: `seven_hours`."""
    found = [(name, 415, data, "door") for name, data in _texts()]
    found += [(name, status, data, "decode") for name, status, data in (*_wavs(), *_others())]
    found += [(name, status, data, "stage") for name, status, data in _inaudible()]
    out = []
    for i, (name, status, data, where) in enumerate(found):
        path = folder / f"{i:03d}-{name}"
        path.write_bytes(data)
        out.append(Hostile(name, path, status, where))
    return out


def seven_hours(folder: Path) -> Hostile:
    """A real 32 kbit/s MP3 of seven hours: 100 MB of the same silent frame, 24 ms and 96 bytes each."""
    clip = Clip(np.zeros((1, 48_000), np.float32), 48_000)
    second = by_libav(clip, "mp3", "libmp3lame", bit_rate="32000", box_write_xing="0", box_id3v2_version="0")
    path = folder / "seven-hours.mp3"
    with path.open("wb") as file:
        for _ in range(7 * 60):
            file.write(second[96 * 5 : 96 * 6] * (60_000 // 24))
    return Hostile("seven-hours.mp3", path, 413, "decode")
