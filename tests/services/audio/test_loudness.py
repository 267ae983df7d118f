"""Loudness against the standard's own figures and an independent implementation; true peak against theory."""

import numpy as np
import pyloudnorm
import pytest
from scipy import signal

from services.audio.clip import Clip
from services.audio.dsp import from_db
from services.audio.loudness import block_peaks, integrated, k_weighting, momentary, true_peak, true_peak_db
from tests import sounds

RATE = 48_000


def sine(hz, seconds, dbfs, rate=RATE, channels=2):
    t = np.arange(round(seconds * rate)) / rate
    values = from_db(dbfs) * np.sin(2 * np.pi * hz * t)
    return Clip(np.repeat(values[None].astype(np.float32), channels, axis=0), rate)


def joined(*clips):
    return Clip(np.concatenate([c.samples for c in clips], axis=1), clips[0].rate_hz)


def test_the_filter_is_that_of_the_standard():
    """BS.1770-4 tables 1 and 2, 48 kHz."""
    shelf, high_pass = k_weighting(48_000)
    assert shelf == pytest.approx(
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585], abs=1e-6
    )
    assert high_pass == pytest.approx([1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621], abs=1e-6)


# EBU Tech 3341, the minimum requirements for meters: 1 kHz stereo sines at a level for some seconds.
TECH_3341 = {
    1: ([(-23.0, 20.0)], -23.0),
    2: ([(-33.0, 20.0)], -33.0),
    3: ([(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)], -23.0),
    4: ([(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)], -23.0),
    5: ([(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)], -23.0),
}


@pytest.mark.parametrize("case", TECH_3341)
def test_ebu_tech_3341(case):
    parts, expected = TECH_3341[case]
    assert integrated(joined(*(sine(1_000, s, db) for db, s in parts))) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize("make", [lambda: sounds.beat(6.0), lambda: sounds.noise(3.0), sounds.knocks])
def test_it_agrees_with_pyloudnorm(make, rate):
    clip = Clip(make().samples, rate)
    expected = pyloudnorm.Meter(rate).integrated_loudness(clip.samples.T.astype(np.float64))
    assert integrated(clip) == pytest.approx(expected, abs=0.1)


def test_pieces_do_not_show():
    """Longer than the ten seconds that are filtered at a time."""
    clip = sine(100, 25.05, -20.0, 44_100, 1)
    whole = signal.sosfilt(k_weighting(44_100), clip.samples[0].astype(np.float64))
    expected = -0.691 + 10 * np.log10(np.square(whole[4_410:]).mean())
    assert integrated(clip) == pytest.approx(expected, abs=0.01)


def test_silence_has_no_loudness():
    for clip in (sounds.silence(1.0), sounds.silence(0.0), sine(1_000, 2.0, -80.0)):
        assert integrated(clip) is None
    assert true_peak_db(sounds.silence(1.0)) == -120.0
    assert true_peak_db(sounds.silence(0.0)) == -120.0


def test_a_short_sound_is_one_window():
    assert integrated(sine(997, 0.2, 0.0, channels=1)) == pytest.approx(-3.01 - 3.01, abs=0.1)


def test_momentary_follows_the_sound():
    loud = momentary(joined(sine(1_000, 1.0, -20.0), sounds.Clip(np.zeros((2, RATE), np.float32), RATE)))
    assert len(loud) == 17
    assert loud[:7] == pytest.approx([-20.0] * 7, abs=0.1)
    assert loud[-1] == -120.0
    assert all(np.diff(loud[6:]) <= 0.01)


@pytest.mark.parametrize("phase", [0, 30, 45, 60, 90])
@pytest.mark.parametrize("divisor", [3.1, 4, 6, 8, 11.025])
def test_true_peak_finds_what_lies_between_samples(divisor, phase):
    """A sine's peak is its amplitude wherever the samples fall (EBU Tech 3341 allows +0.2/-0.4 dB)."""
    t = np.arange(4_410)
    values = np.sin(2 * np.pi * t / divisor + np.deg2rad(phase)) * signal.windows.tukey(4_410, 0.5)
    clip = sounds.mono(0.5 * values)
    assert -6.02 - 0.3 < true_peak_db(clip) < -6.02 + 0.1


def test_true_peak_agrees_with_brute_force():
    clip = sounds.beat(3.0)
    dense = np.abs(signal.resample_poly(clip.samples.astype(np.float64), 4, 1, axis=1, window=("kaiser", 7.0))).max()
    assert true_peak(clip.samples) == pytest.approx(dense, rel=0.01)
    everywhere = block_peaks(clip.samples, 0.0)
    assert float(everywhere.max()) == pytest.approx(true_peak(clip.samples), rel=1e-6)


def test_blocks_below_the_floor_stay_below_it():
    clip = sounds.beat(2.0)
    exact, quick = block_peaks(clip.samples, 0.0), block_peaks(clip.samples, 0.3)
    high = exact > 0.3
    assert np.array_equal(exact[high], quick[high])
    assert (quick[~high] <= 0.3).all()
