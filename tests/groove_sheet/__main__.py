"""Listen by comparison: a page per style with its beat from everyday sounds and from a drum kit, shaped and with feel,
beside the same beat quantised flat with raw sounds; the step picture; and what was measured.

    make groove-sheet                                     into var/groove-sheet
    python -m tests.groove_sheet OUT_DIR [STYLE …]        some styles only

The drum kit is Audiophob (CC0) of Debian's hydrogen-drumkits, fetched with apt-get; where that cannot be had, the
sheet says so and goes on with the everyday sounds.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from services.audio.clip import Clip
from services.audio.wavfile import write_wav
from services.beats.styles import STYLES
from tests.groove_figures import figures, figures_of
from tests.groove_material import Kit, made, taken
from tests.groove_measure import RATE
from tests.groove_sheet.kits import kits
from tests.groove_sheet.page import Entry, index_page, style_page

SEED = 0
FLAT = {"humanize": 0.0, "swing": 0.5, "shape": 0.0}
WAV_BITS = 16


def entry(folder: Path, style: str, kit_name: str, kit: Kit) -> Entry:
    """One style on one kit: two WAV files, and what its part of the page shows."""
    beat, flat = made(kit, style, seed=SEED), made(kit, style, seed=SEED, **FLAT)
    heard, take = figures_of(beat, kit)
    plain = taken(flat, kit)
    names = {"beat": f"{style}-{kit_name}.wav", "flat": f"{style}-{kit_name}-flat.wav"}
    for name, audio in ((names["beat"], take.master), (names["flat"], plain.master)):
        (folder / name).write_bytes(write_wav(Clip(audio, RATE), WAV_BITS))
    return Entry(style, kit_name, beat, take, heard, figures(plain), names)


def main() -> None:
    """Write the sheet and print a line per style."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: python -m tests.groove_sheet OUT_DIR [STYLE …]")
    folder, wanted = Path(sys.argv[1]), sys.argv[2:] or list(STYLES)
    folder.mkdir(parents=True, exist_ok=True)
    found, notes = kits()
    for note in notes:
        print(note)
    began = time.monotonic()
    entries: list[Entry] = []
    for style in wanted:
        own = [entry(folder, style, name, kit) for name, kit in found.items()]
        (folder / f"{style}.html").write_text(style_page(STYLES[style], own, list(STYLES)), "utf-8")
        for e in own:
            print(f"{style:12} {e.kit:10} {'; '.join(e.figures.faults(style)) or 'all in bounds'}", flush=True)
        entries += [e.light() for e in own]
    (folder / "index.html").write_text(index_page(entries, notes), "utf-8")
    print(f"{len(entries)} beats in {time.monotonic() - began:.0f} s: {folder / 'index.html'}")


if __name__ == "__main__":
    main()
