"""The measuring tools on signals whose answer is known, wrong ones included: what cannot fail measures nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests import groove_measure as measure
from tests.groove_measure import RATE

GRID = {"bpm": 100.0, "swing": 0.5, "swing_unit": 16, "steps_per_bar": 16, "bars": 2}


def ticks(times, levels=None, decay_s=0.01, seconds=4.0):
    """Bursts of one noise at these times, in both channels."""
    burst = np.random.Generator(np.random.PCG64(1)).standard_normal(round(0.1 * RATE))
    burst *= np.exp(-np.arange(len(burst)) / RATE / decay_s)
    burst[0] = 1.5 * np.abs(burst).max()
    out = np.zeros((2, round(seconds * RATE)), np.float32)
    for time_s, level in zip(times, levels or itertools.repeat(0.3), strict=False):
        at = round(time_s * RATE)
        out[:, at : at + len(burst)] += np.float32(level) * burst[: out.shape[1] - at].astype(np.float32)
    return out


def sixteenths(swing):
    """Events and times of two bars of sixteenths played with a swing, while the document says 0.5."""
    events, times = [], []
    for bar, step in itertools.product(range(2), range(16)):
        times.append(measure.nominal_s({**GRID, "swing": swing}, bar, step))
        events.append({"bar": bar, "step": step, "tick": 0, "time_s": times[-1], "velocity": 0.8})
    return events, times


def test_onsets_are_found_without_being_told():
    times = [0.0, 0.25, 0.3, 0.9, 1.5, 1.553]
    found = measure.onsets_s(ticks(times, [0.3, 0.3, 0.1, 0.02, 0.3, 0.3]))
    assert found == pytest.approx(times, abs=0.0005)
    assert measure.onsets_s(np.zeros((2, RATE), np.float32)).size == 0


def test_an_onset_is_half_of_the_rise():
    rise = np.linspace(0, 1, round(0.006 * RATE))
    sound = np.concatenate((rise, np.exp(-np.arange(RATE // 5) / 2_000))) * np.sin(
        np.arange(len(rise) + RATE // 5) * 0.9
    )
    stem = np.zeros((2, RATE), np.float32)
    stem[:, 10_000 : 10_000 + len(sound)] = sound
    assert measure.onsets_s(stem) == pytest.approx([10_000 / RATE + 0.003], abs=0.0006)


@pytest.mark.parametrize("swing", [0.5, 0.54, 0.6, 0.667])
def test_swing_and_lateness_come_back(swing):
    events, times = sixteenths(swing)
    onsets = measure.onsets_s(ticks([t + 0.004 for t in times], seconds=5.0))
    assert measure.swing_ratio(GRID, onsets, events) == pytest.approx(swing, abs=0.003)
    late = measure.lateness_ms({**GRID, "swing": swing}, onsets, events)
    assert len(late) == 32
    assert np.mean(late) == pytest.approx(4.0, abs=0.3)


def test_loudness_is_that_of_the_standard():
    """BS.1770: 997 Hz at full scale in one channel reads -3.01 LUFS; 20 dB less in two reads 17 less."""
    sine = np.sin(2 * np.pi * 997 * np.arange(2 * RATE) / RATE).astype(np.float32)
    assert measure.lufs(np.stack([sine, 0 * sine])) == pytest.approx(-3.01, abs=0.1)
    both = np.stack([sine, sine]) * np.float32(0.1)
    assert measure.lufs(both) == pytest.approx(-20.0, abs=0.1)
    assert measure.hit_lufs(measure.weighted_power(both), [1.0]) == pytest.approx([-20.0], abs=0.1)
    assert measure.true_peak_db(both) == pytest.approx(-20.0, abs=0.05)


def test_a_peak_between_two_samples_is_found():
    wave = np.sin(np.pi * np.arange(RATE) / 2 + np.pi / 4)  # every sample at 0.707 of the top
    assert measure.true_peak_db(np.stack([wave, wave]).astype(np.float32)) == pytest.approx(0.0, abs=0.1)


def test_mono_loss_and_sides():
    left, right = np.random.Generator(np.random.PCG64(2)).standard_normal((2, 2 * RATE)).astype(np.float32) * 0.1
    assert measure.mono_loss_lu(np.stack([left, left])) == pytest.approx(0.0, abs=0.01)
    assert measure.mono_loss_lu(np.stack([left, right])) == pytest.approx(3.0, abs=0.2)
    assert measure.side_share(np.stack([left, left]), 120.0) < 1e-6
    assert measure.side_share(np.stack([left, right]), 120.0) == pytest.approx(0.5, abs=0.1)


def test_bands_share_the_energy():
    t = np.arange(RATE) / RATE
    two = np.sin(2 * np.pi * 60 * t) + np.sqrt(3) * np.sin(2 * np.pi * 6_000 * t)
    audio = np.stack([two, two]).astype(np.float32)
    assert measure.band_share(audio, 0, 120) == pytest.approx(0.25, abs=0.01)
    assert measure.band_share(audio, 4_000, RATE) == pytest.approx(0.75, abs=0.01)


def test_ducking_is_measured_block_by_block():
    bed = np.random.Generator(np.random.PCG64(3)).standard_normal((2, 2 * RATE)).astype(np.float32)
    gain = np.ones(2 * RATE, np.float32)
    gain[RATE : RATE + 4_000] = 0.5
    curve = measure.duck_curve_db(bed * gain, bed)
    assert curve[RATE // 128 + 2] == pytest.approx(-6.02, abs=0.01)
    assert curve[10] == pytest.approx(0.0, abs=0.01)


def test_copies_are_told_from_takes():
    assert measure.same_hit(ticks([0.5, 1.5]), 0.5, 1.5, 0.05)
    assert not measure.same_hit(ticks([0.5, 1.5], [0.3, 0.31]), 0.5, 1.5, 0.05)


def test_a_click_at_the_seam_is_heard():
    t = np.arange(2 * RATE) / RATE
    wave = np.stack([np.sin(2 * np.pi * 100 * t)] * 2).astype(np.float32)
    assert measure.seam_jump(wave) < 1.5
    assert measure.seam_jump(wave[:, : RATE + 100]) > 10.0


def test_bars_are_compared_by_what_they_play():
    bar = [{"bar": 0, "role": "CORE", "step": s, "tick": 0} for s in (0, 4, 8)]
    other = [{"bar": 1, "role": "CORE", "step": s, "tick": 0} for s in (0, 4, 10)]
    first, second = (measure.places([*bar, *other], i) for i in (0, 1))
    assert measure.jaccard(first, first) == 1.0
    assert measure.jaccard(first, second) == 0.5


@pytest.mark.parametrize(
    ("steps", "meter", "expected"),
    [([], "4/4", 0), ([0, 4, 8, 12], "4/4", 0), ([0, 3, 6, 8, 12], "4/4", 2), ([4, 12], "4/4", 3), ([2, 6], "6/8", 1)],
)
def test_syncopation_of_known_bars(steps, meter, expected):
    assert measure.lhl(steps, meter) == expected
