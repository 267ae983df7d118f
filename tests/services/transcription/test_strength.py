"""Velocities: a stroke's level against the recording's own loud strokes of its drum."""

import numpy as np
import pytest

from services.transcription.spectrum import FRAME_S, RISE_FLOOR_DB, bands, rises
from services.transcription.strength import weighed
from services.transcription.types import Hit

RATE = 44_100


def hits(count, velocity=0.5, drum="kick"):
    return [Hit(i * 0.5, drum, None, velocity, 0.9) for i in range(count)]


def levels(amplitudes):
    out = np.full(round(0.5 * len(amplitudes) / FRAME_S) + 1, RISE_FLOOR_DB, np.float32)
    for i, amplitude in enumerate(amplitudes):
        out[round(i * 0.5 / FRAME_S)] = 20 * np.log10(amplitude)
    return out


@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_louder_is_harder_whatever_the_recording_s_level(gain):
    amplitudes = np.array([0.3, 0.5, 0.7, 0.9, 1.0, 1.0]) * gain
    found = [h.velocity for h in weighed(hits(6), levels(amplitudes), FRAME_S)]
    assert found == sorted(found)
    assert found[0] < 0.3
    assert found[-1] > 0.75


def test_a_few_strokes_keep_the_network_s_guess():
    assert weighed(hits(3), levels([0.1, 0.5, 1.0]), FRAME_S) == hits(3)
    assert weighed([], np.zeros(0, np.float32), FRAME_S) == []


def test_drums_are_weighed_apart():
    both = [*hits(4), *hits(4, drum="rim")]
    found = weighed(both, levels([1.0, 1.0, 1.0, 0.5]), FRAME_S)
    assert [h.velocity for h in found[:4]] == [h.velocity for h in found[4:]]
    assert found[3].velocity < found[0].velocity


def test_a_rise_is_what_is_new():
    t = np.arange(RATE) / RATE
    drone = 0.3 * np.sin(2 * np.pi * 90 * t)
    struck = drone + np.where(t > 0.5, 0.5 * np.sin(2 * np.pi * 80 * t) * np.exp(-(t - 0.5) * 12), 0)
    pictures = [bands(np.pad(x.astype(np.float32), (1024, 1465)), 101) for x in (drone, struck, np.zeros(RATE))]
    steady, risen, silent = (rises(p)[0] for p in pictures)
    assert risen[50] > steady[20:80].max() + 6
    assert np.all(silent == RISE_FLOOR_DB)
