"""Which MIDI note a drum has in General MIDI, and in the programs and drum modules that number some of them otherwise.

Facts, from what the makers publish; a drum that a table does not name has its General MIDI note. Most plug-ins play
General MIDI as it stands, or can be set to the V-Drums map.

| map | of | source |
|---|---|---|
| `gm` | General MIDI 1, percussion key map | MIDI Association, RP-003 |
| `vdrums` | Roland V-Drums, as they are delivered (TD-17) | Roland support, "TD-17: Default Factory MIDI Note Map" |
| `nitro` | Alesis Nitro, as it is delivered | Alesis, Nitro Drum Module User Guide 1.2, page 38 |
| `avl` | AVL Drumkits (LV2), Black Pearl and Red Zeppelin | the plug-in's own MIDI name document (avldrums.lv2) |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from services.notation.drumset import BY_NOTE, PLACES

KitName = Literal["gm", "vdrums", "nitro", "avl"]
NoteMap = KitName | Literal["pads"]  # pads: a note for each sound of a beat, see services/beats/pads.py


@dataclass(frozen=True, slots=True)
class KitMap:
    """A map by rows of drumset.PLACES. `writes`: the notes that differ from General MIDI; `reads`: notes that mean
    something else than there, with those that only this kit sends."""

    title: str
    writes: Mapping[str, int] = field(default_factory=dict)
    reads: Mapping[int, str] = field(default_factory=dict)

    def note_of(self, key: str) -> int:
        """The note of a row of PLACES."""
        return self.writes.get(key, PLACES[key].note)

    def row_of(self, note: int) -> str:
        """The row of PLACES of a note; percussion for one that no table knows."""
        return self.reads.get(note, BY_NOTE.get(note, "perc"))


_PAD_TOMS = {"tom/low": 43, "tom/mid": 45, "tom": 45, "tom/high": 48}  # of three pads, from the floor up
_PADS = {43: "tom/low", 58: "tom/low", 45: "tom/mid", 47: "tom/mid", 48: "tom/high", 50: "tom/high"}  # head and rim
KIT_MAPS: dict[KitName, KitMap] = {
    "gm": KitMap("General MIDI"),
    "vdrums": KitMap("Roland V-Drums", _PAD_TOMS, {**_PADS, 22: "hat_closed", 26: "hat_open"}),
    "nitro": KitMap(  # 39, the rim of a fourth tom there, stays the clap of General MIDI
        "Alesis Nitro",
        {**_PAD_TOMS, "rim": 40},
        {**_PADS, 40: "rim", 21: "crash", 23: "hat_open"},
    ),
    "avl": KitMap(
        "AVL Drumkits",
        {"tom/low": 41, "tom/mid": 45, "tom": 45, "tom/high": 47, "hat_open": 48, "shaker": 61, "perc": 56},
        {
            41: "tom/low", 43: "tom/low", 45: "tom/mid", 47: "tom/high", 48: "hat_open", 50: "crash", 52: "ride",
            58: "crash", 60: "crash", 61: "shaker",
        },
    ),
}  # fmt: skip
KIT_NAMES: tuple[KitName, ...] = tuple(KIT_MAPS)
NOTE_MAPS: tuple[NoteMap, ...] = (*KIT_NAMES, "pads")
