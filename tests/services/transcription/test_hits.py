"""From activations to hits."""

import numpy as np
import pytest

from services.transcription.hits import FLAM_S, pick
from services.transcription.spectrum import FRAME_S
from services.transcription.types import DRUMS, FAMILIES, Activations

FRAMES = 400
FAMILY = {drum: i for i, members in enumerate(FAMILIES.values()) for drum in members}


def activations(hits, frames=FRAMES, tones=None):
    """What a sure network would hear: hits are (frame as a float, drum, velocity) or with a fourth value, how sure."""
    families, drums = np.zeros((5, frames), np.float32), np.zeros((9, frames), np.float32)
    velocities, low = np.zeros((9, frames), np.float32), np.full(frames, 120, np.float32)
    risen = np.full((5, frames), -120, np.float32)
    for at, drum, velocity, *sure in hits:
        risen[FAMILY[drum], max(0, int(at) - 1) : int(at) + 3] = 20 * np.log10(0.25 + 0.75 * velocity)
        for k in range(int(at) - 1, int(at) + 3):
            near = max(0.0, 1 - abs(k - at) / 1.6) * (sure[0] if sure else 1.0)
            families[FAMILY[drum], k] = max(families[FAMILY[drum], k], near)
            if near > drums[DRUMS.index(drum), k]:
                drums[DRUMS.index(drum), k], velocities[DRUMS.index(drum), k] = near, velocity
    for frame, hz in tones or ():
        low[frame] = hz
    return Activations(FRAME_S, families, drums, velocities, low, risen, 1.0)


def test_nothing_heard_is_no_hit():
    assert pick(activations([])) == ()
    assert pick(activations([], frames=0)) == ()


@pytest.mark.parametrize("at", [100.0, 100.25, 100.5, 100.8])
def test_a_hit_between_frames_is_placed_between_them(at):
    (hit,) = pick(activations([(at, "kick", 0.8)]))
    assert hit.time_s == pytest.approx(at * FRAME_S, abs=0.003)
    assert (hit.instrument, hit.variant) == ("kick", None)
    assert hit.velocity == pytest.approx(0.8, abs=0.01)


def test_drums_struck_together_are_hits_of_their_own():
    hits = pick(activations([(50, "kick", 0.9), (50, "snare", 0.8), (50, "hat_closed", 0.5), (50, "crash", 0.7)]))
    assert [h.instrument for h in hits] == ["kick", "snare", "hat_closed", "crash"]


def test_two_of_a_family_together_are_two_hits_when_both_are_sure():
    assert [h.instrument for h in pick(activations([(50, "snare", 0.8), (50, "clap", 0.8)]))] == ["snare", "clap"]
    assert [h.instrument for h in pick(activations([(50, "snare", 0.8), (50, "clap", 0.8, 0.4)]))] == ["snare"]


def test_every_stroke_of_a_roll_is_kept():
    roll = [(40 + 4 * i, "snare", 0.6 + 0.01 * i) for i in range(20)]
    hits = pick(activations(roll))
    assert [round(h.time_s / FRAME_S) for h in hits] == [40 + 4 * i for i in range(20)]
    assert all(h.variant is None for h in hits)


def test_a_soft_stroke_just_before_a_hard_one_makes_it_a_flam():
    (hit,) = pick(activations([(97, "snare", 0.5), (100, "snare", 0.9)]))
    assert hit.variant == "flam"
    assert hit.time_s == pytest.approx(100 * FRAME_S, abs=0.002)
    assert FLAM_S > 3 * FRAME_S


def test_a_soft_snare_is_a_ghost():
    soft, hard = pick(activations([(50, "snare", 0.2), (100, "snare", 0.9)]))
    assert (soft.variant, hard.variant) == ("ghost", None)


def test_toms_are_told_apart_by_their_tones():
    toms = [(40, "tom", 0.8), (80, "tom", 0.8), (120, "tom", 0.8), (160, "tom", 0.8)]
    hits = pick(activations(toms, tones=[(40, 210), (80, 150), (120, 92), (160, 93)]))
    assert [h.variant for h in hits] == ["high", "mid", "low", "low"]
    (lone,) = pick(activations(toms[:1], tones=[(40, 80)]))
    assert lone.variant == "low"


def test_the_second_best_is_named_with_its_probability():
    (hit,) = pick(activations([(50, "hat_open", 0.7), (50, "ride", 0.7, 0.28)]))
    assert hit.instrument == "hat_open"
    assert hit.alternatives[0].instrument == "ride"
    assert 0.05 < hit.alternatives[0].probability < 0.4


def test_a_surer_hit_is_more_confident_and_an_unsure_one_is_none():
    sure, less = pick(activations([(50, "kick", 0.8), (100, "kick", 0.8, 0.6)]))
    assert 0 < less.confidence < sure.confidence <= 1
    assert pick(activations([(50, "kick", 0.8, 0.08)])) == ()


def test_hits_come_in_time_order():
    hits = pick(activations([(200, "kick", 0.8), (50, "crash", 0.8), (120, "tom", 0.8), (50, "snare", 0.8)]))
    assert [h.time_s for h in hits] == sorted(h.time_s for h in hits)


def test_of_some_hits_one_at_least_is_clear():
    murmur = [(50 * i + 20, "kick", 0.5, 0.75) for i in range(5)]
    assert pick(activations(murmur)) == ()
    assert len(pick(activations([*murmur[:4], (230, "kick", 0.8)]))) == 5
    assert len(pick(activations(murmur[:2]))) == 2


def test_a_few_doubtful_hits_are_none_and_among_certain_ones_they_stay():
    doubtful = [(50 * i + 20, "ride", 0.5, 0.45) for i in range(5)]
    assert pick(activations(doubtful)) == ()
    assert len(pick(activations([*doubtful, *[(50 * i + 40, "kick", 0.8) for i in range(6)]]))) == 11
