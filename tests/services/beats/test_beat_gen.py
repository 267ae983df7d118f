"""Stage 3: phrases, fills, casting, density, feel, auto, determinism."""

import json
import os
import subprocess
import sys
from collections import defaultdict

import numpy as np
import pytest

from services.beats.auto import choose_style, materials
from services.beats.beat_gen import ComposeRequest, Sound, compose
from services.beats.material import phrases
from services.beats.styles import STYLES
from services.errors import Invalid
from tests.composing import FULL, many, sounds

KIT = sounds(**FULL)
names = pytest.mark.parametrize("name", list(STYLES))


def ask(name, **fields):
    style = STYLES.get(name)
    bpm = sum(style.bpm_range) / 2 if style else 120
    return ComposeRequest(**{"bpm": bpm, "style": name, "sounds": KIT} | fields)


# Phrases


@pytest.mark.parametrize(
    ("bars", "letters", "sizes"),
    [(1, "A", [1]), (4, "A", [4]), (6, "AA′", [4, 2]), (16, "AA′AB", [4] * 4), (64, "AA′AB" * 4, [4] * 16)],
)
def test_bars_come_in_phrases_of_four(bars, letters, sizes):
    found = phrases(bars)
    assert "".join(p.letter for p in found) == letters
    assert [p.bars for p in found] == sizes
    assert [p.first_bar for p in found] == list(np.cumsum([0, *sizes[:-1]]))


@names
def test_the_backbeat_is_the_rows_in_every_bar(name):
    style = STYLES[name]
    composition = compose(ask(name, bars=16, density=1.0, humanize=0.0))
    written = defaultdict(set)
    for line in style.lines["ACCENT"]:
        if line.rank == 0:
            for place in line.bars:
                written[place] |= set(line.steps)
    sparse = compose(ask(name, bars=16, density=0.0, humanize=0.0)).events
    lead = {e.sample_id for e in sparse if e.role == "ACCENT"}
    assert len(lead) == 1
    played = defaultdict(set)
    for event in composition.events:
        if event.sample_id in lead:
            played[event.bar].add(event.step)
    assert all(written[bar % 4] <= played[bar] for bar in range(16))
    assert all(written[bar % 4] == {e.step for e in sparse if e.role == "ACCENT" and e.bar == bar} for bar in range(16))


@pytest.mark.parametrize(("bpm", "bars"), [(300, 4), (300, 64), (40, 64)])
@pytest.mark.parametrize("arrange", [False, True])
def test_the_ends_of_what_may_be_asked_are_beats_too(bpm, bars, arrange):
    composition = compose(ask("house", bpm=bpm, bars=bars, arrange=arrange, humanize=1.0))
    places = [(e.bar, e.step, e.tick, e.sample_id, e.role) for e in composition.events]
    assert len(set(places)) == len(places)
    assert {e.bar for e in composition.events} == set(range(bars))
    assert "outside" in composition.warnings[0]


# Density


@names
@pytest.mark.parametrize("seed", [0, 7])
def test_a_denser_beat_contains_the_sparser_one(name, seed):
    before = ()
    for density in (0.0, 0.2, 0.4, 0.6, 1.0):
        events = compose(ask(name, bars=6, seed=seed, density=density, sounds=many(9))).events
        assert set(before) <= set(events)
        before = events


@names
def test_at_density_0_only_core_and_the_backbeat_play(name):
    composition = compose(ask(name, density=0.0, humanize=0.0))
    style = STYLES[name]
    assert {e.role for e in composition.events} == {"CORE", "ACCENT"}
    for event in composition.events:
        lines = [x for x in style.lines[event.role] if x.rank == 0 and event.bar % 4 in x.bars]
        assert any(event.step in x.steps for x in lines)


def test_density_works_through_the_parts():
    counts = [len(compose(ask("funk", density=d / 20)).events) for d in range(21)]
    assert counts == sorted(counts)
    assert len(set(counts)) >= 8


# Style, tempo, auto


def test_auto_says_why_and_is_at_home():
    for bpm in (66, 80, 90, 100, 112, 122, 135, 144, 172):
        composition = compose(ask("auto", bpm=bpm))
        low, high = STYLES[composition.style].bpm_range
        assert low <= bpm <= high
        assert STYLES[composition.style].title in composition.why
        assert composition.warnings == ()


