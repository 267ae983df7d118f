"""Similes and tempo marks on engraved pages and in scores for other programs."""

from __future__ import annotations

import pytest

from services.beats.types import Beat, Event, Grid
from services.notation.engrave import Sheet, pages
from services.notation.musicxml import Style, beat_musicxml
from services.notation.musicxml_reader import read_musicxml
from services.notation.page import split_similes
from tests.services.notation.grooves import groove
from tests.services.notation.random_beats import notated


def pairs(bars: int, odd: int) -> Beat:
    """Two bars that come again and again, after `odd` busy ones, so that lines begin at different bars."""
    events = []
    for bar in range(bars):
        strokes = 16 if bar < odd else 4 if bar % 2 else 8
        hats = [
            Event(f"h{bar}-{i}", bar, i * 16 // strokes, "MOTION", "hat_closed", 0.5, pitch=42) for i in range(strokes)
        ]
        kick = bar if bar < odd else 6 * (bar % 2)
        events += [*hats, Event(f"k{bar}", bar, kick, "CORE", "kick", 0.9, pitch=36)]
    return Beat(Grid(((0, 100.0),), "4/4", bars), tuple(events), {})


@pytest.mark.parametrize("odd", range(6))
def test_no_sign_for_two_bars_is_split_over_two_lines(odd: int) -> None:
    drawn = pages(pairs(64, odd), Sheet(repeats="simile"))
    assert sum(svg.count('id="simile-2-') for svg in drawn) > 20
    assert not [bar for svg in drawn for bar in split_similes(svg)]


def test_bars_that_are_to_stand_apart_are_in_no_simile_of_two() -> None:
    beat = pairs(12, 0)
    plain, parted = (beat_musicxml(beat, Style("simile", apart=apart)) for apart in (frozenset(), frozenset({5})))
    assert plain != parted
    assert notated(read_musicxml(parted)) == notated(beat)


@pytest.mark.parametrize(("meter", "mark"), [("6/8", "60"), ("12/8", "60"), ("4/4", "90"), ("7/8", "90")])
def test_a_tempo_is_shown_as_it_is_beaten(meter: str, mark: str) -> None:
    """90 quarters a minute are 60 dotted ones; what sounds stays in quarters."""
    beat = groove(meter, bars=2, tempo_map=((0, 90.0),))
    text = beat_musicxml(beat).decode()
    dot = "<beat-unit-dot/>" if mark == "60" else ""
    assert f"<beat-unit>quarter</beat-unit>{dot}<per-minute>{mark}</per-minute>" in text
    assert read_musicxml(text.encode()).grid.bpm == 90.0
    shown = read_musicxml(text.replace('<sound tempo="90.0"/>', "").encode())
    assert shown.grid.bpm == 90.0, "by its mark alone, too"
    engraved = beat_musicxml(beat, Style(engraved=True)).decode()
    assert f"\N{QUARTER NOTE}{'.' if dot else ''} = {mark}</words>" in engraved
