"""Where hits begin: found, only there, and to the millisecond; nothing in what has no beginning."""

import numpy as np
import pytest
import soundfile

from services.audio.clip import Clip, ClipSource
from services.beats.onset_judge import detect_onsets
from services.beats.onsets import HOP, band_levels
from services.beats.preprocess import SliceRequest, slice_source
from tests import kitchen
from tests.kitchen import RATE, Scene, clip_of, scene, spaced

EVERY = SliceRequest(dedupe=False)


def found_in(clip: Clip) -> list[float]:
    return [s.onset_s for s in slice_source(ClipSource(clip), EVERY).slices]


def score(made: Scene) -> tuple[float, float, np.ndarray]:
    """Recall and precision at 10 ms, and the errors in ms of what was found."""
    found, errors = found_in(made.clip), []
    left = list(found)
    for t in made.truth_s:
        near = min(left, key=lambda f: abs(f - t), default=np.inf)
        if abs(near - t) <= 0.010:
            left.remove(near)
            errors.append((near - t) * 1000)
    return len(errors) / len(made.truth_s), len(errors) / max(1, len(found)), np.abs(errors)


def waves(kind: str, count: int = 24) -> list[kitchen.Wave]:
    rng = np.random.default_rng(3)
    make = {
        "knock": lambda: kitchen.knock(rng, rng.uniform(0.02, 0.3)),
        "clink": lambda: kitchen.clink(rng),
        "thump": lambda: kitchen.thump(rng, rng.uniform(45, 80)),
        "rustle": lambda: kitchen.rustle(rng),
    }[kind]
    return [make() for _ in range(count)]


@pytest.mark.parametrize("snr_db", [(20, 30), (30, 50)])
@pytest.mark.parametrize(("kind", "median_ms", "p95_ms"), [("knock", 0.3, 1), ("clink", 0.3, 1), ("thump", 0.6, 2.5)])
def test_struck_things_are_all_found_within_3_ms(kind, median_ms, p95_ms, snr_db):
    recall, precision, errors = score(scene(waves(kind), spaced(24, (0.3, 1.0), 5), snr_db))
    assert recall == 1.0
    assert precision == 1.0
    assert np.median(errors) <= median_ms
    assert np.percentile(errors, 95) <= p95_ms


def test_a_rustle_that_rises_for_20_ms_is_found_at_its_foot():
    recall, precision, errors = score(scene(waves("rustle"), spaced(24, (0.6, 1.0), 5), (25, 45)))
    assert (recall, precision) == (1.0, 1.0)
    assert np.percentile(errors, 95) <= 3


def test_double_knocks_60_to_120_ms_apart_are_two():
    rng = np.random.default_rng(9)
    pairs, starts = [], spaced(16, (0.6, 1.0), 6)
    for _ in starts:
        one = kitchen.knock(rng, rng.uniform(0.015, 0.06))
        pairs.append((one, one * rng.uniform(0.6, 1.0), rng.uniform(0.06, 0.12)))
    made = scene(
        [w for a, b, _ in pairs for w in (a, b)],
        [t for s, (_, _, gap) in zip(starts, pairs, strict=True) for t in (s, s + gap)],
        (28, 34),
    )
    recall, precision, errors = score(made)
    assert recall >= 0.95
    assert precision >= 0.97
    assert np.percentile(errors, 95) <= 3


def test_hits_over_ringing_ones_are_found():
    mixed = [w for trio in zip(waves("knock"), waves("clink"), waves("thump"), strict=True) for w in trio]
    recall, precision, errors = score(scene(mixed, spaced(len(mixed), (0.12, 0.3), 7), (30, 45)))
    assert recall >= 0.95
    assert precision >= 0.95
    assert np.percentile(errors, 95) <= 3


def test_a_quiet_hit_200_ms_after_a_loud_one_is_found():
    rng = np.random.default_rng(2)
    x = kitchen.pink(RATE * 3, 1, 1e-4)
    for at, level in ((1.0, 0.9), (1.2, 0.02)):
        wave = level * kitchen.knock(rng, 0.02)
        x[round(at * RATE) : round(at * RATE) + wave.size] += wave
    assert found_in(clip_of(x)) == pytest.approx([1.0, 1.2], abs=0.003)


def test_the_beating_of_a_bell_is_no_hit():
    x = kitchen.pink(RATE * 8, 1, 1e-4)
    x[RATE : RATE + 6 * RATE] += kitchen.bell(6.0)
    assert found_in(clip_of(x)) == pytest.approx([1.0], abs=0.003)


def hum(n: int) -> np.ndarray:
    t = np.arange(n) / RATE
    return 0.2 * np.sin(2 * np.pi * 50 * t) + 0.05 * np.sin(2 * np.pi * 150 * t)


