"""Loudness of a whole recording: against the standards' own signals, pyloudnorm, and the measures of a clip."""

import numpy as np
import pyloudnorm
import pytest

from services.analysis.loudness import loudness_of
from services.analysis.types import Loudness
from services.audio.clip import Clip, ClipSource
from services.audio.dsp import from_db
from services.audio.loudness import channel_weights, integrated, true_peak_db
from tests import sounds

RATE = 44_100


def sine(seconds, dbfs, hz=1_000.0, channels=2):
    t = np.arange(round(seconds * RATE)) / RATE
    return np.repeat((from_db(dbfs) * np.sin(2 * np.pi * hz * t))[None].astype(np.float32), channels, axis=0)


def heard(*parts):
    return loudness_of(ClipSource(Clip(np.concatenate(parts, axis=1), RATE)))


def music(seconds, channels, seed):
    """Noise in three loudnesses: gates matter, and no piece is like the next."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((channels, round(seconds * RATE)))
    x *= np.repeat(rng.choice([0.002, 0.02, 0.2], 1 + x.shape[1] // RATE), RATE)[: x.shape[1]]
    return (x * rng.uniform(0.3, 1, (channels, 1))).clip(-1, 1).astype(np.float32)


# EBU Tech 3342, the minimum requirements for meters: 1 kHz stereo sines, seconds at dBFS, and their range.
TECH_3342 = {
    1: ([(20, -20.0), (20, -30.0)], 10.0),
    2: ([(20, -20.0), (20, -15.0)], 5.0),
    3: ([(20, -40.0), (20, -20.0)], 20.0),
    4: ([(20, -50.0), (20, -35.0), (20, -20.0), (20, -35.0), (20, -50.0)], 15.0),
}


@pytest.mark.parametrize("case", TECH_3342)
def test_ebu_tech_3342(case):
    parts, expected = TECH_3342[case]
    assert heard(*(sine(s, db) for s, db in parts)).range_lu == pytest.approx(expected, abs=1.0)


@pytest.mark.parametrize(("channels", "seconds"), [(1, 31.03), (2, 24.5), (5, 12.0)])
def test_it_agrees_with_pyloudnorm(channels, seconds):
    x = music(seconds, channels, channels)
    expected = pyloudnorm.Meter(RATE).integrated_loudness(x.T.astype(np.float64))
    assert heard(x).integrated_lufs == pytest.approx(expected, abs=0.05)


def test_the_range_agrees_with_pyloudnorm():
    """Which lets silence follow the recording, so that some of its windows are softer: in a minute that is little."""
    x = music(60.0, 2, 4)
    expected = pyloudnorm.Meter(RATE).loudness_range(x.T.astype(np.float64))
    assert heard(x).range_lu == pytest.approx(expected, abs=1.0)


def test_six_channels_are_weighed_in_the_order_of_wave():
    """L R C LFE and two surrounds: without the LFE it is pyloudnorm's five channels."""
    x = music(12.0, 6, 3)
    five = np.delete(x, 3, axis=0).T.astype(np.float64)
    assert heard(x).integrated_lufs == pytest.approx(pyloudnorm.Meter(RATE).integrated_loudness(five), abs=0.05)
    assert channel_weights(6).tolist() == [1, 1, 1, 0, 1.41, 1.41]
    assert channel_weights(2).tolist() == [1, 1]
    assert channel_weights(9).tolist() == [1] * 9


@pytest.mark.parametrize("seconds", [0.3, 9.999, 10.0, 10.0001, 25.37])
def test_pieces_do_not_show(seconds):
    clip = Clip(music(seconds, 2, 5), RATE)
    found = loudness_of(ClipSource(clip))
    assert found.integrated_lufs == pytest.approx(integrated(clip), abs=1e-6)
    assert found.true_peak_db == pytest.approx(true_peak_db(clip), abs=1e-5)


@pytest.mark.parametrize("at", [10 * RATE - 3, 10 * RATE, 20 * RATE - 1])
def test_a_peak_between_samples_at_the_seam_of_two_pieces(at):
    """A burst whose crest lies between two samples, and nothing else."""
    x = np.zeros((1, 30 * RATE), np.float32)
    n = np.arange(-400, 400)
    x[0, at + n] = 0.5 * np.sin(np.pi / 2 * n + np.pi / 4) * np.hanning(800)
    found = heard(x).true_peak_db
    assert found == pytest.approx(true_peak_db(Clip(x, RATE)), abs=1e-5)
    assert found == pytest.approx(-6.02, abs=0.3)


def test_silence_has_no_loudness():
    nothing = Loudness(None, None, None)
    for n in (0, 1, 441, 12 * RATE):
        assert loudness_of(ClipSource(Clip(np.zeros((2, n), np.float32), RATE))) == nothing


def test_what_is_very_soft_has_a_peak_only():
    soft = heard(sine(5.0, -85.0))
    assert (soft.integrated_lufs, soft.range_lu) == (None, None)
    assert soft.true_peak_db == pytest.approx(-85.0, abs=0.1)


def test_a_short_sound_has_no_range():
    short = loudness_of(ClipSource(sounds.knock()))
    assert short.range_lu is None
    assert short.integrated_lufs is not None


def test_progress_rises_to_the_whole_and_may_cancel():
    source, told = ClipSource(Clip(music(35.0, 1, 1), RATE)), []
    loudness_of(source, told.append)
    assert told == sorted(told)
    assert len(told) == 4
    assert told[-1] == 1.0

    def stop(share):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        loudness_of(source, stop)


def test_the_same_recording_has_the_same_loudness_in_any_reading():
    source = ClipSource(Clip(music(15.0, 2, 9), RATE))
    assert loudness_of(source) == loudness_of(source)
