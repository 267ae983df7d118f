"""Alike by ear is near by number: one sound at another gain or length, sounds of a kind, and the scales themselves."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from services.audio.clip import Clip
from services.audio.wavfile import read_wav
from services.beats.features import READABLE, extract
from services.beats.likeness import AXES, distances, point, similarity
from tests.kits import kit_wavs

SEEDS = range(1, 100, 12)
NEAR = 0.02  # of a step: nobody hears a difference so small


@cache
def library() -> tuple[tuple[str, ...], np.ndarray]:
    """The sounds of eight kits by what they are called, and their points."""
    named = [(name, heard(read_wav(wav))) for seed in SEEDS for name, wav in kit_wavs(seed).items()]
    return tuple(name for name, _ in named), np.stack([where for _, where in named])


def heard(clip: Clip) -> np.ndarray:
    found = extract(clip)
    assert found is not None
    return point(found.named)


@pytest.mark.parametrize("gain", [0.01, 0.1, 0.9])
@pytest.mark.parametrize("name", sorted(kit_wavs(1)))
def test_the_same_sound_at_another_gain_is_nearest(name: str, gain: float) -> None:
    names, points = library()
    clip = read_wav(kit_wavs(1)[name])
    apart = distances(points, heard(Clip(np.float32(gain) * clip.samples, clip.rate_hz)))
    assert int(np.argmin(apart)) == names.index(name)
    assert float(apart.min()) < NEAR


@pytest.mark.parametrize("name", sorted(set(kit_wavs(1)) - {"rain.wav"}))
def test_the_same_sound_cut_off_where_it_has_died_is_nearest(name: str) -> None:
    names, points = library()
    clip = read_wav(kit_wavs(1)[name])
    cut = Clip(np.ascontiguousarray(clip.samples[:, : clip.samples.shape[1] * 9 // 10]), clip.rate_hz)
    assert int(np.argmin(distances(points, heard(cut)))) == names.index(name)


@pytest.mark.parametrize("name", sorted(kit_wavs(1)))
def test_sounds_of_a_kind_are_near_each_other(name: str) -> None:
    names, points = library()
    order = np.argsort(distances(points, points[names.index(name)]), kind="stable")
    nearest = [names[i] for i in order[1 : len(SEEDS)]]
    assert nearest.count(name) >= len(nearest) - 1


def test_a_thump_is_nearer_to_a_thump_than_to_a_hiss() -> None:
    names, points = library()
    stomp, thud, keys = (points[names.index(f"{name}.wav")] for name in ("stomp", "thud", "keys"))
    assert distances(thud[None], stomp)[0] < distances(keys[None], stomp)[0]


def test_distances_are_a_metric_and_similarity_falls() -> None:
    _, points = library()
    a, b, c = points[0], points[2], points[4]
    assert distances(a[None], a)[0] == 0
    assert distances(a[None], b)[0] == distances(b[None], a)[0]
    assert distances(a[None], c)[0] <= distances(a[None], b)[0] + distances(b[None], c)[0] + 1e-6
    assert (similarity(0.0), similarity(1.0)) == (1.0, 0.5)
    assert 0 < similarity(40.0) < similarity(2.0)


def test_every_axis_is_a_feature_that_a_stored_sound_has() -> None:
    assert {axis.name for axis in AXES} <= set(READABLE)
    assert point({}).shape == (len(AXES),)
    assert np.isfinite(point({})).all()
    assert np.isfinite(point(dict.fromkeys(READABLE, 1e9))).all()
    assert np.isfinite(point(dict.fromkeys(READABLE, -1.0))).all()


def test_an_octave_and_a_decade_are_a_step() -> None:
    def step(name: str, low: float, high: float) -> float:
        at = [axis.name for axis in AXES].index(name)
        return float(point({name: high})[at] - point({name: low})[at])

    assert step("body_centroid_hz", 2000, 4000) == pytest.approx(1, abs=0.05)
    assert step("energy_20_60hz", 0.05, 0.5) == pytest.approx(1, abs=0.02)
    assert step("energy_20_60hz", 0.0, 1e-5) < NEAR
