"""The readings of a pulse: the true one is among them, accents tell beats apart, and probabilities are shared out."""

import numpy as np
import pytest

from services.analysis.activations import FRAMES_PER_S
from services.analysis.meter import judge, judged, turned
from services.analysis.readings import BAR_BEATS, BAR_VALUES, METERS, grids
from services.analysis.tempogram import pulse
from tests.services.analysis import rhythms
from tests.services.analysis.rhythms import f_measure, played, steady


def read(track):
    heard = track.activations
    return grids(pulse(heard), heard)


@pytest.mark.parametrize(
    ("pattern", "quarters", "bpm", "beat"),
    [
        (rhythms.ROCK, 4, 64, 1.0),
        (rhythms.ROCK, 4, 131, 1.0),
        (rhythms.SIXTEENTHS, 4, 190, 1.0),
        (rhythms.WALTZ, 3, 150, 1.0),
        (rhythms.BLUES, 6, 120, 1.5),
        (rhythms.SEVEN, 3.5, 120, 0.5),
    ],
)
def test_the_true_beats_are_among_the_readings(pattern, quarters, bpm, beat):
    track = played(pattern, quarters, bars=8, when=steady(bpm), beat=beat)
    found = read(track)
    last = track.beats_s[-1] + 0.1
    best = max(f_measure(track.beats_s, g.beats[g.beats / FRAMES_PER_S < last] / FRAMES_PER_S, 0.045) for g in found)
    assert best > 0.97
    periods = [g.period_s for g in found]
    assert min(periods) < 60 / bpm * beat * 1.02
    assert len(found) < 60


def test_no_reading_comes_twice():
    found = read(played(rhythms.ROCK, 4, bars=8, when=steady(120)))
    for i, one in enumerate(found):
        for other in found[:i]:
            same = abs(one.period_s / other.period_s - 1) < 0.01
            n = min(len(one.beats), len(other.beats)) // 2
            assert not same or np.abs(other.beats - one.beats[n]).min() > 0.08 * one.period_s * FRAMES_PER_S


def test_accents_tell_the_beats_of_a_bar_apart():
    """Four kicks a bar, a crash of all drums on the first: it stands out, wherever the bars are taken to begin."""
    pattern = [(q, "K") for q in range(4)] + [(0, "S"), (0, "C"), (0, "H")]
    track = played(pattern, 4, bars=10, when=steady(110))
    grid = min(read(track), key=lambda g: abs(g.period_s - 60 / 110) + np.abs(g.beats - 60 / 110 * 100).min() / 100)
    bars = grid.bars[4]
    assert bars.shape == (4, BAR_VALUES)
    first = int(np.abs(grid.beats / FRAMES_PER_S - track.downbeats_s[2]).argmin()) % 4
    highs = bars[:, 5]  # the highest band on the beat
    assert highs.argmax() == first
    assert np.sort(highs)[-1] > 1.3 * np.sort(highs)[-2]


@pytest.mark.parametrize("beats", BAR_BEATS)
def test_bars_are_turned_to_begin_on_each_beat(beats):
    order = turned(beats)
    assert [row[0] for row in order] == list(range(beats))
    assert all(sorted(row) == list(range(beats)) for row in order.tolist())
    assert all((row[1] - row[0]) % beats == 1 % beats for row in order.tolist())


def test_probabilities_are_shared_among_all_readings():
    found = read(played(rhythms.ROCK, 4, bars=8, when=steady(120)))
    readings, none = judged(found, judge())
    assert sum(r.probability for r in readings) + none == pytest.approx(1.0)
    assert len(readings) == len(found) * sum(beats for beats, _ in METERS.values())
    assert len({(r.grid, r.meter, r.first) for r in readings}) == len(readings)


def test_what_is_too_short_for_four_beats_has_no_readings():
    track = played([(0, "K")], 1, bars=2, when=steady(60))
    heard = track.activations
    found = grids(pulse(heard), heard)
    assert all(len(g.beats) >= 4 for g in found)
