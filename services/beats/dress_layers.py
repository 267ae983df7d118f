"""The steps of a dress that add what a sound lacks: a low end, a sub, noise, air, length.

A layer's level is found on the sound: for a share of the energy from the spectra of both and of what they have in
common, which is exact; otherwise in dB against the sound's own energy. A layer begins at the attack and follows the
sound's level or its own decay. Noise is the same in every process. Silence gets no layer.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import fft

from services.audio.clip import Samples
from services.beats.dress_hit import (
    HOP,
    RATE,
    TINY,
    Curve,
    Hit,
    curved,
    hiss_of,
    levels,
    placed,
    power_spectrum,
    times_s,
)
from services.beats.dress_types import Step
from services.beats.streams import noise

LOW_HZ, BRIGHT_HZ = 120.0, 4000.0  # below and above which shares are counted
FALL_DB = 40.0  # in which a layer's decay is counted
SINE_END = 1.15  # times its decay: faded out from one to the other
SINE_RISE = round(0.001 * RATE)  # samples
NOISE_RISE = round(0.001 * RATE)
FOLLOW_MS = 4.0  # over which the level is taken that air follows
SUB_FOLLOW_MS = 25.0  # a period of the lowest sub
SHORTEST_MS = 55.0  # the decay (40 dB) of a closed hat, under which brightness is judged
SHORTEST = round(0.08 * RATE)  # samples of it that matter
LENGTH_SPAN = 2048  # samples after the attack whose spectrum a lengthened sound goes on with
GRAIN = 16_384  # samples, 0.37 s, after which that noise repeats, seamlessly
FILL_FROM, FILL_FULL = 0.95, 0.8  # of the wished length that a sound has by itself: none is added, all of it
FILL_BRIGHT = 0.7  # of that noise's energy is to lie above 4 kHz: what is lengthened is a hat
FILL_RISE_MS = 3.0  # after the attack in which the added part comes in


def sine(hit: Hit, step: Step) -> Hit:
    """A sine falling exponentially from `from_hz` to `to_hz`, at the attack, as loud as `share` below 120 Hz asks."""
    if not hit.samples.any():
        return hit
    wave = _falling(step["from_hz"], step["to_hz"], step["glide_ms"], step["decay_ms"])
    frames = max(hit.frames, hit.attack + wave.size)
    body = np.pad(hit.samples, ((0, 0), (0, frames - hit.frames)))
    layer = np.zeros(frames, np.float32)
    layer[hit.attack : hit.attack + wave.size] = wave
    gain = _gain_for(body, layer, step["share"], low=True)
    return placed(body + np.float32(gain) * layer, hit.attack)


def air(hit: Hit, step: Step) -> Hit:
    """Noise above `above_hz` that follows the sound's level, as loud as `share` above 4 kHz asks."""
    part = hit.after()[:, :SHORTEST]
    if not part.any():
        return hit
    layer = curved(hiss_of(hit.frames, step["above_hz"], RATE / 2, "air"), levels(hit.samples, FOLLOW_MS))
    closing = _closing(part)
    both = (curved(x, closing) for x in (part, Hit(layer, hit.attack).after()[:, :SHORTEST]))
    gain = _gain_for(next(both), next(both)[0], step["share"], low=False)
    return Hit(hit.samples + np.float32(gain) * layer, hit.attack)


def as_closed(hit: Hit) -> Samples:
    """What a closed hat would let sound of a hit, from its attack on: where brightness is judged."""
    part = hit.after()[:, :SHORTEST]
    return curved(part, _closing(part))


def _closing(part: Samples) -> Curve:
    """The gain per hop that holds a part under the decay of a closed hat."""
    level = levels(part, FOLLOW_MS)
    t = (np.arange(level.size) + 0.5) * HOP / RATE
    ceiling = level.max(initial=0.0) * 10 ** (-FALL_DB / 20 * t / (SHORTEST_MS / 1000))
    return np.asarray(np.minimum(1.0, ceiling / np.maximum(level, TINY)))


