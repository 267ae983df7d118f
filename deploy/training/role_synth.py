"""Made sounds for the classes that drum kits lack and for everyday objects, and plain models of drums.

Each maker draws its parameters widely (pitch, decay, brightness, noise) from one seeded generator: the point is not one
good kick, but that no two are alike. Mono float32 at 44.1 kHz, peak about 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import scipy.signal
from role_shapes import RATE_HZ, Rng, decay, log_uniform, modes, noise, times


def kick(rng: Rng) -> npt.NDArray[np.float64]:
    t = times(log_uniform(rng, 0.2, 1.4))
    low, sweep = log_uniform(rng, 35, 75), log_uniform(rng, 1.2, 7)
    f = low * (1 + (sweep - 1) * np.exp(-t / log_uniform(rng, 0.006, 0.05)))
    body = np.sin(2 * np.pi * np.cumsum(f) / RATE_HZ + rng.uniform(0, 1.5)) * decay(t, log_uniform(rng, 0.15, 1.2))
    click = noise(rng, t.size, log_uniform(rng, 500, 3000), 12_000) * decay(t, log_uniform(rng, 0.006, 0.06))
    shell = noise(rng, t.size, 60, log_uniform(rng, 200, 900)) * decay(t, log_uniform(rng, 0.05, 0.3))
    x = body + click * log_uniform(rng, 0.005, 0.25) + shell * log_uniform(rng, 0.01, 0.4)
    return np.tanh(x * log_uniform(rng, 0.3, 4))


def snare(rng: Rng) -> npt.NDArray[np.float64]:
    t = times(log_uniform(rng, 0.15, 0.8))
    f0 = log_uniform(rng, 130, 330)
    bend = 1 + rng.uniform(0, 0.5) * np.exp(-t / 0.02)
    tone = np.sin(2 * np.pi * np.cumsum(f0 * bend) / RATE_HZ) + rng.uniform(0, 0.8) * np.sin(
        2 * np.pi * f0 * rng.uniform(1.4, 1.9) * t
    )
    wires = noise(rng, t.size, log_uniform(rng, 250, 2500), log_uniform(rng, 6000, 20_000), 1)
    x = tone * decay(t, log_uniform(rng, 0.06, 0.3)) * log_uniform(rng, 0.1, 1.2)
    x += wires * decay(t, log_uniform(rng, 0.1, 0.6)) * log_uniform(rng, 0.2, 0.7)
    return np.tanh(x * log_uniform(rng, 0.4, 3))


def tom(rng: Rng) -> npt.NDArray[np.float64]:
    t = times(log_uniform(rng, 0.25, 1.5))
    f0 = log_uniform(rng, 72, 190)
    f = f0 * (1 + rng.uniform(0.02, 0.8) * np.exp(-t / log_uniform(rng, 0.02, 0.15)))
    x = np.sin(2 * np.pi * np.cumsum(f) / RATE_HZ) * decay(t, log_uniform(rng, 0.25, 1.3))
    for ratio in (1.59, 2.14, 2.3, 2.65):
        x += (
            rng.uniform(0, 0.35)
            * np.sin(2 * np.pi * np.cumsum(f * ratio) / RATE_HZ)
            * decay(t, log_uniform(rng, 0.08, 0.5))
        )
    x += (
        noise(rng, t.size, 300, log_uniform(rng, 2000, 10_000))
        * decay(t, log_uniform(rng, 0.01, 0.1))
        * log_uniform(rng, 0.01, 0.3)
    )
    return np.tanh(x * log_uniform(rng, 0.4, 2.5))


def clap(rng: Rng) -> npt.NDArray[np.float64]:
    t = times(log_uniform(rng, 0.15, 0.7))
    centre = log_uniform(rng, 700, 2200)
    x = noise(rng, t.size, centre * rng.uniform(0.4, 0.8), centre * log_uniform(rng, 1.5, 6), 1)
    env, at = np.zeros(t.size), 0.0
    for _ in range(rng.integers(1, 6)):
        late = t - at
        env += np.where(late >= 0, decay(np.maximum(late, 0), log_uniform(rng, 0.012, 0.05)), 0) * rng.uniform(0.5, 1)
        at += rng.uniform(0.006, 0.016)
    tail = np.where(t >= at - 0.01, decay(np.maximum(t - at + 0.01, 0), log_uniform(rng, 0.08, 0.6)), 0)
    return x * (env + tail * rng.uniform(0.2, 0.9))


def rim(rng: Rng) -> npt.NDArray[np.float64]:
    t = times(log_uniform(rng, 0.06, 0.3))
    hz = log_uniform(rng, 350, 2000) * np.array([1, rng.uniform(1.3, 1.9), rng.uniform(2, 3.3), rng.uniform(3.5, 5)])
    x = modes(rng, t, hz, log_uniform(rng, 0.025, 0.15), rng.uniform(0, 0.8))
    click = noise(rng, t.size, log_uniform(rng, 700, 3000), 15_000) * decay(t, log_uniform(rng, 0.004, 0.04))
    return x + click * log_uniform(rng, 0.1, 1.5)


def _metal(rng: Rng, t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A cymbal's mass of partials: squares as in analogue machines, or dense sines, in noise; or noise alone."""
    kind = rng.random()
    if kind < 0.25:
        return noise(rng, t.size, log_uniform(rng, 3000, 9000), rng.choice([0, log_uniform(rng, 12_000, 20_000)]))
    if kind < 0.6:
        base = log_uniform(rng, 200, 600)
        x = sum(np.sign(np.sin(2 * np.pi * base * r * t)) for r in rng.uniform(1, 4, 6))
    else:
        hz = np.exp(rng.uniform(np.log(400), np.log(16_000), rng.integers(30, 90)))
        x = sum(np.sin(2 * np.pi * f * t + rng.uniform(0, 6.3)) * rng.uniform(0.2, 1) for f in hz)
    x = np.asarray(x) / np.abs(x).max() + noise(rng, t.size) * log_uniform(rng, 0.03, 0.5)
    low = log_uniform(rng, 1500, 8000)
    return np.asarray(
        scipy.signal.sosfilt(scipy.signal.butter(rng.integers(1, 4), low, "highpass", fs=RATE_HZ, output="sos"), x)
    )


