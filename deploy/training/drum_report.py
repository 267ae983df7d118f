"""How well drum hits are heard: thresholds, F-measures at two tolerances, velocities, and the model card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from drum_learn import FAMILY_OF
from drum_net import DrumNet
from drum_render import LEVEL_STEPS, Hits
from drum_shards import Shard
from scipy.stats import spearmanr

from services.transcription import hits as picking
from services.transcription.spectrum import FRAME_S, low_tones, rises
from services.transcription.types import DRUMS, FAMILIES, Activations, Hit

TOLERANCES_S = (0.05, 0.02)
SWEEP = tuple(np.round(np.arange(0.12, 0.72, 0.02), 2).tolist())
NAMES = tuple(FAMILIES)


@dataclass(frozen=True)
class Heard:
    """A track's activations beside its true hits."""

    activations: Activations
    truth: Hits


@torch.no_grad()
def heard(net: DrumNet, shard: Shard) -> list[Heard]:
    """The network on every track of a shard."""
    out = []
    for levels, truth in zip(shard.levels, shard.hits, strict=True):
        x = levels.astype(np.float32) / np.float32(LEVEL_STEPS)
        y = torch.sigmoid(net(torch.from_numpy(x)[None])[0]).numpy().T
        a, b = len(FAMILIES), len(FAMILIES) + len(DRUMS)
        out.append(Heard(Activations(FRAME_S, y[:a], y[a:b], y[b:], low_tones(x), rises(x), 1.0), truth))
    return out


def matched(truth: Sequence[float], found: Sequence[float], tolerance_s: float) -> list[tuple[int, int]]:
    """Pairs of true and found times within the tolerance, each used once, as many as can be (both in time order)."""
    pairs, i, j = [], 0, 0
    while i < len(truth) and j < len(found):
        if abs(truth[i] - found[j]) <= tolerance_s:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif truth[i] < found[j]:
            i += 1
        else:
            j += 1
    return pairs


def f_measure(right: int, found: int, true: int) -> float:
    """2 right / (found + true); 1 where there is nothing and nothing was found."""
    return 2 * right / (found + true) if found + true else 1.0


def _true_times(one: Heard, family: int) -> list[float]:
    times = sorted(t for t, drum, _ in one.truth if FAMILY_OF[drum] == family)
    return [t for i, t in enumerate(times) if i == 0 or t - times[i - 1] >= 0.02]


def best_thresholds(tracks: Sequence[Heard]) -> dict[str, float]:
    """For each family the threshold of the best F-measure at 50 ms, the middle of those within half a point of it."""
    found = {}
    for row, name in enumerate(NAMES):
        scores = []
        for threshold in SWEEP:
            right = count = true = 0
            for one in tracks:
                times, wanted = _times(one, row, threshold), _true_times(one, row)
                right += len(matched(wanted, times, TOLERANCES_S[0]))
                count, true = count + len(times), true + len(wanted)
            scores.append(f_measure(right, count, true))
        good = [t for t, s in zip(SWEEP, scores, strict=True) if s >= max(scores) - 0.005]
        found[name] = good[len(good) // 2]
    return found


def _times(one: Heard, row: int, threshold: float) -> list[float]:
    curve = one.activations.families[row]
    return [picking.between(curve, k) * FRAME_S for k in picking.peaks(curve, threshold).tolist()]


def figures(tracks: Sequence[Heard]) -> dict[str, float]:
    """All figures of tracks with the shipped thresholds: F-measures, bias, velocities, names, inventions."""
    picked = [picking.pick(one.activations) for one in tracks]
    out: dict[str, float] = {}
    for tolerance in TOLERANCES_S:
        sums = np.zeros((len(NAMES), 3))
        for one, hits in zip(tracks, picked, strict=True):
            for row, name in enumerate(NAMES):
                times = [h.time_s for h in hits if h.instrument in FAMILIES[name]]
                wanted = _true_times(one, row)
                sums[row] += (len(matched(wanted, times, tolerance)), len(times), len(wanted))
        tag = f"{1000 * tolerance:.0f}ms"
        out[f"micro_{tag}"] = f_measure(*sums.sum(axis=0).tolist())
        out |= {f"{name}_{tag}": f_measure(*sums[row].tolist()) for row, name in enumerate(NAMES)}
    out |= _details(tracks, picked)
    empty = [hits for one, hits in zip(tracks, picked, strict=True) if not one.truth]
    seconds = sum(one.activations.frames * FRAME_S for one in tracks if not one.truth)
    out["invented_per_minute"] = 60 * sum(len(h) for h in empty) / seconds if seconds else 0.0
    return {name: round(value, 4) for name, value in out.items()}


def _details(tracks: Sequence[Heard], picked: Sequence[Sequence[Hit]]) -> dict[str, float]:
    """Of the hits that were found: the lateness, the right names within families, Spearman of velocities."""
    late, named = [], []
    strengths: dict[str, list[tuple[float, float]]] = {"kick": [], "snare": []}
    for one, hits in zip(tracks, picked, strict=True):
        for row, name in enumerate(NAMES):
            own = [h for h in hits if h.instrument in FAMILIES[name]]
            wanted = [h for h in one.truth if FAMILY_OF[h[1]] == row]
            for i, j in matched([h[0] for h in wanted], [h.time_s for h in own], TOLERANCES_S[0]):
                late.append(own[j].time_s - wanted[i][0])
                named.append(own[j].instrument == DRUMS[wanted[i][1]])
                if own[j].instrument in strengths:
                    strengths[own[j].instrument].append((wanted[i][2], own[j].velocity))
    out = {"late_ms": 1000 * float(np.median(late)), "spread_ms": 1000 * float(np.median(np.abs(late)))}
    out["named_right"] = float(np.mean(named))
    for name, pairs in strengths.items():
        table: npt.NDArray[np.float64] = np.array(pairs or [(0.0, 0.0)])
        out[f"{name}_velocity_spearman"] = (
            float(spearmanr(table[:, 0], table[:, 1]).statistic) if len(pairs) > 2 else 0.0
        )
    return out


def with_thresholds(thresholds: dict[str, float]) -> None:
    """Let `pick` use these from now on (for evaluation before they are written into its file)."""
    picking.THRESHOLDS.update(thresholds)


def without_drums(tracks: Sequence[Heard]) -> list[Heard]:
    """Only the tracks that hold none."""
    return [replace(one) for one in tracks if not one.truth]
