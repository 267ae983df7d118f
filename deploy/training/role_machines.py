"""Made drums of machines: the analogue, sampled, frequency-modulated and overdriven kits that no acoustic kit teaches.

The makers follow how such machines work (swept sines, six squares through band-passes, gated noise, few bits), each
with its parameters drawn widely. Mono at 44.1 kHz, peak about 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.signal
from role_shapes import RATE_HZ, Rng, decay, log_uniform, noise, times

Wave = npt.NDArray[np.float32]


def swept(t: Wave, hz: Wave | float, phase: float = 0.0) -> Wave:
    """A sine whose frequency moves."""
    turns = np.cumsum(np.broadcast_to(np.asarray(hz, np.float32), t.shape), dtype=np.float64) / RATE_HZ
    return np.sin((2 * np.pi * np.mod(turns, 1) + phase).astype(np.float32))


def box(x: Wave, rng: Rng) -> Wave:
    """What the machine's output does: sometimes few bits, a low sampling rate, saturation or a filter."""
    x = x / (np.abs(x).max() + 1e-9)
    kind = rng.random()
    if kind < 0.12:
        steps = 2 ** rng.uniform(4, 8)
        x = np.round(x * steps) / steps
    if kind < 0.2:
        hold = int(rng.integers(2, 5))
        x = np.repeat(x[::hold], hold)[: x.size]
    elif kind < 0.4:
        x = np.tanh(x * log_uniform(rng, 1.5, 8))
    elif kind < 0.5:
        x = scipy.signal.sosfilt(scipy.signal.butter(2, log_uniform(rng, 5000, 15_000), fs=RATE_HZ, output="sos"), x)
    return np.asarray(x)


def gate(x: Wave, t: Wave, rng: Rng, low_s: float, high_s: float) -> Wave:
    """Cut off after a drawn time, within a few milliseconds."""
    end = log_uniform(rng, low_s, high_s)
    return x * np.clip((end - t) / log_uniform(rng, 0.002, 0.03), 0, 1)


def kick(rng: Rng) -> Wave:
    t = times(log_uniform(rng, 0.25, 1.5))
    low = log_uniform(rng, 38, 70)
    hz = low * (1 + log_uniform(rng, 0.2, 9) * np.exp(-t / log_uniform(rng, 0.004, 0.06)))
    ring = log_uniform(rng, 0.15, 2.5)
    x = swept(t, hz, rng.choice([0.0, np.pi / 2])) * decay(t, ring)
    if rng.random() < 0.3:  # a plateau before the fall
        x = swept(t, hz) * np.minimum(1, decay(np.maximum(t - rng.uniform(0.03, 0.2), 0), ring * 0.5))
    x += (
        noise(rng, t.size, log_uniform(rng, 800, 6000))
        * decay(t, log_uniform(rng, 0.004, 0.04))
        * log_uniform(rng, 0.003, 0.4)
    )
    return box(x, rng)


def hard_kick(rng: Rng) -> Wave:
    """Overdriven until it is nearly square, as in hardcore: long, with overtones up to the top."""
    t = times(log_uniform(rng, 0.2, 1.0))
    hz = log_uniform(rng, 38, 66) * (1 + log_uniform(rng, 1, 12) * np.exp(-t / log_uniform(rng, 0.008, 0.06)))
    x = swept(t, hz, rng.uniform(0, 1.5)) * decay(t, log_uniform(rng, 0.25, 2))
    x += noise(rng, t.size, 200, 9000) * decay(t, log_uniform(rng, 0.01, 0.08)) * log_uniform(rng, 0.02, 0.5)
    drive = log_uniform(rng, 4, 80)
    x = np.tanh(x * drive) if rng.random() < 0.6 else np.clip(x * drive, -1, rng.uniform(0.6, 1))
    if rng.random() < 0.6:
        x = scipy.signal.sosfilt(scipy.signal.butter(1, log_uniform(rng, 300, 9000), fs=RATE_HZ, output="sos"), x)
    return gate(x, t, rng, 0.15, 1.2)


