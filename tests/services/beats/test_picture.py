"""What the pictures of a sound show: where energy lies in height and time, at any gain, for any length."""

from __future__ import annotations

import numpy as np
import pytest

from services.audio.clip import Clip
from services.beats import classifier, picture
from services.beats.features import extract

RATE = 44_100


def pictures(x: np.ndarray) -> picture.Pictures:
    found = extract(Clip(x.astype(np.float32)[None], RATE))
    assert found is not None
    return found.pictures


def tone(hz: float, seconds: float = 0.5) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    return np.sin(2 * np.pi * hz * t)


@pytest.mark.parametrize("seconds", [0.0005, 0.01, 0.3, 1.5, 4.0])
def test_pictures_have_one_shape_and_levels_from_0_to_1(seconds: float) -> None:
    drawn = pictures(tone(440, seconds))
    assert drawn.long.shape == (picture.LONG_MELS, picture.LONG_FRAMES)
    assert drawn.short.shape == (picture.SHORT_MELS, picture.SHORT_FRAMES)
    assert drawn.partials.shape == (picture.PARTIALS,)
    for part in (drawn.long, drawn.short, drawn.partials):
        assert part.dtype == np.float32
        assert part.min() >= 0
        assert part.max() == 1


@pytest.mark.parametrize("hz", [55.0, 220.0, 880.0, 3520.0])
def test_a_tone_shows_at_its_quarter_tone(hz: float) -> None:
    place = int(np.argmax(pictures(tone(hz)).partials))
    heard = picture.PARTIAL_LOW_HZ * 2 ** ((place + 0.5) / picture.PARTIALS_AN_OCTAVE)
    assert 24 * abs(np.log2(heard / hz)) < (3 if hz < 100 else 1)  # quarter tones; low ones share a bin


def test_higher_tones_show_higher() -> None:
    heights = [int(np.argmax(pictures(tone(hz)).long.mean(axis=1))) for hz in (100, 400, 1600, 6400)]
    assert heights == sorted(set(heights))


def test_bursts_of_10_ms_show_apart_in_the_short_picture() -> None:
    x = np.zeros(RATE // 2)
    for at in (100, 541, 982):  # 10 ms apart
        x[at : at + 90] = np.random.default_rng(1).standard_normal(90)
    level = pictures(x).short.mean(axis=0)
    valleys = [level[a:b].min() for a, b in ((3, 5), (8, 10))]
    assert min(level[0:3].max(), level[5:8].max(), level[10:13].max()) > max(valleys) + 0.1


def test_gain_changes_no_picture() -> None:
    x = tone(300) * np.exp(-np.arange(RATE // 2) / 4000)
    loud, soft = pictures(x), pictures(0.01 * x)
    for a, b in ((loud.long, soft.long), (loud.short, soft.short), (loud.partials, soft.partials)):
        assert np.abs(a - b).max() < 1e-3


def test_no_mel_band_is_empty() -> None:
    bank = picture.mel_bank(picture.SHORT_MELS, picture.MEL_LOW_HZ, picture.MEL_HIGH_HZ, picture.SHORT_FFT)
    assert np.allclose(bank.sum(axis=1), 1, atol=1e-5)


def test_reduced_pictures_keep_the_mean_of_what_they_join() -> None:
    rng = np.random.default_rng(2)
    shapes = ((3, picture.LONG_MELS, picture.LONG_FRAMES), (3, picture.SHORT_MELS, picture.SHORT_FRAMES))
    drawn = picture.Pictures(*(rng.random(s, np.float32) for s in (*shapes, (3, picture.PARTIALS))))
    long, short, partials = classifier.reduced(drawn)
    assert long.shape[1:] == classifier.LONG_SHAPE
    assert short.shape[1:] == classifier.SHORT_SHAPE
    assert partials.shape[1:] == classifier.PARTIALS_SHAPE
    assert long[1, 3, 4] == pytest.approx(drawn.long[1, 6:8, 4:6].mean(), rel=1e-4)
    assert short[2, 0, -1] == pytest.approx(drawn.short[2, 0:2, 54:].mean(), rel=1e-4)
    assert partials[0, 5] == pytest.approx(drawn.partials[0, 10:12].mean(), rel=1e-4)


def test_one_sound_is_read_as_it_is_among_many() -> None:
    found = extract(Clip(tone(200).astype(np.float32)[None], RATE))
    assert found is not None
    line = classifier.read(found)
    assert line.shape == (1, classifier.WIDTH)
    many = picture.Pictures(
        *(np.stack([p, p]) for p in (found.pictures.long, found.pictures.short, found.pictures.partials))
    )
    flat = np.concatenate([part.reshape(2, -1) for part in classifier.reduced(many)], axis=1)
    assert np.allclose(line[0, len(found.vector) :], flat[1], atol=1e-6)
