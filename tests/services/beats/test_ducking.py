"""Beds and bass under CORE, measured on stems: how deep, how fast, how long."""

from dataclasses import replace

import numpy as np
import pytest

from services.audio.clip import Clip
from services.beats.dress_audio import Dressed, Wardrobe
from services.beats.ducking import duck, release_s
from services.beats.render import render_mix
from services.beats.types import Beat
from tests.beat_material import LEVEL_MIX, RATE, STILL_META, event, grid, hit, sample


class Flat(Wardrobe):
    """Beds and basses of one steady level, so that a stem is the curve itself."""

    def dressed(self, sample, clip, role, variant=""):
        return Dressed(clip.samples, 0, loops=role == "TEXTURE")


CLIPS = {"k": hit(60, 0.05, 0.001), "bed": Clip(np.full((1, RATE), 0.3, np.float32), RATE)}
CLIPS["bass"] = CLIPS["bed"]
KIT = {
    "k": sample("k", CLIPS["k"], "CORE", "kick", attack_s=0.001),
    "bed": sample("bed", CLIPS["bed"], "TEXTURE", "texture", attack_s=0.0),
    "bass": sample("bass", CLIPS["bass"], "CORE", "bass", attack_s=0.0),
}
BED = event("bed", 0, 0, "TEXTURE", "texture", duration_steps=32.0)


def beat_of(*events, style="house", bars=2, bpm=120.0):
    return Beat(grid(bpm, bars), events, KIT, mix=LEVEL_MIX, meta={**STILL_META, "style": style})


def curve_db(beat, role="TEXTURE", **how):
    """A steady stem's level over time against its loudest, dB."""
    stem = np.abs(render_mix(beat, CLIPS, wardrobe=Flat(), **how).stems[role].samples[0])
    return 20 * np.log10(np.maximum(stem, 1e-9) / stem.max())


def at(curve, seconds):
    return float(curve[round(seconds * RATE)])


@pytest.mark.parametrize(("style", "depth_db"), [("house", -6.0), ("techno", -6.0), ("rock", -2.0), ("unheard", -2.0)])
def test_a_bed_ducks_as_deep_as_its_style_asks(style, depth_db):
    curve = curve_db(beat_of(BED, event("k", 0, 8), style=style))
    for late_s in (0.0, 0.005, 0.02, 0.03):
        assert at(curve, 1.0 + late_s) == pytest.approx(depth_db, abs=0.5)
    assert at(curve, 1.0 - 0.003) == pytest.approx(0.0, abs=0.01)
    assert at(curve, 1.0 + 0.25 + 0.001) == pytest.approx(0.0, abs=0.01)
    assert (np.diff(curve[round(1.0 * RATE) : round(1.26 * RATE)]) >= -1e-4).all()


@pytest.mark.parametrize("bpm", [60.0, 120.0, 174.0])
def test_the_release_is_an_eighth(bpm):
    assert release_s(bpm) == pytest.approx(30.0 / bpm)
    curve = curve_db(beat_of(BED, event("k", 0, 4), bpm=bpm))
    struck, half = 60.0 / bpm, 15.0 / bpm
    assert at(curve, struck + half) == pytest.approx(-3.0, abs=0.1)
    assert at(curve, struck + 2 * half + 0.001) == pytest.approx(0.0, abs=0.01)


def test_a_second_strike_starts_the_curve_anew():
    curve = curve_db(beat_of(BED, event("k", 0, 8), event("k", 0, 9)))
    assert at(curve, 1.125) == pytest.approx(-6.0, abs=0.1)
    assert at(curve, 1.12) > -4.0
    inside = curve[round(0.1 * RATE) : round(3.9 * RATE)]  # without the bed's own fades
    assert np.abs(np.diff(inside)).max() < 0.1  # no steps


def test_in_a_loop_the_last_strike_is_heard_over_the_start():
    beat = beat_of(replace(BED, duration_steps=32.0), event("k", 1, 15), event("k", 0, 0, offset_ms=0.0))
    curve = curve_db(beat, loop=True)
    assert curve.size == 4 * RATE
    late = curve_db(beat_of(BED, event("k", 1, 15)), loop=True)
    assert at(late, 0.1) == pytest.approx(-6.0 * (0.5 + 0.5 * np.cos(np.pi * 0.225 / 0.25)), abs=0.1)
    assert at(curve, 0.0) == pytest.approx(-6.0, abs=3.1)  # over the bed's own seam


def test_a_bass_in_a_fill_yields_too():
    """There its events are called after the part, a tom."""
    bass = event("bass", 0, 4, "FILL", "tom")
    alone = render_mix(beat_of(bass), CLIPS, wardrobe=Flat()).stems["FILL"].samples[0]
    both = render_mix(beat_of(bass, event("k", 0, 5)), CLIPS, wardrobe=Flat()).stems["FILL"].samples[0]
    at = round((5 * 0.125 + 0.02) * RATE)
    assert 20 * np.log10(np.abs(both[at]) / np.abs(alone[at])) < -4.5


def test_a_bass_yields_to_the_kick_and_the_kick_to_nobody():
    bass = event("bass", 0, 4, "CORE", "bass")
    alone = render_mix(beat_of(bass), CLIPS, wardrobe=Flat()).stems["CORE"].samples[0]
    kick = render_mix(beat_of(event("k", 0, 5)), CLIPS, wardrobe=Flat()).stems["CORE"].samples[0]
    both = render_mix(beat_of(bass, event("k", 0, 5)), CLIPS, wardrobe=Flat()).stems["CORE"].samples[0]
    n = min(alone.size, kick.size, both.size)
    under = (both[:n] - kick[:n]) / np.where(alone[:n] == 0.0, 1.0, alone[:n])
    place = round(0.63 * RATE)
    assert 20 * np.log10(under[place]) == pytest.approx(-6.0, abs=0.3)
    assert under[round(0.52 * RATE)] == pytest.approx(1.0, abs=1e-3)
    assert both[: round(0.5 * RATE)].max() == 0.0


def test_the_pads_reference_does_not_duck():
    curve = curve_db(beat_of(BED, event("k", 0, 8)), pads=True)
    assert at(curve, 1.01) == pytest.approx(0.0, abs=0.01)


def test_strikes_at_the_ends_and_beyond_do_no_harm():
    bus = np.ones((2, 1_000), np.float32)
    duck(bus, [(0, 0.01), (999, 0.01), (5_000, 0.01), (0, 0.01)], -6.0, loop=False)
    assert np.isfinite(bus).all()
    assert bus[0, 0] == pytest.approx(0.5012, abs=1e-3)
    assert bus[0, 600] == 1.0
    still = np.ones((2, 10), np.float32)
    duck(still, [], -6.0, loop=True)
    assert (still == 1.0).all()
