"""Feel: lateness, jitter, velocities and swing of composed beats."""

import statistics
from collections import defaultdict

import numpy as np
import pytest

from services.beats.beat_gen import ComposeRequest, compose
from services.beats.feel import TOGETHER, walk
from services.beats.grid import event_time_s
from services.beats.styles import STYLES
from tests.composing import FULL, sounds

KIT = sounds(**FULL)
names = pytest.mark.parametrize("name", list(STYLES))


def ask(name, **fields):
    return ComposeRequest(**{"bpm": sum(STYLES[name].bpm_range) / 2, "style": name, "sounds": KIT} | fields)


@names
def test_mean_lateness_is_the_rows(name):
    for seed in range(8):
        composition = compose(ask(name, seed=seed))
        for role in ("CORE", "ACCENT", "MOTION"):
            late = statistics.mean(e.offset_ms for e in composition.events if e.role == role)
            assert late == pytest.approx(STYLES[name].offset_ms.get(role, 0.0), abs=3.0)


@names
def test_simultaneous_roles_stay_together(name):
    """Within 12 ms, or the spread that the row's own offsets have."""
    row = [STYLES[name].offset_ms.get(role, 0.0) for role in TOGETHER]
    limit = max(12.0, max(row) - min(row))
    for seed in range(8):
        at = defaultdict(list)
        for e in compose(ask(name, bars=8, density=1.0, seed=seed)).events:
            if e.role != "TEXTURE":
                at[e.bar, e.step, e.tick].append(e.offset_ms)
        assert max(max(v) - min(v) for v in at.values()) <= limit + 0.002


def test_humanize_scales_feel():
    still, own, double = (compose(ask("lofi", bars=8, humanize=h)).events for h in (0.0, 0.5, 1.0))
    assert all(e.offset_ms == 0 for e in still)
    by_id = {e.id: e.offset_ms for e in own}
    assert all(e.offset_ms == pytest.approx(2 * by_id[e.id], abs=0.01) for e in double)
    assert len({e.velocity for e in own}) > len({e.velocity for e in still})


def test_core_has_half_the_jitter():
    events = compose(ask("rock", bars=64, density=1.0)).events
    spread = {
        role: statistics.stdev(e.offset_ms for e in events if e.role == role) for role in ("CORE", "ACCENT", "MOTION")
    }
    assert spread["CORE"] == pytest.approx(spread["MOTION"] / 2, rel=0.2)
    assert 3.5 <= spread["MOTION"] <= 5.5  # the row says 5; the far ends are cut


def test_jitter_is_correlated_and_drifts():
    x = np.concatenate([walk(64, 16, seed, "MOTION") for seed in range(8)])
    assert np.std(x) == pytest.approx(1.0, abs=0.08)
    neighbours = np.corrcoef(x[:-1], x[1:])[0, 1]
    eighths = np.corrcoef(x[:-2], x[2:])[0, 1]
    assert 0.65 < neighbours < 0.85
    assert 0.45 < eighths < 0.70
    bars = x.reshape(-1, 16).mean(axis=1)
    assert np.var(bars) > 0.25  # independent steps would give 1/16


def test_swing_sounds_where_the_row_says():
    composition = compose(ask("garage", humanize=0.0))
    step = 60 / composition.grid.bpm / 4
    odd = [(event_time_s(composition.grid, e) / step) % 2 for e in composition.events if e.step % 2 and not e.tick]
    assert odd and all(place == pytest.approx(2 * 0.60, abs=1e-6) for place in odd)
