"""Loops: exact length, the tail over the start, no click at the seam, also after the master."""

from dataclasses import replace

import numpy as np
import pytest

from services.audio.clip import Clip
from services.audio.loudness import integrated, true_peak_db
from services.beats.grid import duration_s
from services.beats.render import master_mix, render_mix
from services.beats.seam import fold, surround
from services.beats.types import Section
from tests.beat_material import RATE, event, full_beat, hit, noise, one


def seam_is_clean(samples, near=400):
    """The step over the seam is no larger than the steps around it (or inaudible at -80 dB)."""
    jump = np.abs(samples[:, 0] - samples[:, -1])
    around = np.abs(np.diff(np.concatenate([samples[:, -near:], samples[:, :near]], axis=1), axis=1))
    around = np.delete(around, near - 1, axis=1)
    return bool((jump <= np.maximum(around.max(axis=1), 1e-4)).all())


@pytest.mark.parametrize("meter", ["4/4", "3/4", "7/8", "12/8"])
@pytest.mark.parametrize("bpm", [40.0, 97.3, 133.7, 300.0])
def test_a_loop_is_exactly_as_long_as_its_bars(bpm, meter):
    beat, clips = full_beat(1, bpm, meter)
    done = render_mix(beat, clips, loop=True)
    assert done.mix.frames == done.length == round(duration_s(beat.grid) * RATE)
    assert all(stem.frames == done.length for stem in done.stems.values())


@pytest.mark.parametrize("bpm", [60.0, 96.0, 174.0])
def test_the_seam_does_not_click(bpm):
    beat, clips = full_beat(2, bpm)
    done = render_mix(beat, clips, loop=True)
    assert seam_is_clean(done.mix.samples)
    assert all(seam_is_clean(stem.samples) for stem in done.stems.values())
    assert seam_is_clean(master_mix(done).samples)


@pytest.mark.parametrize("style", ["house", "rock"])
@pytest.mark.parametrize("corners_hz", [(400.0, 400.0), (400.0, None), (None, 900.0)])
def test_the_seam_of_a_ducked_and_filtered_loop_does_not_click(corners_hz, style):
    beat, clips = full_beat(4, 124.0, style=style)
    first, last = corners_hz
    beat = replace(beat, sections=(Section("intro", 0, 2, first), Section("out", 2, 2, last)))
    done = render_mix(beat, clips, loop=True)
    assert seam_is_clean(done.mix.samples)
    assert all(seam_is_clean(stem.samples) for stem in done.stems.values())
    assert seam_is_clean(master_mix(done).samples)
    assert done.mix.frames == round(duration_s(beat.grid) * RATE)


def test_a_cut_tail_would_click_here():
    """The measure itself can fail: a held low note that is cut at the bar line jumps."""
    beat, clips = one(hit(50, 3.0, 0.005, 3.0), [event("s", 0, 14, duration_steps=6.0)])
    flat = render_mix(beat, clips).mix.samples[:, : 2 * RATE]
    assert not seam_is_clean(flat)
    assert seam_is_clean(render_mix(beat, clips, loop=True).mix.samples)


def test_the_tail_lands_on_the_start():
    beat, clips = one(hit(80, 0.2), [event("s", 0, 15)])
    flat, loop = render_mix(beat, clips), render_mix(beat, clips, loop=True)
    tail = flat.mix.samples[:, flat.length :]
    assert np.allclose(loop.mix.samples[:, : tail.shape[1]], tail, atol=1e-7)


def test_the_rise_of_the_first_hit_lands_on_the_end():
    beat, clips = one(hit(300, 0.05, 0.1), [event("s", 0, 0)], attack_s=0.1)
    loop = render_mix(beat, clips, loop=True).mix.samples
    assert np.abs(loop[:, -2000:]).max() > 0.1
    assert seam_is_clean(loop)


