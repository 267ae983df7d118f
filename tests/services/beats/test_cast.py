"""Who plays what: leads, turns, versions, and who has to wait."""

from collections import defaultdict
from dataclasses import replace

import pytest

from services.beats.beat_gen import ComposeRequest, Sound, compose, sound_of
from services.beats.styles import STYLES
from services.beats.types import ROLES
from tests.composing import FULL, many, sample, sounds

KIT = sounds(**FULL)
names = pytest.mark.parametrize("name", list(STYLES))


def ask(name, **fields):
    return ComposeRequest(**{"bpm": sum(STYLES[name].bpm_range) / 2, "style": name, "sounds": KIT} | fields)


@names
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


@names
@pytest.mark.parametrize(("bars", "arrange"), [(1, False), (4, False), (16, True)])
def test_a_lock_brings_a_sound_in(name, bars, arrange):
    roles = set(ROLES) - ({"FILL"} if bars == 1 else set())  # a single bar has no phrase end
    wanted = {[s.sample_id for s in many(40) if s.pool_role == role][-3] for role in roles}
    kit = tuple(replace(s, locked=s.sample_id in wanted) for s in many(40))
    for seed in range(3):
        composition = compose(ask(name, bars=bars, arrange=arrange, sounds=kit, seed=seed))
        assert wanted <= {e.sample_id for e in composition.events}


def test_more_bars_and_another_take_bring_sounds_in():
    kit = many(40)
    few, more, other = (compose(ask("funk", sounds=kit, **f)) for f in ({}, {"bars": 64}, {"seed": 1}))
    assert len(few.benched) > len(more.benched) == 0
    assert set(few.benched) - set(other.benched)


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


@names
@pytest.mark.parametrize("role", ROLES)
def test_twelve_sounds_of_one_role_play_in_sixteen_bars(name, role):
    composition = compose(ask(name, bars=16, sounds=sounds(**{role: 12})))
    assert composition.benched == {}


@names
def test_the_bars_of_a_phrase_share_their_sounds_by_voice(name):
    """Bars 1 and 3 have the same sounds, and a sound has its step to itself: nothing alternates hit by hit."""
    composition = compose(ask(name, bars=4, density=1.0, sounds=many(30)))
    for role in ("CORE", "ACCENT"):
        cast = [{e.sample_id for e in composition.events if e.bar == b and e.role == role} for b in (0, 2)]
        assert len(cast[0]) <= {"CORE": 1, "ACCENT": 2}[role]
        if role == "ACCENT":
            assert cast[0] == cast[1]


@names
def test_a_line_is_played_by_one_sound_in_a_bar(name):
    """Nothing alternates hit by hit: all hits of a voice that no other voice shares come from the same sound."""
    style = STYLES[name]
    composition = compose(ask(name, bars=16, density=1.0, sounds=many(30)))
    for role in ("CORE", "ACCENT", "MOTION"):
        for bar in range(16):
            written = {}
            for line in style.lines[role]:
                for step, tick in zip(line.steps, line.ticks, strict=True):
                    if bar % 4 in line.bars:
                        written.setdefault((step, tick), set()).add(line.voice)
            cast = defaultdict(set)
            for e in composition.events:
                voices = written.get((e.step, e.tick), set())
                if (e.bar, e.role) == (bar, role) and len(voices) == 1 and e.instrument != "crash":
                    cast[next(iter(voices))].add(e.sample_id)
            assert all(len(played) == 1 for played in cast.values())


def test_the_strongest_transient_with_noise_has_the_backbeat_and_the_next_one_the_ghosts():
    kit = (Sound("k", "CORE"), *(Sound(n, "ACCENT", snap=s) for n, s in (("thin", 0.2), ("crack", 0.7), ("slap", 0.5))))
    events = compose(ask("funk", bars=1, sounds=kit)).events
    assert {e.sample_id for e in events if e.role == "ACCENT" and e.articulation != "ghost"} == {"crack"}
    assert {e.sample_id for e in events if e.articulation == "ghost"} == {"slap"}


def test_snap_is_a_sharp_transient_with_noise():
    def snap(**features):
        return sound_of(replace(sample(Sound("a", "ACCENT")), features=features)).snap

    clap = snap(attack_flatness=0.5, body_flatness=0.3, attack_ms=1.0)
    assert clap > snap(attack_flatness=0.5, body_flatness=0.3, attack_ms=30.0)  # a slow swell
    assert clap > snap(attack_flatness=0.001, body_flatness=0.001, attack_ms=1.0)  # a bell
    assert snap() == 0.0