def test_auto_stays_in_four_unless_asked():
    assert {compose(ask("auto", bpm=130, seed=s)).grid.meter for s in range(10)} == {"4/4"}
    assert compose(ask("auto", bpm=130, meter="7/8")).grid.meter == "7/8"


def test_auto_depends_on_the_seed_and_the_material():
    def chosen(kit):
        return [choose_style(140, None, kit, seed).style.name for seed in range(60)]

    short = (Sound("k", "CORE", lowness=0.7, length_s=0.1),)
    long = (Sound("k", "CORE", lowness=0.7, length_s=0.9), Sound("t", "MOTION", brightness=0.6, length_s=0.03))
    assert len(set(chosen(short))) >= 3
    assert chosen(long).count("trap") + chosen(long).count("drill") > 1.5 * (
        chosen(short).count("trap") + chosen(short).count("drill")
    )
    assert materials(long) == ("long_low", "bright", "few")


def test_auto_outside_every_range_takes_the_nearest():
    composition = compose(ask("auto", bpm=290))
    assert composition.style == "dnb"
    assert "nearest" in composition.why
    assert "outside" in composition.warnings[0]


def test_a_tempo_outside_the_style_is_a_warning():
    composition = compose(ask("house", bpm=60))
    assert composition.warnings == ("House is at home at 118 to 128 bpm; 60 is outside.",)


def test_the_request_overrides_the_rows_swing_and_the_row_fills_the_rest():
    composition = compose(ask("house", swing=0.62, swing_unit=8))
    assert (composition.grid.swing, composition.grid.swing_unit) == (0.62, 8)
    assert compose(ask("waltz")).grid.meter == "3/4"
    assert compose(ask("waltz")).grid.swing_unit == 8


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"style": "hous"}, "style"),
        ({"style": "house", "meter": "3/4"}, "meter"),
        ({"meter": "9/8"}, "meter"),
        ({"bpm": float("nan")}, "bpm"),
        ({"bpm": 39.9}, "bpm"),
        ({"bpm": 1e9}, "bpm"),
        ({"bars": 0}, "bars"),
        ({"bars": 65}, "bars"),
        ({"swing": 0.8}, "swing"),
        ({"swing_unit": 32}, "swing_unit"),
        ({"humanize": -0.1}, "humanize"),
        ({"density": 1.1}, "density"),
        ({"density": float("nan")}, "density"),
        ({"seed": -1}, "seed"),
        ({"sounds": many(65)}, "samples"),
        ({"sounds": (Sound("a", "CORE"), Sound("a", "CORE"))}, "samples"),
        ({"sounds": (Sound("a", "DRUM"),)}, "roles"),
    ],
)
def test_a_request_out_of_range_is_refused(fields, named):
    with pytest.raises(Invalid) as error:
        compose(ask("house", **fields) if "style" not in fields else ask(fields.pop("style"), **fields))
    assert named in [e.field for e in error.value.errors]


# Determinism

SCRIPT = """
import hashlib
from services.beats.beat_gen import ComposeRequest, compose
from tests.composing import many
parts = [repr(compose(ComposeRequest(bpm=b, bars=9, style=s, seed=5, sounds=many(23))))
         for b, s in ((92, "auto"), (140, "trap"), (150, "jig"), (120, "house"))]
print(hashlib.sha256("".join(parts).encode()).hexdigest())
"""


def test_every_process_composes_the_same():
    found = set()
    for salt in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": os.getcwd()}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
        )
        found.add(done.stdout.strip())
    assert len(found) == 1


def test_roles_draw_from_streams_of_their_own():
    """Without the FILL sounds, and with another number of hats, CORE plays on as it did."""
    full = compose(ask("boombap", bars=8)).events
    other = compose(ask("boombap", bars=8, sounds=sounds(CORE=2, ACCENT=2, MOTION=1, FILL=2, TEXTURE=1))).events
    for role in ("CORE", "ACCENT", "FILL", "TEXTURE"):
        assert [e for e in full if e.role == role] == [e for e in other if e.role == role]


def test_a_longer_beat_begins_like_the_short_one():
    short, long = (compose(ask("funk", bars=b, humanize=0.0)).events for b in (4, 16))
    core = [{(e.id, e.velocity) for e in events if e.role == "CORE" and e.bar < 4} for events in (short, long)]
    assert core[0] == core[1]


def test_another_seed_is_another_take():
    takes = {json.dumps(sorted(e.id for e in compose(ask("boombap", seed=s)).events)) for s in range(12)}
    assert len(takes) >= 10
