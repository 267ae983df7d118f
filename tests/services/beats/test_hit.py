"""Velocity and repeats: soft hits are duller and slower, no hit is the copy of the one before."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import signal

from services.audio.clip import Clip
from services.beats import strikes
from services.beats.dress_audio import Wardrobe
from services.beats.perform import perform
from services.beats.render import render_mix
from services.beats.softness import LAYERS, layer_of, softened
from services.beats.types import Beat
from services.beats.variation import CENTS, GAIN_DB, amount_of, chances, retuned
from services.beats.voices import Voice, VoiceKey
from tests.beat_material import LEVEL_MIX, RATE, event, full_beat, grid, hit, noise, one, sample

CLIP = noise(0.4, 0.03, seed=9)


def line(count=8, **changes):
    """Hits of one sound at one velocity, an eighth apart at 60 bpm."""
    return [event("s", i // 8, 2 * (i % 8), "ACCENT", "snare", **changes) for i in range(count)]


def varied(events, humanize=0.5, clip=CLIP, bars=2):
    beat, clips = one(clip, events, bpm=60.0, bars=bars, role="ACCENT", instrument="snare", attack_s=0.002)
    return replace(beat, meta={"seed": 0, "parameters": {"humanize": humanize}}), clips


def hits_of(beat, clips, count=8):
    mix = render_mix(beat, clips).mix.samples[0]
    starts = [round(i * RATE / 2) for i in range(count)]
    return [mix[s : s + round(0.4 * RATE)] for s in starts][1:]  # the first one is cut at the file's start


def above_db(x, corner_hz):
    power = np.abs(np.fft.rfft(x)) ** 2
    return 10 * np.log10(power[round(corner_hz * len(x) / RATE) :].sum())


@pytest.mark.parametrize("velocity", [0.15, 0.25, 0.35])
def test_a_soft_hit_loses_treble_beyond_its_level(velocity):
    beat, clips = varied(
        [event("s", 0, 4, "ACCENT", "snare"), event("s", 1, 4, "ACCENT", "snare", velocity=velocity)], 0
    )
    mix = render_mix(beat, clips).mix.samples[0]
    hard, soft = mix[RATE : RATE + 20_000], mix[5 * RATE : 5 * RATE + 20_000] / np.float32(velocity**2)
    assert above_db(hard, 5_000) - above_db(soft, 5_000) >= 4.0
    low = signal.butter(4, 1_000, fs=RATE, output="sos")
    levels = [10 * np.log10(np.square(signal.sosfilt(low, x)).sum()) for x in (hard, soft)]
    assert levels[1] == pytest.approx(levels[0], abs=1.5)


@pytest.mark.parametrize("rise_s", [0.0, 0.002, 0.02])
def test_a_soft_hit_comes_to_its_height_one_to_three_ms_later(rise_s):
    clip = hit(3_000, 0.02, rise_s)
    voice = Voice(np.repeat(clip.samples, 2, axis=0), round(rise_s * RATE))
    slow = softened(voice, 2)
    places = [np.abs(signal.hilbert(v.samples[0])).argmax() / RATE for v in (voice, slow)]
    assert 0.001 <= places[1] - places[0] <= 0.003
    assert slow.attack == voice.attack


def test_layers_follow_velocity_and_ghosts_are_soft():
    assert [layer_of(event("s", 0, 0, velocity=v)) for v in (1.0, 0.62, 0.61, 0.38, 0.37, 0.02)] == [0, 0, 1, 1, 2, 2]
    assert layer_of(event("s", 0, 0, velocity=0.9, articulation="ghost")) == 2
    assert layer_of(event("s", 0, 0, "TEXTURE", velocity=0.1)) == 0
    assert [layer.shelf_db for layer in LAYERS] == sorted([layer.shelf_db for layer in LAYERS], reverse=True)


def test_no_hit_is_the_copy_of_the_one_before():
    beat, clips = varied(line(16))
    heard = hits_of(beat, clips, 16)
    assert len(heard) == 15
    assert all(not np.array_equal(a, b) for a, b in itertools.pairwise(heard))
    assert all(np.abs(a - b).max() > 0.01 * np.abs(a).max() for a, b in itertools.pairwise(heard))


def test_repeats_stay_within_their_bounds():
    heard = hits_of(*varied(line(16)), 16)
    levels = np.array([10 * np.log10(np.square(x).sum()) for x in heard])
    assert 0.3 < levels.max() - levels.min() < 2 * GAIN_DB + 0.3
    assert max(abs(c) for c in CENTS) <= 8.0


@pytest.mark.parametrize("cents", CENTS)
def test_a_take_is_so_many_cents_away(cents):
    x = np.sin(2 * np.pi * 1_000 * np.arange(2 * RATE) / RATE)[None].repeat(2, axis=0).astype(np.float32)
    out = retuned(Voice(x, 1_000), cents)
    spectrum = np.abs(np.fft.rfft(out.samples[0] * np.hanning(out.samples.shape[1]), 1 << 21))
    found_hz = spectrum.argmax() * RATE / (1 << 21)
    assert 1200 * np.log2(found_hz / 1_000) == pytest.approx(cents, abs=0.1)
    assert out.attack == pytest.approx(1_000 / 2 ** (cents / 1200), abs=1)


def test_without_humanize_repeats_are_alike():
    heard = hits_of(*varied(line(), 0.0))
    assert all(np.array_equal(heard[0], x) for x in heard[1:])
    assert [amount_of(Beat(grid(), (), {}, meta=m)) for m in ({}, {"parameters": {"humanize": 1.0}})] == [1.0, 1.0]
    assert amount_of(Beat(grid(), (), {}, meta={"parameters": {"humanize": 0.25}})) == 0.5


def test_takes_depend_on_the_event_and_the_seed_alone():
    beat, _ = varied(line(16))
    hits = perform(beat)
    drawn = chances(hits, 0, 1.0)
    assert drawn == chances(hits, 0, 1.0)
    assert drawn != chances(hits, 1, 1.0)
    other = perform(replace(beat, events=(*beat.events, event("x", 0, 5, "CORE"))))
    both = dict(zip([h.event.id for h in other], chances(other, 0, 1.0), strict=True))
    assert [both[h.event.id] for h in hits] == drawn
    assert all(abs(20 * np.log10(c.gain)) <= GAIN_DB for c in drawn)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 16, 64])
def test_takes_never_repeat_also_round_a_loop(count):
    for seed in range(20):
        beat, _ = varied(line(count), bars=8)
        takes = [c.take for c in chances(perform(beat), seed, 1.0)]
        assert all(a != b for a, b in zip(takes, [*takes[1:], takes[0]], strict=True))


def test_a_closed_hat_and_the_open_one_of_a_sound_are_hits_of_that_sound():
    clips = {"h": noise(0.5, 0.05)}
    kit = {"h": sample("h", clips["h"], "MOTION", "hat_closed", attack_s=0.0)}
    events = [event("h", 0, s, "MOTION", "hat_open" if s % 4 == 2 else "hat_closed") for s in range(0, 16, 2)]
    beat = Beat(grid(), tuple(events), kit, mix=LEVEL_MIX)
    takes = [c.take for c in chances(perform(beat), 0, 1.0)]
    assert all(a != b for a, b in itertools.pairwise(takes))


def test_a_varied_beat_renders_the_same_twice():
    beat, clips = full_beat(2)
    assert np.array_equal(render_mix(beat, clips).mix.samples, render_mix(beat, clips).mix.samples)


@pytest.mark.parametrize("frames", [1, 2, 50])
def test_tiny_sounds_vary_without_harm(frames):
    beat, clips = varied(line(8, velocity=0.3), clip=Clip(np.full((1, frames), 0.5, np.float32), RATE))
    assert np.isfinite(render_mix(beat, clips).mix.samples).all()


def test_takes_beyond_the_memory_they_may_fill_are_the_plain_voice(monkeypatch):
    beat, clips = full_beat()
    whole = render_mix(beat, clips).mix.samples
    monkeypatch.setattr(strikes, "TAKES_BYTES", 0)
    rack = strikes.Rack(beat, clips, Wardrobe())
    key = VoiceKey("kick", "CORE", "")
    assert rack.take(key, 0, 0) is rack.take(key, 0, 3)
    small = render_mix(beat, clips).mix.samples
    assert small.any()
    assert not np.array_equal(small, whole)
