"""From the beats of a reading to times: where each beat is heard, how steady they are, and the tempo bar by bar.

Beats are first pulled to the onsets next to them. When all of them lie on one line, that line is the beat: least
squares over a whole recording are more exact than any onset. Otherwise each lies on the line through its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.analysis.activations import FRAMES_PER_S
from services.analysis.beats import refined, smoothed
from services.analysis.types import TempoPoint

LATE_S = 0.0  # by how much the peak of a band's rise comes after the attack
DRIFT_BEATS = 3.0  # of the lines through neighbours when the tempo moves
STEADY_S = 0.012  # root mean square of smoothed beats off one line: steady when smaller
STEADY_MOST = 2.5  # times that, for the worst stretch
EDGE_DEVIATIONS = 1.0  # of the strength: the first and last onsets so strong are the ends of the music
SPREAD = 0.06  # of local tempi, at which stability is 1 / e
SAME_TEMPO = 0.01  # share: bars so near share a point of the tempo map

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """Beats in seconds, rising, the place of the first downbeat among them, and whether they lie on one line."""

    beats_s: Floats
    first: int
    steady: bool
    stability: float

    def interval_s(self) -> float:
        """The interval of a steady line, else the median one."""
        if len(self.beats_s) < 2:
            return 0.0
        gaps = np.diff(self.beats_s)
        return float(gaps.mean() if self.steady else np.median(gaps))


def line(strength: Floats, beats: Floats, first: int, meter_beats: int) -> Line:
    """The beats (n,) in frames of a recording's onset `strength`, placed, straightened and cut to where music is."""
    moved, heard = refined(strength, beats)
    local = smoothed(moved, heard, DRIFT_BEATS)
    straight = _straight(local, heard)
    off = np.abs(local - straight) / FRAMES_PER_S
    steady = bool(np.sqrt(np.mean(off**2)) < STEADY_S and np.percentile(off, 95) < STEADY_MOST * STEADY_S)
    if steady:
        straight = _straight(moved, heard)
    times = (straight if steady else np.maximum.accumulate(local)) / FRAMES_PER_S - LATE_S
    inside = _inside(strength, times)
    kept = times[inside]
    skipped = int(inside.argmax()) if inside.any() else 0
    return Line(np.maximum(kept, 0.0), (first - skipped) % meter_beats, steady, _stability(local))


def _straight(beats: Floats, weights: Floats) -> Floats:
    """The line through all beats, what is not heard hardly counting, slips counting less each time."""
    x = np.arange(len(beats), dtype=np.float64)
    base = 0.02 + np.minimum(weights, 3.0)
    w, out = base, beats
    for _ in range(4):
        mean_x, mean_y = np.average(x, weights=w), np.average(beats, weights=w)
        slope = (w * (x - mean_x) * (beats - mean_y)).sum() / (w * (x - mean_x) ** 2).sum()
        out = mean_y + slope * (x - mean_x)
        w = base / (1 + ((beats - out) / 1.5) ** 2)
    return np.asarray(out)


def _inside(strength: Floats, times: Floats) -> npt.NDArray[np.bool_]:
    """Which beats lie between the first and the last onset, or within a quarter of a beat of them."""
    loud = np.flatnonzero(strength > strength.mean() + EDGE_DEVIATIONS)
    if not len(loud) or len(times) < 2:
        return np.ones(len(times), bool)
    room = 0.25 * float(np.median(np.diff(times)))
    return np.asarray((times > loud[0] / FRAMES_PER_S - room) & (times < loud[-1] / FRAMES_PER_S + room))


def _stability(beats: Floats) -> float:
    """1 for one tempo, towards 0 the further tempi of the stretches lie apart."""
    gaps = np.diff(beats)
    if len(gaps) < 2:
        return 0.0
    off = np.log(np.maximum(gaps, 1e-3) / np.median(gaps))
    return float(np.exp(-np.sqrt(np.mean(off**2)) / SPREAD))


def tempo_map(heard: Line, meter_beats: int, quarters: float) -> tuple[TempoPoint, ...]:
    """Points at bars in which the tempo changes; one for a steady line, none where there is no downbeat.

    `meter_beats` of a bar, `quarters` of a beat; tempi in quarter notes per minute.
    """
    downbeats = heard.beats_s[heard.first :: meter_beats]
    if not len(downbeats) or len(heard.beats_s) < 2:
        return ()
    usual = 60 * quarters / heard.interval_s()
    if heard.steady or len(downbeats) < 2:
        return (TempoPoint(float(downbeats[0]), 0, usual),)
    bpms = 60 * quarters * meter_beats / np.maximum(np.diff(downbeats), 1e-3)
    return _points(downbeats, bpms)


def _points(downbeats: Floats, bpms: Floats) -> tuple[TempoPoint, ...]:
    starts = [0]
    for bar in range(1, len(bpms)):
        since = bpms[starts[-1] : bar]
        if abs(np.log(bpms[bar] / since.mean())) > SAME_TEMPO:
            starts.append(bar)
    ends: Sequence[int] = [*starts[1:], len(bpms)]
    return tuple(TempoPoint(float(downbeats[a]), a, float(bpms[a:b].mean())) for a, b in zip(starts, ends, strict=True))
