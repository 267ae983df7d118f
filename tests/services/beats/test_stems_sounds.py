"""Single sounds as they come out of the stems: on time whatever their rise, never the same twice, soft when soft."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import signal
from scipy.ndimage import maximum_filter1d

from services.audio.clip import Clip
from services.beats.render import render_mix
from services.beats.types import ROLES
from services.beats.view import events_json
from tests import groove_measure as measure
from tests.beat_material import event, hit
from tests.groove_material import drums, heard, made
from tests.groove_measure import RATE

RISES_S = (0.0, 0.005, 0.02, 0.05, 0.1, 0.15)
ON_TIME_S = 0.003
ENVELOPE = 64  # frames, 1.5 ms: a cycle of the test sound


def one_sound(clip, role, **fields):
    """Two hits of one sound in one role, far apart: their times and their stem."""
    kit = heard({"sound.wav": clip}, {"sound.wav": role})
    (sample,) = kit.samples
    beat = made(kit, "rock", bpm=60.0, bars=1, humanize=0.0, **fields)
    instrument = "hat_closed" if role == "MOTION" else "perc"
    hits = tuple(event(sample.sample_id, 0, step, role, instrument, velocity=0.9) for step in (4, 12))
    beat = replace(beat, events=hits)
    return [e["time_s"] for e in events_json(beat)], render_mix(beat, kit.clips).stems[role].samples


def attack_s(stem, time_s):
    """When the hit near a time reaches half of its peak: the last time before the peak that it lies under that."""
    reach = round(0.2 * RATE)
    at = round(time_s * RATE)
    level = maximum_filter1d(np.abs(stem[:, at - reach : at + reach]).max(axis=0), ENVELOPE)
    peak = int(np.argmax(level))
    under = np.flatnonzero(level[:peak] < level[peak] / 2)
    return (at - reach + (int(under[-1]) if under.size else 0) + ENVELOPE // 2) / RATE


@pytest.mark.parametrize("rise_s", RISES_S)
@pytest.mark.parametrize("role", ["CORE", "ACCENT", "MOTION", "FILL"])
@pytest.mark.parametrize("shape", [0.6, 1.0])
def test_a_sound_that_rises_slowly_has_its_attack_on_the_event(role, rise_s, shape):
    times, stem = one_sound(hit(700, 0.12, rise_s), role, shape=shape)
    late = [attack_s(stem, t) - t for t in times]
    assert max(map(abs, late)) < ON_TIME_S, late


def evenly(velocities, **fields):
    """Quarter notes of a hat in a style whose feel is on, with these velocities, and where they lie."""

    kit = drums()
    beat = made(kit, "rock", bars=2, **fields)
    hat = next(s for s in kit.samples if s.name == "hat.wav")
    hits = [
        event(hat.sample_id, i // 4, 4 * (i % 4), "MOTION", "hat_closed", velocity=v) for i, v in enumerate(velocities)
    ]
    beat = replace(beat, events=tuple(hits))
    return [e["time_s"] for e in events_json(beat)], render_mix(beat, kit.clips).stems["MOTION"].samples


def test_equal_hits_in_a_row_are_never_the_same_recording():
    times, stem = evenly([0.8] * 8)
    assert not [a for a, b in itertools.pairwise(times) if measure.same_hit(stem, a, b, 0.05)]
    levels = measure.hit_lufs(measure.weighted_power(stem), times)
    assert 0.0 < max(levels) - min(levels) < 1.5


def test_without_humanize_equal_hits_are_equal():
    times, stem = evenly([0.8] * 8, humanize=0.0)
    assert all(measure.same_hit(stem, a, b, 0.05) for a, b in itertools.pairwise(times))


def test_soft_hits_are_softer_by_the_law_duller_and_slower():
    times, stem = evenly([1.0, 0.25] * 4, humanize=0.0)
    law_db = 40 * np.log10(1.0 / 0.25)
    bright = signal.sosfilt(signal.butter(6, 5_000, "high", fs=RATE, output="sos"), stem.astype(np.float64))

    def power_db(first):
        hits = (bright[:, round(t * RATE) - 220 : round(t * RATE) + 8_000] for t in times[2 + first :: 2])
        return measure.db(np.mean([np.square(hit).sum() for hit in hits]))

    assert power_db(0) - power_db(1) > law_db + 4.0
    late = [attack_s(stem, t) - t for t in times[2:]]
    slower = np.mean(late[1::2]) - np.mean(late[::2])
    assert 0.0003 < slower < 0.0035


PLACES = {"CORE": (0.0, 0.0), "ACCENT": (0.0, 0.0), "MOTION": (0.2, 0.35), "FILL": (0.4, 0.6)}
PLACE_OFF = 0.03  # what a filter that keeps the lows in the middle may turn


def test_places_in_the_stereo_field():
    """By the constant-power law, from the levels of both sides: pulse and backbeat in the middle, hats beside it."""
    kit = drums()
    beat = made(kit, "rock", bpm=60.0, bars=4, humanize=0.0)
    own = [s for s in beat.kit.values() if s.pool_role in PLACES]
    hits = [event(s.sample_id, i // 4, 4 * (i % 4), s.pool_role, "perc", velocity=0.9) for i, s in enumerate(own)]
    stems = render_mix(replace(beat, events=tuple(hits)), kit.clips, wardrobe=kit.wardrobe).stems
    above = signal.butter(4, 1_500, "high", fs=RATE, output="sos")  # lows are mono
    found = set()
    for i, sample in enumerate(own):
        part = signal.sosfilt(above, stems[sample.pool_role].samples[:, i * RATE : i * RATE + RATE // 10])
        left, right = np.sqrt(np.square(part).sum(axis=1))
        place = 4 / np.pi * np.arctan2(right, left) - 1
        low, high = PLACES[sample.pool_role]
        assert low - PLACE_OFF <= abs(place) <= high + PLACE_OFF, sample.name
        found.add((sample.pool_role, place > PLACE_OFF))
    assert {("MOTION", True), ("MOTION", False), ("FILL", True), ("FILL", False)} <= found


@pytest.mark.parametrize("shape", [0.0, 0.6, 1.0])
def test_every_role_can_be_played_by_silence(shape):
    kit = heard({f"{role}.wav": Clip(np.zeros((1, 20_000 + i), np.float32), RATE) for i, role in enumerate(ROLES)})
    done = render_mix(made(kit, "house", shape=shape), kit.clips)
    assert not done.mix.samples.any()
