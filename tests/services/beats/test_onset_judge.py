"""The judge of onsets: its trees, its traits, and the file it is read from."""

import json

import numpy as np
import pytest

from services.audio.clip import ClipSource
from services.beats.onset_judge import (
    CLEAR_DB,
    FAINT_DB,
    LIKELY_CLEAR,
    LIKELY_FAINT,
    SURE_NEAR,
    detect_onsets,
    least_likely,
    parse,
    shipped,
)
from services.beats.onset_traits import BAND_UNIT_DB, TOTAL_RISE, TRAITS, traits
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


def asked(*runs: tuple[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """Traits and probabilities of runs of sure onsets that rise by so many dB, with a doubtful one after each."""
    rise_db = np.concatenate([[*[db] * count, 0.0] for count, db in runs])
    found = np.zeros((rise_db.size, TRAITS), np.float32)
    found[:, TOTAL_RISE] = rise_db / BAND_UNIT_DB
    return found, np.where(rise_db > 0, 0.95, 0.4)


def test_what_is_likely_enough_follows_how_clear_the_hits_thereabouts_are():
    clear, faint = 3 * SURE_NEAR, 2 * SURE_NEAR
    least = least_likely(*asked((clear, CLEAR_DB + 2), (faint, FAINT_DB - 2)))
    assert least[0] == pytest.approx(LIKELY_CLEAR)
    assert least[-1] == pytest.approx(LIKELY_FAINT)
    assert (np.diff(least) <= 0).all()
    between = least_likely(*asked((5, (FAINT_DB + CLEAR_DB) / 2)))
    np.testing.assert_allclose(between, (LIKELY_FAINT + LIKELY_CLEAR) / 2, rtol=1e-6)


def test_where_nothing_is_sure_only_clear_likelihood_counts():
    found = np.zeros((4, TRAITS), np.float32)
    np.testing.assert_array_equal(least_likely(found, np.full(4, 0.5)), LIKELY_CLEAR)
    assert least_likely(found[:0], np.zeros(0)).size == 0


def test_total_rise_is_the_rise_over_what_was_before():
    rng = np.random.default_rng(4)
    x = 0.01 * rng.standard_normal(3 * RATE)
    x[RATE : RATE + RATE // 10] *= 10
    levels = band_levels(ClipSource(clip_of(x)))
    rise_db = traits(levels, novelty(levels), np.array([RATE // 128]))[0, TOTAL_RISE] * BAND_UNIT_DB
    assert rise_db == pytest.approx(20, abs=2)


def test_nothing_begins_in_silence_or_in_no_samples():
    for n in (0, 1, 500, 3 * RATE):
        assert detect_onsets(band_levels(ClipSource(clip_of(np.zeros(n))))).frame.size == 0