def snare(rng: Rng) -> Wave:
    """Two tones and a noise with decays of their own; sometimes noise alone, sometimes a gated room."""
    t = times(log_uniform(rng, 0.15, 0.8))
    f0 = log_uniform(rng, 135, 330)
    bend = 1 + rng.uniform(0, 1.2) * np.exp(-t / log_uniform(rng, 0.005, 0.03))
    body = swept(t, f0 * bend) * decay(t, log_uniform(rng, 0.08, 0.6))
    body += rng.uniform(0, 1) * swept(t, f0 * rng.uniform(1.4, 2.4) * bend) * decay(t, log_uniform(rng, 0.04, 0.25))
    low, top = log_uniform(rng, 200, 4000), 0 if rng.random() < 0.3 else log_uniform(rng, 2500, 14_000)
    wires = noise(rng, t.size, low, top, int(rng.integers(1, 3)))
    wires = wires / (np.abs(wires).max() + 1e-9)
    kind = rng.random()
    if kind < 0.2:
        wires *= np.clip((log_uniform(rng, 0.08, 0.35) - t) / 0.02, 0, 1)  # a gated room
    else:
        wires *= decay(t, log_uniform(rng, 0.12, 0.8)) ** rng.uniform(0.7, 1.3)
    return box(body * (0 if kind > 0.88 else log_uniform(rng, 0.15, 1.5)) + wires * log_uniform(rng, 0.2, 1), rng)


def tom(rng: Rng) -> Wave:
    """A swept sine, with or without noise: from a low analogue tom to an electronic one that falls two octaves."""
    if rng.random() < 0.25:
        return dry_tom(rng)
    t = times(log_uniform(rng, 0.2, 1.4))
    f0 = log_uniform(rng, 72, 230)
    drop = log_uniform(rng, 0.02, 3)
    hz = f0 * (1 + drop * np.exp(-t / log_uniform(rng, 0.01, 0.25)))
    x = swept(t, hz, rng.uniform(0, 1.5)) * decay(t, log_uniform(rng, 0.12, 1.6))
    if rng.random() < 0.4:
        x = (2 / np.pi) * np.arcsin(np.clip(x, -1, 1))  # a triangle
    x *= np.minimum(1, t / log_uniform(rng, 0.0003, 0.008))
    hiss = noise(rng, t.size, log_uniform(rng, 100, 2000), log_uniform(rng, 2500, 12_000), 1)
    x += hiss * decay(t, log_uniform(rng, 0.01, 0.4)) * log_uniform(rng, 0.003, 0.25)
    return box(x, rng)


def dry_tom(rng: Rng) -> Wave:
    """A short sine and next to nothing else, from the lowest to the highest of a set."""
    t = times(log_uniform(rng, 0.15, 0.4))
    hz = log_uniform(rng, 68, 240) * (1 + log_uniform(rng, 0.01, 0.5) * np.exp(-t / log_uniform(rng, 0.01, 0.05)))
    x = swept(t, hz, rng.uniform(0, 1.5)) * decay(t, log_uniform(rng, 0.12, 0.4))
    tick = noise(rng, t.size, log_uniform(rng, 500, 3000)) * decay(t, log_uniform(rng, 0.003, 0.02))
    return box(x + tick * log_uniform(rng, 0.001, 0.05), rng)


def clap(rng: Rng) -> Wave:
    """Noise about 1 kHz in a burst or three and a tail, the saw-shaped envelope of analogue machines."""
    t = times(log_uniform(rng, 0.15, 0.9))
    centre, width = log_uniform(rng, 700, 2500), log_uniform(rng, 0.3, 2)
    x = noise(rng, t.size, centre / (1 + width / 2), centre * (1 + width / 2), int(rng.integers(1, 3)))
    x += noise(rng, t.size, 600) * log_uniform(rng, 0.02, 0.7) * np.abs(x).max() / 4
    gap, bursts = rng.uniform(0.007, 0.016), int(rng.integers(2, 6))
    env = np.zeros(t.size, np.float32)
    for i in range(bursts):
        late = t - i * gap * rng.uniform(0.92, 1.08)
        ring = log_uniform(rng, 0.015, 0.04) if i < bursts - 1 else log_uniform(rng, 0.05, 0.4)
        env = np.where(late >= 0, np.maximum(env * (late < gap), decay(np.maximum(late, 0), ring)), env)
    env += (
        (t >= bursts * gap)
        * decay(np.maximum(t - bursts * gap, 0), log_uniform(rng, 0.1, 0.8))
        * log_uniform(rng, 0.05, 0.7)
    )
    return box(x * env, rng)


