"""The mix and its stems: attacks on time, levels, what cuts what, silence."""

from dataclasses import replace

import numpy as np
import pytest

from services.audio.clip import Clip
from services.audio.loudness import momentary
from services.beats.dress_audio import Dressed, Wardrobe
from services.beats.grid import event_time_s
from services.beats.render import master_mix, render_mix
from services.beats.types import ROLES, Beat, Trim
from services.beats.voices import VOICE_LUFS
from services.errors import NotFound
from tests.beat_material import LEVEL_MIX, RATE, STILL_META, event, full_beat, grid, hit, kit, noise, one, sample


def level_db(samples, start_s, end_s):
    part = samples[:, round(start_s * RATE) : round(end_s * RATE)]
    return 10 * np.log10(max(1e-12, float(np.square(part.astype(np.float64)).mean())))


def peak_s(clip, around_s, reach_s=0.05):
    a = max(0, round((around_s - reach_s) * RATE))
    part = np.abs(clip.samples[:, a : round((around_s + reach_s) * RATE)]).sum(axis=0)
    return (a + int(part.argmax())) / RATE


@pytest.mark.parametrize("rise_s", [0.0, 0.002, 0.01, 0.03, 0.08, 0.15])
@pytest.mark.parametrize("role", ["CORE", "ACCENT", "MOTION", "FILL"])
def test_the_attack_lies_on_the_events_time(rise_s, role):
    clip = hit(400, 0.05 if rise_s else 0.004, rise_s)  # without a rise, one period has to stand out from the next
    events = [
        event("s", 0, 4, role, "tom", offset_ms=13.0),
        event("s", 0, 11, role, "tom", tick=80),
        event("s", 1, 6, role, "tom", velocity=0.6),
    ]
    beat, clips = one(clip, events, bpm=97.3, bars=2, role=role, instrument="tom", attack_s=rise_s)
    beat = replace(beat, grid=replace(beat.grid, swing=0.62))
    stem = render_mix(beat, clips).stems[role]
    for e in events:
        assert abs(peak_s(stem, event_time_s(beat.grid, e)) - event_time_s(beat.grid, e)) < 0.003


def test_what_precedes_the_attack_sounds_before_it():
    beat, clips = one(hit(300, 0.05, 0.1), [event("s", 0, 4)], attack_s=0.1)
    mix = render_mix(beat, clips).mix.samples
    assert not mix[:, : round(0.399 * RATE)].any()
    assert level_db(mix, 0.45, 0.5) > -40


def test_at_the_very_start_the_rise_is_cut_and_the_attack_stays_on_time():
    clip = hit(300, 0.05, 0.1)
    beat, clips = one(clip, [event("s", 0, 0)], attack_s=0.1)
    mix = render_mix(beat, clips).mix
    assert peak_s(mix, 0.0) < 0.003
    assert mix.frames >= RATE * 2


@pytest.mark.parametrize("rise_s", [0.002, 0.01, 0.1])
@pytest.mark.parametrize("role", ["CORE", "ACCENT", "MOTION", "FILL"])
def test_the_file_does_not_begin_with_a_click_where_the_rise_is_cut(rise_s, role):
    clip = hit(900, 0.05, rise_s)
    beat, clips = one(clip, [event("s", 0, 0, role, "tom")], role=role, instrument="tom", attack_s=rise_s)
    done = render_mix(beat, clips)
    for heard in (done.mix, done.stems[role], master_mix(done)):
        top = np.abs(heard.samples).max()
        assert np.abs(heard.samples[:, :4]).max() < 0.02 * top
        assert np.abs(np.diff(heard.samples, axis=1, prepend=0.0)[:, :44]).max() < 0.25 * top
        assert np.abs(heard.samples[:, : round(0.003 * RATE)]).max() > 0.8 * top  # and is at its height 3 ms later


def test_a_sound_that_is_not_cut_keeps_its_first_millisecond():
    clip = hit(400, 0.3, 0.0)
    beat, clips = one(clip, [event("s", 0, 0)], attack_s=0.0)
    heard = render_mix(beat, clips).mix.samples[0, :58]
    ratio = heard[14:] / clip.samples[0, 14:58]  # but for the moment that keeps its step from clicking
    assert ratio == pytest.approx(np.full(44, ratio[0]), rel=1e-3)
    assert abs(heard[0]) < 0.1 * abs(heard[14])


