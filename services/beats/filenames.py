"""Names that a person would choose for a file: `title - style - 96bpm - role.wav`."""

from __future__ import annotations

import unicodedata

from services.beats.types import Beat

NAME_MAX = 120  # characters of one part: with the others well under the 255 bytes that file systems allow
FORBIDDEN = frozenset('/\\:*?"<>|')  # path separators, and what Windows refuses
UNTITLED = "beat"


def clean(text: str, fallback: str = UNTITLED, limit: int = NAME_MAX) -> str:
    """`text` as a part of a file name: letters of every script stay; separators, control and direction marks go."""
    kept = "".join(
        " " if char in FORBIDDEN or char.isspace() else char
        for char in unicodedata.normalize("NFC", text)
        if char.isspace() or unicodedata.category(char)[0] != "C"
    )
    return " ".join(kept.split()).strip(" .")[:limit].rstrip(" .") or fallback


def one_line(text: str) -> str:
    """A text on one line, signs that do not print as spaces."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters, an ellipsis where there were more."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def title_of(beat: Beat) -> str:
    """The beat's title as the user gave it (`meta.title`); empty where none was given."""
    return str(beat.meta.get("title") or "")


def bpm_text(bpm: float) -> str:
    """`96bpm`, `97.5bpm`."""
    return f"{round(bpm, 2):g}bpm"


def stem_name(beat: Beat, *parts: str) -> str:
    """`title - style - 96bpm - part…` without an extension."""
    style = clean(str(beat.meta.get("style") or ""), "")
    pieces = [clean(title_of(beat)), style, bpm_text(beat.grid.bpm), *parts]
    return " - ".join(piece for piece in pieces if piece)


def sound_name(name: str) -> str:
    """A sample's name for a file: without the extension it was uploaded with, safe inside an SFZ file."""
    stem, dot, extension = name.rpartition(".")
    base = stem if dot and 1 <= len(extension) <= 5 and extension.isalnum() else name
    return clean(base.replace("=", " ").replace("$", " ").replace("#", " "), "sound", 60)
