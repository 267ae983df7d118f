"""Arrangement: sections, what each leaves of the material, and that a flat loop stays one."""

from collections import defaultdict
from dataclasses import replace

import pytest

from services.beats.arrange import layout
from services.beats.beat_gen import ComposeRequest, Sound, compose, recompose
from services.beats.styles import STYLES
from services.beats.types import BEAT_STEPS, METERS, ROLES
from tests.composing import FULL, made, many, sounds

KIT = sounds(**FULL)
names = pytest.mark.parametrize("name", list(STYLES))


def ask(name, **fields):
    bpm = sum(STYLES[name].bpm_range) / 2
    return ComposeRequest(**{"bpm": bpm, "style": name, "sounds": KIT, "bars": 16, "arrange": True} | fields)


def inside(composition, name):
    """Events of the first section of this name, and the section."""
    section = next(s for s in composition.sections if s.name == name)
    bars = range(section.first_bar, section.first_bar + section.bars)
    return section, [e for e in composition.events if e.bar in bars]


@pytest.mark.parametrize(
    ("bars", "sections"),
    [
        (8, "intro 2, A 4, break 1, outro 1"),
        (12, "intro 3, A 7, break 1, outro 1"),
        (16, "intro 4, A 4, B 4, break 2, outro 2"),
        (21, "intro 5, A 6, B 6, break 2, outro 2"),
        (32, "intro 8, A 8, break 8, B 8"),
        (36, "intro 8, A 8, break 8, B 8, outro 4"),
        (64, "intro 8, A 8, B 8, A 8, break 8, B 8, A 8, outro 8"),
    ],
)
def test_sections_of_a_length(bars, sections):
    assert ", ".join(f"{s.name} {s.bars}" for s in layout(bars, 0)) == sections


@pytest.mark.parametrize("bars", range(8, 65))
def test_sections_cover_the_beat_without_gaps(bars):
    found = layout(bars, bars)
    assert [s.first_bar for s in found] == [sum(s.bars for s in found[:i]) for i in range(len(found))]
    assert sum(s.bars for s in found) == bars and all(s.bars > 0 for s in found)


@names
@pytest.mark.parametrize("bars", [8, 16, 32])
def test_every_section_plays_what_it_is(name, bars):
    composition = compose(ask(name, bars=bars))
    section, intro = inside(composition, "intro")
    assert {e.role for e in intro} == {"MOTION", "TEXTURE"}
    assert 800 <= section.low_pass_hz <= 1500
    assert all(s.low_pass_hz is None for s in composition.sections if s.name != "intro")
    _, full = inside(composition, "A")
    assert {"CORE", "ACCENT", "MOTION", "FILL"} <= {e.role for e in full}
    gap, sparse = inside(composition, "break")
    assert sparse and not any(e.role == "CORE" for e in sparse)
    ornaments = [e for e in sparse if e.role != "FILL"]
    plain = [e for e in full if e.role != "FILL" and e.bar < full[0].bar + gap.bars]
    assert len(ornaments) / gap.bars < len(plain) / min(gap.bars, 4) / 2


@names
def test_a_break_keeps_time_in_every_bar(name):
    for seed in range(4):
        section, events = inside(compose(ask(name, bars=32, arrange_seed=seed)), "break")
        bars = {e.bar for e in events if e.role in {"ACCENT", "MOTION"}}
        assert bars == set(range(section.first_bar, section.first_bar + section.bars))


@names
def test_the_last_bar_ends_with_a_fill(name):
    for bars in (8, 16):
        composition = compose(ask(name, bars=bars))
        last = [e for e in composition.events if e.bar == bars - 1]
        half = METERS[composition.grid.meter] / 2
        assert [e for e in last if e.role == "FILL" and e.step >= half]


@names
def test_core_drops_out_for_a_beat_before_each_full_section_and_a_crash_opens_it(name):
    composition = compose(ask(name, bars=16, density=1.0))
    steps, beat = METERS[composition.grid.meter], BEAT_STEPS[composition.grid.meter]
    for section in (s for s in composition.sections if s.name in {"A", "B"}):
        before = [e for e in composition.events if e.bar == section.first_bar - 1 and e.step >= steps - beat]
        assert not any(e.role == "CORE" for e in before)
        first = [e for e in composition.events if (e.bar, e.step, e.tick) == (section.first_bar, 0, 0)]
        assert [e.sample_id for e in first if e.instrument == "crash"] == ["motion2"]  # the longest bright one
        assert len({e.sample_id for e in first}) == len(first)
        assert any(e.role == "CORE" for e in first)


