"""MIDI files as beats: what we wrote comes back note for note, other programs' files are read, damaged ones refused."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace

import mido
import music21
import pytest
from hypothesis import given, settings

from services.beats.types import METERS, Beat, Event, Grid
from services.errors import Invalid
from services.notation.drumset import PLACES, parts_of
from services.notation.kit_maps import KIT_MAPS, KIT_NAMES, KitName
from services.notation.midi import DRUM_NAMES, beat_midi
from services.notation.midi_reader import Reading, read_midi
from tests.services.notation.grooves import groove
from tests.services.notation.random_beats import beats


def messages(data: bytes) -> list[tuple[object, ...]]:
    """Every note, tempo and meter of a file with its tick, sorted."""
    out: list[tuple[object, ...]] = []
    for i, track in enumerate(mido.MidiFile(file=io.BytesIO(data)).tracks):
        at = 0
        for message in track:
            at += message.time
            if message.type == "note_on":
                out.append((at, "note", i, message.channel, message.note, message.velocity))
            elif message.type == "set_tempo":
                out.append((at, "tempo", message.tempo))
            elif message.type == "time_signature":
                out.append((at, "meter", message.numerator, message.denominator))
    return sorted(out, key=str)


@settings(max_examples=2000, deadline=None)
@given(beats())
def test_a_beat_comes_back_from_its_midi_file(beat: Beat) -> None:
    data = beat_midi(beat)
    read = read_midi(data)
    assert messages(beat_midi(read)) == messages(data)
    assert (read.grid.meter, read.grid.bars, read.grid.pickup_steps) == (
        beat.grid.meter, beat.grid.bars, beat.grid.pickup_steps,
    )  # fmt: skip


@pytest.mark.parametrize("meter", sorted(METERS))
def test_a_straight_groove_keeps_its_places(meter: str) -> None:
    beat = groove(meter, bars=3)
    read = read_midi(beat_midi(beat))
    plain = [e for e in beat.events if e.articulation != "flam"]
    places = {(e.bar, e.step, e.tick, e.instrument, e.variant) for e in read.events}
    assert {(e.bar, e.step, e.tick, e.instrument, e.variant) for e in plain} <= places


def test_another_program_reads_the_same_times() -> None:
    beat = groove("4/4", bars=2)
    score = music21.converter.parseData(beat_midi(beat))
    found = sorted({round(float(n.getOffsetInHierarchy(score)), 3) for n in score.recurse().notes})
    plain = {round((e.bar * 16 + e.step + e.tick / 240) / 4, 3) for e in beat.events if e.articulation != "flam"}
    assert plain <= set(found)


def file_of(*tracks: list[mido.Message | mido.MetaMessage], ticks: int = 480, kind: int = 1) -> bytes:
    file = mido.MidiFile(type=kind, ticks_per_beat=ticks)
    for track in tracks:
        file.tracks.append(mido.MidiTrack(track))
    sink = io.BytesIO()
    file.save(file=sink)
    return sink.getvalue()


def note(pitch: int, time: int, channel: int = 9) -> list[mido.Message]:
    return [
        mido.Message("note_on", note=pitch, velocity=100, time=time, channel=channel),
        mido.Message("note_off", note=pitch, time=120, channel=channel),
    ]


def test_a_file_of_another_program() -> None:
    """Another resolution, no tempo, no meter, drums and a bass, a note that is never let go."""
    hanging = mido.Message("note_on", note=38, velocity=64, time=360, channel=9)
    beat = read_midi(file_of([*note(36, 0), hanging], note(45, 480, channel=1)))
    assert beat.grid == Grid(((0, 120.0),), "4/4", 1)
    rows = [(e.instrument, e.pitch, e.step, e.tick, round(e.velocity, 2)) for e in beat.events]
    assert rows == [("kick", 36, 0, 0, 0.79), ("snare", 38, 4, 0, 0.5), ("tonal", 45, 4, 0, 0.79)]


def test_a_file_without_notes_is_empty_bars() -> None:
    beat = read_midi(file_of([mido.MetaMessage("time_signature", numerator=3, denominator=4)]))
    assert (beat.events, beat.grid.meter, beat.grid.bars) == ((), "3/4", 1)


def test_a_percussion_note_keeps_its_number() -> None:
    data = file_of([*note(54, 0), *note(57, 0), *note(61, 240)])
    again = mido.MidiFile(file=io.BytesIO(beat_midi(read_midi(data))))
    found = [(m.channel, m.note) for track in again.tracks for m in track if m.type == "note_on"]
    assert sorted(found) == [(9, 54), (9, 57), (9, 61)]


METERS_TWO = [
    mido.MetaMessage("time_signature", numerator=4, denominator=4),
    mido.MetaMessage("time_signature", numerator=3, denominator=4, time=1920),
    *note(36, 0),
]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"MThd", b"RIFF" + b"\0" * 40, beat_midi(groove())[:60], file_of(METERS_TWO), file_of(note(36, 0), kind=2),
        file_of(note(36, 480 * 4 * 21_000)), file_of([mido.MetaMessage("set_tempo", tempo=1), *note(36, 0)]),
        b"MThd\0\0\0\6\0\1\0\1\x01\xe0MTrk\xff\xff\xff\xff" + b"\x80" * 64,
    ],
)  # fmt: skip
def test_what_is_no_beat_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        read_midi(data)


def test_notes_long_after_the_last_bar_make_more_bars() -> None:
    beat = read_midi(file_of(note(36, 480 * 4 * 3)))
    assert (beat.grid.bars, beat.events[0].bar) == (4, 3)


def test_a_pitched_event_stays_pitched() -> None:
    beat = Beat(Grid(((0, 100.0),), "4/4", 1), (Event("a", 0, 2, "TEXTURE", "tonal", 0.5, pitch=64),), {})
    (event,) = read_midi(beat_midi(beat)).events
    assert (event.pitch, event.instrument, event.role) == (64, "tonal", "TEXTURE")


@pytest.mark.parametrize("name", KIT_NAMES)
def test_every_kit_map_gives_back_what_it_was_given(name: KitName) -> None:
    """Each drum has a note of its own in each map, and that note means the same drum."""
    kit = KIT_MAPS[name]
    drums = [key for key in PLACES if parts_of(key)[0] in DRUM_NAMES]
    for key in drums:
        assert kit.row_of(kit.note_of(key)) == ("tom/mid" if key == "tom" else key)
    beat = groove("4/4", bars=2)
    read = read_midi(beat_midi(beat, name), Reading(name))
    assert Counter((e.instrument, e.variant) for e in read.events) == Counter(
        (e.instrument, e.variant) for e in read_midi(beat_midi(beat)).events
    )


def test_a_kit_map_numbers_its_drums_as_its_maker_says() -> None:
    """The V-Drums' open hat at the edge, and the floor tom's rim."""
    data = file_of([*note(26, 0), *note(58, 0), *note(22, 240)])
    plain, right = read_midi(data), read_midi(data, Reading("vdrums"))
    assert [(e.instrument, e.variant) for e in right.events] == [
        ("hat_open", None), ("tom", "low"), ("hat_closed", None),
    ]  # fmt: skip
    assert [e.instrument for e in plain.events] == ["perc", "vocal", "perc"]
    high = Event("a", 0, 0, "FILL", "tom", 0.8, pitch=50, variant="high")
    written = beat_midi(Beat(Grid(((0, 100.0),), "4/4", 1), (high,), {}), "vdrums")
    assert [m[4] for m in messages(written) if m[1] == "note"] == [48]


SONG = file_of(note(36, 0), note(45, 480, channel=1), [mido.MetaMessage("track_name", name="Bass"), *note(40, 0, 2)])


def test_of_a_song_the_drums_alone_are_taken() -> None:
    beat = read_midi(SONG, Reading(drums_only=True))
    assert [e.instrument for e in beat.events] == ["kick"]
    assert beat.meta["warnings"] == ["2 pitched notes were left out: a beat plays drums."]
    assert len(read_midi(SONG).events) == 3


def test_a_track_called_drums_is_one_whatever_its_channel() -> None:
    named = [mido.MetaMessage("track_name", name="My Drums"), *note(38, 0, channel=0)]
    beat = read_midi(file_of([], named, note(60, 0, channel=1)), Reading(drums_only=True))
    assert [e.instrument for e in beat.events] == ["snare"]


def test_without_drums_there_is_nothing_to_take() -> None:
    for data in (file_of(note(60, 0, channel=0)), file_of([])):
        with pytest.raises(Invalid) as refused:
            read_midi(data, Reading(drums_only=True))
        assert refused.value.code == "no_drums"


def test_a_title_in_any_alphabet_comes_back() -> None:
    for title in ("Küche", "台所", "Кухня"):
        beat = replace(groove("4/4", bars=1), meta={"title": title})
        assert read_midi(beat_midi(beat)).meta["title"] == title
    old = file_of([mido.MetaMessage("track_name", name="Küche")])
    assert read_midi(old).meta["title"] == "Küche"


def test_a_meter_of_the_same_bar_is_read() -> None:
    cut = mido.MetaMessage("time_signature", numerator=2, denominator=2)
    assert read_midi(file_of([cut, *note(36, 0)])).grid.meter == "4/4"
    with pytest.raises(Invalid, match="9/8"):
        read_midi(file_of([mido.MetaMessage("time_signature", numerator=9, denominator=8), *note(36, 0)]))
