"""Music whose beats are known: drum parts and accompaniments in seven meters, at tempi that hold, drift, ramp or jump.

A piece is written in quarters and played through a warp from quarters to seconds. Half of the drum parts are drawn at
random around what a meter asks for, half come from the product's own styles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from services.beats.grid import placed
from services.beats.pipeline import Inputs, make_beat
from services.beats.request import BeatRequest
from services.beats.styles import STYLES
from services.beats.types import BEAT_STEPS, METERS, ROLES, STEPS_PER_QUARTER, Role, Sample, SourceRef, Trim

Rng = np.random.Generator
Floats = npt.NDArray[np.float64]
BEAT_QUARTERS = {"7/8": 0.5} | {m: BEAT_STEPS[m] / STEPS_PER_QUARTER for m in METERS if m != "7/8"}
BAR_QUARTERS = {m: steps / STEPS_PER_QUARTER for m, steps in METERS.items()}
SHARES = {"4/4": 0.56, "3/4": 0.13, "6/8": 0.1, "12/8": 0.06, "5/4": 0.05, "7/8": 0.07, "2/4": 0.03}
USUAL_BPM = {"4/4": 116.0, "3/4": 125.0, "6/8": 115.0, "12/8": 115.0, "5/4": 135.0, "7/8": 145.0, "2/4": 112.0}
BPM_LOW, BPM_HIGH, BPM_OCTAVES = 52.0, 214.0, 0.45  # limits and spread of tempi
STYLES_SHARE = 0.45
CAST: dict[str, Role] = {
    "kick": "CORE", "snare": "ACCENT", "clap": "ACCENT", "hat_closed": "MOTION", "hat_open": "MOTION",
    "shaker": "MOTION", "tom": "FILL",
}  # fmt: skip
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10))
CHORDS = ((0, 5, 3, 4), (0, 3, 4, 0), (5, 3, 0, 4), (0, 0, 3, 4), (1, 4, 0, 0), (0, 4, 5, 3))


@dataclass(frozen=True)
class Stroke:
    """`late_s`: how much the player is off; `drum` one of the product's instruments."""

    quarter: float
    drum: str
    velocity: float
    late_s: float = 0.0


@dataclass(frozen=True)
class Note:
    """A note of the bass, the chords or the lead, `held` quarters long."""

    quarter: float
    part: str
    key: int
    velocity: float
    held: float


@dataclass(frozen=True)
class Piece:
    """`half_time`: 4/4 with its backbeat on 3, which may be heard at half the tempo."""

    meter: str
    bpm: float
    bars: int
    strokes: tuple[Stroke, ...]
    notes: tuple[Note, ...]
    half_time: bool
    swing: float

    @property
    def quarters(self) -> float:
        return self.bars * BAR_QUARTERS[self.meter]


def draw_meter(rng: Rng) -> str:
    return str(rng.choice(list(SHARES), p=list(SHARES.values())))


def draw_bpm(rng: Rng, meter: str) -> float:
    octaves = rng.normal(0, BPM_OCTAVES)
    return float(np.clip(USUAL_BPM[meter] * 2**octaves, BPM_LOW, BPM_HIGH))


def groups(rng: Rng, meter: str) -> list[float]:
    """Where the strong beats of a bar lie, in quarters."""
    sizes = {
        "4/4": [(1, 1, 1, 1)],
        "3/4": [(1, 1, 1)],
        "2/4": [(1, 1)],
        "5/4": [(1, 1, 1, 1, 1), (3, 2), (2, 3), (1.5, 1.5, 1, 1)],
        "7/8": [(1, 1, 1.5), (1.5, 1, 1), (1, 1.5, 1)],
        "6/8": [(1.5, 1.5)],
        "12/8": [(1.5, 1.5, 1.5, 1.5)],
    }[meter]
    return [0.0, *np.cumsum(sizes[int(rng.integers(len(sizes)))])[:-1].tolist()]


def _backs(rng: Rng, meter: str, strong: Sequence[float]) -> tuple[list[float], bool]:
    """Where the snare falls, and whether that is half time."""
    kind = rng.random()
    if meter == "4/4":
        if kind < 0.12:
            return [2.0], True
        if kind < 0.18:
            return [], False
        return ([0.0, 1.0, 2.0, 3.0], False) if kind < 0.21 else ([1.0, 3.0], False)
    if meter == "3/4":
        return [[1.0, 2.0], [2.0], [1.0], [1.0, 2.0]][int(kind * 4)], False
    if len(strong) > 3:
        return [s for i, s in enumerate(strong) if i % 2 == 1], False
    return list(strong[1:]) if kind < 0.5 else [strong[-1]], False


def _grains(meter: str, bpm: float) -> list[float]:
    """How finely hats may be played, in quarters."""
    fine = [0.5, 1.5, 0.5, 0.25] if meter in ("6/8", "12/8") else [0.5, 0.5, 1.0, 0.25]
    return [g for g in fine if g * 60 / bpm >= 0.09] or [0.5]