def test_the_trim_is_what_sounds():
    x = np.concatenate((noise(0.5, seed=1).samples, hit(200, 0.05, 0.01, 0.4).samples, noise(0.5).samples), 1)
    beat, clips = one(Clip(x, RATE), [event("s", 0, 8)], attack_s=0.51, trim=Trim(0.5, 0.7))
    mix = render_mix(beat, clips).mix.samples
    assert not mix[:, : round(0.989 * RATE)].any()
    assert abs(peak_s(render_mix(beat, clips).mix, 1.0) - 1.0) < 0.001
    assert not mix[:, round(1.2 * RATE) :].any()


@pytest.mark.parametrize("loop", [False, True])
def test_the_stems_have_one_length_and_add_up_to_the_mix(loop):
    beat, clips = full_beat()
    done = render_mix(beat, clips, loop=loop)
    assert set(done.stems) == set(ROLES)
    assert all(stem.samples.any() for stem in done.stems.values())
    assert {stem.samples.shape for stem in done.stems.values()} == {done.mix.samples.shape}
    total = sum(stem.samples.astype(np.float64) for stem in done.stems.values())
    assert np.abs(total - done.mix.samples).max() < 1e-6
    assert np.abs(done.mix.samples).max() <= 0.9
    assert done.mix.samples.dtype == np.float32
    assert done.mix.rate_hz == RATE


def test_the_mix_alone_is_the_same_mix():
    beat, clips = full_beat(2)
    assert np.array_equal(render_mix(beat, clips, stems=False).mix.samples, render_mix(beat, clips).mix.samples)


def test_two_renders_are_equal_and_the_clips_stay_as_they_were():
    beat, clips = full_beat(2)
    before = {k: c.samples.copy() for k, c in clips.items()}
    first, second = render_mix(beat, clips), render_mix(beat, clips)
    assert np.array_equal(first.mix.samples, second.mix.samples)
    assert all(np.array_equal(before[k], clips[k].samples) for k in clips)


def test_the_order_of_the_kit_in_its_document_changes_nothing():
    beat, clips = full_beat(2)
    turned = replace(beat, kit=dict(reversed(beat.kit.items())), events=tuple(reversed(beat.events)))
    assert np.array_equal(render_mix(beat, clips).mix.samples, render_mix(turned, clips).mix.samples)


def test_the_tail_rings_on():
    beat, clips = one(hit(80, 0.2), [event("s", 0, 15)])
    done = render_mix(beat, clips)
    assert done.length == 2 * RATE
    assert 0.2 * RATE < done.mix.frames - done.length < 2 * RATE
    assert level_db(done.mix.samples, 2.0, 2.2) > -40


def test_raw_level_does_not_matter():
    soft, loud = hit(), Clip(hit().samples * 0.003, RATE)
    a = render_mix(*one(soft, [event("s", 0, 0)])).mix.samples
    b = render_mix(*one(loud, [event("s", 0, 0)])).mix.samples
    assert np.abs(a - b).max() < 1e-3


def test_velocity_follows_40_log10():
    beat, clips = one(hit(), [event("s", 0, 2), event("s", 0, 10, velocity=0.5)])
    mix = render_mix(beat, clips).mix.samples
    quarter = RATE // 4
    ratio = np.square(mix[:, RATE : RATE + 2 * quarter]).sum() / np.square(mix[:, : 2 * quarter]).sum()
    assert 10 * np.log10(ratio) == pytest.approx(-12.04, abs=0.1)


@pytest.mark.parametrize("clip", [noise(0.3, 0.04), noise(2.0, None, 2), hit(60, 0.09), hit(4000, 0.004, 0.001)])
@pytest.mark.parametrize("role", ["CORE", "ACCENT", "MOTION", "FILL"])
def test_every_sound_has_one_loudness_in_every_role(role, clip):
    """Momentary loudness of a hit of full velocity, before the trims: a hiss, a bed, a thump and a tick are alike."""
    beat, clips = one(clip, [event("s", 0, 4, role, "tom")], role=role, instrument="tom", attack_s=0.001)
    at = RATE // 2 - round(0.005 * RATE)
    heard = render_mix(beat, clips).mix.samples[:, at : at + round(0.4 * RATE)]
    assert momentary(Clip(heard, RATE)).max() == pytest.approx(VOICE_LUFS, abs=0.5)