def hat_closed(rng: Rng) -> npt.NDArray[np.float64]:
    t = times(log_uniform(rng, 0.05, 0.4))
    return _metal(rng, t) * decay(t, log_uniform(rng, 0.03, 0.25))


def hat_open(rng: Rng) -> npt.NDArray[np.float64]:
    t = times(log_uniform(rng, 0.4, 1.8))
    return _metal(rng, t) * decay(t, log_uniform(rng, 0.5, 1.8))


def crash(rng: Rng) -> npt.NDArray[np.float64]:
    t = times(rng.uniform(1.2, 3))
    x = _metal(rng, t) + noise(rng, t.size, log_uniform(rng, 300, 2000)) * 0.3
    return x * decay(t, log_uniform(rng, 1.8, 6)) * np.minimum(1, t / log_uniform(rng, 0.001, 0.02))


def ride(rng: Rng) -> npt.NDArray[np.float64]:
    t = times(rng.uniform(0.8, 3))
    hz = log_uniform(rng, 300, 3000) * np.cumprod(np.append(1, rng.uniform(1.1, 1.6, 8)))
    ping = modes(rng, t, hz, log_uniform(rng, 0.4, 2), rng.uniform(0, 0.6))
    wash = _metal(rng, t) * decay(t, log_uniform(rng, 1, 5)) * log_uniform(rng, 0.05, 0.5)
    stick = noise(rng, t.size, 3000, 16_000) * decay(t, 0.02) * log_uniform(rng, 0.1, 1)
    return ping / (np.abs(ping).max() + 1e-9) + wash + stick


