"""Phrases and variations of every style, measured on the events of composed beats."""

import statistics

import pytest

from services.beats.beat_gen import ComposeRequest, compose
from services.beats.material import Material, phrases
from services.beats.styles import STYLES
from services.beats.syncopation import syncopation
from services.beats.types import BEAT_STEPS, METERS, ROLES
from services.beats.vary import likeness, variation
from tests.composing import FULL, sounds

KITS = {"full": FULL, "one of each": dict.fromkeys(ROLES, 1), "no fill": {"CORE": 1, "ACCENT": 2, "MOTION": 3}}
SEEDS = 8
names = pytest.mark.parametrize("name", list(STYLES))
kits = pytest.mark.parametrize("kit", list(KITS))


def beat(name, kit="full", **fields):
    bpm = sum(STYLES[name].bpm_range) / 2
    return compose(ComposeRequest(**{"bpm": bpm, "style": name, "sounds": sounds(**KITS[kit])} | fields))


def bar(composition, index, roles=("CORE", "ACCENT", "MOTION", "FILL")):
    return frozenset((e.role, e.step, e.tick) for e in composition.events if e.bar == index and e.role in roles)


@names
@kits
def test_the_second_bar_is_like_the_first_and_the_fourth_less(name, kit):
    """Measured as a listener would: bar 1 against bar 2 (A, A′) and against bar 4 (B), role, step, tick."""
    takes = [beat(name, kit, seed=seed) for seed in range(SEEDS)]
    near = [likeness(bar(c, 0), bar(c, 1)) for c in takes]
    far = [likeness(bar(c, 0), bar(c, 3)) for c in takes]
    assert 0.75 <= statistics.median(near) <= 0.95 and 0.5 <= statistics.median(far) <= 0.8
    assert sum(0.75 <= x <= 0.95 for x in near) >= 0.9 * SEEDS
    assert sum(0.5 <= x <= 0.8 for x in far) >= 0.9 * SEEDS


@names
def test_a_prime_changes_one_to_three_hits_and_never_the_skeleton(name):
    style = STYLES[name]
    for seed in range(SEEDS):
        composition = beat(name, seed=seed, humanize=0.0)
        first, second = bar(composition, 0), bar(composition, 1)
        assert 1 <= max(len(first - second), len(second - first)) <= 3  # a hit that moved is one
        for role in ("CORE", "ACCENT"):
            written = {(role, s, 0) for x in style.lines[role] if x.rank == 0 and 1 in x.bars for s in x.steps}
            assert written <= second


@names
@pytest.mark.parametrize("kit", ["full", "one of each"])
def test_phrases_vary_as_bars_do(name, kit):
    """The sections of 16 bars: A against A′ and against B."""
    near, far = [], []
    for seed in range(SEEDS):
        composition = beat(name, kit, bars=16, seed=seed)
        a, prime, _, b = (
            frozenset((i, *place) for i in range(4) for place in bar(composition, 4 * phrase + i))
            for phrase in range(4)
        )
        near.append(likeness(a, prime))
        far.append(likeness(a, b))
    assert 0.75 <= statistics.median(near) <= 0.95 and 0.5 <= statistics.median(far) <= 0.8
    assert all(0.7 <= x < 1.0 for x in near)


@names
def test_a_phrases_are_alike(name):
    composition = beat(name, bars=16, density=1.0, seed=3)
    assert all(bar(composition, i) == bar(composition, 8 + i) for i in range(1, 4))
    roles = ("CORE", "ACCENT", "MOTION")
    assert bar(composition, 0, roles) == bar(composition, 8, roles)


@names
def test_the_syncopation_is_the_rows(name):
    style = STYLES[name]
    for meter in style.meters:
        for seed in range(12):
            composition = beat(name, meter=meter, seed=seed)
            mean = statistics.mean(
                syncopation([s for _, s, tick in bar(composition, b, ("CORE", "ACCENT")) if not tick], meter)
                for b in range(4)
            )
            assert style.syncopation_range[0] <= mean <= style.syncopation_range[1]


def test_the_first_bars_of_all_styles_differ():
    for seed in range(4):
        assert len({bar(beat(name, seed=seed), 0) for name in STYLES}) == len(STYLES)