def sub(hit: Hit, step: Step) -> Hit:
    """A sine of `hz` under a bass that follows its level, its energy `db` against the bass's."""
    t = (np.arange(hit.frames) - hit.attack) / RATE
    wave = np.sin(2 * np.pi * step["hz"] * t).astype(np.float32)[None]
    wave[:, : hit.attack] = 0.0
    return _mixed(hit, curved(wave, levels(hit.samples, SUB_FOLLOW_MS)), step["db"])


def noise_layer(hit: Hit, step: Step) -> Hit:
    """A band of noise from the attack on, falling by 40 dB in `decay_ms`, its energy `db` against the sound's."""
    count = round(SINE_END * step["decay_ms"] * RATE / 1000)
    layer = np.zeros((1, max(hit.frames, hit.attack + count)), np.float32)
    burst = hiss_of(count, step["low_hz"], step["high_hz"], "noise") * _falling_level(count, step["decay_ms"])
    burst[:, :NOISE_RISE] *= np.linspace(0, 1, NOISE_RISE, dtype=np.float32)
    layer[:, hit.attack : hit.attack + count] = burst
    body = np.pad(hit.samples, ((0, 0), (0, layer.shape[1] - hit.frames)))
    return _mixed(Hit(body, hit.attack), layer, step["db"])


