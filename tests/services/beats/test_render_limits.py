"""The far ends of what a request may ask: length, tempo, amount, spikes. Memory is that of a child of its own."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from services.audio.clip import Clip
from services.audio.loudness import integrated, true_peak_db
from services.beats.render import master_mix, render_mix
from services.beats.tame import peak_db, tamed
from tests.beat_material import RATE, event, hit, noise, one

MEMORY_MAX_MB = 1_200  # 384 s of stereo: five stems of 135 MB, their mix, and a stem in the making


def test_sixty_four_bars_at_forty_bpm_fit_in_memory():
    script = textwrap.dedent("""
        from services.beats.render import render_mix
        from tests.beat_material import full_beat
        done = render_mix(*full_beat(64, 40.0))
        peak_kb = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
        print(done.mix.frames, peak_kb // 1024)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    frames, peak_mb = map(int, done.stdout.split())
    assert frames >= 384 * RATE
    assert peak_mb < MEMORY_MAX_MB


def test_many_sounds_and_roles_at_once_do_not_clip():
    events = [
        event("s", 0, s, role, "perc", tick=t)
        for s in range(16)
        for t, role in ((0, "CORE"), (60, "ACCENT"), (120, "FILL"))
    ]
    beat, clips = one(noise(2.0), events)
    done = render_mix(beat, clips)
    assert max(np.abs(stem.samples).max() for stem in done.stems.values()) <= 0.9
    assert true_peak_db(master_mix(done)) <= -1.0


@pytest.mark.parametrize("decay_s", [0.0005, 0.005, 2.0])
def test_ticks_and_bells_come_out_finite_and_under_the_ceiling(decay_s):
    events = [event("s", b, s, "MOTION", "perc") for b in range(2) for s in range(0, 16, 2)]
    beat, clips = one(hit(3000, decay_s, 0.001, 6.7), events, bars=2, role="MOTION", instrument="perc", attack_s=0.001)
    loud = master_mix(render_mix(beat, clips))
    assert np.isfinite(loud.samples).all()
    assert true_peak_db(loud) <= -1.0


def test_a_dull_loud_bell_as_motion_reaches_the_loudness():
    events = [event("s", b, s, "MOTION", "perc") for b in range(2) for s in range(0, 16, 2)]
    beat, clips = one(hit(900, 2.0, 0.015, 6.7), events, bars=2, role="MOTION", instrument="perc", attack_s=0.015)
    assert integrated(master_mix(render_mix(beat, clips))) == pytest.approx(-14.0, abs=0.5)


def test_taming_bends_only_what_stands_out():
    x = hit(200, 0.05).samples
    out = tamed(x, 6.0)
    assert peak_db(out) <= peak_db(x) - 6.0
    quiet = np.abs(x) < np.abs(x).max() * 10 ** (-6 / 20) * 0.74
    assert np.array_equal(out[quiet], x[quiet])
    assert (np.sign(out) == np.sign(x)).all()
    rising = tamed(np.linspace(-1, 1, 1001, dtype=np.float32)[None], 6.0)
    assert (np.diff(rising) >= 0).all()


def test_taming_silence_is_silence():
    x = np.zeros((2, 100), np.float32)
    assert not tamed(x, 6.0).any()
    assert tamed(x[:, :0], 6.0).shape == (2, 0)
    assert peak_db(x) == -np.inf


def test_a_mix_of_one_short_click_stays_quiet_rather_than_broken():
    x = np.zeros((1, 2000), np.float32)
    x[0, 50] = 1.0
    beat, clips = one(Clip(x, RATE), [event("s", 0, 0)], bpm=40.0, attack_s=50 / RATE)
    loud = master_mix(render_mix(beat, clips))
    assert np.isfinite(loud.samples).all()
    assert true_peak_db(loud) <= -1.0
