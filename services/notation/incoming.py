"""A file of notes as a beat, whichever of the kinds that we read it is."""

from __future__ import annotations

from services.beats.types import Beat
from services.errors import Invalid
from services.notation.bsm_reader import read_bsm
from services.notation.containers import BSM, MIDI
from services.notation.kit_maps import KitName
from services.notation.midi_reader import Reading, read_midi
from services.notation.musicxml_reader import read_musicxml


def read_notes(data: bytes, kind: str, kit_map: KitName = "gm") -> Beat:
    """The drums of a file of a kind of containers.KINDS; `kit_map`: which drum a MIDI note is.

    `meta` holds the file's `title` and perhaps `warnings`. Raises Invalid (`broken_midi`, `broken_score`, `broken_map`,
    `no_drums`) in words for what cannot be read.
    """
    if kind == MIDI:
        beat = read_midi(data, Reading(kit_map, drums_only=True))
    else:
        beat = read_bsm(data) if kind == BSM else read_musicxml(data)
    if not beat.events:
        raise Invalid("The file cannot be read: it has no drums.", code="no_drums")
    return beat
