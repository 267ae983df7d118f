"""Ways to read a pulse: at which multiple of it the beat lies, on which of its places, in which meter, from which beat.

Each reading is described by numbers that do not know which reading it is: what each band does on the beat and between
beats, how that differs from beat to beat of the bar, how well beats and harmonies repeat after one to eight beats, and
how fast it would be. Whether a reading is right is judged elsewhere (meter.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from services.analysis.activations import BANDS, CHROMA_PER_S, FRAMES_PER_S, RhythmActivations
from services.analysis.beats import refined, smoothed, track
from services.analysis.tempogram import BINS_AN_OCTAVE, Pulse, local

# Beats of a bar, and quarters of a beat.
METERS: dict[str, tuple[int, float]] = {
    "4/4": (4, 1.0),
    "3/4": (3, 1.0),
    "2/4": (2, 1.0),
    "5/4": (5, 1.0),
    "7/8": (7, 0.5),
    "6/8": (2, 1.5),
    "12/8": (4, 1.5),
}
BAR_BEATS = tuple(sorted({beats for beats, _ in METERS.values()}))
BEAT_LOW_S, BEAT_HIGH_S = 0.135, 1.5  # eighths of 7/8 at 220 bpm, quarters at 40
PULSES = 6  # periods that are followed through the recording: the most repeating ones
PULSE_HIGH_S = 1.05  # slower beats are found by counting faster ones, which lose their way less
TIMES = (1, 2, 3, 4)  # pulses of a beat
TWELFTHS = 12  # of a beat: the finest place, which is a quarter of a triplet and a third of a sixteenth
# Twelfths of a beat of so many pulses: where it may lie.
SHIFTS = {1: (0, 6), 2: (0, 3, 6, 9), 3: (0, 4, 8), 4: (0, 3, 6, 9)}
SAME_PERIOD, SAME_PLACE = 0.02, 0.12  # shares of a beat: grids so near are one
BAR_PLACES = (0, 3, 4, 6, 8, 9)  # twelfths that tell the beats of a bar apart; 0 first
LAGS = 8  # beats after which a repetition is looked for
LINE_BEATS = 4.0  # of the lines that smooth beats for measuring
USUAL_BEAT_S = 0.5
ACCENT = 60.0  # times its mean in some seconds: what a band says at most, since accents tell the beats of a bar apart
LOUDEST = 5.0  # root of how many times its mean at twelfths: the same
MOST = 4.0  # times its mean: a change of harmony says no more
BEATS_MIN = 4  # fewer are no rhythm
LOUD_BARS = 5  # of so many bars one counts as loud: where crashes mark a phrase
START_BEATS = 0.2  # of a beat: the music begins on a beat when it begins so near
GENERAL = 2 * LAGS + BANDS + 7  # numbers at the end of a beat's features that are no band at a place
BEAT_VALUES = len(BAR_PLACES) * BANDS + 2  # measured at each beat
BAR_VALUES = BEAT_VALUES + BANDS  # numbers for each beat of a bar

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """Beats (n,) in frames, `period_s` apart in the middle; `beat` (features,) describes them.

    `bars`: by how many beats a bar has, (beats, BAR_VALUES) of every so many beats from the first, second … on.
    `common` (features,) goes with every bar. `start`: which beat the music begins on, None where it begins between two.
    """

    beats: Floats
    period_s: float
    bars: Mapping[int, Floats]
    beat: Floats
    common: Floats
    start: int | None


def _bar(values: Floats, beats: int) -> Floats:
    """(beats, BAR_VALUES) of what is measured at each beat (n, BEAT_VALUES).

    The mean of each number, and of those on the beat what they are in loud bars.
    """
    n, features = values.shape
    bars = np.pad(values, ((0, -n % beats), (0, 0))).reshape(-1, beats, features)
    counts = np.maximum((n - np.arange(beats) + beats - 1) // beats, 1)[:, None]
    tops = np.sort(bars[:, :, :BANDS], axis=0)[-1 - len(bars) // LOUD_BARS]
    return np.concatenate([bars.sum(axis=0) / counts, tops], axis=1)


def grids(pulse: Pulse, activations: RhythmActivations) -> list[Grid]:
    """Every grid worth judging; none where the recording is too short for four beats."""
    n = len(pulse.strength)
    period = pulse.period_at(np.arange(n) / FRAMES_PER_S) * FRAMES_PER_S
    signals = _Signals(
        ndimage.maximum_filter1d(local(activations.onsets, ACCENT), 3, axis=1),
        pulse.strength,
        np.cumsum(np.pad(activations.chroma.astype(np.float64), ((0, 0), (1, 0))), axis=1),
        np.log1p(pulse.bands.std(axis=1)),
        float((pulse.strength > pulse.strength.mean() + 1.0).argmax()),
    )
    out: list[Grid] = []
    for ratio in _ratios(pulse):
        moved, heard = refined(pulse.strength, track(pulse.strength, period * ratio))
        pulses = smoothed(moved, heard, LINE_BEATS)
        for times in TIMES:
            beats = pulses[::times]
            if len(beats) >= BEATS_MIN and np.median(np.diff(beats)) <= BEAT_HIGH_S * FRAMES_PER_S:
                made = _level(signals, beats, float(pulse.salience(np.array([ratio * times]))[0]), SHIFTS[times])
                out += [grid for grid in made if not any(_same(grid, other) for other in out)]
    return out


def _ratios(pulse: Pulse) -> list[float]:
    """Multiples of the pulse after which the recording repeats most, the fastest first."""
    middle_s = float(np.median(pulse.periods_s))
    low, high = np.log2(BEAT_LOW_S / middle_s), np.log2(PULSE_HIGH_S / middle_s)
    ratios = 2 ** np.arange(low, high, 1 / BINS_AN_OCTAVE)
    values = pulse.salience(ratios)
    padded = np.concatenate([[-np.inf], values, [-np.inf]])
    peaks = np.flatnonzero((values > padded[:-2]) & (values >= padded[2:]))
    best = sorted(peaks.tolist(), key=lambda i: -values[i])[:PULSES]
    return [float(ratios[i]) for i in sorted(best)]


def _same(one: Grid, other: Grid) -> bool:
    """Whether two grids hold the same beats: as fast, and as placed in their middle and near both ends."""
    if abs(np.log(one.period_s / other.period_s)) > SAME_PERIOD:
        return False
    room = SAME_PLACE * one.period_s * FRAMES_PER_S
    n = len(one.beats)
    asked = one.beats[[n // 8, n // 2, n - 1 - n // 8]]
    return bool((np.abs(other.beats[:, None] - asked).min(axis=0) < room).all())


@dataclass(frozen=True, slots=True)
class _Signals:
    """`bands` (6, frames), `strength` (frames,), the running sum of `chroma` (24, frames + 1), `sharp` (6,).

    `first`: the frame of the first strong onset.
    """

    bands: Floats
    strength: Floats
    chroma: Floats
    sharp: Floats
    first: float


def _level(signals: _Signals, beats: Floats, salience: float, shifts: Sequence[int]) -> list[Grid]:
    """The grids of one period, so salient, at each shift. All is measured once, at twelfths of the beats."""
    n = len(beats)
    gap = float(np.median(np.diff(beats)))
    long = np.concatenate([[2 * beats[0] - beats[1]], beats, beats[-1] + (beats[-1] - beats[-2]) * np.array([1, 2, 3])])
    fine = np.interp(np.arange((n + 3) * TWELFTHS) / TWELFTHS, np.arange(n + 4), long)  # from a beat before the first
    bands = _sampled(signals.bands, fine)
    bands = np.minimum(np.sqrt(bands / (bands.mean(axis=1, keepdims=True) + 1e-6)), LOUDEST)
    strength = _sampled(signals.strength[None], fine)[0]
    tempo = np.log2(USUAL_BEAT_S * FRAMES_PER_S / gap)
    fast = [tempo, tempo**2, abs(tempo)]
    out = []
    places = TWELFTHS * (1 + np.arange(n))
    for shift in shifts:
        at = places + shift
        cells = bands[:, at[:, None] + np.arange(TWELFTHS)]  # (bands, n, places)
        sung = [
            _sampled(signals.chroma, fine[at + d] * (CHROMA_PER_S / FRAMES_PER_S)) for d in (-TWELFTHS, 0, TWELFTHS)
        ]
        before, after = sung[1] - sung[0], sung[2] - sung[1]
        changes = _changes(before, after)
        on = strength[at].mean() - signals.strength.mean()
        repeats = np.concatenate([_repeats(np.moveaxis(cells, 0, 1).reshape(n, -1)), _repeats(after.T)])
        near = int(np.abs(fine[at] - signals.first).argmin())
        off = abs(fine[at[near]] - signals.first) / gap
        beat = [
            cells.mean(axis=1).ravel(),
            repeats,
            signals.sharp,
            fast,
            [salience, on, 2 * changes.mean(), min(off, 0.5)],
        ]
        changes = np.minimum(changes / (changes.mean(axis=0) + 0.02), MOST)
        values = np.concatenate([np.moveaxis(cells[:, :, list(BAR_PLACES)], 0, 2).reshape(n, -1), changes], axis=1)
        common = np.concatenate([repeats, fast, signals.sharp])
        bars = {beats: _bar(values, beats) for beats in BAR_BEATS}
        start = near if off <= START_BEATS else None
        out.append(Grid(fine[at], gap / FRAMES_PER_S, bars, np.concatenate(beat), common, start))
    return out


def _sampled(rows: Floats, at: Floats) -> Floats:
    """(rows, n) at frames (n,), between frames on a line; the edges are repeated."""
    at = np.clip(at, 0, rows.shape[1] - 1)
    low = np.minimum(at.astype(int), max(0, rows.shape[1] - 2))
    part = at - low
    return np.asarray(rows[:, low] * (1 - part) + rows[:, np.minimum(low + 1, rows.shape[1] - 1)] * part)


def _changes(before: Floats, after: Floats) -> Floats:
    """(n, 2): how much the bass and the treble of two rows of chroma (24, n) differ, 0..1."""
    pairs = [(before[:12], after[:12]), (before[12:], after[12:])]
    return np.stack([1 - _cosine(a, b) for a, b in pairs], axis=1)


def _cosine(a: Floats, b: Floats) -> Floats:
    """Of the columns of two matrices, 0..1 for what is nowhere negative; 1 where both are empty."""
    lengths = np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    return np.asarray(np.clip(((a * b).sum(axis=0) + 1e-6) / (lengths + 1e-6), 0.0, 1.0))


def _repeats(cells: Floats) -> Floats:
    """(LAGS,): the mean likeness of (n, values) with what comes 1, 2, … beats later, -1..1; 0 where it is too short."""
    x = cells - cells.mean(axis=0)
    x = x / (np.linalg.norm(x, axis=1, keepdims=True) + 1e-6)
    lags = range(1, LAGS + 1)
    return np.array([(x[lag:] * x[:-lag]).sum(axis=1).mean() if len(x) > lag + 1 else 0.0 for lag in lags])
