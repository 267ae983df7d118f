"""Which kind of file of notes some bytes begin: a closed list, by content. Imports nothing heavy: the web process asks.

A media type or a name is never believed. `musicxml` is plain or compressed.
"""

from __future__ import annotations

import codecs

HEAD_BYTES = 64  # before the first sign of a text there may be a byte order mark and white space
MIDI, MUSICXML, BSM = "midi", "musicxml", "bsm"
MEDIA_TYPES = {
    MIDI: "audio/midi",
    MUSICXML: "application/vnd.recordare.musicxml+xml",
    BSM: "application/json",
}
KINDS = tuple(MEDIA_TYPES)
SIZES_MAX = {MIDI: 4 << 20, MUSICXML: 48 << 20, BSM: 32 << 20}  # bytes: NOTES_READ_MAX notes and more
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def kind_of(head: bytes) -> str | None:
    """The kind of the file that `head` (its first HEAD_BYTES, or all) begins, or None for anything else."""
    if head.startswith(b"MThd"):
        return MIDI
    if head.startswith(b"PK\x03\x04"):
        return MUSICXML
    if head.startswith(_WIDE):
        head = head[2:].replace(b"\0", b"")
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    return {b"<": MUSICXML, b"{": BSM}.get(text[:1])
