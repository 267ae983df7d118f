"""What single sounds are taken for: made drums, everyday shapes, and the edges of what a clip can be."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from services.audio.clip import Clip
from services.beats import classifier
from services.beats.features import NAMES, READABLE, extract
from services.beats.role_assign import Judgement, judge
from services.beats.types import INSTRUMENTS, ROLES
from services.models import registry

RATE = 44_100


def times(seconds: float) -> np.ndarray:
    return np.arange(round(seconds * RATE)) / RATE


def clip(x: np.ndarray, rate: int = RATE) -> Clip:
    return Clip(np.atleast_2d(x).astype(np.float32), rate)


def kick() -> np.ndarray:
    t = times(0.5)
    f = 50 * (1 + 3 * np.exp(-t / 0.015))
    return 0.9 * np.sin(2 * np.pi * np.cumsum(f) / RATE) * np.exp(-t / 0.09)


def high(x: np.ndarray, cutoff_hz: float) -> np.ndarray:
    spectrum = np.fft.rfft(x)
    f = np.fft.rfftfreq(x.size, 1 / RATE)
    return np.fft.irfft(spectrum / (1 + (cutoff_hz / np.maximum(f, 1)) ** 4), x.size)


def snare() -> np.ndarray:
    t = times(0.3)
    noise = high(np.random.default_rng(2).standard_normal(t.size), 1200)
    return 0.5 * np.sin(2 * np.pi * 190 * t) * np.exp(-t / 0.035) + 0.25 * noise * np.exp(-t / 0.05)


def hat() -> np.ndarray:
    t = times(0.12)
    return 0.3 * high(np.random.default_rng(3).standard_normal(t.size), 7000) * np.exp(-t / 0.018)


def tom() -> np.ndarray:
    t = times(0.7)
    f = 120 * (1 + 0.25 * np.exp(-t / 0.06))
    body = np.sin(2 * np.pi * np.cumsum(f) / RATE) * np.exp(-t / 0.16)
    return 0.7 * body + 0.15 * np.sin(2 * np.pi * 191 * t) * np.exp(-t / 0.07)


def rain() -> np.ndarray:
    t = times(2)
    return 0.1 * np.random.default_rng(4).standard_normal(t.size) * np.minimum(1, t / 0.2)


MADE = {"kick": (kick, "CORE"), "snare": (snare, "ACCENT"), "hat_closed": (hat, "MOTION"), "tom": (tom, "FILL")}


@pytest.mark.parametrize("name", MADE)
def test_made_drums_are_heard_as_what_they_are(name: str) -> None:
    make, role = MADE[name]
    heard = judge(clip(make()))
    assert heard.instrument == name
    assert heard.role == role
    assert heard.confidence > 0.5


def test_steady_noise_is_a_texture() -> None:
    heard = judge(clip(rain()))
    assert (heard.instrument, heard.role) == ("texture", "TEXTURE")


@pytest.mark.parametrize("make", [kick, snare, hat, tom, rain])
def test_probabilities_are_probabilities(make) -> None:
    heard = judge(clip(make()))
    assert tuple(heard.roles) == ROLES
    assert tuple(heard.instruments) == INSTRUMENTS
    for shares in (heard.roles, heard.instruments):
        assert sum(shares.values()) == pytest.approx(1, abs=1e-9)
        assert min(shares.values()) >= 0
    assert heard.role == max(heard.roles, key=heard.roles.__getitem__)
    assert heard.confidence == heard.roles[heard.role]
    assert tuple(heard.features) == READABLE
    assert all(np.isfinite(v) for v in heard.features.values())


def close(a: Judgement, b: Judgement, tolerance: float) -> bool:
    return all(abs(a.instruments[k] - b.instruments[k]) <= tolerance for k in INSTRUMENTS)


@pytest.mark.parametrize("make", [kick, snare, hat, tom])
@pytest.mark.parametrize("gain", [0.01, 0.3, 4.0, -1.0])
def test_gain_and_polarity_change_nothing(make, gain: float) -> None:
    assert close(judge(clip(make())), judge(clip(gain * make())), 0.005)


@pytest.mark.parametrize("make", [kick, snare, hat, tom])
def test_silence_before_and_after_and_dc_change_little(make) -> None:
    bare, padded = judge(clip(make())), judge(clip(np.pad(make(), (RATE // 5, RATE // 3)) + 0.05))
    assert (bare.instrument, bare.role) == (padded.instrument, padded.role)
    assert close(bare, padded, 0.2)


def test_the_same_sound_gives_the_same_answer_to_the_bit() -> None:
    x = clip(snare())
    before = x.samples.copy()
    assert judge(x) == judge(x)
    assert np.array_equal(before, x.samples)


def test_stereo_is_folded_and_cancelling_channels_are_not_lost() -> None:
    x = kick()
    assert close(judge(clip(x)), judge(clip(np.stack([x, x]))), 1e-6)
    assert judge(clip(np.stack([x, -x]))).instrument == "kick"


@pytest.mark.parametrize("rate", [22_050, 48_000, 96_000])
def test_another_sample_rate_is_the_same_sound(rate: int) -> None:
    t = np.arange(round(0.5 * rate)) / rate
    f = 50 * (1 + 3 * np.exp(-t / 0.015))
    heard = judge(clip(0.9 * np.sin(2 * np.pi * np.cumsum(f) / rate) * np.exp(-t / 0.09), rate))
    assert heard.instrument == "kick"


@pytest.mark.parametrize("x", [np.zeros(0), np.zeros(1), np.zeros(RATE), np.full(RATE, 0.5), np.full(2000, 1e-6)])
def test_silence_and_dc_are_a_hesitant_texture(x: np.ndarray) -> None:
    heard = judge(clip(x.reshape(1, -1)))
    assert heard.role == "TEXTURE"
    assert heard.confidence == pytest.approx(0.3)
    assert sum(heard.roles.values()) == pytest.approx(1)
    assert sum(heard.instruments.values()) == pytest.approx(1)
    assert heard.features == {}


@pytest.mark.parametrize("n", [1, 2, 43, 44, 45, 220, 1000])
def test_the_shortest_clicks_are_judged(n: int) -> None:
    x = np.zeros(n)
    x[0] = 1
    heard = judge(clip(np.append(x, 0.0)))
    assert sum(heard.roles.values()) == pytest.approx(1)


def test_a_given_attack_chooses_the_hit() -> None:
    both = np.concatenate([hat(), np.zeros(RATE // 2), kick()])
    assert judge(clip(both), attack_s=0.002).instrument != "kick"
    assert judge(clip(both), attack_s=0.63).instrument == "kick"
    judge(clip(both), attack_s=99.0)
    judge(clip(both), attack_s=-1.0)


def test_features_measure_what_their_names_say() -> None:
    t = times(0.6)
    decay_s = 0.1
    tone = extract(clip(np.sin(2 * np.pi * 220 * t) * np.exp(-t / decay_s)))
    assert tone is not None
    assert len(tone.vector) == len(NAMES)
    assert tone.named["pitch_hz"] == pytest.approx(220, rel=0.02)
    assert tone.named["decay_20db_ms"] == pytest.approx(1000 * decay_s * np.log(10), rel=0.06)
    assert tone.named["decay_40db_ms"] == pytest.approx(2000 * decay_s * np.log(10), rel=0.06)
    assert tone.named["energy_120_250hz"] > 0.9
    assert tone.named["strokes"] == 1


def test_a_kick_drops_and_a_flat_tone_does_not() -> None:
    t = times(0.5)
    assert extract(clip(kick())).named["pitch_drop_octaves"] > 0.2
    assert abs(extract(clip(np.sin(2 * np.pi * 80 * t) * np.exp(-t / 0.1))).named["pitch_drop_octaves"]) < 0.15


def test_strokes_are_counted() -> None:
    x = np.zeros(RATE)
    for at in (0, 4000, 8000, 12_000):
        x[at : at + 1500] += np.sin(2 * np.pi * 900 * times(1)[:1500]) * np.exp(-np.arange(1500) / 250)
    assert extract(clip(x)).named["strokes"] == 4


def test_attack_time_is_measured_within_two_ms() -> None:
    t = times(0.5)
    ramp = np.minimum(1, t / 0.05) * np.sin(2 * np.pi * 1000 * t)
    assert extract(clip(ramp)).named["attack_ms"] == pytest.approx(40, abs=2)


def test_a_file_for_other_instruments_is_refused() -> None:
    ours = registry.verify(registry.ROLES)
    assert b"kick,snare" in ours
    classifier.checked(onnxruntime.InferenceSession(ours))
    with pytest.raises(registry.DamagedModel, match="other instruments"):
        classifier.checked(onnxruntime.InferenceSession(ours.replace(b"kick,snare", b"gong,snare")))