@names
def test_few_sounds_of_a_role_play_in_a_bar(name):
    composition = compose(ask(name, density=1.0, sounds=many(30)))
    per_bar = defaultdict(set)
    for e in composition.events:
        per_bar[e.bar, e.role].add(e.sample_id)
    limits = {"CORE": 1, "ACCENT": 2, "MOTION": 3, "FILL": 3, "TEXTURE": 1}
    assert all(len(played) <= limits[role] for (_, role), played in per_bar.items())


def test_the_layouts_seed_leaves_the_material():
    takes = [compose(ask("boombap", seed=3, arrange_seed=s)) for s in range(6)]
    for name in ("A", "B"):
        assert len({tuple(inside(c, name)[1]) for c in takes}) == 1
    assert len({inside(c, "intro")[0].low_pass_hz for c in takes}) > 1
    assert len({tuple(inside(c, "break")[1]) for c in takes}) > 1
    assert compose(ask("boombap", seed=3)) == compose(ask("boombap", seed=3, arrange_seed=3))


def test_the_seed_changes_the_material_and_not_the_layout():
    a, b = (compose(ask("boombap", seed=s, arrange_seed=1)) for s in (0, 1))
    assert a.sections == b.sections and a.events != b.events


@pytest.mark.parametrize("bars", [1, 7])
def test_a_short_beat_is_a_flat_loop_and_says_so(bars):
    arranged, flat = (compose(ask("house", bars=bars, arrange=a)) for a in (True, False))
    assert (arranged.events, arranged.sections) == (flat.events, flat.sections)
    assert any("flat loop" in w for w in arranged.warnings) and not any("flat loop" in w for w in flat.warnings)


@names
def test_a_denser_arrangement_contains_the_sparser_one_and_no_section_is_silent(name):
    before = set()
    for density in (0.0, 0.3, 0.6, 1.0):
        composition = compose(ask(name, bars=16, density=density, seed=5))
        heard = defaultdict(int)
        for e in composition.events:
            heard[next(s.name for s in composition.sections if s.first_bar <= e.bar < s.first_bar + s.bars)] += 1
        assert set(heard) == {s.name for s in composition.sections}
        assert before <= set(composition.events)
        before = set(composition.events)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("bars", [8, 32, 64])
def test_a_kit_of_one_sound_has_no_silent_section(role, bars):
    composition = compose(ask("boombap", bars=bars, bpm=40, sounds=(Sound("only", role),)))
    for section in composition.sections:
        bars_of = range(section.first_bar, section.first_bar + section.bars)
        assert any(e.bar in bars_of for e in composition.events)


def test_without_core_the_rest_is_arranged():
    kit = sounds(ACCENT=2, MOTION=2, TEXTURE=1)
    composition = compose(ask("trap", sounds=kit))
    assert {e.role for e in composition.events} == {"ACCENT", "MOTION", "TEXTURE"}


def test_a_skeleton_is_arranged_too():
    composition = compose(ask("rock", sounds=()))
    assert [e for e in composition.events if e.pitch == 49]
    assert all(e.sample_id is None for e in composition.events)


@names
def test_every_sound_plays_or_is_benched(name):
    composition = compose(ask(name, bars=32, sounds=many(12)))
    playing = {e.sample_id for e in composition.events}
    assert playing | set(composition.benched) == {s.sample_id for s in many(12)}
    assert not playing & set(composition.benched)


def test_another_take_of_a_part_keeps_the_layout():
    request = ask("boombap")
    beat = made(request)
    again = recompose(beat, replace(request, seed=9, arrange_seed=0), frozenset({"MOTION"}))
    assert again.sections == beat.sections
    assert [e for e in again.events if e.role != "MOTION"] == [e for e in beat.events if e.role != "MOTION"]
    assert [e for e in again.events if e.role == "MOTION"] != [e for e in beat.events if e.role == "MOTION"]
