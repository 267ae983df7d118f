"""What the key finder would hear of a piece, straight from its notes: a thousand in the time of ten rendered ones.

Notes become strengths in frames, as `services.analysis.harmony` finds them in audio, with its errors: overtones left at
the octave, fifth and third, notes of a neighbouring pitch, uneven strength, drums, noise. The rendered pieces of
`key_material` are then all unheard, and judge what was learned here.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import key_music
import numpy as np
import numpy.typing as npt

from services.analysis import harmony

# Semitones above a note at which its strength also shows, and at most how much of it.
LEAKS = (
    (12, 0.6), (7, 0.15), (19, 0.3), (4, 0.05), (16, 0.1), (28, 0.15), (-12, 0.2), (5, 0.05), (-5, 0.08), (-1, 0.05),
    (1, 0.05),
)  # fmt: skip
EXCERPTS_S = (6, 8, 12, 20, 30)
SMEAR_S = 0.19  # half a window: a note is heard so long before and after
FALLS_S = (0.25, 0.7, 2.0, 9.0)

Strengths = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Simulated:
    """What would be heard, and of which piece."""

    harmony: harmony.Harmony
    song: key_music.Song


def simulate(seed: int) -> Simulated:
    """An excerpt of a piece of either group of progressions."""
    rng, draws = random.Random(f"simulated {seed}"), np.random.default_rng([1, seed])
    song = key_music.compose(rng, held_out=rng.random() < 1 / 3)
    notes = _heard(_strengths(song, draws), song, draws)
    treble, bass = (share @ notes for share in harmony.folding())
    rows = [(row / row.max()).astype(np.float16).astype(np.float32) for row in (treble, bass)]
    zeros = np.zeros(notes.shape[1], np.float32)
    timbre = np.zeros((harmony.TIMBRES, len(zeros)), np.float32)
    return Simulated(harmony.Harmony(rows[0], rows[1], zeros, zeros, timbre, 0.0, 0.0), song)


def _strengths(song: key_music.Song, draws: np.random.Generator) -> Strengths:
    """How strong each note is in each frame of an excerpt, (NOTES, frames)."""
    beat_s, frame_s = 60 / song.bpm, harmony.FRAME_S
    total_s = song.beats * beat_s
    length_s = min(total_s, float(draws.choice(EXCERPTS_S)))
    spare_s = total_s - length_s
    start_s = float(draws.choice((0, 0, spare_s, draws.uniform(0, spare_s))))
    notes = np.full((harmony.NOTES, int(length_s / frame_s) + 1), 1e-6)
    middle = start_s + (np.arange(notes.shape[1]) + 0.5) * frame_s
    parts = ("bass", "chords", "melody")
    gains = {part: 10 ** (draws.uniform(-12, 6) / 20) for part in parts}
    falls = {part: float(draws.choice(FALLS_S)) for part in parts}
    shifts = {part: int(draws.choice((0, 0, 12) if part == "bass" else (0, 0, 0, 12, -12))) for part in parts}
    for n in song.notes:
        a_s, b_s = n.beat * beat_s, (n.beat + n.length) * beat_s
        first, last = np.searchsorted(middle, (a_s - SMEAR_S, b_s + SMEAR_S))
        row = n.pitch + shifts[n.part] - harmony.NOTE_LOW
        if first == last or not 0 <= row < harmony.NOTES:
            continue
        at = middle[first:last]
        cover = np.clip((np.minimum(at + SMEAR_S, b_s) - np.maximum(at - SMEAR_S, a_s)) / (1.5 * SMEAR_S), 0, 1)
        fall = np.exp(-np.maximum(0, at - a_s) / falls[n.part])
        notes[row, first:last] += gains[n.part] * n.velocity / 100 * cover * fall
    return notes


def _heard(played: Strengths, song: key_music.Song, draws: np.random.Generator) -> Strengths:
    """The strengths with what listening adds to them and takes from them."""
    notes = played.copy()
    for above, most in LEAKS:
        share = draws.uniform(0, most) * draws.uniform(0, 1, (harmony.NOTES, 1))
        leak = np.roll(played * share, above, axis=0)
        leak[slice(None, above) if above > 0 else slice(above, None)] = 0  # what went round the end
        notes += leak
    notes *= 10 ** draws.normal(0, draws.uniform(0.02, 0.15), notes.shape)
    notes *= 10 ** draws.normal(0, draws.uniform(0, 0.12), (harmony.NOTES, 1))
    noise = 5 * 10 ** (draws.uniform(-45, -14) / 20) * np.sqrt(np.square(played).mean())
    notes += noise * draws.exponential(1, notes.shape) * (draws.random(notes.shape) < 0.3)
    if draws.random() < 0.4:  # drums: low thumps, and scattered peaks with each stroke
        struck = np.arange(notes.shape[1]) % max(1, round(60 / song.bpm / harmony.FRAME_S)) == 0
        notes[draws.integers(4, 20), struck] += played.max() * draws.uniform(0, 0.7)
        scatter = draws.exponential(1, (harmony.NOTES, int(struck.sum())))
        notes[:, struck] += scatter * played.mean() * draws.uniform(0, 1.5)
    return notes
