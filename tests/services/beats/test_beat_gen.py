"""Stage 3: phrases, fills, casting, density, feel, auto, determinism."""

import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict

import numpy as np
import pytest

from services.beats.auto import choose_style, materials
from services.beats.beat_gen import ComposeRequest, Sound, compose, sound_of
from services.beats.feel import walk
from services.beats.grid import event_time_s
from services.beats.material import phrases
from services.beats.styles import STYLES
from services.beats.types import ROLES
from services.errors import Invalid
from tests.composing import FULL, many, sample, sounds

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


# Feel


@names
def test_mean_lateness_is_the_rows(name):
    style = STYLES[name]
    composition = compose(ask(name, bars=16, density=1.0))
    for role in ("CORE", "ACCENT", "MOTION"):
        late = statistics.mean(e.offset_ms for e in composition.events if e.role == role)
        assert late == pytest.approx(style.offset_ms.get(role, 0.0), abs=3.0)


@names
def test_simultaneous_roles_stay_together(name):
    style = STYLES[name]
    means = [style.offset_ms.get(role, 0.0) for role in ("CORE", "ACCENT", "MOTION")]
    limit = max(12.0, max(means) - min(means) + 2 * style.jitter_ms)
    for seed in range(2):
        at = defaultdict(list)
        for e in compose(ask(name, bars=16, density=1.0, seed=seed)).events:
            if e.role in {"CORE", "ACCENT", "MOTION"}:
                at[e.bar, e.step, e.tick].append(e.offset_ms)
        assert max(max(v) - min(v) for v in at.values()) <= limit


def test_humanize_scales_feel():
    still, own, double = (compose(ask("lofi", bars=8, humanize=h)).events for h in (0.0, 0.5, 1.0))
    assert all(e.offset_ms == 0 for e in still)
    by_id = {e.id: e.offset_ms for e in own}
    assert all(e.offset_ms == pytest.approx(2 * by_id[e.id], abs=0.01) for e in double)
    assert len({e.velocity for e in own}) > len({e.velocity for e in still})


def test_core_has_half_the_jitter():
    events = compose(ask("rock", bars=64, density=1.0)).events
    spread = {
        role: statistics.stdev(e.offset_ms for e in events if e.role == role) for role in ("CORE", "ACCENT", "MOTION")
    }
    assert spread["CORE"] == pytest.approx(spread["MOTION"] / 2, rel=0.2)
    assert 3.5 <= spread["MOTION"] <= 5.5  # the row says 5; the far ends are cut


def test_jitter_is_correlated_and_drifts():
    x = np.concatenate([walk(64, 16, seed, "MOTION") for seed in range(8)])
    assert np.std(x) == pytest.approx(1.0, abs=0.08)
    neighbours = np.corrcoef(x[:-1], x[1:])[0, 1]
    eighths = np.corrcoef(x[:-2], x[2:])[0, 1]
    assert 0.65 < neighbours < 0.85
    assert 0.45 < eighths < 0.70
    bars = x.reshape(-1, 16).mean(axis=1)
    assert np.var(bars) > 0.25  # independent steps would give 1/16


def test_swing_sounds_where_the_row_says():
    composition = compose(ask("garage", humanize=0.0))
    step = 60 / composition.grid.bpm / 4
    odd = [(event_time_s(composition.grid, e) / step) % 2 for e in composition.events if e.step % 2 and not e.tick]
    assert odd and all(place == pytest.approx(2 * 0.60, abs=1e-6) for place in odd)


# Who plays what


@pytest.mark.parametrize("name", ["boombap", "rock", "waltz", "bembe"])
def test_few_sounds_of_a_role_play_in_a_bar(name):
    composition = compose(ask(name, bars=16, density=1.0, sounds=many(64)))
    per_bar = defaultdict(set)
    for e in composition.events:
        per_bar[e.bar, e.role].add(e.sample_id)
    limits = {"CORE": 1, "ACCENT": 2, "MOTION": 3, "FILL": 3, "TEXTURE": 1}
    assert all(len(played) <= limits[role] for (_, role), played in per_bar.items())