def _kicks(rng: Rng, bar: float, strong: Sequence[float], backs: Sequence[float], grain: float) -> list[float]:
    kind = rng.random()
    if kind < 0.18:
        return list(strong)
    if kind < 0.4:
        return [s for s in strong if s not in backs] or [0.0]
    places = np.arange(0, bar, grain)
    more = rng.permutation(places)[: int(rng.integers(1, 4))].tolist()
    return sorted({*([0.0] if rng.random() < 0.96 else []), *more})


def random_part(rng: Rng, meter: str, bpm: float, bars: int) -> tuple[list[Stroke], bool, float]:
    """Drums around what the meter asks for, whether in half time, and where the second of two eighths lies."""
    bar, strong = BAR_QUARTERS[meter], groups(rng, meter)
    backs, half = _backs(rng, meter, strong)
    grain = float(rng.choice(_grains(meter, bpm)))
    step = 0.5 if meter in ("6/8", "12/8") else 0.25
    kicks, second = (_kicks(rng, bar, strong, backs, step) for _ in range(2))
    if rng.random() < 0.6:
        second = kicks
    swung = meter in ("4/4", "3/4", "2/4", "5/4") and rng.random() < 0.3
    swing = float(rng.uniform(0.54, 0.68)) if swung else 0.5
    keeper = str(rng.choice(["hat_closed", "ride", "shaker", "hat_open", "none"], p=[0.68, 0.14, 0.06, 0.04, 0.08]))
    back = str(rng.choice(["snare", "clap", "rim"], p=[0.75, 0.15, 0.1]))
    hats = [] if keeper == "none" else np.arange(grain / 2 if rng.random() < 0.07 else 0.0, bar - 1e-6, grain).tolist()
    ghost, missed, accent = rng.uniform(0, 0.1), rng.uniform(0, 0.06), rng.uniform(0, 0.3)
    out: list[Stroke] = []
    for b in range(bars):
        at = b * bar
        fill = bar - float(rng.choice([1.0, 1.0, 1.5])) if b % 4 == 3 and rng.random() < 0.55 else bar
        hits = [(q, "kick", rng.uniform(0.7, 1)) for q in (kicks if b % 2 == 0 else second) if q < fill]
        hits += [(q, back, rng.uniform(0.7, 1)) for q in backs if q < fill]
        hits += [(q, "snare", rng.uniform(0.1, 0.35)) for q in np.arange(0, fill, step) if rng.random() < ghost]
        for q in hats:
            strong_hat = accent if (q % 1.0 == 0 or q in strong) else 0.0
            hits.append((q, "hat_open" if rng.random() < 0.05 else keeper, rng.uniform(0.35, 0.7) + strong_hat))
        hits += [(q, str(rng.choice(["tom", "snare"])), rng.uniform(0.5, 1)) for q in np.arange(fill, bar, step)
                 if rng.random() < 0.8]  # fmt: skip
        if b % 4 == 0 and rng.random() < 0.5:
            hits.append((0.0, "crash", 0.9))
        out += [Stroke(at + q, d, float(v)) for q, d, v in hits if rng.random() > missed]
    return out, half, swing


@cache
def _samples() -> tuple[Sample, ...]:
    """Sounds that the product's generator may cast, each locked to its role; their ids are the drums' names."""
    return tuple(
        Sample(
            sample_id=drum,
            asset_id=drum,
            name=drum,
            blob=drum,
            role=role,
            roles={r: float(r == role) for r in ROLES},
            instrument=drum,
            instruments={drum: 1.0},
            confidence=1.0,
            pool_role=role,
            reason="",
            source=SourceRef(drum, 0.0, 0.5),
            trim=Trim(0.0, 0.5),
            onset_s=0.0,
            attack_s=0.0,
        )
        for drum, role in CAST.items()
    )


def style_part(rng: Rng, style: str, bpm: float, bars: int) -> list[Stroke]:
    """Drums as the product's own generator plays a style; swing and feel are kept as lateness."""
    meter = STYLES[style].meters[0]
    asked = BeatRequest(bpm=bpm, bars=bars, style=style, meter=meter, shape=0.0, tune=False,
                        seed=int(rng.integers(1 << 30)),
                        swing=0.5 if rng.random() < 0.3 else None, density=float(rng.uniform(0.3, 1.0)))  # fmt: skip
    beat = make_beat(asked, _samples(), Inputs())
    return [
        Stroke(p.time_s * bpm / 60, p.event.sample_id, p.event.velocity)
        for p in placed(beat.grid, beat.events)
        if p.event.sample_id and not p.event.muted
    ]


def _rhythm(rng: Rng, bar: float, beat: float) -> list[float]:
    """Onsets of an accompaniment within a bar."""
    kind = rng.random()
    if kind < 0.3:
        return [0.0]
    if kind < 0.55:
        return np.arange(0, bar, beat).tolist()
    grain = beat / 3 if beat == 1.5 else float(rng.choice([0.5, 0.5, 0.25]))
    places = np.arange(0, bar, grain)
    kept = places[rng.random(places.size) < rng.uniform(0.3, 1.0)]
    return sorted({0.0, *kept.tolist()}) if rng.random() < 0.85 or not kept.size else kept.tolist()


