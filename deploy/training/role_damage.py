"""What may happen to a sound while it stays what it is: another tuning, a room, a phone, a lossy codec.

`vary` changes an instrument within its own class (pitch, envelope, colour); `damage` is what recording and
storing do to any sound. Mono float32 at 44.1 kHz.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import scipy.signal
import soundfile
import soxr
from role_machines import box
from role_shapes import RATE_HZ, Rng, decay, log_uniform

Mono = npt.NDArray[np.float32]
Wave = npt.NDArray[np.float32]

# How far a class may be tuned, in semitones, and the shortest time to -20 dB (s) that shortening may leave of it.
TUNING = {
    "kick": (3, 0.03), "snare": (3, 0.05), "rim": (4, 0.01), "clap": (4, 0.04), "tom": (3, 0.05),
    "hat_closed": (5, 0.01), "hat_open": (4, 0.18), "ride": (4, 0.3), "crash": (5, 0.3), "shaker": (5, 0.02),
    "perc": (6, 0.02), "bass": (4, 0.15), "tonal": (7, 0.1), "vocal": (4, 0.1), "texture": (7, 1.0),
}  # fmt: skip
CODECS = (("MP3", "MPEG_LAYER_III", 44_100), ("OGG", "VORBIS", 44_100), ("OGG", "OPUS", 48_000))


def scaled(x: npt.NDArray[np.floating]) -> Wave:
    return np.asarray(x, np.float32) / (np.abs(x).max() + 1e-9)


def begin(x: npt.NDArray[np.floating]) -> int:
    """Where a sound begins: -20 dB of its peak."""
    return int(np.argmax(np.abs(x) > 0.1 * np.abs(x).max()))


def vary(x: Mono, label: str, rng: Rng) -> Wave:
    """Another instrument of the same class: tuned, shortened, faded in, coloured, saturated, sampled by a machine."""
    semitones, least_s = TUNING[label]
    y = scaled(x)
    if rng.random() < 0.75:
        y = soxr.resample(y, RATE_HZ, round(RATE_HZ * 2 ** (rng.uniform(-semitones, semitones) / 12)), quality="LQ")
    if rng.random() < 0.3:
        y = shortened(y, least_s, rng)
    if rng.random() < 0.2:
        y = y * np.clip((np.arange(y.size) - begin(y)) / (log_uniform(rng, 0.001, 0.015) * RATE_HZ) + 0.05, 0, 1)
    if rng.random() < 0.6:
        y = coloured(y, rng)
    kind = rng.random()
    if kind < 0.2:
        y = np.tanh(scaled(y) * log_uniform(rng, 1, 8))
    elif kind < 0.4:
        y = np.asarray(box(y, rng), np.float32)
    return scaled(y)


def shortened(y: Wave, least_s: float, rng: Rng) -> Wave:
    """A faster fall, never below `least_s` to -20 dB."""
    start = begin(y)
    t = np.maximum(0, np.arange(y.size) - start) / RATE_HZ
    return y * np.exp(-2.3 * t / log_uniform(rng, max(0.04, 1.3 * least_s), max(0.6, 8 * least_s)))


def coloured(y: Wave, rng: Rng) -> Wave:
    """A smooth random equaliser: up to 9 dB at six places, by a linear-phase filter of 255 taps, its delay removed."""
    hz = np.array([0, 60, 200, 600, 2000, 6000, 14_000, RATE_HZ / 2])
    db = rng.normal(0, log_uniform(rng, 1.5, 6), hz.size - 2)
    gain = 10 ** (np.clip(np.concatenate([db[:1], db, db[-1:]]), -12, 12) / 20)
    taps = scipy.signal.firwin2(255, hz, gain, fs=RATE_HZ)
    return np.asarray(scipy.signal.oaconvolve(y, taps)[127 : 127 + y.size])


def damage(x: npt.NDArray[np.floating], rng: Rng) -> Mono:
    """What happens to a sound on its way: a room, a phone's band, clipping, a cut tail, silence, noise, a codec."""
    y = scaled(x)
    if rng.random() < 0.3:
        y = roomed(y, rng)
    if rng.random() < 0.3:
        y = filtered(y, rng)
    if rng.random() < 0.12:
        y = np.clip(y * log_uniform(rng, 1, 5), -1, 1)
    if rng.random() < 0.2:
        keep = min(y.size, begin(y) + max(4410, round(y.size * rng.uniform(0.5, 1))))
        y = y[:keep] * np.minimum(1, (keep - np.arange(keep)) / 441)
    before = round(rng.uniform(0, 0.1) * RATE_HZ) if rng.random() < 0.4 else 0
    y = np.pad(y, (before, round(rng.uniform(0, 0.2) * RATE_HZ)))
    if rng.random() < 0.35:
        y = y + rng.standard_normal(y.size, np.float32) * 10 ** (-rng.uniform(28, 60) / 20)
    if rng.random() < 0.12:
        y = coded(y, rng)
    return np.asarray(y, dtype=np.float32)


def roomed(y: Wave, rng: Rng) -> Wave:
    """A room of 0.05 to 0.6 s."""
    n = round(log_uniform(rng, 0.05, 0.6) * RATE_HZ)
    room = rng.standard_normal(n, np.float32) * decay(np.arange(n, dtype=np.float32) / RATE_HZ, n / RATE_HZ)
    room = scipy.signal.sosfilt(scipy.signal.butter(1, log_uniform(rng, 2000, 10_000), fs=RATE_HZ, output="sos"), room)
    wet = scipy.signal.oaconvolve(y, room)[: y.size + n // 2]
    return np.asarray(np.pad(y, (0, wet.size - y.size)) + scaled(wet) * log_uniform(rng, 0.03, 0.4))


def filtered(y: Wave, rng: Rng) -> Wave:
    """A low-pass, a high-pass, or the band of a telephone."""
    kind = rng.integers(0, 3)
    if kind == 0:
        sos = scipy.signal.butter(1, log_uniform(rng, 5000, 16_000), fs=RATE_HZ, output="sos")
    elif kind == 1:
        sos = scipy.signal.butter(1, log_uniform(rng, 30, 150), "highpass", fs=RATE_HZ, output="sos")
    else:
        band = [log_uniform(rng, 60, 300), log_uniform(rng, 3400, 9000)]
        sos = scipy.signal.butter(2, band, "bandpass", fs=RATE_HZ, output="sos")
    return np.asarray(scipy.signal.sosfilt(sos, y))


def coded(y: Wave, rng: Rng) -> Wave:
    """Through a lossy codec near its lowest rate and back."""
    form, subtype, rate = CODECS[int(rng.integers(0, len(CODECS)))]
    audio = scaled(y) * 0.9 if rate == RATE_HZ else soxr.resample(scaled(y) * 0.9, RATE_HZ, rate)
    held = io.BytesIO()
    soundfile.write(
        held, audio.astype(np.float32), rate, format=form, subtype=subtype, compression_level=rng.uniform(0.7, 1)
    )
    held.seek(0)
    back, _ = soundfile.read(held, dtype="float64")
    back = back if rate == RATE_HZ else soxr.resample(back, rate, RATE_HZ)
    return np.asarray(back if np.isfinite(back).all() and back.size else y)
