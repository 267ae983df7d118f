"""Activations to hits: peaks of each family, placed between frames, named, weighed.

A family's curve says that something of it was struck, the drums' curves say which. A hit is a local maximum above its
family's threshold; no gap is forced between hits, so that rolls keep their strokes. The time comes from a parabola
through the peak and its neighbours (J. O. Smith, "Spectral Audio Signal Processing", 2011, on peak interpolation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from services.transcription.strength import weighed
from services.transcription.types import DRUMS, FAMILIES, Activations, Alternative, Floats, Hit

# A hit is likelier than not above these: midway between what is best on development kits that the network had not
# heard and what is best on those it had.
THRESHOLDS: dict[str, float] = {"kick": 0.53, "snare": 0.52, "tom": 0.36, "hihat": 0.36, "cymbal": 0.42}
# Where half of a recording's hits are less certain, none is one: music without drums has a few that might be, with a
# middle of 0.63 at most on development tracks.
DOUBT = 0.68
# Nor is one where of SOME or more hits not a single one is this certain: development tracks with drums have one of 1.0,
# rumble and tones none over 0.936. Fewer may all lie between two frames, where certainty is less.
CLEAR, SOME = 0.94, 4
BESIDE = 0.55  # of a second member of a family struck at the same time
ONE_INSTRUMENT = "hihat"  # a family that is one pair of plates: open or closed, never both at once
LATE_S = 0.0  # how much later than the attack the peak lies, on average
SURE = 0.85  # of a peak: the targets of hits between two frames never reach 1
GHOST = 0.38  # velocity under which a snare is a ghost note
FLAM_S = 0.05  # from a grace note to its stroke
FLAM_ALONE_S = 0.12  # no other stroke so near: else it is a roll
FLAM_SOFTER = 0.9  # times the stroke's velocity, at most, has the grace note
ALTERNATIVE_MIN = 0.02
HEIGHT_GAP = 1.12  # ratio between toms of different height: two semitones
HEIGHTS_HZ = (105.0, 165.0)  # of a lone tom: below it is low, above it is high
DIGITS_S, DIGITS = 4, 3


def pick(activations: Activations) -> tuple[Hit, ...]:
    """The hits in time order, times in seconds; none in silence.

    None either where most are doubtful, or not one of some is clear. Simultaneous hits are separate. Two strokes of a
    snare or tom within 50 ms with nothing near are one flam.
    """
    hits = [
        hit
        for row, (family, members) in enumerate(FAMILIES.items())
        for hit in weighed(_family(activations, row, family, members), activations.rises[row], activations.frame_s)
    ]
    sure = [h.confidence for h in hits]
    if not sure or float(np.median(sure)) < DOUBT or (len(sure) >= SOME and max(sure) < CLEAR):
        return ()
    hits.sort(key=lambda h: (h.time_s, DRUMS.index(h.instrument)))
    return tuple(_with_heights(_with_flams(hits), activations))


def peaks(curve: Floats, threshold: float) -> npt.NDArray[np.int64]:
    """Frames of local maxima at or above the threshold; of a plateau the first."""
    before = np.concatenate([[-1.0], curve[:-1]])
    after = np.concatenate([curve[1:], [-1.0]])
    return np.flatnonzero((curve >= threshold) & (curve > before) & (curve >= after))


def between(curve: Floats, frame: int) -> float:
    """The place of a peak between frames: the top of the parabola through it and its neighbours, frames."""
    if not 0 < frame < curve.size - 1:
        return float(frame)
    a, b, c = (float(v) for v in curve[frame - 1 : frame + 2])
    bend = a - 2 * b + c
    return frame + (0.5 * (a - c) / bend if bend < 0 else 0.0)


def _family(activations: Activations, row: int, family: str, members: tuple[str, ...]) -> list[Hit]:
    """The hits of one family."""
    curve, hits = activations.families[row], []
    places = [DRUMS.index(m) for m in members]
    for frame in peaks(curve, THRESHOLDS[family]).tolist():
        near = slice(max(0, frame - 1), frame + 2)
        own = activations.drums[places, near].max(axis=1)
        struck = [int(np.argmax(own))]
        if family != ONE_INSTRUMENT:
            struck += [i for i in range(len(places)) if i != struck[0] and own[i] >= BESIDE]
        time_s = max(0.0, between(curve, frame) * activations.frame_s - LATE_S)
        for i in struck:
            others = _alternatives(activations, near, places[i])
            hits.append(
                Hit(
                    time_s=round(time_s, DIGITS_S),
                    instrument=members[i],
                    variant=None,
                    velocity=_velocity(activations, places[i], near),
                    confidence=round(min(1.0, float(curve[frame]) / SURE), DIGITS),
                    alternatives=others,
                )
            )
    return hits


def _velocity(activations: Activations, drum: int, near: slice) -> float:
    """The velocity around a peak, each frame counting as far as the drum is heard in it."""
    weight = activations.drums[drum, near] + 1e-6
    return round(float(np.average(activations.velocities[drum, near], weights=weight)), DIGITS)


def _alternatives(activations: Activations, near: slice, drum: int) -> tuple[Alternative, ...]:
    """The second-best drum at a hit, if any other is heard there at all; its share of both."""
    heard = activations.drums[:, near].max(axis=1).astype(np.float64)
    own, heard[drum] = max(float(heard[drum]), 1e-6), 0.0
    best = int(np.argmax(heard))
    share = float(heard[best]) / (float(heard[best]) + own)
    return (Alternative(DRUMS[best], round(share, DIGITS)),) if share >= ALTERNATIVE_MIN else ()


def _with_flams(hits: Sequence[Hit]) -> list[Hit]:
    """Ghosts named, and pairs of a soft and a hard stroke of one drum made one flam at the hard one's time."""
    out: list[Hit] = []
    gone: set[int] = set()
    last: dict[str, list[int]] = {}
    for i, hit in enumerate(hits):
        last.setdefault(hit.instrument, []).append(i)
    for instrument, own in last.items():
        if instrument not in ("snare", "tom"):
            continue
        for k in range(1, len(own)):
            grace, stroke = hits[own[k - 1]], hits[own[k]]
            gap = stroke.time_s - grace.time_s
            alone_before = k < 2 or grace.time_s - hits[own[k - 2]].time_s > FLAM_ALONE_S
            alone_after = k + 1 == len(own) or hits[own[k + 1]].time_s - stroke.time_s > FLAM_ALONE_S
            if gap <= FLAM_S and alone_before and alone_after and grace.velocity <= FLAM_SOFTER * stroke.velocity:
                gone.add(own[k - 1])
    for i, hit in enumerate(hits):
        if i in gone:
            continue
        flam = any(j in gone and hits[j].instrument == hit.instrument and 0 <= hit.time_s - hits[j].time_s <= FLAM_S
                   for j in range(max(0, i - len(DRUMS)), i))  # fmt: skip
        ghost = hit.instrument == "snare" and hit.velocity < GHOST
        out.append(replace(hit, variant="flam" if flam else "ghost" if ghost else None))
    return out