def test_core_stands_in_the_middle_and_motion_at_the_sides():
    beat, clips = full_beat(2)
    stems = render_mix(beat, clips).stems
    assert np.array_equal(stems["CORE"].samples[0], stems["CORE"].samples[1])
    left, right = (float(np.square(ch, dtype=np.float64).sum()) for ch in stems["MOTION"].samples)
    assert left != pytest.approx(right, rel=0.05)


def test_the_mixer_strip_and_the_sample_move_a_sound():
    beat, clips = one(hit(), [event("s", 0, 0)])
    plain = render_mix(beat, clips).mix.samples
    strip = replace(beat, mix={"roles": {"CORE": {"gain_db": 14.0, "pan": -1.0, "balance_db": -20.0}}})
    left = render_mix(strip, clips).mix.samples
    assert np.abs(left[1]).max() < 1e-6
    assert 20 * np.log10(np.abs(left[0]).max() / np.abs(plain[0]).max()) == pytest.approx(-3.0, abs=0.05)
    own = replace(beat, kit={"s": replace(beat.kit["s"], gain_db=-6.0)})
    assert 20 * np.log10(np.abs(render_mix(own, clips).mix.samples).max() / np.abs(plain).max()) == pytest.approx(
        -6, abs=0.05
    )


def test_an_open_hat_ends_with_the_next_closed_one():
    clips = {"o": noise(2.0, seed=3), "c": noise(0.05, 0.01, seed=4)}
    samples = {
        "o": sample("o", clips["o"], "MOTION", "hat_open", attack_s=0.0),
        "c": sample("c", clips["c"], "MOTION", "hat_closed", attack_s=0.0),
    }
    opened = event("o", 0, 4, "MOTION", "hat_open", articulation="open", duration_steps=2.0)
    closed = event("c", 0, 5, "MOTION", "hat_closed")
    free = render_mix(Beat(grid(), (opened,), samples, mix=LEVEL_MIX), clips).stems["MOTION"].samples
    cut = render_mix(Beat(grid(), (opened, closed), samples, mix=LEVEL_MIX), clips).stems["MOTION"].samples
    assert level_db(free, 0.70, 0.75) > -45
    assert level_db(cut, 0.69, 0.75) < -90
    assert level_db(cut, 0.55, 0.60) == pytest.approx(level_db(free, 0.55, 0.60), abs=0.1)


def test_a_shaker_leaves_an_open_hat_alone():
    clips = {"o": noise(2.0, seed=3), "c": noise(0.05, 0.01, seed=4)}
    samples = {"o": sample("o", clips["o"], "MOTION", "hat_open"), "c": sample("c", clips["c"], "MOTION", "shaker")}
    events = (event("o", 0, 4, "MOTION", "hat_open"), event("c", 0, 5, "MOTION", "shaker"))
    assert level_db(render_mix(Beat(grid(), events, samples), clips).mix.samples, 0.70, 0.75) > -45


def test_a_sound_does_not_pile_up_on_itself():
    """What a strike cuts has faded 8 ms after it: sixteen of a steady sound are then as loud as one."""
    steady = Clip(np.full((1, 2 * RATE), 0.3, np.float32), RATE)
    events = [event("s", 0, s) for s in range(16)]
    beat, clips = one(steady, events, attack_s=0.0)
    many = np.abs(render_mix(beat, clips).mix.samples)
    lone = np.abs(render_mix(*one(steady, events[:1], attack_s=0.0)).mix.samples).max()
    assert many.max() <= 2 * lone
    for step in range(1, 16):
        at = round(step * RATE / 8)
        assert many[:, at + round(0.0085 * RATE) : at + round(0.12 * RATE)].max() <= lone * 1.001
        fade = many[0, at : at + round(0.008 * RATE)]
        assert fade[[9, 175, -1]] == pytest.approx(lone * np.array([2, 1.5, 1]), rel=0.03)


