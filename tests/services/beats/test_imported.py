"""Notes from files as beats: what is kept, what plays, what is taken of a long file, and the built-in kit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.audio.wavfile import read_wav
from services.beats import builtin, pipeline
from services.beats.builtin import RECIPES, built_in, sound_for
from services.beats.document import beat_from_doc, beat_to_doc, check_beat
from services.beats.edit import apply
from services.beats.edit_shapes import EVENTS_MAX
from services.beats.grid import event_time_s
from services.beats.imported import Import, imported_beat, title_of_import
from services.beats.render import render_mix
from services.beats.request import SourceInfo
from services.beats.role_assign import judge
from services.beats.settle import settled
from services.beats.sounds import whole
from services.beats.types import BARS_HELD_MAX, INSTRUMENTS, METERS, ROLES, Beat, Event, Grid, Role, Sample, Section
from services.errors import Invalid, TooLarge
from services.notation.drumset import PLACES, ROLE_OF, parts_of
from services.notation.midi import beat_midi
from tests import kits
from tests.services.notation.grooves import groove

MIDI = Import("midi", "song.mid")


def every_drum() -> Beat:
    """One stroke of every row of the drum staff."""
    events = []
    for i, key in enumerate(PLACES):
        instrument, variant = parts_of(key)
        place = divmod(i, 16)
        events.append(
            Event(f"e{i}", *place, ROLE_OF[instrument], instrument, 0.8, pitch=PLACES[key].note, variant=variant)
        )
    return Beat(Grid(((0, 100.0),), "4/4", 2), tuple(events), {})


def own_sounds() -> list[Sample]:
    found = []
    for name, wav in kits.kit_wavs(5).items():
        cut, _ = whole(read_wav(wav), SourceInfo("a", str(len(found)) * 64, name))
        found.append(cut.sample)
    return found


def test_every_drum_keeps_its_place_and_part_and_gets_a_sound() -> None:
    read = every_drum()
    made = imported_beat(read, (), MIDI)
    beat = made.beat
    found = sorted((e.id, e.bar, e.step, e.role, e.instrument, e.variant, e.velocity) for e in beat.events)
    assert found == sorted((e.id, e.bar, e.step, e.role, e.instrument, e.variant, e.velocity) for e in read.events)
    assert {s.sample_id for s in beat.kit.values()} == {c.sample.sample_id for c in made.cuts}
    assert all(not s.benched and not s.processing for s in beat.kit.values())
    assert beat_from_doc(beat_to_doc(beat)) == beat
    clips = {c.sample.sample_id: read_wav(c.wav) for c in made.cuts}
    mix = render_mix(beat, clips, stems=True)
    assert {role for role, clip in mix.stems.items() if np.abs(clip.samples).max() > 0.01} == set(ROLES)


def test_toms_are_three_sounds_and_midi_has_them_back() -> None:
    beat = imported_beat(groove("4/4", bars=2), (), MIDI).beat
    toms = {e.variant: e.sample_id for e in beat.events if e.instrument == "tom"}
    assert len(set(toms.values())) == 3
    titled = replace(beat, meta={**beat.meta, "title": "A groove"})
    assert beat_midi(titled) == beat_midi(groove("4/4", bars=2))


@pytest.mark.parametrize("name", RECIPES)
def test_a_built_in_sound_is_loud_short_and_always_the_same(name: str) -> None:
    clip = builtin._made(name)
    assert 0.75 < np.abs(clip.samples).max() <= 0.8
    assert 0.02 < clip.duration_s <= 4.0
    assert np.array_equal(clip.samples, builtin._made(name).samples)
    sample = built_in(name).sample
    assert (sample.instrument, sample.role) == (name.split("/", maxsplit=1)[0], ROLE_OF[name.split("/", maxsplit=1)[0]])
    assert sample.roles.keys() == set(ROLES)
    assert sample.instruments.keys() == set(INSTRUMENTS)


@pytest.mark.parametrize(
    "name",
    ["kick", "snare", "clap", "tom/low", "tom/mid", "tom/high", "hat_closed", "hat_open", "shaker", "bass", "texture"],
)
def test_a_built_in_drum_is_taken_for_what_it_is(name: str) -> None:
    assert judge(builtin._made(name), 0.0).instrument == name.split("/", maxsplit=1)[0]


def test_the_bed_goes_round_without_a_step() -> None:
    x = builtin._made("texture").samples[0]
    steps = np.abs(np.diff(x))
    assert abs(x[0] - x[-1]) <= steps.max()


@pytest.mark.parametrize(
    ("role", "instrument", "name"),
    [
        ("CORE", "texture", "kick"), ("TEXTURE", "kick", "texture"), ("MOTION", "vocal", "hat_closed"),
        ("FILL", "tom", "tom/mid"), ("ACCENT", "perc", "perc"), ("FILL", "kick", "kick"),
    ],
)  # fmt: skip
def test_a_role_is_played_by_a_sound_that_can(role: Role, instrument: str, name: str) -> None:
    assert sound_for(role, instrument, None) == name


def test_own_sounds_play_what_they_suit() -> None:
    samples = own_sounds()
    made = imported_beat(groove("4/4", bars=2), samples, MIDI)
    beat = made.beat
    assert made.cuts == ()
    assert set(beat.kit) == {s.sample_id for s in samples}
    for role in ("CORE", "ACCENT", "MOTION"):
        main = {"CORE": "kick", "ACCENT": "snare", "MOTION": "hat_closed"}[role]
        players = {beat.kit[e.sample_id or ""].pool_role for e in beat.events if e.instrument == main}
        assert players == {role}
    hats = {e.sample_id for e in beat.events if e.instrument in ("hat_closed", "hat_open")}
    assert len(hats) == 1
    idle = [s for s in beat.kit.values() if s.benched]
    assert {s.sample_id for s in idle} == set(beat.kit) - {e.sample_id for e in beat.events}
    assert beat.meta["engines"]["sounds"] == "samples"
    assert any(s.processing for s in beat.kit.values()), "raw sounds are shaped for their roles"


def test_one_sound_plays_everything() -> None:
    sample = own_sounds()[0]
    beat = imported_beat(groove("4/4", bars=1), [sample], MIDI).beat
    assert {e.sample_id for e in beat.events} == {sample.sample_id}


@pytest.mark.parametrize(("bars", "bpm", "last"), [(300, 120.0, 149), (257, 250.0, 255), (70, 40.0, 63)])
def test_a_longer_file_is_refused_with_the_bars_that_would_do(bars: int, bpm: float, last: int) -> None:
    read = groove("4/4", bars=bars, tempo_map=((0, bpm),))
    with pytest.raises(TooLarge) as refused:
        imported_beat(read, (), MIDI)
    assert f"bars [0, {last}]" in refused.value.message
    beat = imported_beat(read, (), replace(MIDI, bars=(0, last))).beat
    assert beat.grid.bars == last + 1
    with pytest.raises(TooLarge):
        imported_beat(read, (), replace(MIDI, bars=(0, last + 1)))


def test_too_many_notes_are_refused() -> None:
    hit = Event("a", 0, 0, "CORE", "kick", 0.5, pitch=36)
    read = Beat(Grid(((0, 100.0),), "4/4", 1), tuple(replace(hit, id=f"a{i}") for i in range(EVENTS_MAX + 1)), {})
    with pytest.raises(TooLarge):
        imported_beat(read, (), MIDI)


def test_a_part_has_its_own_tempos_sections_and_no_upbeat() -> None:
    grid = Grid(((0, 100.0), (3, 120.0), (5, 90.0)), "4/4", 8, pickup_steps=4)
    events = tuple(Event(f"e{b}", b, 0, "CORE", "kick", 0.8, pitch=36, duration_steps=60) for b in range(8))
    read = Beat(grid, events, {}, (Section("A", 0, 4), Section("B", 4, 4)))
    beat = imported_beat(read, (), replace(MIDI, bars=(2, 5))).beat
    assert beat.grid == Grid(((0, 100.0), (1, 120.0), (3, 90.0)), "4/4", 4)
    assert [(e.id, e.bar, e.duration_steps) for e in beat.events] == [
        ("e2", 0, 60), ("e3", 1, 60), ("e4", 2, 60), ("e5", 3, 60),
    ]  # fmt: skip
    assert beat.sections == (Section("A", 0, 2), Section("B", 2, 2))
    first = imported_beat(read, (), replace(MIDI, bars=(0, 1))).beat
    assert first.grid.pickup_steps == 4


@pytest.mark.parametrize("bars", [(0, 8), (8, 9)])
def test_bars_outside_the_file_are_refused(bars: tuple[int, int]) -> None:
    with pytest.raises(Invalid) as refused:
        imported_beat(groove("4/4", bars=8), (), replace(MIDI, bars=bars))
    assert refused.value.errors[0].field == "bars"


def test_bars_without_drums_are_refused() -> None:
    read = Beat(Grid(((0, 100.0),), "4/4", 4), (Event("a", 0, 0, "CORE", "kick", 0.5, pitch=36),), {})
    with pytest.raises(Invalid) as refused:
        imported_beat(read, (), replace(MIDI, bars=(1, 3)))
    assert refused.value.code == "no_drums"


def test_a_tempo_of_ones_own_is_the_only_one() -> None:
    read = groove("4/4", bars=4, tempo_map=((0, 100.0), (2, 140.0)))
    assert imported_beat(read, (), replace(MIDI, bpm=90.0)).beat.grid.tempo_map == ((0, 90.0),)


@pytest.mark.parametrize("unit", [480, 320, 240, 160, 120])
@pytest.mark.parametrize("meter", sorted(METERS))
def test_notes_are_settled_on_a_grid_and_sound_when_they_did(meter: str, unit: int) -> None:
    """Any place, an upbeat, two tempos and swing: on a multiple of the unit from the bar line, at the same second."""
    dice = np.random.Generator(np.random.PCG64(unit))
    grid = Grid(((0, 95.0), (2, 130.0)), meter, 4, 0.6, 16, pickup_steps=3)
    events = []
    for i in range(200):
        bar = int(dice.integers(0, 4))
        step = int(dice.integers(0, 3 if bar == 0 else METERS[meter]))
        events.append(Event(f"e{i}", bar, step, "CORE", "kick", 0.5, int(dice.integers(0, 240)), pitch=36))
    beat = Beat(grid, tuple(events), {})
    after = {e.id: e for e in settled(beat, unit).events}
    for event in events:
        moved = after[event.id]
        assert event_time_s(grid, moved) == pytest.approx(event_time_s(grid, event), abs=2e-6)
        skipped = METERS[meter] - 3 if moved.bar == 0 else 0
        on_grid = ((skipped + moved.step) * 240 + moved.tick) % unit == 0
        assert on_grid or moved == event
    assert sum(e.offset_ms != 0 for e in after.values()) > 100
    check_beat(settled(beat, unit))


def test_ids_that_no_edit_could_name_are_renewed() -> None:
    hit = Event("", 0, 0, "CORE", "kick", 0.5, pitch=36)
    ids = ["x" * 65, "a\nb", "i0", "good"]
    read = Beat(Grid(((0, 100.0),), "4/4", 1), tuple(replace(hit, id=i, tick=n) for n, i in enumerate(ids)), {})
    beat = imported_beat(read, (), MIDI).beat
    assert len({e.id for e in beat.events}) == 4
    assert {"i0", "good"} <= {e.id for e in beat.events}
    assert apply(beat, [{"op": "delete", "id": e.id} for e in beat.events[:3]]).events == beat.events[3:]


@pytest.mark.parametrize(
    ("said", "asked", "title"),
    [("Song", "", "Song"), ("Song", "Mine", "Mine"), ("", "", "take 5"), ("a\n\0 b", "", "a b"), ("\0", "", "take 5")],
)
def test_a_beat_is_called_as_asked_else_as_the_file_says(said: str, asked: str, title: str) -> None:
    read = replace(groove("4/4", bars=1), meta={"title": said})
    assert title_of_import(read, asked, "take 5.mid") == title


def test_a_huge_title_is_cut() -> None:
    read = replace(groove("4/4", bars=1), meta={"title": "x" * 10_000})
    assert len(title_of_import(read, "", "a.mid")) == 200


def test_another_take_composes_anew_and_a_long_beat_says_what_it_can_not() -> None:
    beat = imported_beat(groove("4/4", bars=4), (), MIDI).beat
    hats = pipeline.regenerate(beat, tuple(beat.kit.values()), pipeline.Change("beat", {"roles": ["MOTION"]}))
    assert [e for e in hats.events if e.role != "MOTION"] == [e for e in beat.events if e.role != "MOTION"]
    long = imported_beat(groove("4/4", bars=90, tempo_map=((0, 150.0),)), (), MIDI).beat
    assert long.grid.bars <= BARS_HELD_MAX
    with pytest.raises(Invalid) as refused:
        pipeline.regenerate(long, tuple(long.kit.values()), pipeline.Change("beat", {"roles": ["MOTION"]}))
    assert refused.value.errors[0].field == "bars"
    short = pipeline.regenerate(long, tuple(long.kit.values()), pipeline.Change("beat", {"bars_total": 8}))
    assert short.grid.bars == 8
