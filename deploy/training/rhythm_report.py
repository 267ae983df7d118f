"""How well the rhythm of rendered tracks is told: tempo, beats, downbeats, meter, and whether confidence is honest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from rhythm_rows import Truth, f_measure

from services.analysis.activations import RhythmActivations
from services.analysis.meter import Judge
from services.analysis.tempo import rhythm
from services.analysis.types import BeatHints, Rhythm

TEMPO_NEAR = 0.04
NEAR_S = 0.07  # of the beat F-measure, as it is usually published
BINS = (0.0, 0.5, 0.7, 0.9, 0.97, 1.01)


@dataclass(frozen=True)
class Told:
    """One track: what is true, what was told of it, and the scores."""

    truth: Truth
    found: Rhythm
    one: bool
    two: bool
    beats: float
    downbeats: float


def told(activations: RhythmActivations, truth: Truth, networks: Judge) -> Told:
    """Accuracy 1 forgives half the tempo only where the backbeat is on 3; accuracy 2 forgives 2, 3, 1/2, 1/3."""
    found = rhythm(activations, BeatHints(), networks)
    near = lambda ratios: any(abs((found.bpm or 0) / (truth.bpm * r) - 1) <= TEMPO_NEAR for r in ratios)  # noqa: E731
    one = bool(truth.bpm) and near((1, 0.5) if truth.half_time else (1,))
    two = bool(truth.bpm) and near((1, 2, 0.5, 3, 1 / 3))
    beats = f_measure(truth.beats_s, np.array(found.beats_s), NEAR_S)
    return Told(truth, found, one, two, beats, f_measure(truth.downbeats_s, np.array(found.downbeats_s), NEAR_S))


def table(rows: Sequence[Told]) -> str:
    """Markdown: by what sounds, by how the tempo moves, by meter; then what was told where nothing beats."""
    beating = [r for r in rows if r.truth.bpm]
    groups: list[tuple[str, Callable[[Told], bool]]] = [("all with a beat", lambda _: True)]
    parts = {"solo": "drums alone", "mix": "drums in a mix", "notes": "no drums"}
    groups += [(name, lambda r, k=k: r.truth.kind.startswith(k)) for k, name in parts.items()]
    groups += [
        (f"tempo: {k}", lambda r, k=k: r.truth.kind.endswith(k) and not r.truth.kind.startswith("notes"))
        for k in ("constant", "wander", "ramp", "jump")
    ]
    groups += [(m, lambda r, m=m: r.truth.meter == m) for m in sorted({r.truth.meter for r in beating})]
    lines = ["| tracks | n | accuracy 1 | accuracy 2 | beat F | downbeat F | meter |", "| --- " * 7 + "|"]
    for name, belongs in groups:
        some = [r for r in beating if belongs(r)]
        if some:
            figures = (
                [r.one for r in some],
                [r.two for r in some],
                [r.beats for r in some],
                [r.downbeats for r in some],
                [r.found.meter == r.truth.meter for r in some],
            )
            lines.append(f"| {name} | {len(some)} | " + " | ".join(f"{np.mean(f):.3f}" for f in figures) + " |")
    none = [r for r in rows if not r.truth.bpm]
    if none:
        silent = np.mean([r.found.bpm is None for r in none])
        worst = max(r.found.bpm_confidence for r in none)
        said = f"{silent:.3f} are told so, highest confidence {worst:.2f}"
        lines.append(f"\nNothing beats in {len(none)} tracks: {said}.")
    return "\n".join([*lines, "", *confidence(beating)])


def confidence(rows: Iterable[Told]) -> list[str]:
    """Markdown: how often tempi told with some confidence are right (accuracy 1)."""
    rows = list(rows)
    lines = ["| confidence | n | mean | right |", "| --- " * 4 + "|"]
    for low, high in pairwise(BINS):
        some = [r for r in rows if low <= r.found.bpm_confidence < high]
        if some:
            mean, good = np.mean([r.found.bpm_confidence for r in some]), np.mean([r.one for r in some])
            lines.append(f"| {low:.2f}–{min(high, 1):.2f} | {len(some)} | {mean:.3f} | {good:.3f} |")
    return lines