def test_of_equally_low_sounds_the_kick_leads_and_else_the_lowest():
    def lead(bass, kick):
        kit = (Sound("b", "CORE", instrument="bass", lowness=bass), Sound("k", "CORE", instrument="kick", lowness=kick))
        return {e.sample_id for e in compose(ask("house", bars=1, sounds=kit)).events}

    assert lead(0.80, 0.75) == {"k"}
    assert lead(0.80, 0.30) == {"b"}


def test_the_open_hat_is_no_cymbal_while_another_sound_can_be_it():
    kit = tuple(
        Sound(n, "MOTION", instrument=i, brightness=0.8, length_s=length)
        for n, i, length in (("tick", "perc", 0.03), ("hiss", "perc", 0.4), ("ring", "ride", 3.0))
    )
    events = compose(ask("house", bars=1, sounds=kit)).events
    assert {e.sample_id for e in events if e.articulation == "open"} == {"hiss"}


@pytest.mark.parametrize(("count", "expected"), [(1, {"high", "mid", "low"}), (2, {"high", "low"}), (3, {"mid"})])
def test_few_fill_sounds_play_a_fill_at_several_heights(count, expected):
    kit = sounds(CORE=1, ACCENT=1, MOTION=1, FILL=count)
    seen = set()
    for seed in range(8):
        events = compose(ask("rock", bars=8, sounds=kit, seed=seed)).events
        seen |= {e.variant for e in events if e.role == "FILL"}
        assert all(e.variant is None for e in events if e.role != "FILL")
    assert expected <= seen <= expected | {"mid"}


def test_a_skeleton_has_pitches_and_no_versions():
    assert all(e.variant is None for e in compose(ask("rock", sounds=())).events)


@names
def test_a_bass_never_starts_in_the_sixteenth_before_a_kick(name):
    """The bass takes turns in CORE, and is locked into FILL and MOTION too."""
    kit = (
        Sound("kick", "CORE", instrument="kick", lowness=0.9), Sound("clap", "ACCENT"), Sound("hat", "MOTION"),
        *(Sound(f"bass-{role}", role, instrument="bass", locked=True) for role in ("CORE", "MOTION", "FILL")),
    )  # fmt: skip
    for seed in range(4):
        composition = compose(ask(name, bars=8, density=1.0, sounds=kit, seed=seed))
        steps = composition.grid.steps_per_bar
        at = {e.id: e.bar * steps + e.step + e.tick / 240 for e in composition.events}
        kicks = [at[e.id] for e in composition.events if e.sample_id == "kick"]
        low = [at[e.id] for e in composition.events if str(e.sample_id).startswith("bass")]
        assert low
        assert not [b for b in low if any(0 < (k - b) % (8 * steps) <= 1 for k in kicks)]


@pytest.mark.parametrize("style", ["reggaeton", "polka", "samba", "prog7", "afro68", "rock"])
def test_a_bass_among_toms_is_heard(style):
    """Its place in a fill would lie right before a kick: it plays another one, and a tom plays there."""
    bass = Sound("bass", "FILL", instrument="bass", lowness=0.8)
    toms = (Sound("tom", "FILL", instrument="tom", lowness=0.4), Sound("knock", "FILL", instrument="perc"))
    for seed in range(4):
        composition = compose(ask(style, bars=16, sounds=(*sounds(CORE=1, ACCENT=2, MOTION=3), bass, *toms), seed=seed))
        assert not composition.benched


@pytest.mark.parametrize("style", ["house", "trap", "waltz"])
def test_a_kit_of_textures_alone_lies_in_beds(style):
    composition = compose(ask(style, bars=4, sounds=sounds(TEXTURE=64)))
    assert len(composition.events) == 4
    assert len(composition.benched) == 60
    assert all("more bars" in reason for reason in composition.benched.values())


@pytest.mark.parametrize("seed", range(4))
def test_in_one_phrase_the_backbeat_keeps_its_sound(seed):
    many_accents = sounds(CORE=1, ACCENT=7, MOTION=2)
    made = compose(ComposeRequest(bpm=90, bars=4, style="boombap", sounds=many_accents, seed=seed))
    backbeat = {e.sample_id for e in made.events if e.role == "ACCENT" and e.step in (4, 12)}
    assert len(backbeat) == 1
    assert all("more bars" in why for why in made.benched.values())
