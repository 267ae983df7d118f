"""Grooves of MIDI files: our own exports give their template back, foreign and hostile ones are read or refused."""

from __future__ import annotations

import io
import random
import struct
import time

import mido
import pytest

from services.beats.beat_gen import ComposeRequest
from services.errors import Invalid, NotAudio, TooLarge
from services.grooves.midi import groove_of_midi
from services.grooves.types import Groove
from services.notation.midi import beat_midi
from tests.composing import FULL, made, sounds
from tests.services.grooves.templates import LAID_BACK, STRAIGHT, SWUNG, late_ms


@pytest.mark.parametrize("note_map", ["gm", "pads"])
@pytest.mark.parametrize("style", ["boombap", "house", "rock", "funk", "trap", "garage", "dnb"])
@pytest.mark.parametrize("known", [STRAIGHT, SWUNG, LAID_BACK], ids=["straight", "swung", "laid back"])
def test_our_own_export_gives_its_template_back(known: Groove, style: str, note_map: str) -> None:
    bpm = 96.0
    beat = made(ComposeRequest(bpm=bpm, style=style, bars=4, seed=5, sounds=sounds(**FULL), groove=known))
    read = groove_of_midi(beat_midi(beat, note_map))  # type: ignore[arg-type]
    assert (read.bpm, read.groove.meter) == (96.0, "4/4")
    compared = 0
    for role, rows in known.offset_ms.items():
        for step in rows.keys() & read.groove.offset_ms.get(role, {}).keys():
            assert late_ms(read.groove, role, step, bpm) == pytest.approx(late_ms(known, role, step, bpm), abs=3)
            assert read.groove.velocity[role][step] == pytest.approx(known.velocity[role][step], abs=0.08)
            compared += 1
    assert compared >= 6
    if known is not STRAIGHT:
        assert (read.groove.swing, read.groove.swing_unit) == (known.swing, known.swing_unit)


def notes_file(rows: list[tuple[float, int, int]], *metas: mido.MetaMessage, channel: int = 9) -> bytes:
    """A file of (quarter, pitch, velocity) in one track."""
    file = mido.MidiFile(type=0, ticks_per_beat=480)
    track = mido.MidiTrack(metas)
    last = 0
    for at, pitch, velocity in sorted(rows):
        track.append(
            mido.Message("note_on", channel=channel, note=pitch, velocity=velocity, time=round(at * 480) - last)
        )
        last = round(at * 480)
    file.tracks.append(track)
    out = io.BytesIO()
    file.save(file=out)
    return out.getvalue()


def rock(quarter_late: float = 0.0, bars: int = 2) -> list[tuple[float, int, int]]:
    rows = []
    for bar in range(bars):
        for eighth in range(8):
            rows.append((bar * 4 + eighth / 2, 42, 80 if eighth % 2 == 0 else 50))
        rows += [(bar * 4 + q, 36, 120) for q in (0, 2)]
        rows += [(bar * 4 + q + quarter_late, 38, 110) for q in (1, 3)]
    return rows


def test_general_midi_notes_become_roles_with_their_lateness() -> None:
    read = groove_of_midi(notes_file(rock(0.02), mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(100))))
    assert read.bpm == pytest.approx(100, abs=0.01)
    assert read.groove.offset_ms["ACCENT"] == {4: pytest.approx(12, abs=1), 12: pytest.approx(12, abs=1)}
    assert read.groove.velocity["CORE"] == {0: 0.945, 8: 0.945}
    assert (read.groove.velocity["MOTION"][0], read.groove.velocity["MOTION"][2]) == (0.63, 0.394)
    assert (read.groove.swing, read.groove.swing_unit) == (0.5, 16)


def test_drums_on_another_channel_are_taken_where_channel_ten_is_empty() -> None:
    assert groove_of_midi(notes_file(rock(), channel=0)).groove == groove_of_midi(notes_file(rock())).groove


def test_swung_eighths_are_a_swing_of_eighths() -> None:
    rows = [(b + off, 42, 90) for b in range(16) for off in (0, 2 / 3)] + [(float(b), 36, 100) for b in range(0, 16, 2)]
    read = groove_of_midi(notes_file(rows)).groove
    assert (read.swing, read.swing_unit) == (pytest.approx(2 / 3, abs=0.001), 8)
    assert all(abs(ms) < 1.5 for ms in read.offset_ms["MOTION"].values())


