"""The small tools."""

import numpy as np
import pytest
from scipy import signal

from services.audio.downmix import to_channels, weights
from services.audio.dsp import faded, from_db, ramp, resample, shelf, to_db
from tests import sounds


def test_decibels():
    assert to_db(1.0) == 0.0
    assert to_db(0.5) == pytest.approx(-6.0206, abs=1e-4)
    assert to_db(0.0) == -120.0
    assert from_db(to_db(0.3)) == pytest.approx(0.3)


def test_resampling_keeps_length_place_and_level():
    clip = sounds.tone(1_000, 1.0)
    out = resample(clip, 48_000)
    assert (out.rate_hz, out.frames, out.channels) == (48_000, 48_000, 1)
    expected = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(48_000) / 48_000)
    assert np.abs(out.samples[0] - expected)[500:-500].max() < 1e-3
    assert resample(clip, 44_100) is clip
    assert not resample(sounds.silence(0.1), 8_000).samples.any()


def test_fades_are_copies_that_start_and_end_near_zero():
    clip = sounds.tone(440, 0.1, 0.5).samples
    out = faded(clip + 0.5, 100, 200)
    assert abs(out[0, 0]) < 1e-3
    assert abs(out[0, -1]) < 1e-3
    assert np.array_equal(out[:, 100:-200], (clip + 0.5)[:, 100:-200])
    assert faded(clip[:, :10], 100, 100).shape == (1, 10)
    assert faded(clip[:, :0], 100, 100).shape == (1, 0)


@pytest.mark.parametrize("channels", range(1, 64))
def test_no_downmix_can_clip(channels):
    table = weights(channels)
    assert table.shape == (2, channels)
    assert (table >= 0).all()
    assert 0.5 < table.sum(axis=1).max() <= 1.0 + 1e-6


def test_sides_stay_sides():
    surround = np.eye(6, dtype=np.float32)
    stereo = to_channels(surround, 2)
    assert stereo[0, 0] > 0
    assert stereo[0, 1] == 0
    assert stereo[1, 1] == stereo[0, 0]
    assert stereo[2, 0] == stereo[2, 1]
    assert not stereo[3].any()
    assert np.array_equal(to_channels(surround[:, :1], 2)[:, 0], surround[:, 0])
    assert to_channels(surround, 1).shape == (6, 1)


@pytest.mark.parametrize("frames", [1, 7, 400])
def test_a_ramp_rises_smoothly_and_meets_its_fall(frames):
    rise = ramp(frames)
    assert rise.dtype == np.float32
    assert len(rise) == frames
    assert np.all(np.diff(rise) > 0)
    assert np.allclose(rise + rise[::-1], 1.0, atol=1e-6)
    assert len(ramp(0)) == 0


@pytest.mark.parametrize("db", [-6.0, 9.0])
def test_a_shelf_lifts_one_side_and_leaves_the_other(db):
    for kind, lifted, left in (("low", 20.0, 15_000.0), ("high", 15_000.0, 20.0)):
        _, response = signal.sosfreqz(shelf(kind, 800.0, db, 44_100), [lifted, 800.0, left], fs=44_100)
        got = 20 * np.log10(np.abs(response))
        assert got == pytest.approx([db, db / 2, 0.0], abs=0.1)
