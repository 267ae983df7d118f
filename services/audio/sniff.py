"""What a file is, from its first bytes: a closed list of containers, nothing probed.

The web process asks this before it accepts an upload, and the decoder is told the answer instead of guessing. So
this file imports nothing heavy. A media type or a file name is never believed.

Containers: `wav` (RIFF, RF64, BW64), `flac`, `mp3` (with or without ID3), `vorbis` and `opus` (both Ogg), `m4a`
(MP4 family), `aac` (ADTS), `aiff` (AIFF, AIFC), `webm`.
"""

from __future__ import annotations

HEAD_BYTES = 16_384  # enough for two of the longest MP3 or ADTS frames, and for most ID3 tags without a picture

MEDIA_TYPES: dict[str, str] = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "vorbis": "audio/ogg",
    "opus": "audio/ogg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "webm": "audio/webm",
}
CONTAINERS: tuple[str, ...] = tuple(MEDIA_TYPES)

# Brands of MP4 files that hold sound; picture brands (heic, avif, mif1) are not among them.
_MP4_BRANDS = (b"M4A ", b"M4B ", b"M4P ", b"M4V ", b"mp4", b"iso", b"dash", b"qt  ", b"3gp", b"3g2", b"MSNV", b"f4a ")
# kbit/s by bitrate index for Layer III: MPEG 1, then MPEG 2 and 2.5. Index 0 (free format) and 15 are refused.
_MP3_KBPS = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_MP3_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_ADTS_HEADER_BYTES = 7
_ID3_HEADER_BYTES = 10
_OGG_HEADER_BYTES = 27
_EBML_HEADER_BYTES = 64  # the DocType element stands within the first few dozen bytes


def sniff(head: bytes) -> str | None:
    """The container that `head` (the first `HEAD_BYTES` of a file, or all of it) begins, or None for anything else."""
    if head[:4] in {b"RIFF", b"RF64", b"BW64"}:
        return "wav" if head[8:12] == b"WAVE" else None
    if head[:4] == b"FORM":
        return "aiff" if head[8:12] in {b"AIFF", b"AIFC"} else None
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS":
        return _ogg_codec(head)
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "webm" if b"\x42\x82\x84webm" in head[:_EBML_HEADER_BYTES] else None
    if head[4:8] == b"ftyp":
        return "m4a" if head[8:12].startswith(_MP4_BRANDS) else None
    if head[:3] == b"ID3":
        return _behind_id3(head)
    if _is_adts(head):
        return "aac"
    return "mp3" if _is_mp3(head.lstrip(b"\0")) else None


def _ogg_codec(head: bytes) -> str | None:
    """Ogg is a wrapper: the codec names itself at the start of the first page's payload."""
    if len(head) <= _OGG_HEADER_BYTES:
        return None
    payload = head[_OGG_HEADER_BYTES + head[26] :]
    if payload.startswith(b"\x01vorbis"):
        return "vorbis"
    return "opus" if payload.startswith(b"OpusHead") else None


def _behind_id3(head: bytes) -> str | None:
    """What follows an ID3v2 tag; a tag longer than `head` (a cover picture) is taken for an MP3's."""
    if len(head) < _ID3_HEADER_BYTES or any(b & 0x80 for b in head[6:10]):
        return None
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    rest = head[_ID3_HEADER_BYTES + size :]
    if not rest:
        return "mp3"
    if _is_adts(rest):
        return "aac"
    return "mp3" if _is_mp3(rest.lstrip(b"\0")) else None


def _is_adts(data: bytes) -> bool:
    """An ADTS header, and another where the first says it must be (if `data` reaches that far)."""
    step = _adts_frame_bytes(data)
    return step is not None and (len(data) < step + _ADTS_HEADER_BYTES or _adts_frame_bytes(data[step:]) is not None)


def _adts_frame_bytes(data: bytes) -> int | None:
    if len(data) < _ADTS_HEADER_BYTES or data[0] != 0xFF or data[1] & 0xF6 != 0xF0 or (data[2] >> 2) & 0xF > 12:
        return None
    size = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
    return size if size >= _ADTS_HEADER_BYTES else None


def _is_mp3(data: bytes) -> bool:
    """A Layer III frame header, and another where the first says it must be (if `data` reaches that far)."""
    step = _mp3_frame_bytes(data)
    return step is not None and (len(data) < step + 4 or _mp3_frame_bytes(data[step:]) is not None)


def _mp3_frame_bytes(data: bytes) -> int | None:
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE6 != 0xE2:
        return None
    version, bitrate, rate = (data[1] >> 3) & 3, data[2] >> 4, (data[2] >> 2) & 3
    if version not in _MP3_RATES_HZ or rate == 3 or bitrate in {0, 15}:
        return None
    kbps = _MP3_KBPS[version != 3][bitrate]
    samples_per_byte = 144 if version == 3 else 72  # 1152 or 576 samples a frame, 8 bits a byte
    return samples_per_byte * kbps * 1000 // _MP3_RATES_HZ[version][rate] + ((data[2] >> 1) & 1)