def test_meter_and_tempo_come_from_the_file_unless_sent() -> None:
    signature = mido.MetaMessage("time_signature", numerator=3, denominator=4)
    rows = [(q / 2, 42, 80) for q in range(24)] + [(q, 36, 110) for q in (0, 3, 6, 9)]
    assert groove_of_midi(notes_file(rows, signature)).groove.velocity["CORE"] == {0: 0.866}
    four = groove_of_midi(notes_file(rows, signature), meter="4/4", bpm=60)
    assert (four.groove.meter, four.bpm) == ("4/4", 60)
    assert set(four.groove.velocity["CORE"]) == {0, 4, 8, 12}
    with pytest.raises(Invalid) as refused:
        groove_of_midi(notes_file(rows, mido.MetaMessage("time_signature", numerator=11, denominator=8)))
    assert refused.value.errors[0].field == "meter"


def test_rolls_and_triplets_do_not_blur_the_steps() -> None:
    plain = groove_of_midi(notes_file(rock(0.02))).groove
    rolls = [(3.5 + i / 24, 42, 60) for i in (2, 4, 8)] + [(7.5 + i / 8, 42, 60) for i in (1, 3)]
    assert groove_of_midi(notes_file(rock(0.02) + rolls)).groove == plain


@pytest.mark.parametrize("tempo", [1, 0, 0xFFFFFF])
def test_an_absurd_tempo_asks_for_one(tempo: int) -> None:
    data = notes_file(rock(), mido.MetaMessage("set_tempo", tempo=tempo))
    if tempo:
        with pytest.raises(Invalid) as refused:
            groove_of_midi(data)
        assert refused.value.errors[0].field == "bpm"
    assert groove_of_midi(data, bpm=100).bpm == 100


def header(tracks: int = 1, division: int = 480) -> bytes:
    return b"MThd" + struct.pack(">IHHH", 6, 0, tracks, division)


def track(content: bytes) -> bytes:
    return b"MTrk" + struct.pack(">I", len(content)) + content


HOSTILE = {
    "nothing": b"",
    "only a head": header(),
    "a zero division": header(division=0) + track(b"\x00\xff\x2f\x00"),
    "running status of nothing": header() + track(b"\x00\x40\x40"),
    "a data byte that is none": header() + track(b"\x00\x90\x40\xff"),
    "a real-time byte": header() + track(b"\x00\xfe\x00\xff\x2f\x00"),
    "an endless number": header() + track(b"\xff" * 64),
    "a meta longer than its track": header() + track(b"\x00\xff\x03\xff\xff\xff\x7f"),
    "a truncated note": header() + track(b"\x00\x90\x40"),
    "an audio file": b"RIFF" + b"\0" * 60,
}  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_midi_file_is_refused(data: bytes) -> None:
    with pytest.raises(NotAudio) as refused:
        groove_of_midi(data)
    assert refused.value.code == "not_midi"


def test_too_much_is_refused_in_time() -> None:
    began = time.perf_counter()
    with pytest.raises(TooLarge):
        groove_of_midi(header() + track(b"\x00\x99\x24\x40" + b"\x00\x24\x40" * 1_300_000))
    with pytest.raises(TooLarge):
        groove_of_midi(header() + b"\0" * 5_000_000)
    with pytest.raises(TooLarge):
        groove_of_midi(header() + track(b"\x00\xff\x2f\x00") * 2_000)
    assert time.perf_counter() - began < 10


def test_a_long_file_is_read_in_time_from_its_beginning() -> None:
    half = bytes([0, 36, 110]) + b"\x78\x2a\x40" * 4 + bytes([20, 38, 100]) + b"\x64\x2a\x30" + b"\x78\x2a\x40" * 3
    began = time.perf_counter()
    long = groove_of_midi(header() + track(b"\x00\x99\x24\x40" + half * 19_000))
    assert time.perf_counter() - began < 10
    assert long.groove == groove_of_midi(header() + track(b"\x00\x99\x24\x40" + half * 500)).groove
    assert long.groove.offset_ms["ACCENT"].keys() == {4, 12}


def test_no_drums_and_one_lonely_beat_are_no_groove() -> None:
    for rows in (
        [],
        [(0.0, 36, 100)],
        [(float(b * 4), 36, 100) for b in range(16)],
        [(q / 2, 10, 90) for q in range(9)],
    ):
        with pytest.raises(Invalid) as refused:
            groove_of_midi(notes_file(rows))
        assert refused.value.code == "no_groove"


def test_flipped_bytes_never_crash() -> None:
    good, dice = notes_file(rock()), random.Random(5)
    for _ in range(300):
        data = bytearray(good)
        for _ in range(dice.randrange(1, 6)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        try:
            groove_of_midi(bytes(data))
        except (NotAudio, TooLarge, Invalid):
            pass
