"""Drum parts of every kind to train on: styles, meters, fills, rolls, flams, ghosts, human timing, and plain chaos.

A part is a list of strokes (quarter, drum, velocity). Chaos matters: a network that only ever heard music would write
down what it expects rather than what it hears.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from services.transcription.types import DRUMS

Rng = np.random.Generator
GRACE_S = (0.012, 0.035)  # a flam's grace note before its stroke


@dataclass(frozen=True)
class Stroke:
    """`time_s` from the start; velocity 0..1."""

    time_s: float
    drum: str
    velocity: float


Part = list[tuple[float, str, float]]  # quarter, drum, velocity


def _soft(rng: Rng) -> float:
    return float(rng.uniform(0.1, 0.4))


def _hard(rng: Rng) -> float:
    return float(rng.uniform(0.6, 1.0))


def _kicks(rng: Rng, steps: int, per_beat: int) -> list[int]:
    """Steps of a bar on which the kick falls."""
    kind = rng.random()
    beats = list(range(0, steps, per_beat))
    if kind < 0.25:
        return beats
    if kind < 0.32:
        return [s for s in range(steps) if rng.random() < 0.8]
    many = int(rng.integers(1, max(2, steps // 2)))
    placed = {int(s) for s in rng.permutation(steps)[: min(many, 7)]}
    if rng.random() < 0.85:
        placed.add(0)
    return sorted(placed)


def _backbeats(rng: Rng, steps: int, per_beat: int) -> list[int]:
    kind, beats = rng.random(), list(range(0, steps, per_beat))
    if kind < 0.6:
        return beats[1::2] or beats[-1:]
    if kind < 0.75:
        return [beats[len(beats) // 2]]
    if kind < 0.85:
        return beats
    return sorted({int(s) for s in rng.permutation(steps)[: int(rng.integers(1, 6))]})


def _hats(rng: Rng, steps: int, per_beat: int) -> list[int]:
    kind = rng.random()
    if kind < 0.12:
        return []
    if kind < 0.24:
        return list(range(per_beat // 2, steps, per_beat))
    if kind < 0.36:
        return [s for s in range(steps) if rng.random() < 0.6]
    return list(range(0, steps, int(rng.choice([1, max(1, per_beat // 2), max(1, per_beat // 2), per_beat]))))


def _fill(rng: Rng, steps: int, per_beat: int) -> list[tuple[float, str, float]]:
    """Strokes of a fill over the last beats of a bar: (step, drum, velocity)."""
    first = steps - per_beat * int(rng.integers(1, 3))
    fine = float(rng.choice([1.0, 1.0, 0.5]))
    drums = rng.choice(["tom", "tom", "tom", "snare", "mixed"])
    strokes = []
    for step in np.arange(max(0, first), steps, fine):
        if rng.random() < 0.85:
            drum = str(rng.choice(["tom", "snare", "kick", "crash"], p=[0.55, 0.3, 0.1, 0.05]))
            strokes.append((float(step), drum if drums == "mixed" else str(drums), float(rng.uniform(0.45, 1.0))))
    return strokes


def groove(rng: Rng, bars: int, quarters: int) -> Part:
    """Some bars of music-like drumming in one feel."""
    per_beat = int(rng.choice([4, 4, 4, 3, 6]))
    steps = quarters * per_beat
    kicks, backs, hats = (_kicks(rng, steps, per_beat), _backbeats(rng, steps, per_beat), _hats(rng, steps, per_beat))
    swing = float(rng.uniform(0.05, 0.33)) if per_beat == 4 and rng.random() < 0.3 else 0.0
    back = str(rng.choice(["snare", "snare", "snare", "snare", "clap", "rim", "both"]))
    timekeeper = str(rng.choice(["hat_closed", "hat_closed", "hat_closed", "ride", "hat_open", "crash", "tom"],
                                p=[0.3, 0.2, 0.12, 0.2, 0.1, 0.04, 0.04]))  # fmt: skip
    ghost, opened, skipped = rng.uniform(0, 0.25), rng.uniform(0, 0.25), rng.uniform(0, 0.2)
    four_pedal = timekeeper == "ride" and rng.random() < 0.4
    level = rng.uniform(0.35, 0.9)
    over = str(rng.choice(["ride", "ride", "crash"])) if rng.random() < 0.4 else ""  # a cymbal on top of the hats
    over_from, over_step = int(rng.integers(bars)), per_beat if rng.random() < 0.7 else max(1, per_beat // 2)
    part: Part = []
    for bar in range(bars):
        strokes: list[tuple[float, str, float]] = []
        filled = steps - 1e-6
        if (bar % 4 == 3 and rng.random() < 0.75) or rng.random() < 0.12:
            fill = _fill(rng, steps, per_beat)
            filled = min((s for s, _, _ in fill), default=filled)
            strokes += fill
        strokes += [(s, "kick", _hard(rng)) for s in kicks if rng.random() > skipped * 0.5]
        for s in backs:
            if s < filled and rng.random() > skipped * 0.5:
                strokes += [(s, d, _hard(rng)) for d in (("snare", "clap") if back == "both" else (back,))]
        strokes += [(s, "snare", _soft(rng)) for s in range(steps) if s not in backs and rng.random() < ghost]
        for s in hats:
            if s < filled or rng.random() < 0.3:
                accent = 0.15 if s % per_beat == 0 else 0.0
                drum = "hat_open" if timekeeper == "hat_closed" and rng.random() < opened else timekeeper
                strokes.append((s, drum, float(np.clip(level + accent + rng.normal(0, 0.08), 0.1, 1))))
        if over and bar >= over_from:
            strokes += [(s, over, float(rng.uniform(0.3, 0.9))) for s in range(0, steps, over_step)]
        if four_pedal:
            strokes += [(s, "hat_closed", float(rng.uniform(0.3, 0.6))) for s in range(per_beat, steps, 2 * per_beat)]
        if bar % 4 == 0 and rng.random() < 0.6:
            strokes.append((0, "crash", _hard(rng)))
        if rng.random() < 0.1:
            strokes.append((float(rng.integers(steps)), str(rng.choice(["perc", "shaker"])), _hard(rng)))
        for s, drum, velocity in strokes:
            late = swing if s % 2 == 1 and per_beat == 4 else 0.0
            part.append((bar * quarters + (s + late) / per_beat, drum, velocity))
    return part


def rolls(rng: Rng, bars: int, quarters: int) -> Part:
    """Rolls that swell, flams and drags on one or two drums."""
    part: Part = []
    at, end = 0.0, float(bars * quarters)
    while at < end:
        drum = str(rng.choice(["snare", "snare", "tom", "hat_closed", "kick", "rim", "clap", "ride"]))
        grain = float(rng.choice([1 / 8, 1 / 6, 1 / 4, 1 / 3]))
        count = int(rng.integers(2, 20))
        first, last = float(rng.uniform(0.2, 0.8)), float(rng.uniform(0.4, 1.0))
        for i in range(count):
            part.append((at + i * grain, drum, first + (last - first) * i / max(1, count - 1)))
        at += count * grain + float(rng.choice([0, 0.5, 1.0, 2.0]))
    return [stroke for stroke in part if stroke[0] < end]


def chaos(rng: Rng, bars: int, quarters: int) -> Part:
    """Any drums at any time, from a few strokes a bar to a crowd; on no grid, alone or up to four at once."""
    rate = float(np.exp(rng.uniform(np.log(0.4), np.log(5))))
    count = int(rng.poisson(rate * bars * quarters))
    few = rng.permutation(len(DRUMS))[: int(rng.integers(1, len(DRUMS) + 1))]
    together = rng.uniform(0, 0.6)
    part: Part = []
    for _ in range(count):
        at, at_once = float(rng.uniform(0, bars * quarters)), 1 + int(rng.random() < together) * int(rng.integers(1, 4))
        struck = rng.permutation(few)[:at_once]
        part += [(at, DRUMS[int(drum)], float(rng.uniform(0.15, 1.0))) for drum in struck]
    return part


KINDS: tuple[tuple[Callable[[Rng, int, int], Part], float], ...] = ((groove, 0.68), (chaos, 0.22), (rolls, 0.1))


def strokes(rng: Rng, seconds: float, bpm: float, quarters: int) -> list[Stroke]:
    """A part of so many seconds at `bpm` quarters a minute, played by somebody: late, early, with flams, in order."""
    beat = 60.0 / bpm
    bars = int(np.ceil(seconds / beat / quarters))
    kind = rng.choice(len(KINDS), p=[share for _, share in KINDS])
    part: Part = []
    while bars > 0:
        now = min(bars, int(rng.integers(4, 12)))
        made = KINDS[int(kind)][0](rng, now, quarters)
        done = (len(part) and max(q for q, _, _ in part)) or 0.0
        start = np.ceil(done / quarters) * quarters if part else 0.0
        part += [(start + q, drum, v) for q, drum, v in made]
        bars -= now
    loose = float(rng.choice([0.0, 0.003, 0.006, 0.012]))
    flams = float(rng.choice([0.0, 0.0, 0.1]))
    played = []
    for quarter, drum, velocity in part:
        at = quarter * beat + float(rng.normal(0, loose)) if loose else quarter * beat
        played.append(Stroke(at, drum, velocity))
        if flams and drum in ("snare", "tom") and rng.random() < flams:
            played.append(Stroke(at - float(rng.uniform(*GRACE_S)), drum, velocity * float(rng.uniform(0.3, 0.7))))
    return sorted((s for s in played if 0 <= s.time_s < seconds), key=lambda s: s.time_s)
