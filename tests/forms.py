"""Pieces whose sections are known: parts with chords, sounds and drums of their own, put together bar by bar. Mono."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.audio.clip import Clip
from tests import chords, sounds

RATE = sounds.RATE
BEATS = 4
LOOPS = (
    ((0, chords.MAJOR), (9, chords.MINOR), (5, chords.MAJOR), (7, chords.MAJOR)),
    ((5, chords.MAJOR), (5, chords.MAJOR), (0, chords.MAJOR), (7, chords.MAJOR)),
    ((9, chords.MINOR), (5, chords.MAJOR), (2, chords.MINOR), (4, chords.MAJOR)),
    ((2, chords.MINOR), (7, chords.MAJOR), (4, chords.MINOR), (9, chords.MINOR)),
    ((3, chords.MAJOR), (10, chords.MAJOR), (8, chords.MAJOR), (5, chords.MINOR)),
)


@dataclass(frozen=True)
class Form:
    """A piece with its bar lines, and the first second and the letter of each section; it ends at `end_s`."""

    clip: Clip
    bars_s: tuple[float, ...]
    starts_s: tuple[float, ...]
    labels: tuple[str, ...]
    end_s: float


def form(letters: str, seed: int, bars: int = 8, *, drums: bool = True) -> Form:
    """Sections of `bars` bars by their letters: each letter has its own chords and brightness, and drums or none."""
    rng = np.random.default_rng(seed)
    bar_s = BEATS * 60 / rng.uniform(84, 150)
    order = rng.permutation(len(LOOPS))
    parts = {}
    for i, letter in enumerate(sorted(set(letters))):
        key = f"{chords.TONICS[seed % 12]} major"
        tune = chords.song(key, LOOPS[order[i]], bars * bar_s, bar_s, partials=int(rng.choice((2, 4, 8, 14))))
        wave = np.zeros(round(bars * bar_s * RATE), np.float32)
        wave[: tune.frames] += tune.samples[0][: len(wave)]
        if drums and rng.random() < 0.75:
            beat = sounds.beat(bars * bar_s, BEATS * 60 / bar_s).samples[0][: len(wave)]
            wave[: len(beat)] += beat * rng.uniform(0.2, 0.8)
        parts[letter] = wave
    audio = np.concatenate([parts[letter] for letter in letters])
    # What lies between two equal neighbours is no boundary that anybody could hear.
    merged = [i for i in range(len(letters)) if i == 0 or letters[i] != letters[i - 1]]
    return Form(
        sounds.mono(0.7 * audio / np.abs(audio).max()),
        tuple(k * bar_s for k in range(bars * len(letters))),
        tuple(i * bars * bar_s for i in merged),
        tuple(letters[i] for i in merged),
        len(audio) / RATE,
    )