@pytest.mark.parametrize(("role", "longest_s"), [("CORE", 1.1), ("ACCENT", 0.7), ("MOTION", 0.25), ("FILL", 0.8)])
def test_a_long_bell_is_gated_by_its_role(role, longest_s):
    bell = hit(900, 2.0, 0.015, 6.7)
    beat, clips = one(bell, [event("s", 0, 0, role, "perc")], role=role, attack_s=0.015)
    mix = render_mix(beat, clips).mix.samples
    assert level_db(mix, 0.0, 0.1) > -45
    assert not mix[:, round(longest_s * RATE) :].any()


@pytest.mark.parametrize("role", ["CORE", "ACCENT", "FILL"])
def test_a_hit_is_as_long_as_its_voice_whatever_its_note(role):
    """As on a pad: the note's length says nothing, so that MIDI and audio agree."""
    bell = hit(900, 2.0, 0.015, 6.7)
    short = render_mix(*one(bell, [event("s", 0, 0, role)], role=role)).mix.samples
    held = render_mix(*one(bell, [event("s", 0, 0, role, duration_steps=8.0)], role=role)).mix.samples
    assert np.array_equal(short, held)


def test_a_choke_ends_with_its_own_note():
    bell = hit(900, 2.0, 0.015, 6.7)
    choke = event("s", 0, 0, "MOTION", "hat_closed", articulation="choke", duration_steps=0.5)
    mix = render_mix(*one(bell, [choke], role="MOTION", instrument="hat_closed")).mix.samples
    assert level_db(mix, 0.04, 0.06) > -60
    assert not mix[:, round(0.0710 * RATE) :].any()


def test_hats_cut_one_another_when_they_begin():
    clips = {"o": noise(2.0, seed=3), "c": noise(2.0, seed=4)}
    samples = {i: sample(i, clips[i], "MOTION", "hat_open", attack_s=0.0) for i in clips}
    opened = event("o", 0, 4, "MOTION", "hat_open", articulation="open")
    closed = event("c", 0, 5, "MOTION", "hat_closed")
    both = render_mix(Beat(grid(), (opened, closed), samples, (), LEVEL_MIX, STILL_META), clips).mix.samples
    lone = render_mix(Beat(grid(), (closed,), samples, (), LEVEL_MIX, STILL_META), clips).mix.samples
    at = round(0.625 * RATE)
    assert not np.array_equal(both[:, at : at + 300], lone[:, at : at + 300])
    assert np.array_equal(both[:, at + 353 :], lone[:, at + 353 :])


def test_a_roll_of_a_slow_sound_stays_a_roll():
    """A rise takes at most half the way from the last hit: each hit's own attack is heard."""
    slow = hit(900, 0.08, 0.15)
    events = [event("s", 0, step, "ACCENT", "snare", tick=tick) for step in (4, 5, 6) for tick in (0, 120)]
    beat, clips = one(slow, events, role="ACCENT", instrument="snare", attack_s=0.15)
    mix = render_mix(beat, clips).mix
    for e in events:
        time_s = event_time_s(beat.grid, e)
        assert abs(peak_s(mix, time_s, 0.02) - time_s) < 0.003


def test_texture_fills_its_event_evenly():
    beat, clips = one(
        noise(0.7, None, 2), [event("s", 0, 0, "TEXTURE", "texture", duration_steps=64.0)], bars=4, role="TEXTURE",
        instrument="texture", attack_s=0.3,
    )  # fmt: skip
    bed = render_mix(beat, clips).stems["TEXTURE"].samples
    levels = [level_db(bed, t, t + 0.2) for t in np.arange(0.2, 7.6, 0.2)]
    assert max(levels) - min(levels) < 1.5
    assert bed.shape[1] / RATE == pytest.approx(8.06, abs=0.001)


