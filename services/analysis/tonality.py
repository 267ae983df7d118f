"""What in a recording's harmony speaks for each key: measures taken from every key's own point of view.

All are turned so that index 0 is the tonic that is asked about; a weight learned for one key so serves all twelve.
Besides the pitch classes of the whole (the profile of Krumhansl 1990) there are chords, how long each lasts, which
follow each other, and what sounds first and last: a scale is shared by a key and its relative, a cadence is not.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from services.analysis.harmony import FRAME_S, Harmony

Floats = npt.NDArray[np.float64]

TRIADS = ((0, 4, 7), (0, 3, 7))  # chords 0..11 are the major ones on C to B, 12..23 the minor ones
MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
CHORDS = 24
BREATH_S = 0.9  # chords are heard over so long: longer than a passing note, shorter than most chords
STEP_S = 0.75  # apart are the two frames between which a chord may change
EDGE_S = 2.0  # what sounds first and last
SHARP = 12.0  # how clearly one chord wins over another of nearly the same fit
ROOT_SHARE = 0.35  # of a chord's fit comes from its root in the bass
QUIET = 0.02  # of the mean strength: frames below it say nothing
TINY = 1e-9


def evidence(harmony: Harmony) -> Floats:
    """Measures (24, measures) for the major keys on C to B, then the minor ones; zeros where nothing is pitched.

    In this order: pitch classes (12), bass (12), the logarithms of both (24), chords (24), first (24) and last (24)
    chords, and how often each chord follows each other one (576). All are shares 0..1 except the logarithms.
    """
    heard = sounding(harmony)
    if heard is None:
        return np.zeros((24, MEASURES))
    chroma, bass = heard
    chords = chords_of(chroma, bass)
    edge = max(1, min(round(EDGE_S / FRAME_S), len(chords)))
    whole, low = _share(chroma.mean(axis=1)), _share(bass.mean(axis=1))
    step = max(1, round(STEP_S / FRAME_S))
    moves = chords[:-step].T @ chords[step:] if len(chords) > step else np.zeros((CHORDS, CHORDS))
    moves = moves - np.diag(np.diag(moves))
    moves = moves / max(1.0, float(moves.sum()))
    rows = []
    for tonic in range(12):
        turn = _turned(tonic)
        classes, basses = np.roll(whole, -tonic), np.roll(low, -tonic)
        logs = np.log(np.concatenate([classes, basses]) + 0.01)
        held = [chords.mean(axis=0), chords[:edge].mean(axis=0), chords[-edge:].mean(axis=0)]
        rows.append(
            np.concatenate([classes, basses, logs, *(h[turn] for h in held), moves[np.ix_(turn, turn)].ravel()])
        )
    return np.concatenate([rows, rows])


def traits(harmony: Harmony) -> Floats | None:
    """What tells music in a key from everything else, float64 (traits,); None where nothing is pitched.

    How well peaks keep to one tuning (0..1), the median share of energy in tones (0..1), how clearly chords are heard
    (the mean of the best chord's share, 0..1), how like a frame is to the one STEP_S later (0..1), the number of pitch
    classes that sound (perplexity, 1..12), the share of notes in the best major scale (0.58..1), and the logarithm of
    the seconds with notes.
    """
    heard = sounding(harmony)
    if heard is None:
        return None
    chroma, bass = heard
    clear = float(chords_of(chroma, bass).max(axis=1).mean())
    unit = chroma / np.sqrt(np.square(chroma).sum(axis=0))
    step = min(round(STEP_S / FRAME_S), unit.shape[1] - 1)
    alike = float((unit[:, : unit.shape[1] - step] * unit[:, step:]).sum(axis=0).mean())
    share = _share(np.square(chroma).mean(axis=1))
    scale = max(float(np.roll(share, -tonic)[list(MAJOR_SCALE)].sum()) for tonic in range(12))
    seconds = unit.shape[1] * FRAME_S
    tonal = float(np.median(harmony.tonal))
    return np.array([harmony.in_tune, tonal, clear, alike, classes_of(chroma), scale, np.log(seconds)])


def classes_of(chroma: Floats) -> float:
    """How many pitch classes sound in all: the perplexity of their shares, 1..12. `chroma`: (12, frames), sounding."""
    share = _share(chroma.mean(axis=1))
    return float(np.exp(-(share * np.log(share + TINY)).sum()))


def sounding(harmony: Harmony) -> tuple[Floats, Floats] | None:
    """Square roots of chroma and bass, (12, frames) each, of the frames with notes; None if there are none."""
    chroma, bass = np.sqrt(harmony.chroma.astype(np.float64)), np.sqrt(harmony.bass.astype(np.float64))
    strength = chroma.sum(axis=0)
    kept = strength > QUIET * max(TINY, float(strength.mean())) if strength.size else np.zeros(0, bool)
    if not kept.any() or not strength.any():
        return None
    return chroma[:, kept], bass[:, kept]


def chords_of(chroma: Floats, bass: Floats) -> Floats:
    """How probable each of 24 triads is in each frame, float64 (frames, 24), by nearness to the chord's notes."""
    width = max(1, round(BREATH_S / FRAME_S))
    chroma, bass = _smooth(chroma, width), _smooth(bass, width)
    unit = chroma / np.maximum(np.sqrt(np.square(chroma).sum(axis=0)), TINY)
    low = bass / np.maximum(np.sqrt(np.square(bass).sum(axis=0)), TINY)
    fit = (1 - ROOT_SHARE) * (_triads() @ unit) + ROOT_SHARE * np.concatenate([low, low])
    likely = np.exp(SHARP * (fit - fit.max(axis=0)))
    return np.asarray((likely / likely.sum(axis=0)).T)


def _smooth(rows: Floats, width: int) -> Floats:
    """Each row's running mean over `width` frames, shorter at the ends."""
    sums = np.concatenate([np.zeros((len(rows), 1)), np.cumsum(rows, axis=1)], axis=1)
    at = np.arange(rows.shape[1])
    a, b = np.maximum(0, at - width // 2), np.minimum(rows.shape[1], at - width // 2 + width)
    return np.asarray((sums[:, b] - sums[:, a]) / (b - a))


def _share(values: Floats) -> Floats:
    return values / max(TINY, float(values.sum()))


@functools.cache
def _turned(tonic: int) -> npt.NDArray[np.intp]:
    """The chords in the order in which a key on `tonic` counts them."""
    near = (np.arange(12) + tonic) % 12
    return np.concatenate([near, near + 12])


@functools.cache
def _triads() -> Floats:
    """Unit vectors of the 24 triads, (24, 12)."""
    table = np.zeros((CHORDS, 12))
    for i in range(CHORDS):
        table[i, [(i + n) % 12 for n in TRIADS[i // 12]]] = 1 / np.sqrt(3)
    return table


# How many measures each kind has, in the order of `evidence`.
KINDS = {"classes": 12, "bass": 12, "logs": 24, "chords": 24, "first": 24, "last": 24, "moves": CHORDS * CHORDS}
MEASURES = sum(KINDS.values())
TRAITS = 7