def shaker(rng: Rng) -> npt.NDArray[np.float64]:
    t = times(log_uniform(rng, 0.06, 0.5))
    x = noise(rng, t.size, log_uniform(rng, 2500, 7000), log_uniform(rng, 9000, 20_000))
    rise, length = log_uniform(rng, 0.015, 0.09), t[-1]
    env = np.minimum(1, t / rise) ** rng.uniform(0.8, 3) * decay(
        np.maximum(t - rise, 0), length * rng.uniform(0.6, 1.5)
    )
    if rng.random() < 0.4:
        env = env * (0.4 + 0.6 * (rng.random(t.size // 300 + 1) > 0.5).repeat(300)[: t.size])
    if rng.random() < 0.3:
        jingles = np.exp(rng.uniform(np.log(4000), np.log(14_000), 12))
        x = x * 0.3 + sum(np.sin(2 * np.pi * f * t + rng.uniform(0, 6)) for f in jingles) / 6
    return x * env


def keys(rng: Rng) -> npt.NDArray[np.float64]:
    """A bunch of keys or coins: many small bright strikes."""
    t = times(rng.uniform(0.2, 0.8))
    x = np.zeros(t.size)
    for _ in range(rng.integers(4, 20)):
        at = int(rng.uniform(0, 0.7) * t.size)
        hz = np.exp(rng.uniform(np.log(2500), np.log(13_000), 5))
        x[at:] += modes(rng, t[: t.size - at], hz, log_uniform(rng, 0.03, 0.3), 0.3) * rng.uniform(0.2, 1)
    return x


def perc(rng: Rng) -> npt.NDArray[np.float64]:
    """Bar, block, bell, bottle, cutlery, bongo: a pitched strike with few partials."""
    t = times(log_uniform(rng, 0.1, 1.2))
    ratios = np.append(1, np.cumprod(rng.uniform(1.2, 2.8, rng.integers(1, 6))))
    x = modes(rng, t, log_uniform(rng, 250, 3500) * ratios, log_uniform(rng, 0.06, 1.0), rng.uniform(0, 1.5))
    click = noise(rng, t.size, 1000, 12_000) * decay(t, log_uniform(rng, 0.004, 0.03))
    return x + click * log_uniform(rng, 0.02, 0.5)


def bass(rng: Rng) -> npt.NDArray[np.float64]:
    t = times(log_uniform(rng, 0.3, 1.5))
    f0 = log_uniform(rng, 36, 130)
    x = np.zeros(t.size)
    roll = rng.uniform(0.7, 2.2)
    for k in range(1, int(rng.integers(3, 25))):
        x += (
            np.sin(2 * np.pi * f0 * k * t + rng.uniform(0, 6.3))
            / k**roll
            * decay(t, log_uniform(rng, 0.6, 4) / k ** rng.uniform(0, 0.5))
        )
    hold = np.minimum(1, (t[-1] - t) / 0.03)
    return x * np.minimum(1, t / log_uniform(rng, 0.002, 0.03)) * hold


def tonal(rng: Rng) -> npt.NDArray[np.float64]:
    t = times(log_uniform(rng, 0.3, 2))
    x = np.zeros(t.size)
    roll, ring = rng.uniform(0.5, 2.5), log_uniform(rng, 0.4, 5)
    for root in log_uniform(rng, 130, 1500) * np.array([1, 1.2599, 1.4983])[: rng.integers(1, 4)]:
        vibrato = 1 + rng.uniform(0, 0.01) * np.sin(2 * np.pi * rng.uniform(4, 7) * t)
        for k in range(1, int(rng.integers(2, 12))):
            if root * k < 18_000:
                x += np.sin(2 * np.pi * np.cumsum(root * k * vibrato) / RATE_HZ) / k**roll * decay(t, ring / k**0.3)
    if rng.random() < 0.2:
        x *= 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * rng.uniform(8, 25) * t))  # a telephone's trill
    return x * np.minimum(1, t / log_uniform(rng, 0.002, 0.12))


def vocal(rng: Rng) -> npt.NDArray[np.float64]:
    """A glottal, creaking or breathy source through formants: ah, ts, caw, laugh, burp."""
    t = times(log_uniform(rng, 0.12, 1.2))
    f0 = (
        log_uniform(rng, 50, 600)
        * np.exp(rng.uniform(-0.5, 0.5) * t / t[-1])
        * (1 + 0.02 * np.sin(2 * np.pi * rng.uniform(3, 8) * t))
    )
    pulses = scipy.signal.sawtooth(2 * np.pi * np.cumsum(f0 * (1 + 0.01 * noise(rng, t.size, 0, 60))) / RATE_HZ)
    if rng.random() < 0.4:  # creak: pulses that come and go
        pulses = pulses * np.clip(1 + noise(rng, t.size, 0, log_uniform(rng, 15, 80)) * rng.uniform(5, 40), 0, 2)
    breath = log_uniform(rng, 0.02, 2)
    source = pulses + noise(rng, t.size, 300, 9000) * breath
    x = np.zeros(t.size)
    for low, high, gain in ((280, 950, 1), (850, 2400, 0.6), (2300, 3500, 0.35), (3300, 4600, 0.15)):
        f = log_uniform(rng, low, high)
        b, a = scipy.signal.iirpeak(f, f / log_uniform(rng, 60, 200), fs=RATE_HZ)
        x += gain * scipy.signal.lfilter(b, a, source)
    attack = log_uniform(rng, 0.008, 0.12)
    env = np.minimum(1, t / attack) * np.minimum(1, (t[-1] - t) / (0.3 * t[-1]))
    if rng.random() < 0.25:
        onset = noise(rng, t.size, 3000, 12_000) * decay(t, 0.1)
        x += onset * rng.uniform(0.05, 0.5) * np.abs(x).max()
    return x * env


def texture(rng: Rng) -> npt.NDArray[np.float64]:
    """Room, rain, wind, hum, hiss, crackle, drone: something that goes on."""
    t = times(rng.uniform(1.2, 3))
    kind = rng.integers(0, 6)
    if kind == 0:
        x = noise(rng, t.size, log_uniform(rng, 30, 3000), log_uniform(rng, 4000, 20_000), 1)
    elif kind == 1:
        x = noise(rng, t.size, 0, log_uniform(rng, 200, 3000), 1) * (
            1 + rng.uniform(0, 0.8) * np.sin(2 * np.pi * log_uniform(rng, 0.3, 3) * t)
        )
    elif kind == 2:  # rain, crackle
        drops = (rng.random(t.size) < log_uniform(rng, 30, 3000) / RATE_HZ) * rng.exponential(1, t.size)
        x = scipy.signal.lfilter([1], [1, -np.exp(-1 / (RATE_HZ * log_uniform(rng, 0.0005, 0.004)))], drops)
        x = x * noise(rng, t.size, 500, 15_000) + 0.05 * noise(rng, t.size, 300, 12_000)
    elif kind == 3:  # mains, fridge, engine
        f0 = log_uniform(rng, 40, 160)
        x = sum(np.sin(2 * np.pi * f0 * k * t + rng.uniform(0, 6)) * rng.uniform(0, 1) / k for k in range(1, 12))
        x = x + noise(rng, t.size, 50, 2000) * log_uniform(rng, 0.02, 0.5)
    elif kind == 4:  # wind, breath: a resonance that wanders
        x = noise(rng, t.size, log_uniform(rng, 200, 900), log_uniform(rng, 1000, 4000)) * (
            0.4 + np.abs(noise(rng, t.size, 0, 3)) * 200
        )
    else:  # drone
        roots = log_uniform(rng, 80, 400) * np.array([1, 1.003, 1.5, 2.01])
        x = sum(np.sin(2 * np.pi * f * t + rng.uniform(0, 6)) for f in roots) * (
            1 + 0.3 * np.sin(2 * np.pi * rng.uniform(0.3, 4) * t)
        )
        x = x + noise(rng, t.size, 100, 3000) * log_uniform(rng, 0.01, 0.3)
    rise = log_uniform(rng, 0.03, 0.5)
    return np.asarray(x) * np.minimum(1, t / rise) * np.minimum(1, (t[-1] - t) / 0.05)


def thump(rng: Rng) -> npt.NDArray[np.float64]:
    """A door, a stomp, a box: low modes in a low-passed knock. Heard as a kick."""
    t = times(log_uniform(rng, 0.15, 0.8))
    x = modes(rng, t, rng.uniform(40, 170, 6), log_uniform(rng, 0.1, 0.6), 0.8)
    return x + noise(rng, t.size, 0, log_uniform(rng, 300, 1500), 1) * decay(
        t, log_uniform(rng, 0.03, 0.3)
    ) * log_uniform(rng, 0.2, 3)


def knock(rng: Rng) -> npt.NDArray[np.float64]:
    """Knuckles on wood, a pen on a desk, a latch. Heard as a rim."""
    t = times(log_uniform(rng, 0.08, 0.4))
    x = modes(
        rng, t, np.exp(rng.uniform(np.log(220), np.log(2500), 7)), log_uniform(rng, 0.03, 0.15), rng.uniform(0, 0.7)
    )
    return x + noise(rng, t.size, 300, log_uniform(rng, 2000, 9000), 1) * decay(
        t, log_uniform(rng, 0.01, 0.07)
    ) * log_uniform(rng, 0.2, 2)


def rummage(rng: Rng) -> npt.NDArray[np.float64]:
    """A tumble of knocks and thumps falling over one another: a fill by itself, filed under tom."""
    t = times(rng.uniform(0.4, 1.2))
    x = np.zeros(t.size)
    for _ in range(rng.integers(4, 10)):
        hit = tom(rng) if rng.random() < 0.7 else thump(rng)
        at = int(rng.uniform(0, 0.7) * t.size)
        n = min(hit.size, t.size - at)
        x[at : at + n] += hit[:n] * rng.uniform(0.4, 1)
    return x


# maker, class, how many
MAKERS: tuple[tuple[Callable[[Rng], npt.NDArray[np.float64]], str, int], ...] = (
    (kick, "kick", 32), (thump, "kick", 42), (snare, "snare", 35), (tom, "tom", 30), (rummage, "tom", 10),
    (clap, "clap", 40), (rim, "rim", 27), (knock, "rim", 42), (hat_closed, "hat_closed", 32),
    (hat_open, "hat_open", 32),
    (crash, "crash", 20), (ride, "ride", 22), (shaker, "shaker", 105), (keys, "shaker", 28), (perc, "perc", 112),
    (bass, "bass", 98), (tonal, "tonal", 98), (vocal, "vocal", 112), (texture, "texture", 140),
)  # fmt: skip