NOTHING = {
    "hum": hum,
    "white noise": lambda n: 0.05 * np.random.default_rng(1).standard_normal(n),
    "pink noise": lambda n: kitchen.pink(n, 1, 0.05),
    "hum in noise": lambda n: hum(n) + kitchen.pink(n, 1, 0.01),
    "swells of one second": lambda n: (
        kitchen.pink(n, 1, 1) * 10 ** (-3 + 2.5 * np.abs(np.sin(np.arange(n) / RATE * 3)))
    ),
    "a sine from the first sample": lambda n: 0.5 * np.sin(2 * np.pi * 1000 * np.arange(n) / RATE),
    "offset": lambda n: np.full(n, 0.4),
    "dither": lambda n: np.round(np.random.default_rng(1).uniform(-1, 1, n)) / 32768,
}


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_begins_in(name):
    assert found_in(clip_of(NOTHING[name](RATE * 20))) == []


@pytest.mark.parametrize("name", ["perc_bell", "misc_crow", "perc_swash"])
@pytest.mark.parametrize("lead_ms", [0, 3])
def test_a_tightly_trimmed_sound_begins_at_the_first_sample(name, lead_ms):
    wave, _ = soundfile.read(f"deploy/sounds/{name}.flac", dtype="float32", always_2d=True)
    lead = np.zeros((round(lead_ms * RATE / 1000), wave.shape[1]), np.float32)
    first = slice_source(ClipSource(Clip(np.concatenate([lead, wave]).T.copy(), RATE)), EVERY).slices[0]
    assert first.start_s == 0
    assert first.onset_s == pytest.approx(lead_ms / 1000, abs=0.001)


@pytest.mark.parametrize("kind", ["knock", "clink", "thump", "rustle"])
@pytest.mark.parametrize("room", [0.0, 1e-4])
def test_struck_things_are_found_at_the_first_sample(kind, room):
    for i, wave in enumerate(waves(kind, 8)):
        got = found_in(clip_of(0.7 * wave + kitchen.pink(wave.size, i, 1) * room))
        assert got == pytest.approx([0.0], abs=0.003), i


@pytest.mark.parametrize("kept_s", [0.04, 0.1, 0.3])
def test_a_hit_that_the_end_of_the_file_cuts_off_is_found(kept_s):
    x = kitchen.pink(RATE, 1, 1e-4)
    wave = 0.7 * kitchen.knock(np.random.default_rng(4), 0.3)[: round(kept_s * RATE)]
    x[-wave.size :] += wave
    (only,) = slice_source(ClipSource(clip_of(x)), EVERY).slices
    assert only.onset_s == pytest.approx(1.0 - kept_s, abs=0.003)
    assert only.end_s == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize("name", ["hum", "white noise", "pink noise", "hum in noise", "a sine from the first sample"])
@pytest.mark.parametrize("seconds", [0.05, 0.3, 1.0, 3.0])
def test_a_steady_sound_begins_nowhere_however_short_its_file(name, seconds):
    assert found_in(clip_of(NOTHING[name](round(seconds * RATE)))) == []


def test_hum_and_offset_hide_no_knocks():
    made = scene(waves("knock", 10), spaced(10, (0.4, 0.8), 8), (30, 40))
    dirty = made.clip.samples + (hum(made.clip.frames) + 0.1).astype(np.float32)
    got = found_in(Clip(dirty, RATE))
    assert got == pytest.approx(list(made.truth_s), abs=0.003)


def test_a_hit_out_of_phase_between_the_channels_is_found():
    x = np.zeros(RATE * 2)
    wave = 0.5 * kitchen.knock(np.random.default_rng(4), 0.05)
    x[RATE : RATE + wave.size] = wave
    assert found_in(clip_of(x, -x)) == pytest.approx([1.0], abs=0.001)


def test_levels_and_onsets_do_not_depend_on_the_block_size():
    source = ClipSource(scene(waves("knock"), spaced(24, (0.1, 0.5), 5), (10, 40)).clip)
    whole = band_levels(source)
    frames = detect_onsets(whole).frame
    for size in (7, 64, 1000):
        levels = band_levels(source, block_frames=size)
        assert np.abs(levels.level_db - whole.level_db).max() <= 1 / 32
        np.testing.assert_array_equal(detect_onsets(levels).frame, frames)
    assert frames.size >= 20


def test_a_rattle_is_one_sound():
    rng = np.random.default_rng(1)
    x = kitchen.pink(RATE * 3, 1, 1e-4)
    for i in range(14):
        a, wave = RATE + round(i * 0.055 * RATE), 0.4 * kitchen.knock(rng, 0.006)
        x[a : a + wave.size] += wave
    levels = band_levels(ClipSource(clip_of(x)))
    onsets = detect_onsets(levels)
    assert onsets.frame * HOP / RATE == pytest.approx([1.0], abs=0.01)
