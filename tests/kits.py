"""Kits of synthesised everyday sounds as the WAV files that a client would send."""

from __future__ import annotations

import numpy as np

from services.audio.clip import Clip
from services.audio.wavfile import write_wav
from tests import sounds

RATE = sounds.RATE


def kit_wavs(seed: int = 1) -> dict[str, bytes]:
    """Eight different sounds, enough for every role: name → 16-bit WAV. Another seed gives other bytes."""
    made = {
        "stomp.wav": sounds.burst(64, 0.12, 0.05, seed, 0.5),
        "thud.wav": sounds.burst(95, 0.09, 0.15, seed + 1, 0.4),
        "knock.wav": sounds.burst(420, 0.04, 0.5, seed + 2),
        "slap.wav": sounds.burst(900, 0.05, 0.9, seed + 3),
        "keys.wav": _bright(0.03, seed + 4),
        "spray.wav": _bright(0.09, seed + 5),
        "barrel.wav": sounds.burst(160, 0.2, 0.1, seed + 6, 0.8),
        "rain.wav": sounds.noise(1.5, 0.1, seed + 7),
    }
    return {name: write_wav(clip, 16) for name, clip in made.items()}


def _bright(decay_s: float, seed: int) -> Clip:
    """A hiss that dies away, without lows."""
    hiss = np.diff(sounds.noise(0.3, 0.3, seed).samples[0], n=2, prepend=[0, 0])
    fall = np.exp(-np.arange(hiss.size) / RATE / decay_s)
    return sounds.mono(0.6 * hiss * fall / np.abs(hiss * fall).max())
