"""Length, movement and loudness of a recording in one value, kept as bytes."""

from __future__ import annotations

import numpy as np
import pytest

from services.analysis.level import BLOCK_FRAMES, Level, level_of
from services.audio.clip import Clip, ClipSource
from tests.sounds import RATE, noise, silence, stereo, tone


def test_a_tone_is_as_long_and_as_loud_as_it_is() -> None:
    level = level_of(ClipSource(stereo(tone(1000.0, 8.0, 0.5))), lambda _: None)
    assert (level.duration_s, level.swing, level.silent) == (8.0, pytest.approx(0.5, abs=1e-3), False)
    assert level.loudness.integrated_lufs == pytest.approx(-6.0, abs=0.2)
    assert level.loudness.true_peak_db == pytest.approx(-6.0, abs=0.2)


@pytest.mark.parametrize("value", [0.0, 0.5, -1.0])
def test_what_does_not_move_is_silent(value: float) -> None:
    level = level_of(ClipSource(Clip(np.full((2, RATE), value, np.float32), RATE)), lambda _: None)
    assert level.silent
    assert (level.loudness.integrated_lufs, level.loudness.range_lu, level.loudness.true_peak_db) == (None, None, None)


def test_nothing_at_all_is_silent() -> None:
    level = level_of(ClipSource(Clip(np.zeros((1, 0), np.float32), RATE)), lambda _: None)
    assert (level.duration_s, level.silent) == (0.0, True)


def test_a_channel_of_its_own_constant_is_no_sound_but_one_that_moves_is() -> None:
    still = Clip(np.stack([np.full(RATE, 0.5), np.full(RATE, -0.5)]).astype(np.float32), RATE)
    assert level_of(ClipSource(still), lambda _: None).silent
    moving = Clip(np.concatenate([silence(1.0).samples, tone(seconds=1.0, level=0.01).samples]), RATE)
    assert not level_of(ClipSource(moving), lambda _: None).silent


def test_bytes_come_back_as_they_were() -> None:
    for clip in (noise(5.0), silence(1.0)):
        level = level_of(ClipSource(clip), lambda _: None)
        assert Level.from_bytes(level.to_bytes()) == level
        assert Level.from_bytes(level.to_bytes()).to_bytes() == level.to_bytes()


def test_progress_rises_to_the_end() -> None:
    heard: list[float] = []
    level_of(ClipSource(noise(3 * BLOCK_FRAMES / RATE)), heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1.0)
    assert len(heard) >= 4
