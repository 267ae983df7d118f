"""Every style as it sounds: its stems and master measured, on drums with known attacks and on everyday sounds.

The figures and their bounds are in `tests/groove_figures.py`. Each beat is rendered once and measured once.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
import pytest

from services.beats.render import render_mix
from services.beats.styles import STYLES
from services.beats.view import events_json
from tests import groove_measure as measure
from tests.groove_figures import Figures, figures_of
from tests.groove_material import drums, everyday, made, taken

SEAM = 1.5  # the first beat is the loudest
KITS = {"drums": drums, "everyday": everyday}
styles = pytest.mark.parametrize("style", STYLES)
kits = pytest.mark.parametrize("kit", KITS)


@lru_cache(maxsize=2 * len(STYLES))
def heard(style: str, kit: str) -> Figures:
    """The figures of a default beat; its audio is let go, all of it would be a gigabyte."""
    return figures_of(made(KITS[kit](), style), KITS[kit]())[0]


@kits
@styles
def test_every_hit_of_the_pulse_is_heard(style, kit):
    """What the next tests rest on. Ticks under an open hat, ghosts under a ringing snare hide."""
    found = heard(style, kit).heard_share
    assert set(found) == {"CORE", "ACCENT", "MOTION"}
    assert found["CORE"] > (0.95 if kit == "drums" else 0.6)  # soft kicks made of a splash come up slowly
    assert found["ACCENT"] > 0.55
    assert found["MOTION"] > 0.4


@kits
@styles
def test_swing_and_lateness_are_the_rows(style, kit):
    assert not heard(style, kit).faults(style, "time")
    if kit == "drums" and STYLES[style].swing > 0.515:  # straighter rows may have nothing to swing
        assert heard(style, kit).swing is not None


@pytest.mark.parametrize("group", ["level", "duck", "sound", "master", "hit"])
@kits
@styles
def test_a_beat_is_in_bounds(style, kit, group):
    """Balance and mono, ducking, lows and brightness, loudness and peaks, velocities and repeats (`groove_figures`)."""
    assert not heard(style, kit).faults(style, group)


@styles
def test_bars_answer_each_other(style):
    assert not heard(style, "drums").faults(style, "phrase")


@styles
def test_a_loop_closes_without_a_click_and_a_second_render_is_the_same(style):
    beat = made(drums(), style)
    first, second = (render_mix(beat, drums().clips, loop=True, wardrobe=drums().wardrobe).stems for _ in range(2))
    for role, stem in first.items():
        assert stem.frames == round(60 / beat.grid.bpm / 4 * beat.grid.steps_per_bar * beat.grid.bars * measure.RATE)
        assert measure.seam_jump(stem.samples) < SEAM
        assert np.array_equal(stem.samples, second[role].samples)


@styles
def test_a_denser_beat_contains_the_sparser_one(style):
    found = [
        {
            e.id: (e.bar, e.step, e.tick, e.velocity, e.offset_ms, e.sample_id)
            for e in made(drums(), style, density=d).events
        }
        for d in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    ]
    for sparse, dense in itertools.pairwise(found):
        assert sparse.items() <= dense.items()
    roles = {e.role for e in made(drums(), style, density=0.0).events}
    assert roles == {"CORE", "ACCENT"}


def test_first_bars_of_all_styles_differ():
    bars = {style: (measure.places(events_json(made(drums(), style)), 0), STYLES[style].meters[0]) for style in STYLES}
    assert len(set(bars.values())) == len(STYLES)


def test_arranged_beats_keep_time_and_balance():
    """Sections, filters and a break: the figures that do not need a plain phrase still hold."""
    beat = made(drums(), "house", bars=8, arrange=True)
    take = taken(beat, drums())
    assert len(beat.sections) > 1
    assert -14.5 <= measure.lufs(take.master) <= -13.5
    onsets = measure.onsets_s(take.stems["CORE"])
    assert abs(np.mean(measure.lateness_ms(take.grid, onsets, take.of("CORE")))) < 3