@pytest.mark.parametrize("period_s", [0.0005, 0.05, 0.7, 3.0])
@pytest.mark.parametrize("steps", [0.1, 1.0, 37.0])
def test_a_bed_starts_on_its_event_and_fades_after_its_end(period_s, steps):
    class Plain(Wardrobe):
        def dressed(self, sample, clip, role, variant=""):
            return Dressed(clip.samples, 0, loops=True)

    clip = Clip(np.full((1, round(period_s * RATE)), 0.3, np.float32), RATE)
    bed = event("s", 0, 4, "TEXTURE", "texture", duration_steps=steps)
    beat, clips = one(clip, [bed], bars=3, role="TEXTURE", instrument="texture", attack_s=0.0)
    heard = np.abs(render_mix(beat, clips, wardrobe=Plain()).mix.samples[0])
    start, fade = RATE // 2, round(0.06 * RATE)
    end = start + round(steps * RATE / 8)
    assert not heard[:start].any()
    assert not heard[end + fade :].any()
    assert heard[end + fade - 1] < 0.001 * heard.max()
    if steps >= 1.0:
        assert heard[start + fade // 2] == pytest.approx(heard.max() / 2, rel=0.01)
        assert heard[start + fade : end] == pytest.approx(np.full(end - start - fade, heard.max()), rel=1e-3)


def test_muted_events_roles_and_lost_dice_are_silent():
    hits = [event("s", 0, 0, muted=True), event("s", 0, 8, probability=0.0), event("s", 0, 4, velocity=0.0)]
    beat, clips = one(hit(), hits)
    assert not render_mix(beat, clips).mix.samples.any()
    beat, clips = full_beat(1)
    quiet = replace(beat, mix={"roles": {"MOTION": {"muted": True}}})
    stems = render_mix(quiet, clips).stems
    assert not stems["MOTION"].samples.any()
    assert stems["CORE"].samples.any()


def test_dice_are_seeded_and_fair():
    from services.beats.perform import perform

    hits = [event("s", bar, step, probability=0.25) for bar in range(64) for step in range(16)]
    beat, _ = one(hit(), hits, bars=64)
    first = [h.event.id for h in perform(beat)]
    assert first == [h.event.id for h in perform(beat)]
    assert 0.2 < len(first) / len(hits) < 0.3
    other = [h.event.id for h in perform(replace(beat, meta={"seed": 1}))]
    assert first != other
    without = replace(beat, events=tuple(e for e in beat.events if e.id != first[0]))
    assert [h.event.id for h in perform(without)] == first[1:]


def test_nothing_to_play_is_silence_of_the_right_length():
    samples, clips = kit()
    empty = render_mix(Beat(grid(90, 3), (), samples), clips)
    assert empty.mix.frames == round(8 * RATE)
    assert not empty.mix.samples.any()
    silent, clips = one(Clip(np.zeros((2, 5000), np.float32), RATE), [event("s", 0, 0), event("s", 0, 3, "TEXTURE")])
    done = render_mix(silent, clips)
    assert np.isfinite(done.mix.samples).all()
    assert not done.mix.samples.any()


@pytest.mark.parametrize("frames", [0, 1, 7])
@pytest.mark.parametrize("role", ["CORE", "TEXTURE"])
def test_sounds_of_hardly_any_frames_do_no_harm(frames, role):
    beat, clips = one(Clip(np.full((1, frames), 0.5, np.float32), RATE), [event("s", 0, 2, role)], role=role)
    assert np.isfinite(render_mix(beat, clips).mix.samples).all()


def test_a_pitched_event_without_a_sample_is_silent_here():
    beat, clips = one(hit(), [replace(event("s", 0, 0), sample_id=None, pitch=60)])
    assert not render_mix(beat, clips).mix.samples.any()


def test_a_lost_sound_is_named():
    beat, _ = one(hit(), [event("s", 0, 0)])
    with pytest.raises(NotFound, match=r"s\.wav") as caught:
        render_mix(beat, {})
    assert caught.value.code == "sample_missing"


def test_another_rate_is_a_programming_error():
    beat, _ = one(hit(), [event("s", 0, 0)])
    with pytest.raises(ValueError, match="48000"):
        render_mix(beat, {"s": Clip(hit().samples, 48_000)})


def test_tempo_changes_move_the_attack():
    clip = hit()
    beat, clips = one(clip, [event("s", 2, 0)], bars=3)
    beat = replace(beat, grid=replace(beat.grid, tempo_map=((0, 120.0), (1, 60.0))))
    assert peak_s(render_mix(beat, clips).mix, 6.0) == pytest.approx(6.0, abs=0.001)


def test_the_fastest_tempo_and_repeats():
    events = [event("s", 0, s, "MOTION", "hat_closed", tick=t) for s in range(16) for t in (0, 60, 120, 180)]
    beat, clips = one(noise(1.0), events, bpm=300.0, role="MOTION", instrument="hat_closed")
    mix = render_mix(beat, clips).mix.samples
    assert np.isfinite(mix).all()
    assert np.abs(mix).max() <= 0.9