def lengthened(hit: Hit, ceiling: Curve, seconds: float, fill_db: float) -> Hit:
    """A sound that falls short of so many seconds goes on as noise of its own spectrum, `fill_db` under its ceiling.

    `hit` is already held under the ceiling (a level per hop). The share of what is added grows with what is missing.
    """
    t = times_s(hit)
    level = levels(hit.samples, FOLLOW_MS)
    heard = np.flatnonzero(level >= level.max(initial=0.0) * 10 ** (-FALL_DB / 20))
    own = float(t[heard[-1]]) / seconds if heard.size else 1.0
    much = min(1.0, max(0.0, (FILL_FROM - own) / (FILL_FROM - FILL_FULL)))
    if much == 0.0:
        return placed(hit.samples, hit.attack)
    wanted = ceiling * 10 ** (fill_db / 20)
    missing = np.sqrt(np.maximum(0.0, wanted**2 - level**2)) * much
    missing *= np.clip(t / (FILL_RISE_MS / 1000), 0.0, 1.0)
    missing[-max(1, missing.size // 20) :] *= np.linspace(1, 0, max(1, missing.size // 20))
    start = hit.after()[:, :LENGTH_SPAN]
    grain = of_spectrum(
        start * np.linspace(1, 0, start.shape[1], dtype=np.float32), GRAIN, 2 * LENGTH_SPAN, FILL_BRIGHT
    )
    tiled = np.resize(grain, (1, hit.frames)) / math.sqrt(hit.samples.shape[0])
    return placed(hit.samples + curved(tiled, missing), hit.attack)


def of_spectrum(samples: Samples, frames: int, size: int, bright: float = 0.0) -> Samples:
    """Noise with the spectrum of a sound, float32 (1, frames), RMS 1, that repeats without a seam; silence for silence.

    The magnitudes are those of the sound in windows of `size` samples (a shorter one is taken as it is), their phases
    by chance. What lies above 4 kHz is raised to the share `bright` of the energy.
    """
    count = max(1, samples.shape[1] // size)
    window = np.hanning(size).astype(np.float32) if samples.shape[1] >= size else np.float32(1.0)
    power = np.zeros(size // 2 + 1)
    for i in range(count):
        piece = samples[:, i * size : (i + 1) * size]
        power += power_spectrum(piece * window if piece.shape[1] == size else piece, size)[0]
    high = np.linspace(0, RATE / 2, power.size) >= BRIGHT_HZ
    above, total = float(power[high].sum()), float(power.sum())
    if 0.0 < above < bright * total:
        power[high] *= bright / (1 - bright) * (total - above) / above
    magnitude = np.sqrt(np.interp(np.linspace(0, 1, frames // 2 + 1), np.linspace(0, 1, power.size), power))
    out = fft.irfft(magnitude * _phases(frames // 2 + 1), frames).astype(np.float32)[None]
    out /= np.float32(np.sqrt(np.mean(out**2)) + TINY)
    return np.asarray(out)


@lru_cache(maxsize=4)
def _phases(bins: int) -> np.typing.NDArray[np.complex128]:
    """Numbers of length 1, none at DC and at half the rate, where a real signal has no phase."""
    made = np.exp(2j * np.pi * noise(bins, "dress", "phases"))
    made[[0, -1]] = 0.0
    return np.asarray(made)


@lru_cache(maxsize=64)
def _falling(from_hz: float, to_hz: float, glide_ms: float, decay_ms: float) -> Samples:
    """The sine layer, float32 (n,), peak 1. It glides for `glide_ms` and falls by 40 dB in `decay_ms`."""
    count = round(SINE_END * decay_ms * RATE / 1000)
    t = np.arange(count) / RATE
    hz = to_hz * (from_hz / to_hz) ** np.maximum(0.0, 1.0 - t / (glide_ms / 1000))
    phase = 2 * np.pi * (np.cumsum(hz) - hz[0]) / RATE
    wave = (np.sin(phase) * _falling_level(count, decay_ms)).astype(np.float32)
    wave[:SINE_RISE] *= np.linspace(0, 1, SINE_RISE, dtype=np.float32)
    wave.setflags(write=False)
    return np.asarray(wave)


def _falling_level(count: int, decay_ms: float) -> Samples:
    """From 1 down by 40 dB in `decay_ms`, and faded to nothing after it, float32 (count,)."""
    t = np.arange(count) / (decay_ms * RATE / 1000)
    fade = np.clip((SINE_END - t) / (SINE_END - 1), 0.0, 1.0)
    return np.asarray(10 ** (-FALL_DB / 20 * t) * fade, np.float32)


def _gain_for(body: Samples, layer: Samples, share: float, *, low: bool) -> float:
    """The gain of a layer (n,) added to every channel of a body, for which `share` of the energy lies low, or bright.

    Energy inside and in all is quadratic in the gain, so the smallest gain is a root; its sign is that of what both
    have in common in the band, so that they add up. 0 where the body has its share; the layer alone is the limit.
    """
    n = fft.next_fast_len(body.shape[1], real=True)
    x, s = fft.rfft(body, n, axis=1), fft.rfft(layer, n)
    hz = fft.rfftfreq(n, 1 / RATE)
    inside = hz < LOW_HZ if low else hz >= BRIGHT_HZ
    own = (x.real**2 + x.imag**2).sum(axis=0, dtype=np.float64)
    common = (x * np.conj(s)).real.sum(axis=0, dtype=np.float64)
    new = body.shape[0] * (s.real**2 + s.imag**2).astype(np.float64)
    sign = -1.0 if common[inside].sum() < 0 else 1.0
    a = new[inside].sum() - share * new.sum()
    b = sign * 2 * (common[inside].sum() - share * common.sum())
    c = own[inside].sum() - share * own.sum()
    if c >= 0 or a <= 0:
        return 0.0
    return float(sign * (-b + math.sqrt(b * b - 4 * a * c)) / (2 * a))


def _mixed(hit: Hit, layer: Samples, db: float) -> Hit:
    """A layer (1, n) added to every channel, its energy `db` against the sound's, with the sign that adds up."""
    own = float(np.square(hit.after(), dtype=np.float64).sum())
    new = float(np.square(layer, dtype=np.float64).sum()) * hit.samples.shape[0]
    if own <= 0.0 or new <= 0.0:
        return hit
    sign = -1.0 if float((hit.samples * layer).sum()) < 0 else 1.0
    return placed(hit.samples + np.float32(sign * math.sqrt(own / new) * 10 ** (db / 20)) * layer, hit.attack)