def rim(rng: Rng) -> Wave:
    """Two or three short sines through a high-pass, overdriven: a hard, dry tick."""
    t = times(log_uniform(rng, 0.06, 0.5))
    hz = log_uniform(rng, 250, 1100) * np.array([1, rng.uniform(1.8, 2.6), rng.uniform(2.8, 4.5)])
    x = sum(swept(t, f) * decay(t, log_uniform(rng, 0.03, 0.3)) * rng.uniform(0.3, 1) for f in hz)
    x = np.tanh(np.asarray(x) * log_uniform(rng, 1, 12)) * decay(t, log_uniform(rng, 0.05, 0.5))
    x += (
        noise(rng, t.size, log_uniform(rng, 500, 4000))
        * decay(t, log_uniform(rng, 0.004, 0.05))
        * log_uniform(rng, 0.01, 0.6)
    )
    return box(
        scipy.signal.sosfilt(
            scipy.signal.butter(1, log_uniform(rng, 80, 900), "highpass", fs=RATE_HZ, output="sos"), x
        ),
        rng,
    )


def metal(rng: Rng, t: Wave) -> Wave:
    """Six squares, a ring of two modulators, clocked noise, or plain noise; high-passed."""
    kind = rng.random()
    if kind < 0.45:
        base = log_uniform(rng, 180, 650)
        ratios = np.array([1, 1.342, 1.2312, 1.6532, 1.9523, 2.1523]) * rng.uniform(0.93, 1.07, 6)
        x = np.sum([np.sign(swept(t, base * r, rng.uniform(0, 6))) for r in ratios], axis=0)
    elif kind < 0.65:
        carrier, ratio = log_uniform(rng, 1500, 7000), rng.uniform(1.2, 3.8)
        x = np.sin(2 * np.pi * carrier * t + log_uniform(rng, 2, 25) * np.sin(2 * np.pi * carrier * ratio * t))
        x = x * np.sin(2 * np.pi * log_uniform(rng, 300, 5000) * t)
    elif kind < 0.75:  # a shift register's noise
        hold = int(rng.integers(1, 5))
        x = np.sign(rng.standard_normal(t.size // hold + 1)).repeat(hold)[: t.size]
    else:
        x = rng.standard_normal(t.size, np.float32)
    thin = rng.random() < 0.2  # the steep filters of analogue machines leave the last octave alone
    low, order = log_uniform(rng, 7000, 16_000) if thin else log_uniform(rng, 1800, 13_000), int(rng.integers(1, 4))
    order += 3 * thin
    x = scipy.signal.sosfilt(scipy.signal.butter(order, low, "highpass", fs=RATE_HZ, output="sos"), x)
    if rng.random() < 0.4:
        x = scipy.signal.sosfilt(scipy.signal.butter(1, log_uniform(rng, 8000, 16_000), fs=RATE_HZ, output="sos"), x)
    return np.asarray(x / (np.abs(x).max() + 1e-9))


def rising(x: Wave, t: Wave, rng: Rng) -> Wave:
    """Sometimes a rise of some milliseconds: sampled hats begin late, and so do those of a pedal."""
    return x * np.minimum(1, t / log_uniform(rng, 0.001, 0.02)) if rng.random() < 0.5 else x


def hat_closed(rng: Rng) -> Wave:
    t = times(log_uniform(rng, 0.04, 0.5))
    return box(rising(metal(rng, t), t, rng) * decay(t, log_uniform(rng, 0.03, 0.45)) ** rng.uniform(0.7, 1.4), rng)


def hat_open(rng: Rng) -> Wave:
    """Rings for a fifth of a second at least; some hold their level and are cut."""
    t = times(log_uniform(rng, 0.35, 1.5))
    x = rising(metal(rng, t), t, rng)
    if rng.random() < 0.35:
        x = gate(x * decay(t, log_uniform(rng, 0.6, 4)), t, rng, 0.2, 0.9)
    else:
        x = x * decay(t, log_uniform(rng, 0.38, 1.6))
    return box(x, rng)


def crash(rng: Rng) -> Wave:
    t = times(rng.uniform(1.0, 1.8))
    x = metal(rng, t) * decay(t, log_uniform(rng, 1.2, 5)) * rng.uniform(0.4, 1)
    wide = noise(rng, t.size, log_uniform(rng, 400, 4000))
    x += wide / (np.abs(wide).max() + 1e-9) * decay(t, log_uniform(rng, 0.8, 4)) * log_uniform(rng, 0.1, 1)
    return box(x * np.minimum(1, t / log_uniform(rng, 0.0005, 0.012)), rng)


def ride(rng: Rng) -> Wave:
    """A steady, quiet wash of squares or sines behind a tick."""
    t = times(rng.uniform(0.7, 1.8))
    x = metal(rng, t) * decay(t, log_uniform(rng, 0.8, 4)) * log_uniform(rng, 0.1, 0.6)
    f0 = log_uniform(rng, 2000, 7000)
    for ratio in (1, rng.uniform(1.1, 1.4), rng.uniform(1.5, 2)):
        x += swept(t, f0 * ratio) * decay(t, log_uniform(rng, 0.3, 2)) * log_uniform(rng, 0.05, 0.4)
    x += noise(rng, t.size, 4000) * decay(t, log_uniform(rng, 0.01, 0.06)) * log_uniform(rng, 0.05, 0.5)
    return box(x, rng)


def shaker(rng: Rng) -> Wave:
    """Maracas and cabasa of machines: a very short high noise, its rise part of it."""
    t = times(log_uniform(rng, 0.04, 0.25))
    rise = log_uniform(rng, 0.012, 0.05)
    env = np.minimum(1, t / rise) ** rng.uniform(1, 2) * decay(np.maximum(t - rise, 0), log_uniform(rng, 0.02, 0.15))
    return box(noise(rng, t.size, log_uniform(rng, 3500, 9000), rng.choice([0, 16_000])) * env, rng)


def cowbell(rng: Rng) -> Wave:
    """Two squares a fifth or so apart through a band-pass."""
    t = times(log_uniform(rng, 0.12, 0.8))
    f0 = log_uniform(rng, 380, 900)
    x = np.sign(swept(t, f0)) + rng.uniform(0.5, 1) * np.sign(swept(t, f0 * rng.uniform(1.35, 1.65)))
    sos = scipy.signal.butter(1, [f0 * 0.8, f0 * rng.uniform(2.5, 8)], "bandpass", fs=RATE_HZ, output="sos")
    env = decay(t, log_uniform(rng, 0.15, 0.9)) * 0.5 + decay(t, log_uniform(rng, 0.03, 0.12)) * 0.5
    return box(scipy.signal.sosfilt(sos, x) * env, rng)


def conga(rng: Rng) -> Wave:
    """A sine of a hand drum, nearly pure: conga, bongo, or the single tick of claves."""
    claves = rng.random() < 0.3
    t = times(log_uniform(rng, 0.06, 0.2) if claves else log_uniform(rng, 0.12, 0.5))
    hz = (log_uniform(rng, 1400, 3200) if claves else log_uniform(rng, 170, 700)) * (
        1 + rng.uniform(0, 0.12) * np.exp(-t / 0.01)
    )
    x = swept(t, hz, rng.uniform(0, 1.5)) * decay(
        t, log_uniform(rng, 0.04, 0.15) if claves else log_uniform(rng, 0.08, 0.4)
    )
    x += noise(rng, t.size, 500, 9000) * decay(t, log_uniform(rng, 0.003, 0.03)) * log_uniform(rng, 0.002, 0.15)
    return box(x, rng)


def fm(rng: Rng) -> Wave:
    """A frequency-modulated bell, block or blip."""
    t = times(log_uniform(rng, 0.08, 0.8))
    carrier, ratio = log_uniform(rng, 250, 2500), rng.uniform(0.5, 4.5)
    ring = log_uniform(rng, 0.06, 0.8)
    index = log_uniform(rng, 0.3, 6) * decay(t, ring * rng.uniform(0.3, 1))
    return box(np.sin(2 * np.pi * carrier * t + index * np.sin(2 * np.pi * carrier * ratio * t)) * decay(t, ring), rng)


MAKERS = (
    (kick, "kick", 130), (hard_kick, "kick", 100), (snare, "snare", 210), (tom, "tom", 180), (clap, "clap", 210),
    (rim, "rim", 150), (hat_closed, "hat_closed", 200), (hat_open, "hat_open", 200), (crash, "crash", 120),
    (ride, "ride", 100), (shaker, "shaker", 70), (cowbell, "perc", 60), (conga, "perc", 80), (fm, "perc", 45),
)  # fmt: skip
