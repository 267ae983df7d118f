"""The percussive part: strokes stay, tones go, whatever the source is and however it is read."""

from __future__ import annotations

import numpy as np
import pytest

from services.audio.clip import Clip, ClipSource
from services.transcription.percussive import BLOCK, Percussive
from tests.sounds import RATE, silence, tone


def part(samples: np.ndarray) -> np.ndarray:
    source = Percussive(ClipSource(Clip(np.atleast_2d(samples).astype(np.float32), RATE)))
    return source.read(0, source.frames)[0]


def power(samples: np.ndarray) -> float:
    return float((samples.astype(np.float64) ** 2).sum())


def test_a_click_stays_and_a_tone_goes() -> None:
    clicks = np.zeros(2 * RATE)
    clicks[[RATE // 2, RATE]] = 0.8
    held = tone(440.0, 2.0, 0.3).samples[0]
    assert part(clicks)[[RATE // 2, RATE]] == pytest.approx([0.8, 0.8], rel=1e-3)
    assert power(part(held)[4096:-4096]) < 1e-4 * power(held)
    both = part(clicks + held)
    assert both[RATE // 2] > 0.6
    assert power(both) < 0.1 * power(held)


def test_it_is_the_same_however_it_is_read() -> None:
    rng = np.random.default_rng(1)
    clip = Clip(rng.normal(size=(2, BLOCK + 30_000)).astype(np.float32) * 0.1, RATE)
    whole = Percussive(ClipSource(clip)).read(0, clip.frames)
    source = Percussive(ClipSource(clip))
    pieces = [source.read(at, 9_973) for at in range(0, clip.frames, 9_973)]
    assert np.array_equal(np.concatenate(pieces, axis=1), whole)
    assert np.array_equal(Percussive(ClipSource(clip)).read(BLOCK - 5, 10), whole[:, BLOCK - 5 : BLOCK + 5])


@pytest.mark.parametrize("frames", [0, 1, 441])
def test_short_and_silent_sources(frames: int) -> None:
    assert part(np.full((1, frames), 0.5)).shape == (frames,)
    assert not part(silence(0.5).samples).any()


def test_bounds_of_reading_and_broken_samples() -> None:
    source = Percussive(ClipSource(Clip(np.full((6, 1000), np.nan, np.float32), RATE)))
    assert (source.channels, source.frames, source.rate_hz) == (1, 1000, RATE)
    assert source.read(900, 500).shape == (1, 100)
    assert source.read(5000, 10).shape == (1, 0)
    assert not source.read(-5, 2000).any()
