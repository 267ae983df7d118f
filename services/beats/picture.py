"""Three pictures of a one-shot for the network: how its spectrum moves, how its first tenth of a second moves, and
which partials it holds.

All are levels in dB below the loudest place of the same picture, between 0 (at `FLOOR_DB` or below) and 1, so that gain
changes nothing. The first two are log-mel spectrograms (mel scale of O'Shaughnessy 1987); the long one shows a cymbal's
wash against a hat's chick, the short one a clap's bursts against a snare's single stroke. The third is the power
spectrum of the first 0.37 s, gathered over a quarter tone: it tells a tuned bar from a drum and a drum from noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from services.audio.clip import HOUSE_RATE_HZ

Floats = npt.NDArray[np.float32]

FLOOR_DB = -75.0  # levels below the loudest place of a picture are read as this
LONG_MELS, LONG_FRAMES = 56, 72  # frames of 20 ms: 1.44 s
SHORT_MELS, SHORT_FRAMES = 40, 64  # frames of 2 ms: 0.13 s
SHORT_FFT, SHORT_HOP = 256, 88  # 5.8 ms windows each 2 ms: a clap's bursts lie 8 to 15 ms apart
SHORT_LEAD = 64  # samples of silence before the picture, so that its first window holds the rise
PARTIALS = 208  # quarter tones from PARTIAL_LOW_HZ: to 16.5 kHz
PARTIAL_LOW_HZ = 40.0
PARTIALS_AN_OCTAVE = 24
MEL_LOW_HZ, MEL_HIGH_HZ = 20.0, 18_000.0
EPS = 1e-12


@dataclass(frozen=True, slots=True)
class Pictures:
    """`long` (LONG_MELS, LONG_FRAMES), `short` (SHORT_MELS, SHORT_FRAMES), `partials` (PARTIALS,): float32 in 0..1."""

    long: Floats
    short: Floats
    partials: Floats


def mel_bank(bands: int, low_hz: float, high_hz: float, size: int) -> Floats:
    """Triangles evenly spaced on the mel scale over the bins of an FFT of `size`, float32 (bands, size / 2 + 1).

    A triangle narrower than two bins is widened to them: no band is empty, low ones repeat their neighbour.
    """
    hz = np.arange(size // 2 + 1) * HOUSE_RATE_HZ / size
    ends = 2595 * np.log10(1 + np.array([low_hz, high_hz]) / 700)
    at = 700 * (10 ** (np.linspace(ends[0], ends[1], bands + 2) / 2595) - 1)
    bin_hz = HOUSE_RATE_HZ / size
    below, above = np.minimum(at[:-2], at[1:-1] - bin_hz), np.maximum(at[2:], at[1:-1] + bin_hz)
    rising = (hz - below[:, None]) / (at[1:-1] - below)[:, None]
    falling = (above[:, None] - hz) / (above - at[1:-1])[:, None]
    bank = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(bank / bank.sum(axis=1, keepdims=True), dtype=np.float32)


def draw(seg: Floats, power: Floats, spectrum: Floats) -> Pictures:
    """The pictures of a sound that begins 2 ms after the start of `seg`, mono float32 (n,) at 44.1 kHz.

    `power`: its power spectra of 1024 points each 10 ms (frames, 513); `spectrum`: its power over 16384 points (8193,).
    Time after the end is silence. The caller has refused silent sounds; of silence the pictures are all 1.
    """
    pairs = np.zeros((2 * LONG_FRAMES, power.shape[1]), np.float32)
    pairs[: min(len(power), len(pairs))] = power[: len(pairs)]
    long = _LONG_BANK @ pairs.reshape(LONG_FRAMES, 2, -1).sum(axis=1).T
    padded = np.zeros(SHORT_LEAD + SHORT_FFT + SHORT_HOP * SHORT_FRAMES, np.float32)
    part = seg[: padded.size - SHORT_LEAD]
    padded[SHORT_LEAD : SHORT_LEAD + part.size] = part
    frames = np.lib.stride_tricks.sliding_window_view(padded, SHORT_FFT)[::SHORT_HOP][:SHORT_FRAMES]
    fine = scipy.fft.rfft(frames * _SHORT_WINDOW)
    short = _SHORT_BANK @ (np.square(fine.real) + np.square(fine.imag)).T
    partials = np.maximum.reduceat(spectrum, _PARTIAL_EDGES[:-1])[:PARTIALS]
    return Pictures(_levels(long), _levels(short), _levels(partials))


def _levels(power: Floats) -> Floats:
    """Levels below the loudest place: 1 there, 0 at the floor, decibels evenly between."""
    top = float(power.max()) + EPS
    db = 10 * np.log10(power / top + EPS)
    return np.asarray(1 - np.maximum(db, FLOOR_DB) / FLOOR_DB, dtype=np.float32)


def _partial_edges() -> npt.NDArray[np.intp]:
    """First bins of the quarter tones, and of what lies above the last; each at least one bin wide."""
    hz = PARTIAL_LOW_HZ * 2 ** (np.arange(PARTIALS + 1) / PARTIALS_AN_OCTAVE)
    return np.asarray(np.rint(hz / HOUSE_RATE_HZ * 16_384), dtype=np.intp)


_LONG_BANK = mel_bank(LONG_MELS, MEL_LOW_HZ, MEL_HIGH_HZ, 1024)
_SHORT_BANK = mel_bank(SHORT_MELS, MEL_LOW_HZ, MEL_HIGH_HZ, SHORT_FFT)
_SHORT_WINDOW = np.hanning(SHORT_FFT).astype(np.float32)
_PARTIAL_EDGES = _partial_edges()
