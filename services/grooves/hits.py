"""Hits in three bands of a recording: low ones that a kick makes, high ones of hats, and what lies between.

Each band is filtered without delay, its level taken every half millisecond, and a rise of the level is a hit. Its time
is where the level has come half way up from what was there before, as Stage 1 places attacks: for sharp sounds within
a millisecond. Filters and smearing are the same for all hits of a band, so differences are more exact still.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import signal

from services.audio.clip import HOUSE_RATE_HZ, Samples

Band = Literal["low", "body", "mid", "high"]
Floats = npt.NDArray[np.float64]

HOP = 22  # samples: half a millisecond
HOP_S = HOP / HOUSE_RATE_HZ
FLOOR_DB = -54.0  # under the loudest moment of a band: what lies lower is no hit
SILENCE = 1e-5  # amplitude: -100 dB


@dataclass(frozen=True, slots=True)
class _Band:
    """Edges in Hz (None: open). `smear_ms`: of the level. `top_ms`: how long after its start a hit may reach its top.

    `rise_db`: how much the level must rise.
    """

    low_hz: float | None
    high_hz: float | None
    smear_ms: float
    top_ms: float
    rise_db: float


BANDS: dict[Band, _Band] = {
    "low": _Band(30.0, 110.0, 8.0, 40.0, 5.0),  # is there a kick, and how loud
    "body": _Band(30.0, 1_200.0, 2.0, 12.0, 6.0),  # when a kick is struck
    "mid": _Band(900.0, 5_000.0, 2.0, 10.0, 6.0),
    "high": _Band(7_000.0, None, 1.5, 8.0, 6.0),
}
APART_MS = 40.0  # two hits of a band: less than a 32nd note at 180 bpm
BEFORE_MS = 6.0  # what a level is compared with ends so long before the hit
PAST_MS = 14.0  # and is the mean of so long


@dataclass(frozen=True, slots=True)
class Hits:
    """Hits of one band in time order: `time_s`, and `level`: the amplitude that came on top of what was there."""

    time_s: Floats
    level: Floats

    def near(self, at_s: float, within_s: float) -> int | None:
        """The loudest hit within so many seconds of a time; None without one."""
        first, last = np.searchsorted(self.time_s, [at_s - within_s, at_s + within_s])
        return None if first == last else int(first + self.level[first:last].argmax())


def hits(mono: Samples) -> dict[Band, Hits]:
    """The hits of each band of float32 (n,) at 44.1 kHz; none in silence."""
    return {name: _hits(level_of(mono, name), BANDS[name]) for name in BANDS}


def level_of(mono: Samples, name: Band) -> Floats:
    """A band's root mean square around every 22nd sample, float64 (1 + n // 22,)."""
    band = BANDS[name]
    edges = [hz for hz in (band.low_hz, band.high_hz) if hz is not None]
    kind = "band" if len(edges) == 2 else "high"
    sos = signal.butter(2, edges if len(edges) == 2 else edges[0], kind, fs=HOUSE_RATE_HZ, output="sos")
    pad = np.zeros(HOUSE_RATE_HZ // 10)  # so that the filter settles before a hit at the very start
    x = signal.sosfiltfilt(sos, np.concatenate([pad, mono.astype(np.float64), pad]))
    width = max(1, round(band.smear_ms / 1000 * HOUSE_RATE_HZ) // 2)
    power = np.concatenate([[0.0], np.cumsum(x * x)])
    at = len(pad) + np.arange(0, len(mono) + 1, HOP)
    return np.asarray(np.sqrt(np.maximum(power[at + width] - power[at - width], 0.0) / (2 * width)))


def _hits(env: Floats, band: _Band) -> Hits:
    top = float(env.max(initial=0.0))
    if top < SILENCE or len(env) < 2:
        return Hits(np.zeros(0), np.zeros(0))
    floor = max(SILENCE, top * 10 ** (FLOOR_DB / 20))
    before, past, after = (round(ms / 1000 / HOP_S) for ms in (BEFORE_MS, PAST_MS, band.top_ms))
    padded = np.concatenate([np.zeros(before + past), env])
    sums = np.concatenate([[0.0], np.cumsum(padded)])
    was = (sums[past : past + len(env)] - sums[: len(env)]) / past  # the mean of what ended `before` ago
    ahead = np.lib.stride_tricks.sliding_window_view(np.concatenate([env, np.zeros(after)]), after + 1).max(axis=1)
    rise = 20 * np.log10((ahead + floor) / (was + floor))
    apart = round(APART_MS / 1000 / HOP_S)
    # the rise is flat-topped from `after` before the hit on: the steepest moment marks the hit
    steep = np.gradient(env) * (rise >= band.rise_db) * (ahead > 2 * floor)
    peaks, _ = signal.find_peaks(steep, height=floor * 1e-3, distance=apart)
    times: list[float] = []
    levels: list[float] = []
    for at in peaks.tolist():
        found = _placed(env, at, float(was[at]), (before, after))
        if found is not None and (not times or found[0] - times[-1] > APART_MS / 2000):
            times.append(found[0])
            levels.append(found[1])
    keep = np.array(levels) > floor
    return Hits(np.array(times)[keep], np.array(levels)[keep])


def _placed(env: Floats, at: int, was: float, reach: tuple[int, int]) -> tuple[float, float] | None:
    """Second and amplitude of the hit whose steepest moment is frame `at`; None where nothing rises."""
    before, after = reach
    first = max(0, at - before)
    stretch = env[first : at + after + 1]
    top = int(stretch.argmax())
    base = min(was, float(stretch[: top + 1].min()))
    if stretch[top] <= base:
        return None
    half = base + 0.5 * (stretch[top] - base)
    i = top
    while i > 0 and stretch[i - 1] >= half:
        i -= 1
    inside = 0.0 if i == 0 else (half - stretch[i - 1]) / (stretch[i] - stretch[i - 1]) - 1.0
    return (first + i + inside) * HOP_S, float(np.sqrt(stretch[top] ** 2 - base**2))
