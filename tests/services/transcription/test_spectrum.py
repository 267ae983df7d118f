"""The picture that the drum network looks at."""

import numpy as np
import pytest

from services.transcription.spectrum import BANDS, FRAME_S, HOP, WINDOW, bands, frames_of, low_tones

RATE = 44_100


def _picture(x):
    half = WINDOW // 2
    return bands(np.pad(np.asarray(x, np.float32), (half, half + HOP)), frames_of(len(x)))


def test_a_second_has_a_hundred_frames():
    assert frames_of(RATE) == 101
    assert frames_of(0) == 0
    assert frames_of(1) == 1
    assert pytest.approx(0.01) == FRAME_S


def test_silence_is_zero_and_nothing_is_negative():
    assert not _picture(np.zeros(RATE)).any()
    assert _picture(np.random.default_rng(1).standard_normal(RATE)).min() >= 0


def test_a_louder_tone_lies_higher_by_its_decibels():
    t = np.arange(RATE) / RATE
    loud, soft = (_picture(a * np.sin(2 * np.pi * 1000 * t))[50].max() for a in (1.0, 0.1))
    assert loud == pytest.approx(4.0, abs=0.1)
    assert loud - soft == pytest.approx(1.0, abs=0.02)


def test_a_higher_tone_lies_in_a_higher_band():
    t = np.arange(RATE) / RATE
    places = [int(_picture(np.sin(2 * np.pi * hz * t))[50].argmax()) for hz in (50, 100, 200, 1000, 5000, 15_000)]
    assert places == sorted(set(places))
    assert places[-1] < BANDS


@pytest.mark.parametrize("hz", [80, 120, 180, 260])
def test_the_tone_of_a_struck_drum_is_read_to_within_a_tenth(hz):
    t = np.arange(RATE) / RATE
    x = np.where(t >= 0.3, np.sin(2 * np.pi * hz * (t - 0.3)) * np.exp(-8 * np.maximum(0, t - 0.3)), 0)
    assert low_tones(_picture(x))[30] == pytest.approx(hz, rel=0.1)


def test_a_tone_that_goes_on_is_not_taken_for_the_struck_one():
    t = np.arange(RATE) / RATE
    hum = 0.5 * np.sin(2 * np.pi * 100 * t)
    struck = np.where(t >= 0.3, np.sin(2 * np.pi * 220 * (t - 0.3)) * np.exp(-8 * np.maximum(0, t - 0.3)), 0)
    assert low_tones(_picture(hum + struck))[30] == pytest.approx(220, rel=0.1)
