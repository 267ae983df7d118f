"""Stage 1 on recordings that are hard or hardly one: answers that a listener would give, or none."""

from dataclasses import dataclass

import numpy as np
import pytest
import soxr

from services.audio.clip import Clip, ClipSource, Samples
from services.beats.preprocess import SliceRequest, slice_source
from tests import kitchen
from tests.bench.ears.slices_beds import speech
from tests.kitchen import RATE, Scene, clip_of, scene, spaced

EVERY = SliceRequest(dedupe=False)


def onsets_of(samples: Samples) -> list[float]:
    clip = Clip(np.asarray(samples, dtype=np.float32), RATE)
    return [s.onset_s for s in slice_source(ClipSource(clip), EVERY).slices]


def knocks() -> Scene:
    rng = np.random.default_rng(6)
    return scene([kitchen.knock(rng, 0.05) for _ in range(8)], spaced(8, (0.4, 0.9), 4), (30, 40))


def test_speech_is_behind_hits_and_hardly_one_itself():
    rng = np.random.default_rng(2)
    talk = 0.02 * speech(rng, 12 * RATE)
    assert len(onsets_of(talk[None])) <= 12
    starts = spaced(10, (0.7, 1.1), 3)
    for t in starts:
        wave = kitchen.knock(rng, 0.05)
        talk[round(t * RATE) :][: wave.size] += 0.6 * wave / np.abs(wave).max()
    found = onsets_of(talk[None])
    assert all(min(abs(f - t) for f in found) < 0.005 for t in starts)
    assert len(found) <= 1.6 * len(starts)


def test_a_hit_in_one_of_six_channels_is_found():
    made = knocks()
    quiet = np.stack([kitchen.pink(made.clip.frames, i, 1e-5) for i in range(6)])
    quiet[4] += made.clip.samples[0]
    assert onsets_of(quiet) == pytest.approx(list(made.truth_s), abs=0.003)


def test_a_recording_from_8_khz_keeps_its_hits():
    made = knocks()
    low = soxr.resample(made.clip.samples[0], RATE, 8_000)
    back = soxr.resample(low, 8_000, RATE)
    assert onsets_of(back[None]) == pytest.approx(list(made.truth_s), abs=0.005)


def test_a_clipped_recording_keeps_its_hits_and_says_that_it_is_clipped():
    made = knocks()
    hard = np.clip(20 * made.clip.samples / np.abs(made.clip.samples).max(), -0.9, 0.9)
    found = slice_source(ClipSource(Clip(hard.astype(np.float32), RATE)), EVERY).slices
    assert [s.onset_s for s in found] == pytest.approx(list(made.truth_s), abs=0.003)
    assert all(s.clipped for s in found)


@pytest.mark.parametrize("seconds", [0.001, 0.01, 0.03])
@pytest.mark.parametrize("kind", ["tone", "noise", "offset", "silence"])
def test_what_is_too_short_to_begin_gives_nothing(kind, seconds):
    n = round(seconds * RATE)
    wave = {
        "tone": 0.5 * np.sin(2 * np.pi * 440 * np.arange(n) / RATE),
        "noise": 0.1 * np.random.default_rng(1).standard_normal(n),
        "offset": np.full(n, 0.5),
        "silence": np.zeros(n),
    }[kind]
    assert onsets_of(clip_of(wave).samples) == []


@dataclass(frozen=True)
class Repeated:
    """A minute over and over, so that two hours cost no memory."""

    minute: Samples
    minutes: int
    rate_hz: int = RATE
    channels: int = 1

    @property
    def frames(self) -> int:
        return self.minutes * self.minute.shape[1]

    def read(self, start: int, count: int) -> Samples:
        assert count <= 14 * RATE, "not read in pieces"
        return np.take(self.minute, np.arange(start, min(start + count, self.frames)), axis=1, mode="wrap")


@pytest.mark.slow
def test_two_hours_are_sliced_to_the_end():
    minute = kitchen.pink(60 * RATE, 1, 1e-3)
    wave = 0.5 * kitchen.knock(np.random.default_rng(3), 0.05)
    minute[20 * RATE : 20 * RATE + wave.size] += wave
    source = Repeated(minute.astype(np.float32)[None], 120)
    found = slice_source(source, EVERY)
    assert [s.onset_s for s in found.slices] == pytest.approx([20 + 60 * k for k in range(120)], abs=0.003)
    assert sum(s.duplicate_of is None for s in found.slices) == 1
