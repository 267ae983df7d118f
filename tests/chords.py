"""Music with a known key, made of plain overtones: chords, bass and a line above. For tests; mono, 44.1 kHz."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.audio.clip import Clip
from tests import sounds

RATE = sounds.RATE
TONICS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
KEYS = tuple(f"{tonic} {mode}" for mode in ("major", "minor") for tonic in TONICS)
MAJOR, MINOR, SEVENTH = (0, 4, 7), (0, 3, 7), (0, 4, 7, 10)
# Semitones above the tonic and the chord on them: every one begins and ends at home and has a cadence.
CADENCES = {
    "major": (
        ((0, MAJOR), (5, MAJOR), (7, SEVENTH), (0, MAJOR)),
        ((0, MAJOR), (9, MINOR), (2, MINOR), (7, MAJOR), (0, MAJOR)),
    ),
    "minor": (
        ((0, MINOR), (5, MINOR), (7, SEVENTH), (0, MINOR)),
        ((0, MINOR), (8, MAJOR), (5, MINOR), (7, MINOR), (0, MINOR)),
    ),
}

Chords = Sequence[tuple[int, tuple[int, ...]]]


def note(pitch: float, seconds: float, partials: int = 6, fall_s: float = 1.5) -> NDArray[np.float64]:
    """A struck string: partials that fall off as 1/k and die away. `pitch`: MIDI number, with its fraction."""
    t = np.arange(round(seconds * RATE)) / RATE
    hz = 440 * 2 ** ((pitch - 69) / 12)
    wave = sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, partials + 1) if hz * k < 16_000)
    return wave * np.exp(-t / fall_s) * np.minimum(1, np.minimum(t, t[::-1]) / 0.01)


def song(key: str, chords: Chords, seconds: float, chord_s: float = 1.2, cents: float = 0.0, partials: int = 6) -> Clip:
    """The chords over and over for so long: a bass, three or four voices, and a line of chord notes above. Peak 0.5."""
    tonic = TONICS.index(key.split(maxsplit=1)[0]) + cents / 100
    out = np.zeros(round((seconds + 2 * chord_s) * RATE))
    for i in range(round(seconds / chord_s)):
        root, tones = chords[i % len(chords)]
        parts = [(36 + (tonic + root) % 12, 1.0, 0.0, chord_s)]
        parts += [(52 + (tonic + root + n - 4) % 12, 0.5, 0.0, chord_s) for n in tones]
        top = [tones[(i + k) % len(tones)] for k in range(3)]
        parts += [(69 + (tonic + root + n - 9) % 12, 0.4, k * chord_s / 3, chord_s / 3) for k, n in enumerate(top)]
        for pitch, level, late, length in parts:
            wave = level * note(pitch, length, partials)
            at = round((i * chord_s + late) * RATE)
            out[at : at + len(wave)] += wave
    return sounds.mono(0.5 * out[: round(seconds * RATE)] / np.abs(out).max())


def in_key(key: str, seconds: float = 12.0, cents: float = 0.0, which: int = 0, partials: int = 6) -> Clip:
    """One of the cadences of the key's mode, over and over."""
    return song(key, CADENCES[key.rsplit(maxsplit=1)[-1]][which], seconds, cents=cents, partials=partials)


def babble(seconds: float, seed: int = 1) -> Clip:
    """The shape of speech: pulses whose pitch never rests, three formants, hisses and pauses."""
    rng = np.random.default_rng(seed)
    out, at, base = np.zeros(round(seconds * RATE)), 0, rng.uniform(90, 220)
    while at < len(out):
        size = min(len(out) - at, round(rng.uniform(0.08, 0.35) * RATE))
        hz = base * 2 ** (rng.uniform(-0.35, 0.35) + rng.uniform(-0.3, 0.3) * np.linspace(0, 1, size))
        voiced = rng.random() < 0.75
        phase = 2 * np.pi * np.cumsum(hz) / RATE
        if voiced:
            formants = rng.uniform([300, 900, 2_400], [800, 2_300, 3_200])
            gains = [(k, np.exp(-np.square((k * base - formants) / 300)).sum() + 0.05) for k in range(1, 25)]
            wave = sum(gain * np.sin(k * phase) for k, gain in gains)
        else:
            wave = rng.standard_normal(size)
        out[at : at + size] = wave * np.hanning(size) * (1.0 if voiced else 0.2)
        at += size + (round(rng.uniform(0.1, 0.5) * RATE) if rng.random() < 0.2 else 0)
    return sounds.mono(0.4 * out / np.abs(out).max())
