"""One-shot uploads: kept whole, trimmed of silence only, and split only when they plainly hold several hits."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.audio.clip import Clip
from services.beats.preprocess import OneshotTrim, oneshot_trim
from services.errors import Invalid
from tests import kitchen
from tests.kitchen import RATE, clip_of

BUNDLED = Path("deploy/sounds")


def padded(wave: kitchen.Wave, lead_s: float, tail_s: float, noise: float = 0.0) -> Clip:
    x = np.concatenate([np.zeros(round(lead_s * RATE)), wave, np.zeros(round(tail_s * RATE))])
    return clip_of(x + kitchen.pink(x.size, 1, noise) if noise else x)


def pair(first: kitchen.Wave, second: kitchen.Wave, gap_s: float, noise: float = 1e-4) -> Clip:
    a = round(gap_s * RATE)
    x = np.zeros(a + max(first.size, second.size))
    x[: first.size] += first
    x[a : a + second.size] += second
    return padded(x, 0.1, 0.3, noise)


def slow(rise_s: float) -> kitchen.Wave:
    t = np.arange(round(rise_s * 6 * RATE)) / RATE
    envelope = np.minimum(t / rise_s, 1) ** 2 * np.exp(-np.maximum(t - rise_s, 0) / rise_s)
    return 0.6 * np.random.default_rng(1).standard_normal(t.size) * envelope * 0.3


SINGLES = {
    "knock": kitchen.knock(np.random.default_rng(1), 0.05) * 0.7,
    "long knock": kitchen.knock(np.random.default_rng(2), 0.3) * 0.7,
    "clink": kitchen.clink(np.random.default_rng(3)) * 0.7,
    "thump": kitchen.thump(np.random.default_rng(4)) * 0.7,
    "rustle": kitchen.rustle(np.random.default_rng(5)) * 0.7,
    "bell": kitchen.bell(6.7),
    "57 ms of rise": slow(0.057),
    "93 ms of rise": slow(0.093),
}


def is_ordered(found: OneshotTrim, clip: Clip) -> bool:
    hits = (found.trim, *found.alternatives)
    return all(0 <= h.start_s <= h.onset_s <= h.attack_s <= h.end_s <= clip.duration_s + 1e-9 for h in hits)


@pytest.mark.parametrize("name", SINGLES)
@pytest.mark.parametrize(("lead_s", "tail_s", "noise"), [(0, 0, 0), (0.3, 0.5, 0), (0.3, 0.5, 2e-4), (0, 0.1, 2e-4)])
def test_a_single_sound_keeps_its_whole_decay_and_is_not_several(name, lead_s, tail_s, noise):
    wave = SINGLES[name]
    clip = padded(wave, lead_s, tail_s, noise)
    found = oneshot_trim(clip)
    assert not found.several
    assert found.alternatives == ()
    assert found.warning is None
    assert is_ordered(found, clip)
    audible = np.flatnonzero(np.abs(wave) > max(np.abs(wave).max() * 10 ** (-54 / 20), 10 * noise))
    assert found.trim.start_s <= lead_s + audible[0] / RATE
    assert found.trim.end_s >= lead_s + audible[-1] / RATE - 0.02


def test_silence_before_and_after_goes():
    wave = SINGLES["knock"]
    found = oneshot_trim(padded(wave, 0.5, 1.0)).trim
    assert found.onset_s == pytest.approx(0.5, abs=0.003)
    assert found.start_s == pytest.approx(0.495, abs=0.003)
    assert found.attack_s == pytest.approx(0.5, abs=0.006)
    assert found.end_s < 0.5 + wave.size / RATE + 0.06


@pytest.mark.parametrize("rise_s", [0.057, 0.093])
def test_the_attack_of_a_slow_sound_is_its_rise_not_its_start(rise_s):
    found = oneshot_trim(padded(slow(rise_s), 0.2, 0.2)).trim
    assert 0.5 * rise_s < found.attack_s - 0.2 < 1.2 * rise_s


def test_a_handle_then_a_slam_is_trimmed_to_the_slam():
    rng = np.random.default_rng(6)
    handle, slam = 0.3 * kitchen.knock(rng, 0.02), 0.8 * kitchen.knock(rng, 0.15)
    clip = pair(handle, slam, 0.2)
    found = oneshot_trim(clip, "door.wav")
    assert found.several
    assert found.trim.onset_s == pytest.approx(0.3, abs=0.003)
    assert found.trim.end_s > 0.3 + 0.5
    assert [h.onset_s for h in found.alternatives] == pytest.approx([0.1], abs=0.003)
    assert found.alternatives[0].end_s < found.trim.onset_s
    assert found.warning is not None
    assert "door.wav" in found.warning
    assert "2 hits" in found.warning
    assert "`preprocess`" in found.warning
    assert is_ordered(found, clip)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("noise", [0, 1e-4, 3e-3])
def test_two_struck_things_are_several_and_the_louder_is_the_trim(seed, noise):
    rng = np.random.default_rng(seed)
    wave = 0.4 * (kitchen.knock(rng, rng.uniform(0.03, 0.1)) if seed % 2 else kitchen.clink(rng))
    gap_s = rng.uniform(0.2, 0.5)
    for first, second, want in ((0.5, 1.5, 0.1 + gap_s), (1.5, 0.75, 0.1)):
        found = oneshot_trim(pair(first * wave, second * wave, gap_s, noise))
        assert found.several
        assert found.trim.onset_s == pytest.approx(want, abs=0.005)


def test_a_quiet_bounce_is_part_of_the_sound():
    wave = kitchen.knock(np.random.default_rng(1), 0.05)
    assert not oneshot_trim(pair(0.8 * wave, 0.05 * wave, 0.2)).several


def test_silence_is_kept_whole_with_a_warning():
    for samples in (
        np.zeros((2, RATE)),
        np.full((1, RATE), 0.3),
        np.zeros((1, 0)),
        np.ones((1, 1)),
        np.full((1, 9), np.nan),
    ):
        clip = Clip(samples.astype(np.float32), RATE)
        found = oneshot_trim(clip)
        assert (found.trim.start_s, found.trim.end_s, found.trim.attack_s) == (0, clip.duration_s, 0)
        assert found.warning is not None
        assert "silent" in found.warning


@pytest.mark.parametrize(
    "samples",
    [
        np.sign(np.sin(np.arange(RATE) / 50))[None],
        np.eye(1, RATE, 0),
        np.eye(1, RATE, RATE - 1),
        np.random.default_rng(0).standard_normal((64, 4000)),
        np.random.default_rng(0).standard_normal((2, 600)),
        1e30 * np.random.default_rng(0).standard_normal((1, RATE)),
    ],
)
def test_strange_clips_give_ordered_finite_times(samples):
    clip = Clip(samples.astype(np.float32), RATE)
    before = clip.samples.copy()
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert is_ordered(oneshot_trim(clip), clip)
    np.testing.assert_array_equal(clip.samples, before)


def test_another_rate_is_refused():
    with pytest.raises(Invalid, match="48000"):
        oneshot_trim(Clip(np.zeros((1, 100), np.float32), 48_000))


# attack in ms, from the groove notes: time to half of the first strong peak
@pytest.mark.parametrize(
    ("name", "attack_ms", "reach_ms"),
    [("perc_bell", 15, 5), ("perc_till", 27, 5), ("misc_crow", 28, 10), ("perc_swash", 57, 20)],
)
def test_the_bundled_sounds_are_single_and_placed_by_their_attack(name, attack_ms, reach_ms):
    samples, rate = soundfile.read(BUNDLED / f"{name}.flac", dtype="float32", always_2d=True)
    clip = Clip(np.ascontiguousarray(samples.T), rate)
    found = oneshot_trim(clip)
    assert not found.several
    assert found.trim.attack_s * 1000 == pytest.approx(attack_ms, abs=reach_ms)
    assert found.trim.end_s - found.trim.start_s > 0.93 * clip.duration_s
