"""The rhythm of a recording: tempo, beats, downbeats, meter, what else it could be, and how sure all that is.

activations -> the pulse that runs through them (tempogram.py) -> readings of it (readings.py, beats.py)
            -> which is right (meter.py) -> times (tempo_map.py)

Tempi are quarter notes per minute. The whole of it takes no audio, so that it can be asked again with what a user
knows better: a range of tempi, a meter, the second of a downbeat strike out readings that contradict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from services.analysis.activations import FRAMES_PER_S, SILENCE, RhythmActivations
from services.analysis.meter import Judge, Reading, judge, judged
from services.analysis.readings import METERS, Grid, grids
from services.analysis.tempo_map import line, tempo_map
from services.analysis.tempogram import Pulse, pulse
from services.analysis.types import BPM_HIGH, BPM_LOW, NO_RHYTHM, BeatHints, Rhythm, TempoAlternative

SHORTEST_S = 1.5  # of a recording: nothing repeats often enough in less
SAME_TEMPO = 0.03  # share: readings so near are of one tempo
NONE_LIKELY = 0.5  # probability of no rhythm from which none is told
ON_BEAT, ON_BEAT_S = 0.2, 0.1  # of a beat, and seconds: a downbeat that the user names may lie so far from a beat
ALTERNATIVES = 4
ROOM = 0.005  # share: readings so little past the user's range are taken to be at its edge
TRIED, PHASES = 100, 24  # tempi in a range in which nothing was found, and places of their first beat
CONTRARY = 0.02  # probability of all readings a user allows, under which confidence falls instead of being shared out
SCORE_MIN = 0.01  # of an alternative that is worth telling, unless it is half or double

Floats = npt.NDArray[np.float64]


def rhythm(activations: RhythmActivations, hints: BeatHints, networks: Judge | None = None) -> Rhythm:
    """What beats in a recording. NO_RHYTHM for silence, for less than 1.5 s, and for what has no regular pulse.

    `hints`: with any of them a rhythm is told however unlikely it is, at its low confidence. `networks`: the shipped
    ones unless given. Beats are where the attack is heard, within the recording, from its first onset to its last.
    """
    if activations.peak < SILENCE or activations.duration_s < SHORTEST_S or not activations.onsets.any():
        return NO_RHYTHM
    heard = pulse(activations)
    found = grids(heard, activations)
    if not found:
        return NO_RHYTHM
    readings, none = judged(found, networks or judge())
    if none >= NONE_LIKELY and hints == BeatHints():
        return NO_RHYTHM
    allowed = _allowed(found, readings, hints)
    if not allowed:
        found, allowed = _forced(heard, found, readings, hints)
    told = _told(heard, found, allowed, none)
    return told if told.bpm is None else replace(told, bpm=float(np.clip(told.bpm, *_range(hints))))


def _bpm(grid: Grid, meter: str) -> float:
    return 60.0 * METERS[meter][1] / grid.period_s


def _range(hints: BeatHints) -> tuple[float, float]:
    return hints.bpm_min or BPM_LOW, hints.bpm_max or BPM_HIGH


def _fits(reading: Reading, grid: Grid, hints: BeatHints) -> bool:
    """Whether a reading agrees with what the user knows."""
    bpm = _bpm(grid, reading.meter)
    low, high = _range(hints)
    if not low * (1 - ROOM) <= bpm <= high * (1 + ROOM):
        return False
    if hints.meter is not None and reading.meter != hints.meter:
        return False
    if hints.first_downbeat_s is None:
        return True
    near = int(np.abs(grid.beats / FRAMES_PER_S - hints.first_downbeat_s).argmin())
    off = abs(grid.beats[near] / FRAMES_PER_S - hints.first_downbeat_s)
    return off <= min(ON_BEAT_S, ON_BEAT * grid.period_s) and near % METERS[reading.meter][0] == reading.first


def _allowed(found: Sequence[Grid], readings: Sequence[Reading], hints: BeatHints) -> list[Reading]:
    """The readings that agree with the user; where all of them are unlikely, those that keep the likeliest beats."""
    allowed = [r for r in readings if _fits(r, found[r.grid], hints)]
    if hints.meter is None or sum(r.probability for r in allowed) >= CONTRARY:
        return allowed
    free = replace(hints, meter=None)
    others = [r for r in readings if _fits(r, found[r.grid], free)]
    kept = max(others, key=lambda r: r.probability).grid if others else -1
    return [r for r in allowed if r.grid == kept] or allowed


def _forced(
    heard: Pulse, found: Sequence[Grid], readings: Sequence[Reading], hints: BeatHints
) -> tuple[list[Grid], list[Reading]]:
    """No reading agrees with the user: the likeliest that agrees but for the downbeat, or a new one in the range."""
    free = replace(hints, first_downbeat_s=None)
    near = [r for r in readings if _fits(r, found[r.grid], free)]
    if near:
        best = max(near, key=lambda r: r.probability)
        beats, meter = found[best.grid].beats, best.meter
    else:
        best = max(readings, key=lambda r: r.probability)
        meter = hints.meter or best.meter
        beats = _within(heard, hints, METERS[meter][1])
    first = best.first
    if hints.first_downbeat_s is not None:
        at = hints.first_downbeat_s * FRAMES_PER_S
        nearest = int(np.abs(beats - at).argmin())
        beats, first = beats + at - beats[nearest], nearest % METERS[meter][0]
    nothing = np.zeros(0)
    made = Grid(beats, float(np.median(np.diff(beats))) / FRAMES_PER_S, {}, nothing, nothing, None)
    return [made], [Reading(0, meter, first, best.probability if near else 0.0)]


def _within(heard: Pulse, hints: BeatHints, quarters: float) -> Floats:
    """Beats of `quarters` at the most repeating tempo that the user allows, in frames."""
    slow, fast = (60.0 * quarters / bpm for bpm in _range(hints))
    middle = float(np.median(heard.periods_s))
    ratios = np.geomspace(fast, slow, TRIED) / middle
    ratio = float(ratios[heard.salience(ratios).argmax()])
    frames = np.arange(len(heard.strength))
    passed = np.cumsum(1 / (heard.period_at(frames / FRAMES_PER_S) * FRAMES_PER_S * ratio))  # beats
    rows = [np.interp(np.arange(first, passed[-1]), passed, frames) for first in np.arange(PHASES) / PHASES]
    return max(rows, key=lambda beats: float(heard.strength[beats.astype(int)].mean()))


def _told(heard: Pulse, found: Sequence[Grid], readings: Sequence[Reading], none: float) -> Rhythm:
    """The rhythm of the likeliest tempo, of its likeliest beats, meter and bars in this order.

    Probabilities are taken among `readings` and no rhythm.
    """
    total = none + max(sum(r.probability for r in readings), CONTRARY)
    tempi = _tempi(found, readings)
    chance = {bpm: sum(r.probability for r in rows) / total for bpm, rows in tempi.items()}
    best = max(tempi, key=lambda bpm: chance[bpm])
    rows = tempi[best]
    chosen = _likeliest(rows)
    meter_beats, quarters = METERS[chosen.meter]
    placed = line(heard.strength, found[chosen.grid].beats, chosen.first, meter_beats)
    if len(placed.beats_s) < 2:
        return NO_RHYTHM
    same = sum(r.probability for r in rows if r.meter == chosen.meter) / max(1e-12, chance[best] * total)
    return Rhythm(
        bpm=60.0 * quarters / placed.interval_s(),
        bpm_confidence=chance[best],
        bpm_alternatives=_alternatives(chance, best),
        stability=placed.stability,
        beats_s=tuple(placed.beats_s.tolist()),
        downbeats_s=tuple(placed.beats_s[placed.first :: meter_beats].tolist()),
        tempo_map=tempo_map(placed, meter_beats, quarters),
        meter=chosen.meter,
        meter_confidence=same,
    )


def _likeliest(rows: Sequence[Reading]) -> Reading:
    grids: dict[int, float] = defaultdict(float)
    meters: dict[tuple[int, str], float] = defaultdict(float)
    for r in rows:
        grids[r.grid] += r.probability
        meters[r.grid, r.meter] += r.probability
    return max(rows, key=lambda r: (grids[r.grid], meters[r.grid, r.meter], r.probability))


def _tempi(found: Sequence[Grid], readings: Sequence[Reading]) -> dict[float, list[Reading]]:
    """Readings by tempo: the likeliest reading of a tempo gives it its name, and takes its neighbours along."""
    out: dict[float, list[Reading]] = {}
    speed = {(g, m): _bpm(grid, m) for g, grid in enumerate(found) for m in METERS}
    for reading in sorted(readings, key=lambda r: -r.probability):
        bpm = speed[reading.grid, reading.meter]
        near = next((known for known in out if abs(np.log(bpm / known)) < SAME_TEMPO), None)
        out.setdefault(bpm if near is None else near, []).append(reading)
    return out


def _alternatives(chance: dict[float, float], best: float) -> tuple[TempoAlternative, ...]:
    """The other tempi, likeliest first, their scores against the best; half and double are always told if heard."""
    rest = sorted((bpm for bpm in chance if bpm != best), key=lambda bpm: -chance[bpm])
    octave = [b for b in rest if any(abs(np.log(b / best / times)) < SAME_TEMPO for times in (0.5, 2.0))]
    chosen = [b for b in rest if b in octave or chance[b] >= SCORE_MIN * chance[best]]
    score = {b: min(1.0, chance[b] / max(1e-12, chance[best])) for b in chosen}
    told = sorted(octave[:2] + [b for b in chosen if b not in octave[:2]][: ALTERNATIVES - 2], key=lambda b: -score[b])
    return tuple(TempoAlternative(float(b), float(score[b])) for b in told)
