"""A master is as loud as asked and below its ceiling, or honestly quieter; hits stay hits."""

import numpy as np
import pyloudnorm
import pytest
from scipy import signal

from services.audio.clip import Clip
from services.audio.dsp import from_db, to_db
from services.audio.loudness import true_peak_db
from services.audio.mastering import limited, master, soft_clipped
from tests import sounds


def lufs(clip):
    return pyloudnorm.Meter(clip.rate_hz).integrated_loudness(clip.samples.T.astype(np.float64))


def dense_peak_db(clip):
    """True peak by sixteen-fold oversampling: stricter than the standard's four."""
    return to_db(np.abs(signal.resample_poly(clip.samples.astype(np.float64), 16, 1, axis=1)).max())


@pytest.fixture(scope="module")
def beat():
    return sounds.beat(8.0)


@pytest.mark.parametrize("gain_db", [-40.0, -12.0, 0.0, 12.0])
def test_a_beat_reaches_the_target_whatever_its_level(gain_db):
    """A beat over a bed of noise: a crest of about 14 dB."""
    beat = sounds.beat(8.0)
    bed = sounds.stereo(sounds.noise(8.0, 0.06))
    clip = Clip((beat.samples + bed.samples) * np.float32(from_db(gain_db)), 44_100)
    done = master(clip)
    assert done.report.reached
    assert lufs(done.clip) == pytest.approx(-14.0, abs=0.5)
    assert done.report.lufs == pytest.approx(lufs(done.clip), abs=0.1)
    assert dense_peak_db(done.clip) <= -1.0
    assert done.report.clip_db <= 2.0
    assert done.report.limit_db <= 3.0


def test_a_crest_too_high_is_told(beat):
    clicks = np.zeros((2, 44_100 * 4), np.float32)
    clicks[:, ::11_025] = 0.5
    done = master(Clip(clicks, 44_100))
    assert not done.report.reached
    assert done.report.lufs < -20.0
    assert dense_peak_db(done.clip) <= -0.9  # single samples: no meter agrees with another on them


def test_a_dense_sound_needs_no_limiter():
    done = master(sounds.stereo(sounds.tone(440.0, 3.0, 0.02)))
    assert (done.report.clip_db, done.report.limit_db) == (0.0, 0.0)
    assert lufs(done.clip) == pytest.approx(-14.0, abs=0.1)
    first = done.clip.samples / np.maximum(np.abs(done.clip.samples).max(), 1e-9)
    assert np.abs(first - sounds.tone(440.0, 3.0, 1.0).samples).max() < 1e-3  # a gain and nothing else


def test_silence_stays_silence():
    for clip in (sounds.silence(1.0, 2), sounds.silence(0.0, 2)):
        done = master(clip)
        assert done.clip is clip
        assert done.report.lufs is None


def test_other_targets_and_ceilings(beat):
    quiet = master(beat, target_lufs=-23.0, ceiling_dbtp=-3.0)
    assert lufs(quiet.clip) == pytest.approx(-23.0, abs=0.5)
    assert dense_peak_db(quiet.clip) <= -3.0


def test_the_same_in_the_same_out(beat):
    before = beat.samples.copy()
    first, second = master(beat), master(Clip(beat.samples.copy(), 44_100))
    assert first.clip.samples.tobytes() == second.clip.samples.tobytes()
    assert first.report == second.report
    assert np.array_equal(beat.samples, before)


def test_mono_and_short_clips_are_mastered():
    done = master(sounds.knock())
    assert done.clip.samples.shape == sounds.knock().samples.shape
    assert true_peak_db(done.clip) <= -1.0


def test_attacks_stay_in_place():
    hits = sounds.placed([(t, sounds.knock()) for t in (0.5, 1.0, 1.5)], 2.0)
    done = master(hits)
    for t in (0.5, 1.0, 1.5):
        a = round(t * 44_100)
        window = slice(a - 200, a + 2_000)
        before, after = hits.samples[0][window], done.clip.samples[0][window]
        assert abs(int(np.argmax(np.abs(before))) - int(np.argmax(np.abs(after)))) < 44
        assert not done.clip.samples[0][a - 200 : a - 1].any()


def test_the_limiter_holds_its_ceiling_by_at_most_three_db():
    loud = sounds.beat(3.0).samples * np.float32(1.3)
    ceiling = true_peak_linear(loud) * from_db(-2.5)
    out, by_db = limited(loud, 44_100, ceiling)
    assert to_db(true_peak_linear(out) / ceiling) < 0.1
    assert 2.4 < by_db <= 3.0
    gain = out[np.abs(loud) > 0.01] / loud[np.abs(loud) > 0.01]
    assert to_db(float(gain.min())) >= -3.0
    assert gain.max() <= 1.0 + 1e-6


def true_peak_linear(samples):
    return from_db(true_peak_db(Clip(samples, 44_100)))


def test_the_limiter_turns_both_sides_alike():
    loud = np.stack([sounds.tone(100, 1.0, 1.2).samples[0], sounds.tone(3_000, 1.0, 0.1).samples[0]])
    out, _ = limited(loud, 44_100, 0.9)
    left, right = (out[i][np.abs(loud[i]) > 0.05] for i in (0, 1))
    assert np.median(np.abs(right)) < np.median(np.abs(loud[1][np.abs(loud[1]) > 0.05]))
    assert np.abs(left).max() <= 0.91


def test_the_limiter_leaves_alone_what_is_below():
    soft = sounds.beat(1.0).samples
    assert limited(soft, 44_100, 2.0).samples is soft


def test_soft_clipping_bends_only_the_top():
    ramp = np.linspace(-1, 1, 2_001, dtype=np.float32)[None]
    out = soft_clipped(ramp, 1.0, 2.0)[0]
    assert out[-1] == pytest.approx(from_db(-2.0), abs=1e-6)
    inner = np.abs(ramp[0]) <= 0.5
    assert np.array_equal(out[inner], ramp[0][inner])
    assert (np.diff(out) >= 0).all()
    assert np.allclose(out, -out[::-1], atol=1e-6)
    assert np.diff(out, 2)[1:-1].max() < 1e-3  # no corner
