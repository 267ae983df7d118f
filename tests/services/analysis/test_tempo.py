"""Tempo, beats, downbeats and meter of drum tracks that were never fitted on; honest answers where nothing beats."""

import numpy as np
import pytest

from services.analysis.readings import METERS
from services.analysis.tempo import rhythm
from services.analysis.types import NO_RHYTHM, BeatHints
from tests.services.analysis import rhythms
from tests.services.analysis.rhythms import RATE, f_measure, heard, played, steady

NO_HINTS = BeatHints()


def told(track, hints=NO_HINTS):
    return rhythm(track.activations, hints)


@pytest.mark.parametrize(
    ("pattern", "bpm"),
    [
        (rhythms.ROCK, 72), (rhythms.ROCK, 97.3), (rhythms.ROCK, 128), (rhythms.ROCK, 150), (rhythms.SIXTEENTHS, 66),
        (rhythms.SIXTEENTHS, 104), (rhythms.FOUR_FLOOR, 124), (rhythms.FOUR_FLOOR, 138), (rhythms.BREAKBEAT, 90),
        (rhythms.BREAKBEAT, 168), (rhythms.BREAKBEAT, 174.6),
    ],
)  # fmt: skip
def test_a_constant_tempo(pattern, bpm):
    track = played(pattern, 4, bars=10, when=steady(bpm))
    found = told(track)
    assert found.bpm == pytest.approx(bpm, rel=0.002)
    assert found.meter == "4/4"
    assert f_measure(track.beats_s, found.beats_s) > 0.97
    assert f_measure(track.downbeats_s, found.downbeats_s) > 0.9
    assert found.stability > 0.9
    assert len(found.tempo_map) == 1
    assert found.tempo_map[0].bpm == pytest.approx(found.bpm)
    assert found.tempo_map[0].bar == 0


def test_beats_are_where_the_attack_is_heard():
    track = played(rhythms.ROCK, 4, bars=12, when=steady(113))
    found = np.array(told(track).beats_s)
    late = found - track.beats_s[np.abs(found[:, None] - track.beats_s).argmin(axis=1)]
    assert abs(np.median(late)) < 0.005
    assert np.abs(late).max() < 0.02


@pytest.mark.parametrize(
    ("pattern", "quarters", "bpm", "beat", "meter"),
    [
        (rhythms.WALTZ, 3, 132, 1.0, "3/4"),
        (rhythms.BALLAD, 3, 120, 1.5, "6/8"),
        (rhythms.SEVEN, 3.5, 140, 0.5, "7/8"),
        (rhythms.FIVE, 5, 132, 1.0, "5/4"),
    ],
)
def test_other_meters(pattern, quarters, bpm, beat, meter):
    """The bar is found; whether 6/8 is heard in eighths or dotted quarters is told by the meter."""
    track = played(pattern, quarters, bars=14, when=steady(bpm), beat=beat)
    found = told(track)
    assert f_measure(track.downbeats_s, found.downbeats_s) > 0.9
    asked = told(track, BeatHints(meter=meter))
    assert asked.meter == meter
    assert asked.bpm == pytest.approx(bpm, rel=0.01)
    assert f_measure(track.beats_s, asked.beats_s) > 0.95
    assert f_measure(track.downbeats_s, asked.downbeats_s) > 0.9


@pytest.mark.parametrize("swing", [0.58, 0.667])
def test_swing_does_not_move_the_tempo(swing):
    late = 2 * swing * 0.5 - 0.5  # the second eighth of a pair, in quarters
    pattern = [(q + (late if q % 1 else 0.0), d) for q, d in rhythms.ROCK]
    track = played(pattern, 4, bars=12, when=steady(118))
    found = told(track)
    assert found.bpm == pytest.approx(118, rel=0.005)
    assert f_measure(track.beats_s, found.beats_s) > 0.97


def test_a_ramp_has_a_map():
    when = lambda q: 60 / 100 * 160 * np.log1p(q / 160)  # noqa: E731  100 bpm growing by 100 / 160 each quarter
    track = played(rhythms.ROCK, 4, bars=14, when=when)
    found = told(track)
    assert f_measure(track.beats_s, found.beats_s) > 0.95
    assert len(found.tempo_map) > 3
    first, last = found.tempo_map[0], found.tempo_map[-1]
    assert 96 < first.bpm < 106
    assert 125 < last.bpm < 140
    assert [p.time_s for p in found.tempo_map] == sorted(p.time_s for p in found.tempo_map)
    assert all(b.bar > a.bar for a, b in zip(found.tempo_map, found.tempo_map[1:], strict=False))
    steady_one = told(played(rhythms.ROCK, 4, bars=14, when=steady(115)))
    assert found.stability < steady_one.stability


def test_a_break_is_bridged():
    rows = [rhythms.ROCK] * 5 + [[]] * 2 + [rhythms.ROCK] * 5
    track = played(rows, 4, bars=12, when=steady(104))
    found = told(track)
    assert found.bpm == pytest.approx(104, rel=0.003)
    assert f_measure(track.beats_s, found.beats_s) > 0.97


def test_silence_before_the_music_has_no_beats():
    track = played(rhythms.ROCK, 4, bars=8, when=lambda q: 3.21 + q * 0.5)
    found = told(track)
    assert found.beats_s[0] == pytest.approx(3.21, abs=0.02)
    assert f_measure(track.downbeats_s, found.downbeats_s) > 0.9