@names
def test_twelve_sounds_in_sixteen_bars_all_play(name):
    composition = compose(ask(name, bars=16, sounds=many(12)))
    assert composition.benched == {}
    assert {e.sample_id for e in composition.events} == {s.sample_id for s in many(12)}


def test_a_sound_keeps_its_steps_in_a_phrase():
    composition = compose(ask("boombap", bars=4, density=1.0, sounds=sounds(CORE=1, ACCENT=1, MOTION=5)))
    bars = {b: {(e.step, e.sample_id) for e in composition.events if e.bar == b and e.role == "MOTION"} for b in (0, 2)}
    assert bars[0] == bars[2]


def test_what_does_not_fit_is_benched_with_a_reason():
    composition = compose(ask("house", bars=1, sounds=many(64)))
    playing = {e.sample_id for e in composition.events}
    assert playing | set(composition.benched) == {s.sample_id for s in many(64)}
    assert not playing & set(composition.benched)
    assert all(len(reason) > 20 for reason in composition.benched.values())


def test_low_density_is_a_reason_too():
    composition = compose(ask("house", density=0.1))
    assert "density" in composition.benched["motion0"]


def test_locked_sounds_take_the_first_turns():
    kit = many(40)
    wanted = [s.sample_id for s in kit if s.pool_role == "ACCENT"][-2:]
    locked = tuple(
        Sound(**{f: getattr(s, f) for f in Sound.__slots__} | {"locked": s.sample_id in wanted}) for s in kit
    )
    for seed in range(4):
        assert set(wanted).isdisjoint(compose(ask("funk", sounds=locked, seed=seed)).benched)


def test_the_lowest_leads_core_and_the_shortest_bright_one_is_the_closed_hat():
    kit = (
        Sound("thud", "CORE", lowness=0.8),
        Sound("knock", "CORE", lowness=0.2),
        Sound("clap", "ACCENT"),
        Sound("bell", "MOTION", brightness=0.7, length_s=1.5),
        Sound("tick", "MOTION", brightness=0.7, length_s=0.03),
    )
    events = compose(ask("house", bars=1, sounds=kit)).events
    assert {e.sample_id for e in events if e.role == "CORE"} == {"thud"}
    assert {e.sample_id for e in events if e.articulation == "open"} == {"bell"}
    assert "tick" in {e.sample_id for e in events if e.instrument == "hat_closed"}


def test_textures_lie_under_each_phrase():
    beds = [e for e in compose(ask("lofi", bars=10)).events if e.role == "TEXTURE"]
    assert [(e.bar, e.step, e.duration_steps) for e in beds] == [(0, 0, 64), (4, 0, 64), (8, 0, 32)]
    assert all(e.velocity <= 0.35 for e in beds)


def test_a_role_without_a_sound_is_left_out_and_said():
    composition = compose(ask("rock", sounds=sounds(CORE=1, ACCENT=1)))
    assert {e.role for e in composition.events} == {"CORE", "ACCENT"}
    assert [w for w in composition.warnings if "FILL" in w]
    assert len(composition.warnings) == 3


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("density", [0.0, 0.5])
@pytest.mark.parametrize("bars", [1, 2])
def test_one_sound_gives_a_beat(role, density, bars):
    events = compose(ask("boombap", sounds=(Sound("only", role),), density=density, bars=bars)).events
    assert events and {e.sample_id for e in events} == {"only"}


def test_one_sound_may_play_several_roles():
    kit = tuple(Sound("only", role) for role in ("CORE", "ACCENT", "MOTION"))
    composition = compose(ask("rock", sounds=kit))
    assert {e.role for e in composition.events} == {"CORE", "ACCENT", "MOTION"}
    assert composition.benched == {}


def test_without_sounds_there_is_a_skeleton_of_pitches():
    composition = compose(ask("trap", sounds=()))
    assert {e.role for e in composition.events} == set(ROLES)
    assert all(e.sample_id is None and 35 <= e.pitch <= 82 for e in composition.events)
    assert composition.warnings == ()


def test_a_sample_is_seen_by_its_features():
    seen = sound_of(sample(Sound("a", "CORE", instrument="kick")))
    assert (seen.sample_id, seen.pool_role, seen.instrument) == ("a", "CORE", "kick")
    assert seen.length_s == pytest.approx(0.1205)


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
