"""Places, mono, filtered sections, and the corners of a mix: one sound, many beds, silence, speed."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import signal

from services.audio.clip import Clip
from services.audio.loudness import integrated, true_peak_db
from services.beats.dress_audio import Dressed, Wardrobe
from services.beats.placing import PAN_RANGE, pan_gains, place_of, placed_at
from services.beats.render import master_mix, render_mix
from services.beats.types import ROLES, Beat, Section
from tests.beat_material import LEVEL_MIX, RATE, STILL_META, event, full_beat, grid, hit, noise, one, sample


def energy(x):
    return float(np.square(x, dtype=np.float64).sum())


def side_share(stereo, below_hz):
    """Energy of the difference below a corner against that of everything below it."""
    sos = signal.butter(8, below_hz, fs=RATE, output="sos")
    middle, side = ((stereo[0] + s * stereo[1]) / 2 for s in (1, -1))
    low = [energy(signal.sosfilt(sos, x.astype(float))) for x in (middle, side)]
    return low[1] / (low[0] + low[1])


# ---- places ----


@pytest.mark.parametrize("role", ROLES)
def test_roles_stand_where_the_table_puts_them(role):
    kit = {f"s{i}": sample(f"s{i}", noise(0.1), role) for i in range(8)}
    beat = Beat(grid(), (), kit)
    places = [place_of(beat, s, role) for s in kit.values()]
    near, far = PAN_RANGE.get(role, (0.0, 0.0))
    assert all(near <= abs(p) <= far for p in places)
    if near:
        assert {p > 0 for p in places} == {True, False}


def test_a_mono_sound_keeps_its_power_at_every_place():
    for place in np.linspace(-1, 1, 21):
        left, right = pan_gains(float(place), 1)
        assert left**2 + right**2 == pytest.approx(1.0)


@pytest.mark.parametrize("place", [-0.6, -0.2, 0.0, 0.35, 0.6])
@pytest.mark.parametrize("channels", [1, 2])
def test_below_120_hz_everything_is_mono(place, channels):
    body = np.concatenate([hit(50 + 20 * c, 0.3).samples + noise(1.0, 0.3, seed=c).samples for c in range(channels)])
    out = placed_at(body, place)
    assert side_share(out, 100.0) < 0.01
    assert energy(out) > 0.5 * energy(body)
    assert out[0] == pytest.approx(out[1]) if place == 0.0 and channels == 1 else not np.array_equal(out[0], out[1])


@pytest.mark.parametrize("place", [-0.6, 0.0, 0.35])
@pytest.mark.parametrize("turn", [1.0, 0.0, -0.5, -1.0])
def test_the_mono_sum_loses_at_most_one_and_a_half_db(place, turn):
    first, other = noise(0.5, None, seed=1).samples[0], noise(0.5, None, seed=2).samples[0]
    body = np.stack([first, turn * first + np.sqrt(1 - turn**2) * other]).astype(np.float32)
    out = placed_at(body, place)
    mono = (out[0] + out[1]) / 2
    assert 10 * np.log10(energy(out) / (2 * energy(mono))) <= 1.5


@pytest.mark.parametrize("right_db", [-30.0, -9.0, -3.0, 0.0, 6.0, 40.0])
@pytest.mark.parametrize("role", ["CORE", "ACCENT"])
def test_a_recording_that_leans_to_one_side_is_centred(role, right_db):
    body = noise(0.3, 0.05, seed=1).samples[0]
    room = noise(0.3, 0.05, seed=2).samples[0]
    clip = Clip(np.stack([body, (body + 0.2 * room) * 10 ** (right_db / 20)]).astype(np.float32), RATE)
    beat, clips = one(clip, [event("s", 0, 0, role, "tom")], role=role)
    left, right = (energy(x) for x in render_mix(beat, clips).mix.samples)
    assert 10 * np.log10(left / right) == pytest.approx(0.0, abs=0.2)


def test_what_a_person_pans_goes_there():
    beat, clips = one(noise(0.3, 0.05, 2), [event("s", 0, 0)], pan=1.0)
    mix = render_mix(beat, clips).mix.samples
    assert np.abs(mix[0]).max() < 1e-6 < np.abs(mix[1]).max()


def test_a_bed_filtered_to_mono_still_goes_round():
    body = np.stack([np.sin(2 * np.pi * f * np.arange(RATE) / RATE) for f in (40, 90)]).astype(np.float32)
    out = placed_at(body, 0.5, loops=True)
    jump = np.abs(out[:, 0] - out[:, -1])
    assert (jump <= 1.05 * np.abs(np.diff(out, axis=1)).max(axis=1)).all()


# ---- sections ----


class Flat(Wardrobe):
    def dressed(self, sample, clip, role, variant=""):
        return Dressed(clip.samples, 0, loops=role == "TEXTURE")


BRIGHT = noise(1.0, None)
SECTIONS = (Section("intro", 0, 1, 500.0), Section("full", 1, 2), Section("break", 3, 1, 900.0))


def sectioned(*events, sections=SECTIONS):
    kit = {"s": sample("s", BRIGHT, "TEXTURE", "texture", attack_s=0.0), "h": sample("h", BRIGHT, "MOTION", "ride")}
    return Beat(grid(120.0, 4), events, kit, sections, LEVEL_MIX, STILL_META), {"s": BRIGHT, "h": BRIGHT}


BED = event("s", 0, 0, "TEXTURE", "texture", duration_steps=64.0)


def treble_db(samples, start_s, end_s, corner_hz=3_000):
    part = samples[:, round(start_s * RATE) : round(end_s * RATE)].astype(float)
    return 10 * np.log10(energy(signal.sosfilt(signal.butter(4, corner_hz, "high", fs=RATE, output="sos"), part)))


@pytest.mark.parametrize("loop", [False, True])
def test_a_section_ends_where_its_low_pass_says(loop):
    beat, clips = sectioned(BED)
    free = replace(beat, sections=())
    stem, plain = (render_mix(b, clips, loop=loop, wardrobe=Flat()).stems["TEXTURE"].samples for b in (beat, free))
    for start, end in ((0.1, 1.9), (6.1, 7.8)):
        assert treble_db(stem, start, end) < treble_db(plain, start, end) - 15.0
        low = [signal.sosfilt(signal.butter(4, 200, fs=RATE, output="sos"), x)[:, : 2 * RATE] for x in (stem, plain)]
        assert energy(low[0]) == pytest.approx(energy(low[1]), rel=0.1)
    inside = slice(round(2.0 * RATE), round(5.97 * RATE))
    assert np.array_equal(stem[:, inside], plain[:, inside])


def test_the_first_hit_of_a_full_section_is_bright_and_the_first_of_an_intro_dull():
    hats = [event("h", bar, 0, "MOTION", "ride") for bar in range(4)]
    beat, clips = sectioned(*hats)
    stem = render_mix(beat, clips, wardrobe=Flat()).stems["MOTION"].samples
    levels = [treble_db(stem, 2.0 * bar + 0.002, 2.0 * bar + 0.02) for bar in range(4)]
    assert levels[1] == pytest.approx(levels[2], abs=0.1)
    assert levels[0] < levels[1] - 15.0
    assert levels[3] < levels[1] - 9.0


@pytest.mark.parametrize("loop", [False, True])
def test_borders_and_seam_of_filtered_sections_do_not_click(loop):
    """A low tone passes the filter, so that its curve must go on as if nothing had happened."""
    tone = Clip(np.sin(2 * np.pi * 50 * np.arange(RATE) / RATE)[None].astype(np.float32), RATE)
    beat, _ = sectioned(BED)
    stem = render_mix(beat, {"s": tone}, loop=loop, wardrobe=Flat()).stems["TEXTURE"].samples[0]
    steps = np.abs(np.diff(stem, n=2))
    assert steps[round(0.1 * RATE) : round(7.9 * RATE)].max() < 1.1 * steps[3 * RATE : 4 * RATE].max()
    if loop:
        assert abs(stem[0] - stem[-1]) <= 1.1 * np.abs(np.diff(stem)).max()


def test_filtering_keeps_time():
    """What passes the filter comes within half a millisecond of where it was."""
    beat, _ = sectioned(event("h", 0, 4, "MOTION", "ride"))
    clips = {"h": hit(150, 0.02, 0.004)}
    sieved, plain = (
        render_mix(replace(beat, sections=s), clips, wardrobe=Flat()).stems["MOTION"].samples[0, : 2 * RATE]
        for s in (SECTIONS, ())
    )
    likeness = signal.correlate(sieved, plain, "same", "fft")
    assert abs(likeness.argmax() - sieved.size // 2) / RATE <= 0.0005


def test_core_is_not_filtered_and_neither_are_pads():
    beat, clips = full_beat(4)
    filtered = replace(beat, sections=(Section("intro", 0, 4, 400.0),))
    assert np.array_equal(*(render_mix(b, clips).stems["CORE"].samples for b in (beat, filtered)))
    assert np.array_equal(*(render_mix(b, clips, pads=True).mix.samples for b in (beat, filtered)))
    assert not np.array_equal(*(render_mix(b, clips).mix.samples for b in (beat, filtered)))


# ---- corners ----


def sound(beat, clips, loop=False):
    """The master, checked for what must never be."""
    done = render_mix(beat, clips, loop=loop)
    loud = master_mix(done)
    assert np.isfinite(loud.samples).all()
    assert true_peak_db(loud) <= -1.0
    assert all(np.abs(stem.samples).max(initial=0.0) <= 0.9 for stem in done.stems.values())
    return loud


def test_sixty_four_beds():
    clips = {f"t{i}": noise(0.5, None, 2, seed=i) for i in range(64)}
    kit = {i: sample(i, c, "TEXTURE", "texture") for i, c in clips.items()}
    events = tuple(event(i, 0, 0, "TEXTURE", "texture", duration_steps=64.0) for i in kit)
    loud = sound(Beat(grid(120.0, 4), events, kit), clips)
    assert integrated(loud) == pytest.approx(-14.0, abs=0.5)


@pytest.mark.parametrize("role", ROLES)
def test_one_sound_in_any_role(role):
    beat, clips = one(noise(0.4, 0.05), [event("s", b, s, role, "perc") for b in (0, 1) for s in (0, 6, 10)], bars=2)
    loud = sound(replace(beat, mix={}), clips)
    assert integrated(loud) is not None


def test_silence_in_every_role_is_silence():
    silent = Clip(np.zeros((2, RATE), np.float32), RATE)
    beat, clips = full_beat(2)
    assert not sound(beat, dict.fromkeys(clips, silent)).samples.any()


@pytest.mark.parametrize("loop", [False, True])
def test_three_hundred_bpm(loop):
    beat, clips = full_beat(4, 300.0)
    assert integrated(sound(beat, clips, loop)) == pytest.approx(-14.0, abs=0.5)


def test_a_tick_is_heard_as_a_hat():
    """A 4 ms tick has little energy: it reaches its role's loudness by its peaks, within what the mix can hold."""
    tick = hit(6_000, 0.004, 0.0005, 0.1)
    kick = hit(60, 0.09, 0.004)
    kit = {"k": sample("k", kick), "t": sample("t", tick, "MOTION", "hat_closed", attack_s=0.0005)}
    kicks = [event("k", 0, s, velocity=0.9) for s in (0, 8)]
    ticks = [event("t", 0, s, "MOTION", "hat_closed", velocity=0.6) for s in range(0, 16, 2)]
    stems = render_mix(Beat(grid(), (*kicks, *ticks), kit), {"k": kick, "t": tick}).stems
    levels = [integrated(stems[role]) for role in ("CORE", "MOTION")]
    assert levels[1] - levels[0] == pytest.approx(-9.0, abs=4.0)


def test_gains_far_off_never_clip():
    beat, clips = full_beat(2)
    strips = {role: {"gain_db": 24.0, "pan": 1.0, "muted": False} for role in ROLES}
    sound(replace(beat, mix={"roles": strips}), clips)
