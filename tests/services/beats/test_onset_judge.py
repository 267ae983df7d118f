"""The judge of onsets: its trees, its traits, and the file it is read from."""

import json

import numpy as np
import pytest

from services.audio.clip import ClipSource
from services.beats.onset_judge import detect_onsets, parse, shipped
from services.beats.onset_traits import TRAITS, traits
from services.beats.onsets import band_levels, novelty, possible_onsets
from services.models.registry import DamagedModel
from tests import kitchen
from tests.kitchen import RATE, clip_of

# two trees: trait 0 at most 0.5 or not; trait 1 at most -1, else trait 0 again
TREES = {
    "traits": TRAITS, "base": -1.0, "depth": 2, "roots": [0, 3],
    "trait": [0, -1, -1, 1, -1, 0, -1, -1], "border": [0.5, 0, 0, -1.0, 0, 2.0, 0, 0],
    "left": [1, 0, 0, 4, 0, 6, 0, 0], "right": [2, 0, 0, 5, 0, 7, 0, 0],
    "value": [0, -2.0, 3.0, 0, 0.25, 0, 0.5, 1.0],
}  # fmt: skip


def test_trees_add_their_leaves():
    found = np.zeros((4, TRAITS), np.float32)
    found[:, :2] = [[0.5, -1.0], [0.6, -1.0], [0.6, 0.0], [2.5, 0.0]]
    odds = np.array([-1 - 2 + 0.25, -1 + 3 + 0.25, -1 + 3 + 0.5, -1 + 3 + 1.0])
    np.testing.assert_allclose(parse(json.dumps(TREES).encode()).probability(found), 1 / (1 + np.exp(-odds)))


def test_trees_of_other_traits_are_refused():
    with pytest.raises(DamagedModel, match="other traits"):
        parse(json.dumps(TREES | {"traits": TRAITS + 1}).encode())


def test_traits_do_not_depend_on_what_else_is_asked_for():
    x = kitchen.pink(3 * RATE, 1, 0.05)
    x[RATE : RATE + 2000] += 0.5 * np.random.default_rng(1).standard_normal(2000)
    levels = band_levels(ClipSource(clip_of(x)))
    found = novelty(levels)
    frames = possible_onsets(found).frame
    together = traits(levels, found, frames)
    assert together.shape == (frames.size, TRAITS)
    assert np.isfinite(together).all()
    for i, frame in enumerate(frames):
        np.testing.assert_array_equal(traits(levels, found, np.array([frame])), together[i : i + 1])
    likely = shipped().probability(together)
    assert likely[np.argmin(np.abs(frames - RATE // 128))] > 0.9


def test_nothing_begins_in_silence_or_in_no_samples():
    for n in (0, 1, 500, 3 * RATE):
        assert detect_onsets(band_levels(ClipSource(clip_of(np.zeros(n))))).frame.size == 0