@names
@pytest.mark.parametrize("bars", [2, 4, 7])
def test_fills_lie_at_phrase_ends_only(name, bars):
    composition = beat(name, bars=bars, density=1.0)
    meter = composition.grid.meter
    found = [e for e in composition.events if e.role == "FILL"]
    assert {e.bar for e in found} == {p.first_bar + p.bars - 1 for p in phrases(bars)}
    assert all(e.step >= METERS[meter] - 2 * BEAT_STEPS[meter] for e in found)


@names
def test_a_fill_rises_and_hats_thin_out_under_it(name):
    style = STYLES[name]
    for seed in range(4):
        composition = beat(name, bars=16, density=1.0, seed=seed)
        m = Material(style, composition.grid.meter, seed, frozenset(ROLES), 16)
        for phrase in phrases(16):
            last = phrase.first_bar + 3
            fill = [e.velocity for e in composition.events if e.role == "FILL" and e.bar == last]
            window, beat_steps = variation(m, phrase.key, 4, 3).window, BEAT_STEPS[m.meter]
            hats = [e for e in composition.events if e.role == "MOTION" and e.bar == last and e.step >= window]
            assert fill == sorted(fill) and (len(fill) == 1 or fill[-1] > fill[0])
            assert all((e.step - METERS[m.meter]) % beat_steps == 0 for e in hats)


@names
def test_rolls_ramp(name):
    """Every run of hits inside steps gets louder: in rows and in fills."""
    for seed in range(4):
        events = [e for e in beat(name, bars=8, density=1.0, humanize=0.0, seed=seed).events if e.role != "TEXTURE"]
        by_place = {(e.bar, e.role, e.step * 240 + e.tick): e for e in events}
        for (index, role, at), event in by_place.items():
            before = [by_place.get((index, role, at - gap)) for gap in (120, 160)]
            if event.tick and any(before):
                assert event.velocity > max(e.velocity for e in before if e)


def test_core_answers_a_fill_and_some_styles_crash():
    first = [e for e in beat("rock", bars=8).events if (e.bar, e.step) == (4, 0)]
    assert any(e.role == "CORE" and e.articulation == "accent" for e in first)
    assert any(e.instrument == "crash" for e in first)
    assert not any(e.instrument == "crash" for e in beat("house", bars=8).events)


def test_one_bar_has_no_fill():
    composition = beat("house", bars=1)
    assert not any(e.role == "FILL" for e in composition.events)
    assert "single bar" in composition.benched["fill0"]


@names
def test_open_hats_end_at_the_next_hat_which_chokes_it(name):
    composition = beat(name, density=1.0)
    steps = composition.grid.steps_per_bar
    hats = [e for e in composition.events if e.role == "MOTION"]
    at = {e.id: e.bar * steps + e.step + e.tick / 240 for e in hats}
    opened = [e for e in hats if e.articulation == "open"]
    assert opened and all(0 < e.duration_steps <= 4 for e in opened)
    for event in opened:
        later = [e for e in hats if at[e.id] > at[event.id] and e.articulation != "open"]
        if later and at[later[0].id] - at[event.id] <= 4:
            assert event.duration_steps == pytest.approx(at[later[0].id] - at[event.id])
            assert later[0].articulation is not None


@names
def test_a_bar_of_hats_has_four_velocities(name):
    for seed in range(4):
        for density in (None, 1.0):
            composition = beat(name, density=density, seed=seed)
            for index in range(4):
                hats = [e.velocity for e in composition.events if e.role == "MOTION" and e.bar == index]
                assert len(hats) < 8 or len(set(hats)) >= 4


@names
def test_ghosts_stay_ghosts(name):
    for humanize in (0.0, 0.5, 1.0):
        ghosts = [e for e in beat(name, bars=8, humanize=humanize).events if e.articulation == "ghost"]
        assert all(0.15 <= e.velocity <= 0.35 for e in ghosts)


def test_hats_lean_on_the_beat_and_alternate_hands():
    hats = {
        e.step: e.velocity
        for e in beat("garage", "one of each", humanize=0.0, density=0.2).events
        if e.bar == 0 and e.instrument == "hat_closed" and not e.tick
    }
    assert hats[0] > hats[2] > hats[1] and hats[0] > hats[2] > hats[3]
    pair = [
        e.velocity for e in beat("reggaeton", "one of each", humanize=0.0, density=0.3).events if e.role == "MOTION"
    ]
    assert pair[1] / pair[0] == pytest.approx(0.75 * 0.92, abs=0.01)  # the off-beat, by the other hand
