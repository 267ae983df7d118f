"""A small song with a known tempo and key: a rock loop under four chords, a bar each. float32 stereo, 44.1 kHz."""

from __future__ import annotations

import numpy as np

from services.audio.clip import Clip
from tests.sounds import RATE, beat

C_HZ = 261.626
CADENCE = ((0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7))  # I IV V I, semitones above the tonic
OVERTONES = (1.0, 0.5, 0.25, 0.12)
ATTACK_S, CHORDS_LEVEL = 0.01, 0.08


def song(seconds: float = 16.0, bpm: float = 120.0, tonic: int = 0, drums_level: float = 0.7) -> Clip:
    """`tonic`: semitones above C; the key is major, the meter 4/4, the first downbeat at 0 s."""
    bar_s = 240.0 / bpm
    mixed = beat(seconds, bpm).samples * np.float32(drums_level)
    for number in range(int(np.ceil(seconds / bar_s))):
        a, b = round(number * bar_s * RATE), min(round((number + 1) * bar_s * RATE), mixed.shape[1])
        mixed[:, a:b] += _chord(CADENCE[number % len(CADENCE)], tonic, b - a).astype(np.float32)
    return Clip(mixed, RATE)


def _chord(steps: tuple[int, ...], tonic: int, frames: int) -> np.ndarray:
    t = np.arange(frames) / RATE
    tones = [(tonic + s, 1.0) for s in steps] + [(tonic + steps[0] - 12, 1.5)]
    sound = sum(
        level * share * np.sin(2 * np.pi * C_HZ * 2 ** (step / 12) * (n + 1) * t)
        for step, level in tones
        for n, share in enumerate(OVERTONES)
    )
    fade = np.minimum(1.0, np.minimum(t, t[::-1]) / ATTACK_S)
    out: np.ndarray = CHORDS_LEVEL * sound * fade * np.exp(-t / 1.5)
    return out
