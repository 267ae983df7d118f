"""What others publish, with the conditions: data, tolerance, year, and who measured.

None of these was measured here, and no two rows share data with ours. Recordings of bands, dance tracks and
broadcasts are harder in some ways (bleed, brushes, mastering, singers) and easier in others than rendered material,
whose labels are exact: read a row as an order of magnitude, never as a ranking.
"""

from __future__ import annotations

from typing import NamedTuple


class Peer(NamedTuple):
    """One published figure."""

    who: str
    figure: str
    conditions: str


DRUMS = (
    Peer("drum2midi (2026)", "micro F1 .882", "MDB Drums, 23 drum-only tracks, 50 ms; toms .589; its author's figures"),
    Peer("drum2midi (2026)", "micro F1 .834", "ENST-Drums, 210 recordings, 50 ms; toms .539"),
    Peer("Klangio Drum2Notes (2026)", "F1 .803, at 20 ms .653", "11 full MDB mixes, 50 ms; measured by a competitor"),
    Peer("Demucs + ADTOF (2026)", "F1 .866, at 20 ms .754", "the same 11 mixes; network trained on 359 h of music"),
    Peer("Noise-to-Notes (2025)", "F1 .879 MDB, .949 IDMT", "as its paper states; uses a large music model"),
    Peer("ADT_STR (2026)", "F1 .79 MDB, .673 rerun by others", "trained on rendered one-shots alone, as ours is"),
    Peer("Omnizart (2021)", "note F1 .71 MDB, .74 ENST", "as its authors state"),
)
TEMPO = (
    Peer("Beat This! (2024)", "accuracy 1 .893, 2 .950", "GiantSteps, 664 dance clips, octave folded into 78 to 185"),
    Peer("DeepRhythm (2024)", "accuracy 1 .684", "GTZAN, rerun by others; .959 on its own data"),
    Peer("librosa", "accuracy 1 .684 GTZAN, .365 GiantSteps", "4 %, the same rerun (2024)"),
)
BEATS = (
    Peer("Beat This! (2024)", "beat F .891, downbeat F .783", "GTZAN, 70 ms, data it was not trained on, no DBN"),
    Peer("SheetSage2 (2026)", "beat F .890", "GTZAN, 70 ms; quoted by others"),
)
KEYS = (
    Peer("SheetSage2 (2026)", "weighted .777", "GiantSteps key, 604 dance clips, MIREX weights; quoted by others"),
    Peer("Mixed In Key", "weighted .757, exact .694", "the same clips; a commercial program, measured by others"),
    Peer("rekordbox 7.12", "weighted .655, exact .568", "the same clips and measurement"),
)
ROLES = (
    Peer(
        "Herrera et al. (2002)", "accuracy .90", "open and closed hats, rides, toms apart; > 600 sounds, random folds"
    ),
    Peer("Gajhede et al. (2016)", "accuracy .97", "three classes, > 3,000 sounds"),
    Peer("Beatbox2Drums", "accuracy .938", "three classes of mouth sounds"),
    Peer("STRUM (2026)", "accuracy .852", "eight lanes, onsets within songs rather than one-shots"),
)
