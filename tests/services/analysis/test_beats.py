"""Beats of a given period: through gaps, off-beats and slips, and how they are straightened."""

import numpy as np
import pytest

from services.analysis.beats import refined, smoothed, track


def strength(places, n=1200, width=1.5):
    """A row of peaks, deviation 1."""
    x = np.zeros(n)
    for at in places:
        x += np.exp(-0.5 * ((np.arange(n) - at) / width) ** 2)
    return x / x.std()


@pytest.mark.parametrize("period", [22.0, 48.3, 97.7])
def test_beats_fall_on_peaks(period):
    places = np.arange(30.4, 1180, period)
    found = track(strength(places), np.full(1200, period))
    inside = found[(found > 29) & (found < 1181)]
    assert len(inside) == len(places)
    assert np.abs(inside - places).max() < 1.0


def test_beats_run_through_a_gap_and_on_to_both_ends():
    places = [p for p in np.arange(200, 1000, 50.0) if not 400 < p < 640]
    found = track(strength(places), np.full(1200, 50.0))
    assert np.abs(found - np.arange(0, 1200, 50)).max() < 3.0


def test_stronger_off_beats_of_a_swing_do_not_bend_the_beat():
    beats = np.arange(20, 1180, 60.0)
    x = strength(beats) + 0.8 * strength(beats + 40)
    found = track(x / x.std(), np.full(1200, 60.0))
    phase = (found - 20) % 60
    assert np.minimum(phase, 60 - phase).max() < 2.0


def test_a_period_that_changes_is_followed():
    gaps = np.linspace(40, 70, 21)
    places = 20 + np.cumsum(gaps)
    period = np.interp(np.arange(1200), places, gaps)
    found = track(strength(places), period)
    for place in places:
        assert np.abs(found - place).min() < 1.5


def test_times_lie_between_frames():
    places = np.array([100.3, 150.7, 200.5])
    moved, heard = refined(strength(places), np.rint(places) + 1)
    assert np.abs(moved - places).max() < 0.05
    assert (heard > 1.0).all()


def test_what_is_not_heard_stays_where_it_was():
    moved, heard = refined(strength([100.0]), np.array([100.0, 150.25]))
    assert moved[1] == 150.25
    assert heard[1] == 0.0


def test_slips_are_straightened_and_ramps_are_kept():
    rng = np.random.default_rng(3)
    true = np.cumsum(np.linspace(45, 52, 60))
    played = true + rng.normal(0, 0.8, 60)
    played[30] += 6.0
    found = smoothed(played, np.ones(60), 4.0)
    assert np.abs(found - true).max() < 1.5
    assert np.abs(found - true).mean() < 0.6 * np.abs(played - true).mean()


def test_few_beats_are_left_alone():
    assert smoothed(np.array([1.0, 2.0]), np.ones(2), 4.0).tolist() == [1.0, 2.0]
