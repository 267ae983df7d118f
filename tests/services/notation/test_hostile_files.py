"""Files that somebody made to break a reader: refused in words, at once, and never an exception of our own code."""

from __future__ import annotations

import json
import random
import struct
import time

import pytest

from services.beats.document import check_beat
from services.errors import Invalid
from services.notation.bounds import BARS_READ_MAX
from services.notation.bsm import beat_bsm
from services.notation.bsm_reader import read_bsm
from services.notation.incoming import read_notes
from services.notation.midi import beat_midi
from services.notation.midi_reader import read_midi
from services.notation.musicxml import beat_musicxml
from services.notation.musicxml_reader import read_musicxml
from tests.services.notation.grooves import groove
from tests.services.notation.test_bsm import OLD
from tests.services.notation.test_musicxml import packed

SOON_S = 5.0
SCORE = beat_musicxml(groove("4/4", bars=2))
CLEF = b"<measure><attributes><clef><sign>percussion</sign></clef></attributes></measure>"
FAR = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 1) + b"MTrk" + struct.pack(">I", 7) + b"\xff\xff\xff\x7f\xff\x2f\x00"


def old(**timing: object) -> bytes:
    return json.dumps({**OLD, "timing": {**OLD["timing"], **timing}}).encode()


@pytest.mark.parametrize("data", [old(offset=1e12), old(offset=1e300), old(bpm=1e300), old(bpm=10**400), old(bpm=0)])
def test_absurd_numbers_in_a_map_are_refused(data: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(Invalid):
        read_bsm(data)
    assert time.monotonic() - began < SOON_S


def test_a_map_in_a_thousand_boxes_is_refused() -> None:
    nested = b'{"version": "1.0.0", "a": ' + b"[" * 600 + b"]" * 600 + b"}"
    with pytest.raises(Invalid):
        read_bsm(nested)


def test_a_midi_file_of_a_million_bars_is_refused() -> None:
    began = time.monotonic()
    with pytest.raises(Invalid, match="bars"):
        read_midi(FAR)
    assert time.monotonic() - began < SOON_S


@pytest.mark.parametrize(
    ("old_text", "new_text"),
    [
        (b'id="n-e1"', b'id="note_abcdef0_1"'), (b'id="n-e1"', b'id="n-_d800_"'),
        (b"<duration>480</duration>", b"<duration>1e308</duration>"),
        (b'<note id="n-e2"', b'<note attack="1e308" id="n-e2"'), (b"<octave>", b"<octave>1e308"),
    ],
)  # fmt: skip
def test_odd_ids_and_numbers_in_a_score_are_answered(old_text: bytes, new_text: bytes) -> None:
    try:
        assert read_musicxml(SCORE.replace(old_text, new_text)).events
    except Invalid as refused:
        assert refused.message


def test_a_damaged_archive_is_refused_or_read() -> None:
    whole = packed(SCORE)
    for place in range(0, len(whole), 97):
        broken = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        try:
            read_musicxml(broken)
        except Invalid as refused:
            assert refused.code in ("broken_score", "invalid")


def test_notes_with_one_id_and_measures_without_end_take_no_time() -> None:
    note = b'<note id="n-a"><unpitched/><duration>1</duration></note>'
    rest = b"<note><rest/><duration>1</duration></note>"
    for inside in (note * 5000, rest * 40_000):
        part = b'<part id="P1"><measure number="1">' + inside + b"</measure></part>"
        began = time.monotonic()
        try:
            read_musicxml(b'<score-partwise version="4.0">' + part + b"</score-partwise>")
        except Invalid as refused:
            assert refused.message
        assert time.monotonic() - began < SOON_S
    with pytest.raises(Invalid, match="measures"):
        read_musicxml(b'<score-partwise><part id="P1">' + CLEF + b"<measure/>" * 30_000 + b"</part></score-partwise>")


def test_a_score_of_nothing_but_tags_is_refused_before_it_fills_the_memory() -> None:
    began = time.monotonic()
    with pytest.raises(Invalid, match="tags"):
        read_musicxml(b"<score-partwise>" + b"<a/>" * 5_000_000 + b"</score-partwise>")
    assert time.monotonic() - began < SOON_S


def test_repeats_and_similes_do_not_multiply_without_end() -> None:
    """A bar of a thousand notes that a thousand similes, or nested repeats, stand for."""
    notes = b"<note><unpitched/><duration>1</duration></note>" * 1000
    simile = b'<attributes><measure-style><measure-repeat type="start">1</measure-repeat></measure-style></attributes>'
    back = b'<barline><repeat direction="backward" times="99"/></barline>'
    endings = b'<barline><ending number="1,2,3,99" type="start"/></barline>' + back
    for inside in (
        b"<measure>" + notes + b"</measure><measure>" + simile + b"</measure>" + b"<measure/>" * 5000,
        b"<measure>" + notes + back + b"</measure>" + (b"<measure>" + back + b"</measure>") * 10_000,
        (b"<measure>" + notes[:480] + endings + b"</measure>") * 10_000,
        CLEF + b"<measure implicit='yes'/>" * 10_000 + b"<measure>" + back.replace(b"99", b"20000") + b"</measure>",
    ):
        began = time.monotonic()
        with pytest.raises(Invalid):
            read_musicxml(b'<score-partwise><part id="P1">' + inside + b"</part></score-partwise>")
        assert time.monotonic() - began < SOON_S


BEAT = groove("6/8", bars=2)
WHOLE = {"midi": beat_midi(BEAT), "musicxml": SCORE, "bsm": beat_bsm(BEAT)}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_file_with_bytes_changed_is_read_or_refused(kind: str) -> None:
    """Bytes replaced, cut out, repeated: a beat that holds together, or words."""
    dice, read = random.Random(3), 0
    for _ in range(1500):
        data = bytearray(WHOLE[kind])
        for _ in range(dice.choice((1, 2, 8))):
            place = dice.randrange(len(data))
            match dice.randrange(3):
                case 0:
                    data[place] = dice.randrange(256)
                case 1:
                    del data[place : place + dice.randrange(1, 30)]
                case 2:
                    data[place:place] = data[: dice.randrange(1, 60)]
        try:
            check_beat(read_notes(bytes(data), kind), BARS_READ_MAX)
            read += 1
        except Invalid as refused:
            assert refused.message
    assert read > 0, "some changes do no harm"