def accompaniment(rng: Rng, meter: str, bars: int) -> list[Note]:
    """Bass, chords and perhaps a lead; harmony changes with the bar, or twice in it, or every other bar."""
    bar, beat = BAR_QUARTERS[meter], max(1.0, BEAT_QUARTERS[meter])
    scale, root = SCALES[int(rng.integers(3))], int(rng.integers(40, 52))
    chords, every = CHORDS[int(rng.integers(len(CHORDS)))], float(rng.choice([1, 1, 1, 2, 0.5]))
    degree = lambda d: scale[d % 7] + 12 * (d // 7)  # noqa: E731
    bass, comp, lead = (_rhythm(rng, bar, beat) for _ in range(3))
    walking, arpeggio = rng.random() < 0.2, rng.random() < 0.25
    parts = rng.random(3) < (0.85, 0.85, 0.6)
    out: list[Note] = []
    for b in range(bars):
        at = b * bar
        chord_at = lambda q, b=b: chords[int((b + q / bar) / every) % len(chords)]  # noqa: E731
        if parts[0]:
            for q, n in zip(bass, [*bass[1:], bar], strict=True):
                step = int(rng.integers(0, 5)) if walking and q else 0
                key = root - 12 + degree(chord_at(q) + step)
                out.append(Note(at + q, "bass", key, float(rng.uniform(0.6, 1)), 0.9 * (n - q)))
        if parts[1] or not parts[0]:
            for i, (q, n) in enumerate(zip(comp, [*comp[1:], bar], strict=True)):
                tones = (0, 2, 4)[i % 3 : i % 3 + 1] if arpeggio else (0, 2, 4)
                for k in tones:
                    key = root + 12 + degree(chord_at(q) + k)
                    out.append(Note(at + q, "chords", key, float(rng.uniform(0.5, 0.9)), n - q))
        if parts[2]:
            out += [Note(at + q, "lead", root + 24 + degree(chord_at(q) + int(rng.choice([0, 2, 4, 7]))),
                         rng.uniform(0.5, 1), 0.5) for q in lead if rng.random() < 0.8]  # fmt: skip
    return out


def swung(quarter: float, swing: float, unit: float) -> float:
    """A place after swing: the second of a pair of `unit`s lies at `swing` of the pair."""
    pair = 2 * unit
    inside = quarter % pair
    moved = inside * swing / 0.5 / 1.0 if inside <= unit else pair * swing + (inside - unit) * (1 - swing) / 0.5
    return quarter - inside + moved


def draw(rng: Rng, seconds: float) -> Piece:
    """A piece of about so many seconds."""
    if rng.random() < STYLES_SHARE:
        style = str(rng.choice(list(STYLES)))
        meter = STYLES[style].meters[0]
        low, high = STYLES[style].bpm_range
        bpm = float(rng.uniform(0.9 * low, 1.1 * high))
    else:
        style, meter = "", draw_meter(rng)
        bpm = draw_bpm(rng, meter)
    bars = max(2, int(np.ceil(seconds * bpm / 60 / BAR_QUARTERS[meter])))
    notes = accompaniment(rng, meter, bars)
    if style:
        strokes = style_part(rng, style, bpm, min(64, -(-bars // 4) * 4))
        return Piece(meter, bpm, bars, tuple(strokes), tuple(notes), style in ("trap", "drill"), 0.5)
    made, half, swing = random_part(rng, meter, bpm, bars)
    unit = float(rng.choice([0.5, 0.25])) if bpm < 130 else 0.5
    loose = float(rng.choice([0.0, 0.003, 0.006, 0.01]))
    strokes = [replace(s, quarter=swung(s.quarter, swing, unit), late_s=float(rng.normal(0, loose))) for s in made]
    notes = [replace(n, quarter=swung(n.quarter, swing, unit)) for n in notes]
    return Piece(meter, bpm, bars, tuple(strokes), tuple(notes), half, swing)


def warp(rng: Rng, piece: Piece, kind: str) -> tuple[Floats, Floats]:
    """(quarters, seconds) of a line from one to the other: the tempo of `kind` constant, ramp, wander or jump."""
    q = np.arange(0, piece.quarters + 0.25, 0.25)
    bpm = np.full(len(q), piece.bpm)
    if kind == "ramp":
        bpm = piece.bpm * np.linspace(1.0, float(2 ** rng.uniform(-0.4, 0.4)), len(q))
    elif kind == "wander":
        knots = np.cumsum(rng.normal(0, 0.015, max(3, int(piece.quarters / 8))))
        bpm = piece.bpm * np.exp(np.interp(q, np.linspace(0, piece.quarters, len(knots)), knots))
    elif kind == "jump":
        after = BAR_QUARTERS[piece.meter] * int(piece.bars * rng.uniform(0.35, 0.65))
        bpm = np.where(q >= after, piece.bpm * 2 ** rng.uniform(-0.35, 0.35), piece.bpm)
    return q, np.concatenate([[0.0], np.cumsum(0.25 * 60 / bpm[:-1])])
