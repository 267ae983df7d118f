"""Songs: what is longer than a beat can be is written and read back all the same, and in little time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings

from services.beats.types import Beat
from services.errors import Invalid
from services.notation.bounds import BARS_READ_MAX
from services.notation.bsm import beat_bsm
from services.notation.bsm_reader import read_bsm
from services.notation.midi import beat_midi
from services.notation.midi_reader import read_midi
from services.notation.musicxml import Style, beat_musicxml
from services.notation.musicxml_reader import read_musicxml
from tests.services.notation.grooves import groove
from tests.services.notation.random_beats import long_beats, notated
from tests.services.notation.test_midi_reader import messages

HOUR_BARS = 1800  # of 4/4 at 120 bpm
SOON_S = 15.0  # several times what an hour takes on a busy machine


@settings(max_examples=150, deadline=None)
@given(long_beats())
def test_a_long_beat_comes_back_from_its_map_and_its_midi_file(beat: Beat) -> None:
    read = read_bsm(beat_bsm(beat))
    assert (read.grid, read.sections, read.meta, notated(read)) == (beat.grid, beat.sections, beat.meta, notated(beat))
    data = beat_midi(beat)
    again = read_midi(data)
    assert messages(beat_midi(again)) == messages(data)
    assert (again.grid.bars, again.grid.pickup_steps) == (beat.grid.bars, beat.grid.pickup_steps)


@settings(max_examples=60, deadline=None)
@given(long_beats())
def test_a_long_beat_comes_back_from_its_score(beat: Beat) -> None:
    read = read_musicxml(beat_musicxml(beat))
    assert (read.grid, read.sections, notated(read)) == (beat.grid, beat.sections, notated(beat))
    folded = read_musicxml(beat_musicxml(beat, Style("signs")))
    assert notated(folded, ids=False) == notated(beat, ids=False)


def test_an_hour_of_drums_comes_back() -> None:
    beat = groove("4/4", bars=HOUR_BARS)
    began = time.process_time()
    assert notated(read_bsm(beat_bsm(beat))) == notated(beat)
    assert notated(read_musicxml(beat_musicxml(beat))) == notated(beat)
    assert len(read_midi(beat_midi(beat)).events) >= len(beat.events)
    assert time.process_time() - began < SOON_S


def test_more_than_anybody_plays_is_refused() -> None:
    beat = groove("2/4", bars=BARS_READ_MAX + 1)
    for data, read in ((beat_bsm(beat), read_bsm), (beat_midi(beat), read_midi)):
        with pytest.raises(Invalid):
            read(data)
