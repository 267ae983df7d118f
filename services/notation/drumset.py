"""The drum staff: where each instrument of a beat is written, with which head, and what General MIDI calls it.

Places follow the usual percussion key (N. Weinberg, "Guidelines for Drumset Notation", 1998): drums have plain heads,
cymbals and rims crosses, an open hat a circled cross; hands are the upper voice with stems up, feet the lower one. No
two instruments share a place and a head, but a tom of unknown height is written as a middle one. One table serves
MusicXML, its reader, the legend and MIDI.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.beats.types import INSTRUMENTS, Event, Role

HANDS, FEET = 1, 2  # voices
HEIGHTS = ("low", "mid", "high")


@dataclass(frozen=True, slots=True)
class Place:
    """`step` and `octave` as MusicXML counts display positions in a percussion clef (middle line B4); `head`: a
    MusicXML notehead; `note`: General MIDI percussion note."""

    name: str
    note: int
    step: str
    octave: int
    head: str
    voice: int = HANDS

    @property
    def rank(self) -> int:
        """Height on the staff, counted in steps."""
        return self.octave * 7 + "CDEFGAB".index(self.step)


PLACES: dict[str, Place] = {
    "kick": Place("Bass drum", 36, "F", 4, "normal", FEET),
    "bass": Place("Bass", 35, "D", 4, "diamond", FEET),
    "snare": Place("Snare", 38, "C", 5, "normal"),
    "rim": Place("Side stick", 37, "C", 5, "x"),
    "clap": Place("Clap", 39, "C", 5, "slash"),
    "tom/low": Place("Low tom", 45, "A", 4, "normal"),
    "tom": Place("Tom", 47, "D", 5, "normal"),
    "tom/mid": Place("Mid tom", 47, "D", 5, "normal"),
    "tom/high": Place("High tom", 50, "E", 5, "normal"),
    "hat_closed": Place("Closed hi-hat", 42, "G", 5, "x"),
    "hat_open": Place("Open hi-hat", 46, "G", 5, "circle-x"),
    "ride": Place("Ride", 51, "F", 5, "x"),
    "crash": Place("Crash", 49, "A", 5, "x"),
    "shaker": Place("Shaker", 82, "E", 5, "slash"),
    "perc": Place("Percussion", 76, "E", 5, "diamond"),
    "tonal": Place("Pitched sound", 81, "B", 4, "diamond"),
    "vocal": Place("Voice", 58, "B", 4, "slash"),
    "texture": Place("Texture", 69, "G", 4, "diamond"),
}


def key_of(event: Event) -> str:
    """The row of PLACES for an event: its instrument, a tom by its height where that is known."""
    if event.instrument == "tom" and event.variant in HEIGHTS:
        return f"tom/{event.variant}"
    return event.instrument if event.instrument in INSTRUMENTS else "perc"


def parts_of(key: str) -> tuple[str, str | None]:
    """The instrument and the variant of a row."""
    instrument, _, variant = key.partition("/")
    return instrument, variant or None


# What an instrument does in a beat where nothing says so.
ROLE_OF: dict[str, Role] = {
    "kick": "CORE", "snare": "ACCENT", "rim": "ACCENT", "clap": "ACCENT", "tom": "FILL", "hat_closed": "MOTION",
    "hat_open": "MOTION", "ride": "MOTION", "crash": "MOTION", "shaker": "MOTION", "perc": "FILL", "bass": "CORE",
    "tonal": "TEXTURE", "vocal": "TEXTURE", "texture": "TEXTURE",
}  # fmt: skip
# Rows of PLACES by General MIDI percussion note, with the relatives that other programs write.
BY_NOTE: dict[int, str] = {
    35: "kick", 36: "kick", 37: "rim", 38: "snare", 39: "clap", 40: "snare", 41: "tom/low", 42: "hat_closed",
    43: "tom/low", 44: "hat_closed", 45: "tom/low", 46: "hat_open", 47: "tom/mid", 48: "tom/mid", 49: "crash",
    50: "tom/high", 51: "ride", 52: "crash", 53: "ride", 54: "shaker", 55: "crash", 56: "perc", 57: "crash",
    58: "vocal", 59: "ride", 60: "perc", 61: "perc", 62: "perc", 63: "perc", 64: "perc", 65: "perc", 66: "perc",
    67: "perc", 68: "perc", 69: "texture", 70: "shaker", 75: "perc", 76: "perc", 77: "perc", 80: "perc", 81: "tonal",
    82: "shaker",
}  # fmt: skip
