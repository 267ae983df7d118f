"""Stage 1 as a whole: cuts, measures, duplicates, ranking, and input that is no music at all."""

from dataclasses import dataclass

import numpy as np
import pytest

from services.audio.clip import Clip, ClipSource, Samples
from services.beats.embedding import DIMENSIONS, embed
from services.beats.preprocess import SliceRequest, Slicing, cut_clip, slice_source
from services.beats.quality import is_clipped
from services.beats.resemblance import picture, same_sounds
from services.errors import Canceled, Invalid
from tests import kitchen
from tests.kitchen import RATE, clip_of, scene, spaced

EVERY = SliceRequest(dedupe=False)


def slices_of(clip: Clip, request: SliceRequest = EVERY) -> Slicing:
    return slice_source(ClipSource(clip), request)


def six_knocks() -> kitchen.Scene:
    rng = np.random.default_rng(1)
    return scene([kitchen.knock(rng, 0.04) for _ in range(6)], [0.3, 0.7, 1.1, 1.5, 1.9, 2.3], (30, 40))


def test_a_phone_clip_with_six_knocks_gives_six_ordered_slices():
    made = six_knocks()
    found = slices_of(made.clip)
    assert [s.onset_s for s in found.slices] == pytest.approx(list(made.truth_s), abs=0.002)
    assert sorted(s.rank for s in found.slices) == list(range(6))
    assert found.warnings == ()
    for s in found.slices:
        assert 0 <= s.onset_s - s.start_s <= 0.0051
        assert s.start_s <= s.onset_s <= s.attack_s < s.end_s
        assert 0.030 <= s.end_s - s.start_s <= 2.0
        assert s.attack_s - s.onset_s < 0.01
        assert 20 < s.snr_db < 60
        assert s.quality > 0.5
        assert not s.clipped
    assert max(s.loudness_db for s in found.slices) == 0
    for before, after in zip(found.slices, found.slices[1:], strict=False):
        assert before.end_s <= after.start_s + 1e-9


@pytest.mark.parametrize("decay_s", [0.02, 0.08, 0.2])
def test_a_slice_ends_where_the_sound_is_gone_not_at_the_next_hit(decay_s):
    t = np.arange(round(decay_s * 9 * RATE)) / RATE
    wave = np.random.default_rng(1).standard_normal(t.size) * np.exp(-t / decay_s)
    made = scene([wave] * 3, [1.0, 4.0, 7.0], (50, 50))
    until_the_noise_s = decay_s * 50 / 8.686
    for s in slices_of(made.clip).slices:
        assert 0.7 * until_the_noise_s <= s.end_s - s.onset_s <= 1.4 * until_the_noise_s


def test_a_slice_stops_before_the_next_hit_and_after_two_seconds():
    x = kitchen.pink(RATE * 9, 1, 1e-4)
    for at in (1.0, 1.4, 5.0):
        bell = kitchen.bell(6.0)[: x.size - round(at * RATE)]
        x[round(at * RATE) : round(at * RATE) + bell.size] += bell * (1 if at != 1.4 else 2)
    first, second, third = slices_of(clip_of(x)).slices
    assert second.onset_s - 0.006 < first.end_s <= second.start_s + 1e-9
    assert second.end_s - second.start_s == pytest.approx(2.0, abs=1e-3)
    assert third.end_s - third.start_s == pytest.approx(2.0, abs=1e-3)


def test_a_cut_keeps_its_channels_and_level_and_has_faded_ends_without_offset():
    made = six_knocks()
    source = ClipSource(Clip(made.clip.samples + np.float32(0.2), RATE))
    before = source.clip.samples.copy()
    for s in slice_source(source, EVERY).slices:
        clip = cut_clip(source, s)
        assert clip.rate_hz == RATE
        assert clip.samples.dtype == np.float32
        assert clip.samples.shape == (2, round(s.end_s * RATE) - round(s.start_s * RATE))
        assert np.abs(clip.samples.mean(axis=1)).max() < 1e-6
        assert np.abs(clip.samples[:, [0, -1]]).max() < 1e-3
        loudest = made.clip.samples[:, round(s.onset_s * RATE) : round(s.end_s * RATE)]
        assert np.abs(clip.samples).max() == pytest.approx(np.abs(loudest).max(), rel=0.1)
    np.testing.assert_array_equal(source.clip.samples, before)