def test_around_the_seam_a_sound_cuts_itself():
    steady = Clip(np.full((1, 2 * RATE), 0.3, np.float32), RATE)
    beat, clips = one(steady, [event("s", 0, 0), event("s", 0, 15)], attack_s=0.0)
    loop = np.abs(render_mix(beat, clips, loop=True).mix.samples)
    lone = np.abs(render_mix(*one(steady, [event("s", 0, 0)], attack_s=0.0)).mix.samples).max()
    assert loop[:, 353 : round(1.8 * RATE)].max() <= lone * 1.001
    assert loop[0, 176] == pytest.approx(1.5 * lone, rel=0.01)


def test_a_bed_goes_round_without_a_hole():
    beat, clips = one(
        noise(3.0, None, 2), [event("s", 0, 0, "TEXTURE", "texture", duration_steps=32.0)], bars=2, role="TEXTURE",
        instrument="texture", attack_s=1.0,
    )  # fmt: skip
    loop = render_mix(beat, clips, loop=True).mix.samples
    twice = np.concatenate([loop, loop], axis=1)[:, loop.shape[1] - RATE : loop.shape[1] + RATE]
    levels = [10 * np.log10(np.square(twice[:, a : a + 1323]).mean()) for a in range(0, 2 * RATE - 1323, 1323)]
    assert max(levels) - min(levels) < 3.0


def test_a_tail_longer_than_the_loop_goes_round_more_than_once():
    beat, clips = one(hit(200, 1.0, 0.005, 4.0), [event("s", 0, 0, "MOTION", "crash")], bpm=300.0, role="MOTION")
    flat, loop = render_mix(beat, clips), render_mix(beat, clips, loop=True)
    assert loop.length == round(0.8 * RATE)
    assert flat.mix.frames > 2 * loop.length
    assert np.isfinite(loop.mix.samples).all()


def test_fold_keeps_every_frame_once():
    bus = np.arange(1, 24, dtype=np.float32)[None].repeat(2, axis=0)
    folded = fold(bus, 3, 7)
    assert folded.shape == (2, 7)
    assert folded.sum() == bus.sum()
    assert folded[0, 0] == 4 + 11 + 18
    assert folded[0, 6] == 3 + 10 + 17


@pytest.mark.parametrize("seconds", [0.8, 2.9, 8.0])
def test_surround_is_the_loop_in_its_own_company(seconds):
    loop = noise(seconds, None, 2)
    wide, start = surround(loop)
    n = loop.frames
    assert np.array_equal(wide.samples[:, start : start + n], loop.samples)
    assert np.array_equal(wide.samples[:, start - 1], loop.samples[:, -1])
    assert np.array_equal(wide.samples[:, start + n], loop.samples[:, 0])
    assert start >= 3 * RATE


@pytest.mark.parametrize(("bars", "bpm"), [(4, 96.0), (8, 170.0), (2, 120.0)])
@pytest.mark.parametrize("loop", [False, True])
def test_the_master_reaches_its_loudness(bars, bpm, loop):
    beat, clips = full_beat(bars, bpm)
    done = render_mix(beat, clips, loop=loop)
    loud = master_mix(done)
    assert loud.frames == done.mix.frames
    assert integrated(loud) == pytest.approx(-14.0, abs=0.5)
    assert true_peak_db(loud) <= -1.0


def test_another_target_is_kept_in_the_mix_settings():
    beat, clips = full_beat()
    beat = replace(beat, mix={"target_lufs": -20.0})
    assert integrated(master_mix(render_mix(beat, clips))) == pytest.approx(-20.0, abs=0.5)


def test_the_master_of_silence_is_silence():
    beat, clips = one(Clip(np.zeros((1, 4000), np.float32), RATE), [event("s", 0, 0)])
    for loop in (False, True):
        done = master_mix(render_mix(beat, clips, loop=loop))
        assert done.frames == 2 * RATE
        assert not done.samples.any()
