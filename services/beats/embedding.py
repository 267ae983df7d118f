"""What a short sound is like, as a vector in which like sounds lie close together, whatever their loudness.

What it does. Log-mel energies of the first 0.6 s, with the noise before the hit subtracted, give three spectral shapes
(attack, body, tail) as cepstra; the course of the level gives the envelope's shape. Each number is divided by a fixed
scale, never by the spread of the batch, so that distances mean the same for two sounds as for two hundred. Whether two
hits are the same sound, `resemblance` says.

Sources. Mel cepstra: S. Davis and P. Mermelstein, IEEE TASSP 28(4), 1980; spectral subtraction: S. Boll, IEEE TASSP
27(2), 1979. Farthest-point choice: T. Gonzalez, Theoretical Computer Science 38, 1985, weighted here by quality.

Conventions. Input float32 (channels, n), 44.1 kHz, from the attack on; embedding float32 (DIMENSIONS,), distances are
Euclidean.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.fft import dct, rfft

from services.audio.clip import HOUSE_RATE_HZ, Samples

Vector = npt.NDArray[np.float32]

FFT = 1024  # samples, 23 ms
STEP = 384  # samples, 8.7 ms
SPAN_S = 0.6  # seconds listened to from just before the attack
MELS = 32
LOW_HZ, HIGH_HZ = 50.0, 16_000.0
RANGE_DB = 45.0  # below the loudest mel band of the sound nothing is looked at
NOISE_OVER = 2.0  # times the noise power is subtracted
CEPSTRA = 12  # coefficients 1..12 of each shape
PARTS_S = ((0.0, 0.03), (0.03, 0.12), (0.12, 0.45))  # attack, body, tail
PART_WEIGHT = (1.0, 0.8, 0.4)  # the tail drowns first in noise, so it says least
ENVELOPE_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32)  # after the peak
CEPSTRUM_SCALE = 12.0  # dB of an orthonormal cepstral coefficient that count as one unit
ENVELOPE_SCALE = 14.0  # dB of the envelope that count as one unit
PEAK_WITHIN_S = 0.2  # the loudest moment is looked for in this much
FRAME_S = STEP / HOUSE_RATE_HZ
TINY = 1e-20  # power, instead of a division by zero
DIMENSIONS = CEPSTRA * len(PARTS_S) + len(ENVELOPE_S)
FAR = 4.8  # distance from which two sounds are as different as can be


def _mel_matrix() -> Vector:
    """Triangles (FFT // 2 + 1, MELS), equal steps on the mel scale (O'Shaughnessy's 2595 log10(1 + f/700))."""

    def mel(f: float) -> float:
        return float(2595 * np.log10(1 + f / 700))

    centres = 700 * (10 ** (np.linspace(mel(LOW_HZ), mel(HIGH_HZ), MELS + 2) / 2595) - 1)
    f = np.arange(FFT // 2 + 1)[:, None] * HOUSE_RATE_HZ / FFT
    # a triangle is at least one bin wide, else the lowest would catch nothing
    rise = np.maximum(np.diff(centres), HOUSE_RATE_HZ / FFT)
    up = 1 - np.maximum(centres[1:-1] - f, 0) / rise[:-1]
    down = 1 - np.maximum(f - centres[1:-1], 0) / rise[1:]
    return np.asarray(np.maximum(0, np.minimum(up, down)), dtype=np.float32)


_MEL = _mel_matrix()
_HANN = np.hanning(FFT + 1)[:-1].astype(np.float32)


def mel_power(x: Samples) -> Vector:
    """Mel power (frames, MELS) of (channels, n); at least one frame."""
    short = FFT - x.shape[1]
    padded = np.pad(x, ((0, 0), (0, short))) if short > 0 else x
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT, axis=1)[:, ::STEP]
    spectrum = rfft(frames * _HANN, axis=2)
    power = (spectrum.real**2 + spectrum.imag**2).mean(axis=0)
    return np.asarray(power @ _MEL, dtype=np.float32)


def embed(x: Samples, noise: Samples | None = None) -> Vector:
    """The embedding of a sound, float32 (DIMENSIONS,); zeros for silence.

    `x`: from a few ms before the attack to the end of the cut; `noise`: what was heard just before, if anything.
    """
    if noise is not None and noise.shape[1] < FFT // 2:
        noise = None
    power = mel_power(x[:, : round(SPAN_S * HOUSE_RATE_HZ)])
    if noise is not None:
        floor = mel_power(noise).mean(axis=0) * (FFT / min(FFT, noise.shape[1]))
        power = np.maximum(power - NOISE_OVER * floor, 0)
    total = power.sum(axis=1)
    if not np.isfinite(total).all() or total.max() <= 0:
        return np.zeros(DIMENSIONS, dtype=np.float32)
    peak = int(np.argmax(total[: max(1, round(PEAK_WITHIN_S / FRAME_S))]))
    shapes = [_part(power, peak, part, weight) for part, weight in zip(PARTS_S, PART_WEIGHT, strict=True)]
    at = np.minimum(peak + np.round(np.asarray(ENVELOPE_S) / FRAME_S).astype(np.int64), total.size)
    course = np.append(total, 0.0)[at] / total[peak]
    shapes.append(_db(course, RANGE_DB) / ENVELOPE_SCALE)
    return np.concatenate(shapes).astype(np.float32)


def _db(ratio: npt.NDArray[np.floating], range_db: float) -> Vector:
    """Power ratios in dB, at least -range_db."""
    return np.asarray(10 * np.log10(np.maximum(ratio, 10 ** (-range_db / 10))), dtype=np.float32)


def _part(power: Vector, peak: int, part_s: tuple[float, float], weight: float) -> Vector:
    """Cepstrum of one part of the sound, weighted by how much of the sound is left in it."""
    first = peak + round(part_s[0] / FRAME_S)
    part = power[first : max(peak + round(part_s[1] / FRAME_S), first + 1)]
    shape = part.mean(axis=0) if part.size else np.zeros(MELS, dtype=np.float32)
    level = float(_db(np.asarray(shape.sum() / power.sum(axis=1).max()), RANGE_DB))
    cepstrum = dct(_db(shape / max(float(shape.max()), TINY), RANGE_DB), norm="ortho")[1 : CEPSTRA + 1]
    return np.asarray(cepstrum * (weight * (1 + level / RANGE_DB) / CEPSTRUM_SCALE), dtype=np.float32)


def spread_order(embeddings: Vector, quality: npt.NDArray[np.float64], count: int) -> list[int]:
    """Up to `count` indices, best first: each next one is good and unlike those already taken."""
    if len(embeddings) == 0:
        return []
    taken = [int(np.argmax(quality))]
    distance = np.full(len(embeddings), np.inf)
    while len(taken) < min(count, len(embeddings)):
        distance = np.minimum(distance, np.square(embeddings - embeddings[taken[-1]]).sum(axis=1))
        distance[taken] = -1.0
        gain = np.where(distance < 0, -1.0, np.minimum(np.sqrt(np.maximum(distance, 0)) / FAR, 1.0))
        gain = np.where(gain < 0, -1.0, gain + quality)
        taken.append(int(np.argmax(gain)))
    return taken
