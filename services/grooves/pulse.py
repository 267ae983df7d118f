"""The steady tempo of strokes, and where its bars begin.

A tempo is good when the strokes repeat after a beat, two beats, a bar; 60 to 200 bpm are asked, the middle is
preferred, and a loop that is a whole number of bars long says its tempo itself. The tempo is then refined by least
squares over the strokes' nearest steps. Bars begin at 0 where the first strong low stroke lies, else where kicks fall
on the first beat and snares on the second and last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.beats.types import BEAT_STEPS, METERS, STEPS_PER_QUARTER
from services.grooves.parts import Heard

BPM_LOW, BPM_HIGH, BPM_STEP = 60.0, 200.0, 0.25
USUAL_BPM, SPREAD_OCTAVES = 112.0, 0.7  # of the preference among tempos
GRAIN_S = 0.005
SMEAR_S = 0.012  # strokes so near count as at the same time
REPEATS = ((1.0, 1.0), (2.0, 0.8), (4.0, 1.0), (0.5, 0.5), (0.25, 0.3))  # beats, weight
LAG_MAX_S = 9.0
WHOLE_BARS = 0.002  # of a bar: a file so near to whole bars is a loop
LOOP_BARS_MAX = 64
LOOP_BONUS = 1.25
OFF_BEAT = 0.2  # of its weight keeps a stroke between the beats, which swing moves
ROUNDS = 3  # of least squares
NEAR_STEPS = 0.3  # from a step: what is further does not steer the tempo
ON_GRID_STEPS = 0.25  # the first strong low stroke lies on time 0 when it is so near
SNAP_ERRORS = 3.0  # standard errors within which a tempo is taken for the whole number
STRONG = 0.3  # of the loudest of its role: a kick of velocity .5
BPM_DIGITS = 3

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pulse:
    """A steady tempo in quarter notes per minute, and the second of a bar line."""

    bpm: float
    start_s: float

    @property
    def step_s(self) -> float:
        return 60.0 / self.bpm / STEPS_PER_QUARTER


def pulse(strokes: Sequence[Heard], length_s: float, meter: str, bpm: float | None = None) -> Pulse:
    """The pulse of strokes in time order (at least one) in a file of `length_s`; `bpm` where it is known."""
    times, weights = np.array([s.time_s for s in strokes]), _weights(strokes)
    if bpm is None:
        bpm = _refined(times, weights, _tempo(times, weights, length_s, meter), length_s, meter)
    return Pulse(round(bpm, BPM_DIGITS), _start(strokes, bpm, meter))


def _weights(strokes: Sequence[Heard]) -> Floats:
    """How much each stroke says: the root of its level against the loudest of its role."""
    top: dict[str, float] = {}
    for s in strokes:
        top[s.role] = max(top.get(s.role, 0.0), s.level)
    return np.array([(s.level / top[s.role]) ** 0.5 for s in strokes])


def _tempo(times: Floats, weights: Floats, length_s: float, meter: str) -> float:
    """The best of the tempos by how well strokes repeat."""
    train = np.zeros(int(times[-1] / GRAIN_S) + 2)
    np.add.at(train, np.rint(times / GRAIN_S).astype(int), weights)
    width = round(SMEAR_S / GRAIN_S)
    kernel = np.hanning(2 * width + 3)[1:-1]
    train = np.convolve(train, kernel, mode="same")
    lags = round(LAG_MAX_S / GRAIN_S)
    spectrum = np.fft.rfft(train, 2 * len(train) + lags)
    repeats = np.fft.irfft(np.abs(spectrum) ** 2)[:lags]
    bpms = np.arange(BPM_LOW, BPM_HIGH + BPM_STEP, BPM_STEP)
    score = np.zeros(len(bpms))
    for beats, weight in REPEATS:
        at = beats * 60.0 / bpms
        inside = at < min(LAG_MAX_S - GRAIN_S, times[-1])
        score[inside] += weight * np.interp(at[inside], np.arange(lags) * GRAIN_S, repeats)
    score *= np.exp(-0.5 * (np.log2(bpms / USUAL_BPM) / SPREAD_OCTAVES) ** 2)
    loops = np.array([_loop_bpm(b, length_s, meter) is not None for b in bpms])
    return float(bpms[(score * np.where(loops, LOOP_BONUS, 1.0)).argmax()])


def _loop_bpm(bpm: float, length_s: float, meter: str) -> float | None:
    """The tempo near `bpm` at which the file is a whole number of bars long, or None."""
    bar_quarters = METERS[meter] / STEPS_PER_QUARTER
    bars = length_s * bpm / 60.0 / bar_quarters
    whole = round(bars)
    if not 1 <= whole <= LOOP_BARS_MAX or abs(bars - whole) > max(WHOLE_BARS, BPM_STEP / bpm * whole / 2):
        return None
    return whole * bar_quarters * 60.0 / length_s


def _refined(times: Floats, weights: Floats, bpm: float, length_s: float, meter: str) -> float:
    """The tempo by least squares over the steps next to the strokes; a whole number where that is as likely."""
    step_s, error = 60.0 / bpm / STEPS_PER_QUARTER, np.inf
    start = 0.0
    for _ in range(ROUNDS):
        start = _phase(times, weights, step_s)
        place = (times - start) / step_s
        steps = np.rint(place)
        near = np.abs(place - steps) <= NEAR_STEPS
        if np.unique(steps[near]).size < 3:
            return bpm
        x, y = steps[near], times[near]
        w = weights[near] * np.where(x % STEPS_PER_QUARTER == _commonest(x), 1.0, OFF_BEAT)
        mean_x, mean_y = np.average(x, weights=w), np.average(y, weights=w)
        spread = float((w * (x - mean_x) ** 2).sum())
        step_s = float((w * (x - mean_x) * (y - mean_y)).sum()) / spread
        left = y - mean_y - step_s * (x - mean_x)
        error = float(np.sqrt((w * left**2).sum() / max(1, near.sum() - 2) / spread))
    found = 60.0 / step_s / STEPS_PER_QUARTER
    reach = SNAP_ERRORS * error / step_s * found
    loop = _loop_bpm(found, length_s, meter)
    if loop is not None and abs(loop - found) <= reach:
        return loop
    return float(round(found)) if abs(round(found) - found) <= reach else found


def _commonest(steps: Floats) -> int:
    """The place within a quarter on which most strokes lie."""
    return int(np.bincount((steps % STEPS_PER_QUARTER).astype(int), minlength=STEPS_PER_QUARTER).argmax())


def _phase(times: Floats, weights: Floats, step_s: float) -> float:
    """Where the steps lie: the weighted circular mean of the strokes within a step, in seconds."""
    turn = (weights * np.exp(2j * np.pi * times / step_s)).sum()
    return float(np.angle(turn) / (2 * np.pi) * step_s)


def _start(strokes: Sequence[Heard], bpm: float, meter: str) -> float:
    """The second of a bar line."""
    step_s = 60.0 / bpm / STEPS_PER_QUARTER
    low = [s for s in strokes if s.role == "CORE"] or list(strokes)
    top = max(s.level for s in low)
    first = next(s.time_s for s in low if s.level >= STRONG * top)
    if abs(first) <= ON_GRID_STEPS * step_s:
        return 0.0
    steps, beat = METERS[meter], BEAT_STEPS[meter]
    times, weights = np.array([s.time_s for s in strokes]), _weights(strokes)
    phase = _phase(times, weights, step_s)
    core, accent = np.zeros(steps), np.zeros(steps)
    for s, w in zip(strokes, weights.tolist(), strict=True):
        row = core if s.role == "CORE" else accent if s.role == "ACCENT" else None
        if row is not None:
            row[round((s.time_s - phase) / step_s) % steps] += w
    back = np.roll(accent, -beat) + np.roll(accent, beat)
    score = core + back
    score[round((first - phase) / step_s) % steps] += float(score.max()) / 10  # of equals, where the music begins
    line = phase + int(score.argmax()) * step_s
    late = [((s.time_s - line + step_s / 2) % step_s) - step_s / 2 for s in low]
    return line + float(np.median(late))