def repeats(sounds: int, times: int, snr_db: tuple[float, float]) -> tuple[kitchen.Scene, list[int]]:
    """Different sounds, each played several times at other levels with a little variation, shuffled; who is who."""
    rng = np.random.default_rng(4)
    makers = (lambda: kitchen.knock(rng, rng.uniform(0.02, 0.15)), lambda: kitchen.clink(rng))
    different = [makers[i % 2]() for i in range(sounds)]
    who = rng.permutation(np.repeat(np.arange(sounds), times))
    waves = [different[i] + 0.1 * rng.uniform(-1, 1) * np.roll(different[i], 1) for i in who]
    return scene(waves, spaced(len(waves), (0.7, 0.9), 2), snr_db), [int(i) for i in who]


@pytest.mark.parametrize(("sounds", "times"), [(1, 2), (2, 1), (5, 4), (20, 2)])
def test_the_same_sound_again_is_merged_and_another_is_not(sounds, times):
    made, who = repeats(sounds, times, (28, 45))
    every = slices_of(made.clip)
    assert len(every.slices) == len(who)
    for i, s in enumerate(every.slices):
        if s.duplicate_of is not None:
            assert who[i] == who[s.duplicate_of]
            assert every.slices[s.duplicate_of].duplicate_of is None
            assert every.slices[s.duplicate_of].quality >= s.quality
    unique = slices_of(made.clip, SliceRequest())
    assert sounds <= len(unique.slices) <= sounds * 1.1
    assert unique.merged == unique.found - len(unique.slices)


def test_an_embedding_ignores_level_and_a_little_noise():
    wave = kitchen.knock(np.random.default_rng(3), 0.06)
    noise = kitchen.pink(wave.size + 2048, 5, 1)
    loud = embed(clip_of(0.8 * wave).samples)
    quiet = embed(clip_of(0.008 * wave).samples)
    noisy = embed(clip_of(0.8 * wave + 0.002 * noise[2048:]).samples, clip_of(0.002 * noise[:2048]).samples)
    assert loud.shape == (DIMENSIONS,)
    np.testing.assert_allclose(loud, quiet, atol=1e-3)
    assert np.linalg.norm(loud - noisy) < 1.0
    assert np.linalg.norm(loud - embed(clip_of(kitchen.clink(np.random.default_rng(3))).samples)) > 4
    assert not embed(np.zeros((1, 500), np.float32)).any()


def test_two_equal_vectors_are_one_sound_and_the_first_in_order_stands_for_it():
    none = np.zeros((1, 0), np.float32)
    one, other = (clip_of(make(np.random.default_rng(3))).samples for make in (kitchen.thump, kitchen.clink))
    e = np.zeros((3, DIMENSIONS), np.float32)
    pictures = [picture(x, none) for x in (one, 0.1 * one, other)]
    assert same_sounds(e, pictures, np.array([1, 0, 2])).tolist() == [1, 1, 2]


def test_the_cap_keeps_different_sounds():
    rng = np.random.default_rng(7)
    waves = [kitchen.thump(rng, hz) for hz in np.linspace(45, 85, 12)] + [kitchen.clink(rng) for _ in range(3)]
    made = scene(waves, spaced(len(waves), (0.9, 1.1), 1), (35, 36))
    kept = slices_of(made.clip, SliceRequest(max_slices=5)).slices
    assert len(kept) == 5
    assert sum(s.onset_s > made.truth_s[11] + 0.1 for s in kept) == 3
    assert [s.onset_s for s in kept] == sorted(s.onset_s for s in kept)
    assert len(slices_of(made.clip, SliceRequest(dedupe=False, max_slices=5)).slices) == 15


def test_clipping_is_seen_and_costs_rank():
    rng = np.random.default_rng(1)
    x = kitchen.pink(RATE * 4, 1, 1e-3)
    for at, gain in ((1.0, 0.7), (2.5, 4.0)):
        wave = gain * kitchen.knock(rng, 0.08)
        x[round(at * RATE) : round(at * RATE) + wave.size] += wave
    clean, dirty = slices_of(clip_of(np.clip(x, -1, 1))).slices
    assert (clean.clipped, dirty.clipped) == (False, True)
    assert clean.rank == 0
    assert dirty.quality < 0.6 * clean.quality
    assert is_clipped(np.clip(clip_of(np.sin(np.arange(2000) / 20)).samples, -0.6, 0.6))
    assert not is_clipped(clip_of(0.9 * np.sin(np.arange(2000) / 20)).samples)


