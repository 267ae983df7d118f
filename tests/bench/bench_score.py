"""Scores, maps and MIDI of long busy beats, written and read: CPU seconds of one core, the best of some runs."""

from __future__ import annotations

from dataclasses import replace

from services.beats.types import Beat
from services.notation.bsm import beat_bsm
from services.notation.bsm_reader import read_bsm
from services.notation.engrave import pages, pdf
from services.notation.midi import beat_midi
from services.notation.midi_reader import read_midi
from services.notation.musicxml import beat_musicxml
from services.notation.musicxml_reader import read_musicxml
from tests.bench.bench_render import best_s, row
from tests.services.notation.grooves import groove

LONG, SHORT = 200, 64  # bars


def busy(bars: int) -> Beat:
    """Sixteenth hats over a groove with a fill in every fourth bar."""
    beat = groove("4/4", bars=bars)
    hats = [e for e in beat.events if e.instrument == "hat_closed"]
    between = [replace(e, id=f"{e.id}+", step=e.step + 1, velocity=0.4) for e in hats if e.step < 15]
    fills = [replace(e, id=f"{e.id}@{bar}", bar=bar) for bar in range(3, bars - 1, 4)
             for e in beat.events if e.bar == bars - 1 and e.instrument == "tom"]  # fmt: skip
    return replace(beat, events=(*beat.events, *between, *fills))


def main() -> None:
    """Measure and print."""
    long, short = busy(LONG), busy(SHORT)
    print(f"{LONG} bars with {len(long.events)} events, {SHORT} with {len(short.events)}\n")
    print("| what | CPU | target |\n| --- | --- | --- |")
    row(f"PDF, {SHORT} bars", best_s(lambda: pdf(pages(short)), 3), "1000 ms")
    row(f"PDF, {LONG} bars", best_s(lambda: pdf(pages(long)), 3), "3000 ms")
    row(f"MusicXML, {LONG} bars", best_s(lambda: beat_musicxml(long)), "50 ms")
    row(f"MIDI, {LONG} bars", best_s(lambda: beat_midi(long)), "50 ms")
    row(f"map, {LONG} bars", best_s(lambda: beat_bsm(long)))
    score, midi, mapped = beat_musicxml(short), beat_midi(short), beat_bsm(short)
    row(f"MusicXML read, {SHORT} bars", best_s(lambda: read_musicxml(score)))
    row(f"MIDI read, {SHORT} bars", best_s(lambda: read_midi(midi)))
    row(f"map read, {SHORT} bars", best_s(lambda: read_bsm(mapped)))


if __name__ == "__main__":
    main()