def _with_heights(hits: Sequence[Hit], activations: Activations) -> list[Hit]:
    """Toms as low, mid and high: against each other where they differ, else by their pitch."""
    toms = [h for h in hits if h.instrument == "tom"]
    if not toms:
        return list(hits)
    frames = [min(activations.frames - 1, round(h.time_s / activations.frame_s)) for h in toms]
    hz = activations.low_hz[frames].astype(np.float64)
    edges = _height_edges(hz)
    named = {id(h): ("low", "mid", "high")[int(np.searchsorted(edges, f, side="right"))]
             for h, f in zip(toms, hz, strict=True)}  # fmt: skip
    return [replace(h, variant=h.variant or named[id(h)]) if id(h) in named else h for h in hits]


def _height_edges(hz: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Two pitches that part low from mid and mid from high: the widest gaps of a recording's toms."""
    ordered = np.sort(hz)
    ratio = ordered[1:] / np.maximum(ordered[:-1], 1e-6)
    wide = [int(i) for i in np.argsort(-ratio) if ratio[i] >= HEIGHT_GAP][:2]
    if not wide:
        return HEIGHTS_HZ
    cuts = sorted(float(np.sqrt(ordered[i] * ordered[i + 1])) for i in wide)
    return (cuts[0], cuts[1]) if len(cuts) == 2 else (cuts[0], cuts[0])
