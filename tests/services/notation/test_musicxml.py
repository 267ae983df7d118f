"""MusicXML: valid by the W3C schema, read by another program with the same notes, and back to the same beat."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import music21
import pytest
from hypothesis import given, settings
from lxml import etree

from services.beats.types import METERS, Beat, Event, Grid, Section
from services.errors import Invalid
from services.notation.drumset import PLACES, key_of
from services.notation.musicxml import TITLE_MAX, Style, beat_musicxml
from services.notation.musicxml_reader import read_musicxml
from tests.services.notation.grooves import groove
from tests.services.notation.random_beats import beats, notated

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "schema/musicxml.xsd"))
STYLES = [Style("none"), Style("simile"), Style("signs"), Style("simile", engraved=True)]


def valid(data: bytes) -> None:
    SCHEMA.assertValid(etree.fromstring(data, etree.XMLParser(resolve_entities=False, load_dtd=False)))


@settings(max_examples=2000, deadline=None)
@given(beats())
def test_a_beat_comes_back_from_its_score(beat: Beat) -> None:
    read = read_musicxml(beat_musicxml(beat))
    assert notated(read) == notated(beat)
    assert (read.grid, read.sections, read.meta) == (beat.grid, beat.sections, beat.meta)


@settings(max_examples=150, deadline=None)
@given(beats())
def test_folded_scores_play_the_same(beat: Beat) -> None:
    for style in (Style("simile"), Style("signs")):
        data = beat_musicxml(beat, style)
        assert notated(read_musicxml(data), ids=False) == notated(beat, ids=False)


@settings(max_examples=60, deadline=None)
@given(beats())
def test_any_score_is_valid(beat: Beat) -> None:
    for style in STYLES:
        valid(beat_musicxml(beat, style))


@pytest.mark.parametrize("style", STYLES[:3])
@pytest.mark.parametrize("meter", sorted(METERS))
def test_a_groove_is_valid_and_comes_back(meter: str, style: Style) -> None:
    beat = groove(meter, bars=8)
    data = beat_musicxml(beat, style)
    valid(data)
    assert notated(read_musicxml(data), ids=False) == notated(beat, ids=False)


@pytest.mark.parametrize("meter", sorted(METERS))
def test_another_program_reads_the_same_notes(meter: str) -> None:
    """music21 finds each note at its place on the staff, at its time, with its head."""
    beat = groove(meter, bars=4)
    score = music21.converter.parseData(beat_musicxml(beat).decode(), format="musicxml")
    found: Counter[tuple[float, str, int, str]] = Counter()
    for measure in score.parts[0].getElementsByClass("Measure"):
        for note in measure.recurse().notes:
            if note.duration.isGrace:
                continue
            inside = note.getOffsetInHierarchy(measure)
            heads = note.notes if isinstance(note, music21.percussion.PercussionChord) else [note]
            for head in heads:
                place = (round(float(measure.offset + inside), 4), head.displayStep, head.displayOctave, head.notehead)
                found[place] += 1
    quarters = METERS[meter] / 4
    wanted: Counter[tuple[float, str, int, str]] = Counter()
    for event in beat.events:
        place = PLACES[key_of(event)]
        at = event.bar * quarters + (event.step + event.tick / 240) / 4
        wanted[round(at, 4), place.step, place.octave, place.head] += 1
    assert found == wanted


def test_general_midi_notes_count_from_one() -> None:
    text = beat_musicxml(groove("4/4", bars=1)).decode()
    assert "<midi-unpitched>43</midi-unpitched>" in text  # the closed hat, General MIDI 42


def test_a_huge_title_with_markup_is_cut_and_escaped() -> None:
    beat = replace(groove("4/4", bars=1), meta={"title": "<script>&\x00\n" * 2000})
    data = beat_musicxml(beat)
    valid(data)
    title = read_musicxml(data).meta["title"]
    assert title.startswith("<script>& <script>&")
    assert len(title) <= TITLE_MAX


def test_a_beat_without_events_is_empty_bars() -> None:
    beat = Beat(Grid(((0, 90.0),), "3/4", 2), (), {}, (Section("A", 0, 2),))
    data = beat_musicxml(beat)
    valid(data)
    assert data.count(b'<rest measure="yes"/>') == 2
    assert read_musicxml(data) == beat


def test_strokes_of_one_drum_on_one_place_are_two_heads() -> None:
    one = Event("a", 0, 0, "ACCENT", "snare", 0.9, pitch=38)
    beat = Beat(Grid(((0, 90.0),), "4/4", 1), (one, replace(one, id="b", tick=3, velocity=0.4)), {})
    assert notated(read_musicxml(beat_musicxml(beat))) == notated(beat)


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><score-partwise>&b;</score-partwise>'
OUTSIDE = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><score-partwise>&a;</score-partwise>'


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00\x01", b"<score-partwise>", b"<html/>", b"<score-partwise/>", b"PK\x03\x04nonsense", BOMB, OUTSIDE],
)
def test_what_is_no_score_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        read_musicxml(data)
    assert refused.value.code == "broken_score"


@pytest.mark.parametrize("cut", [100, 1500, 3000])
def test_half_a_file_is_refused(cut: int) -> None:
    with pytest.raises(Invalid):
        read_musicxml(beat_musicxml(groove("4/4", bars=2))[:cut])


def test_two_meters_are_refused() -> None:
    data = beat_musicxml(groove("4/4", bars=2))
    other = b'<measure number="2"><attributes><time><beats>3</beats><beat-type>4</beat-type></time></attributes>'
    with pytest.raises(Invalid, match="one meter"):
        read_musicxml(data.replace(b'<measure number="2">', other))


def packed(data: bytes, name: str = "score.xml") -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        rootfile = f'<container><rootfiles><rootfile full-path="{name}"/></rootfiles></container>'
        archive.writestr("META-INF/container.xml", rootfile)
        archive.writestr("score.xml", data)
    return sink.getvalue()


def test_a_compressed_score_is_read() -> None:
    beat = groove("7/8", bars=2)
    assert notated(read_musicxml(packed(beat_musicxml(beat)))) == notated(beat)


def test_an_archive_that_swells_or_lacks_its_score_is_refused() -> None:
    for data in (packed(b" " * (70 << 20)), packed(b"<score-partwise/>", "other.xml")):
        with pytest.raises(Invalid):
            read_musicxml(data)


FOREIGN = """<score-partwise version="3.1"><part-list><score-part id="P1"><part-name>Piano</part-name></score-part>
<score-part id="P2"><part-name>Kit</part-name><score-instrument id="I1"><instrument-name>x</instrument-name>
</score-instrument><midi-instrument id="I1"><midi-unpitched>37</midi-unpitched></midi-instrument></score-part>
</part-list><part id="P1"><measure number="1"><note><pitch><step>C</step><octave>4</octave></pitch>
<duration>4</duration></note></measure></part><part id="P2"><measure number="1"><attributes><divisions>2</divisions>
<time><beats>4</beats><beat-type>4</beat-type></time></attributes><sound tempo="84"/>
<note><unpitched><display-step>F</display-step><display-octave>4</display-octave></unpitched><duration>2</duration>
<instrument id="I1"/></note>
<note><unpitched><display-step>G</display-step><display-octave>5</display-octave></unpitched><duration>1</duration>
<notehead>x</notehead></note>
<note><chord/><unpitched><display-step>C</display-step><display-octave>5</display-octave></unpitched>
<duration>1</duration></note><note><rest/><duration>5</duration></note>
<barline location="right"><repeat direction="backward"/></barline></measure></part></score-partwise>"""


def test_a_score_of_another_program() -> None:
    """The percussion part, by instrument or by place and head; repeats are played out."""
    beat = read_musicxml(FOREIGN.encode())
    assert beat.grid == Grid(((0, 84.0),), "4/4", 2)
    found = [(e.bar, e.step, e.instrument) for e in beat.events]
    assert sorted(found) == [(b, s, i) for b in (0, 1) for s, i in ((0, "kick"), (4, "hat_closed"), (4, "snare"))]