def test_a_pickup_comes_before_the_first_downbeat():
    track = played(rhythms.ROCK, 4, bars=9, when=lambda q: (q - 3) * 60 / 112)
    cut = track.audio
    found = rhythm(heard(cut), NO_HINTS)
    truth = track.downbeats_s[track.downbeats_s >= 0]
    assert f_measure(truth, found.downbeats_s) > 0.9


def noise(seconds=12.0):
    return 0.2 * np.random.default_rng(5).standard_normal(round(seconds * RATE))


def tone(seconds=12.0):
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE)


def knocks():
    """Strokes at random moments."""
    rng = np.random.default_rng(8)
    out = np.zeros(15 * RATE)
    for at in np.sort(rng.uniform(0, 14.5, 25)):
        sound = rhythms.sounds()[str(rng.choice(list("KSH")))]
        start = round(at * RATE)
        out[start : start + len(sound)] += sound[: len(out) - start]
    return out / np.abs(out).max()


@pytest.mark.parametrize("audio", [noise(), tone(), np.full(5 * RATE, 0.3), knocks(), noise(0.01)])
def test_nothing_is_invented(audio):
    found = rhythm(heard(audio), NO_HINTS)
    assert found == NO_RHYTHM or found.bpm_confidence < 0.5


@pytest.mark.parametrize("frames", [0, 1, 441, RATE])
def test_silence_and_scraps_have_no_rhythm(frames):
    assert rhythm(heard(np.zeros(frames)), NO_HINTS) == NO_RHYTHM
    assert rhythm(heard(np.ones(frames)), NO_HINTS) == NO_RHYTHM


def test_one_stroke_has_no_rhythm():
    x = np.zeros(4 * RATE)
    x[RATE : RATE + len(rhythms.sounds()["K"])] = rhythms.sounds()["K"]
    found = rhythm(heard(x), NO_HINTS)
    assert found == NO_RHYTHM or found.bpm_confidence < 0.5


ROCK_120 = played(rhythms.ROCK, 4, bars=10, when=steady(120))


def test_alternatives_are_other_tempi_with_lower_scores():
    found = told(ROCK_120)
    assert any(
        a.bpm == pytest.approx(60, rel=0.03) or a.bpm == pytest.approx(240, rel=0.03) for a in found.bpm_alternatives
    )
    for other in found.bpm_alternatives:
        assert 0.0 <= other.score <= 1.0
        assert abs(other.bpm / found.bpm - 1) > 0.02


@pytest.mark.parametrize(("low", "high"), [(50, 70), (100, 140), (200, 260)])
def test_a_range_of_tempi_chooses_the_octave(low, high):
    found = told(ROCK_120, BeatHints(bpm_min=low, bpm_max=high))
    assert low <= found.bpm <= high
    assert any(found.bpm == pytest.approx(120 * r, rel=0.01) for r in (0.5, 1, 2))


@pytest.mark.parametrize(("low", "high"), [(131, 137), (84, 88), (210, 215)])
def test_a_range_without_any_pulse_is_still_kept(low, high):
    found = told(ROCK_120, BeatHints(bpm_min=low, bpm_max=high))
    assert low <= found.bpm <= high
    quarters = np.median(np.diff(found.beats_s)) * found.bpm / 60
    assert quarters == pytest.approx(METERS[found.meter][1], rel=0.03)
    assert found.bpm_confidence < 0.2


def test_a_tempo_at_the_edge_of_the_range_is_in_it():
    measured = told(ROCK_120).bpm
    found = told(ROCK_120, BeatHints(bpm_min=90, bpm_max=measured - 0.1))
    assert found.bpm == pytest.approx(measured - 0.1)
    assert f_measure(ROCK_120.beats_s, found.beats_s) > 0.97


def test_a_first_downbeat_moves_the_bars():
    third = float(ROCK_120.beats_s[2])
    found = told(ROCK_120, BeatHints(first_downbeat_s=third + 0.01))
    assert found.bpm == pytest.approx(120, rel=0.005)
    assert min(abs(t - third) for t in found.downbeats_s) < 0.03


def test_a_first_downbeat_off_every_beat_is_kept():
    found = told(ROCK_120, BeatHints(first_downbeat_s=4.125, bpm_min=115, bpm_max=125))
    assert min(abs(t - 4.125) for t in found.downbeats_s) < 0.06


def test_a_meter_that_the_user_knows_is_kept():
    found = told(ROCK_120, BeatHints(meter="3/4"))
    assert found.meter == "3/4"
    gaps = np.diff(found.downbeats_s)
    assert np.allclose(gaps, 3 * 60 / found.bpm, rtol=0.02)


def test_downbeats_are_beats_and_everything_is_in_order():
    found = told(ROCK_120)
    assert set(found.downbeats_s) <= set(found.beats_s)
    assert list(found.beats_s) == sorted(set(found.beats_s))
    assert found.beats_s[0] >= 0.0
    assert found.beats_s[-1] <= len(ROCK_120.audio) / RATE
    assert 0.0 <= found.meter_confidence <= 1.0
    assert 0.0 <= found.bpm_confidence <= 1.0


def test_the_same_twice_and_from_a_stored_copy():
    heard_once = ROCK_120.activations
    again = type(heard_once).from_bytes(heard_once.to_bytes())
    assert rhythm(heard_once, NO_HINTS) == rhythm(again, NO_HINTS) == told(ROCK_120)