def test_silence_gives_no_slices_and_says_so():
    for clip in (Clip(np.zeros((2, RATE * 3), np.float32), RATE), Clip(np.zeros((1, 0), np.float32), RATE)):
        found = slices_of(clip, SliceRequest())
        assert found.slices == ()
        assert "silent" in found.warnings[0]


STRANGE = {
    "one sample": np.ones((1, 1)),
    "two samples": np.ones((2, 2)),
    "ten milliseconds": np.random.default_rng(0).standard_normal((2, 441)),
    "full-scale square": np.sign(np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE))[None],
    "half the sampling rate": (np.arange(RATE) % 2 * 2 - 1.0)[None],
    "step": np.repeat([[0.0, 1.0]], RATE // 2, axis=1).reshape(1, -1),
    "impulse": np.eye(1, RATE, RATE // 2),
    "impulse at the end": np.eye(1, RATE, RATE - 1),
    "not a number": np.full((1, RATE), np.nan),
    "infinite": np.full((2, RATE), np.inf),
    "far too loud": 1e30 * np.random.default_rng(0).standard_normal((1, RATE)),
    "64 channels": np.random.default_rng(0).standard_normal((64, RATE // 8)),
}


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("dedupe", [True, False])
def test_strange_input_gives_finite_numbers_or_nothing(name, dedupe):
    clip = Clip(STRANGE[name].astype(np.float32), RATE)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        found = slices_of(clip, SliceRequest(dedupe=dedupe))
        for s in found.slices:
            numbers = [s.start_s, s.end_s, s.onset_s, s.attack_s, s.peak_db, s.loudness_db, s.quality, s.snr_db]
            assert np.isfinite([*numbers, *s.embedding]).all()
            assert 0 <= s.start_s <= s.onset_s <= s.attack_s < s.end_s <= clip.duration_s + 1e-9
            assert np.isfinite(cut_clip(ClipSource(clip), s).samples).all()


def test_wrong_requests_are_refused():
    clip = six_knocks().clip
    with pytest.raises(Invalid, match="48000"):
        slice_source(ClipSource(Clip(clip.samples, 48_000)), EVERY)
    for wrong in (0, 1025):
        with pytest.raises(Invalid, match="max_slices"):
            slice_source(ClipSource(clip), SliceRequest(max_slices=wrong))


def test_progress_rises_to_one_and_cancels():
    told: list[tuple[str, float]] = []
    slice_source(ClipSource(six_knocks().clip), EVERY, lambda stage, p: told.append((stage, p)))
    assert {stage for stage, _ in told} == {"preprocess"}
    parts = [p for _, p in told]
    assert parts == sorted(parts)
    assert parts[-1] == 1.0

    def cancel(_stage: str, progress: float) -> None:
        if progress > 0.2:
            raise Canceled("stop")

    with pytest.raises(Canceled):
        slice_source(ClipSource(six_knocks().clip), EVERY, cancel)


@dataclass
class Watched:
    """A source that remembers the largest piece asked for."""

    clip: Clip
    most: int = 0
    rate_hz: int = RATE
    channels: int = 2

    @property
    def frames(self) -> int:
        return self.clip.frames

    def read(self, start: int, count: int) -> Samples:
        self.most = max(self.most, count)
        return self.clip.samples[:, start : start + count]


def test_a_long_source_is_read_in_pieces_and_the_same_twice():
    made, _ = repeats(12, 2, (25, 45))
    source = Watched(made.clip)
    first = slice_source(source, SliceRequest())
    assert source.most < 14 * RATE < made.clip.frames
    assert slice_source(source, SliceRequest()) == first


def test_a_cut_ends_before_a_hit_too_weak_to_be_kept(monkeypatch):
    made = scene([kitchen.knock(np.random.default_rng(i), 0.3) for i in range(2)], [1.0, 1.4], (30, 30))
    quieter = made.clip.samples.copy()
    quieter[:, round(1.4 * RATE) :] *= 0.8
    first, second = slices_of(Clip(quieter, RATE)).slices
    monkeypatch.setattr("services.beats.preprocess.CANDIDATES_MAX", 1)
    (kept,) = slices_of(Clip(quieter, RATE), SliceRequest()).slices
    assert kept.onset_s == first.onset_s
    assert first.end_s - 0.05 < kept.end_s <= second.start_s + 1e-9
