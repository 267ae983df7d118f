"""Made drums of wood, skin and bronze, played softly and loudly, near and far.

A membrane rings at the zeros of Bessel functions, a plate so densely that only its decay, shorter the higher, is heard;
sticks, wires and hands add noise. Every parameter is drawn widely. Mono at 44.1 kHz, peak about 1.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import scipy.signal
from role_shapes import RATE_HZ, Rng, decay, log_uniform, modes, noise, times

Wave = npt.NDArray[np.float32]

SKIN = np.array([1, 1.594, 2.136, 2.296, 2.653, 2.918, 3.156, 3.501, 3.6, 4.06, 4.15])  # of an ideal membrane


def skin(rng: Rng, t: Wave, f0: float, ring_s: float, bend: float) -> Wave:
    """A struck membrane whose pitch falls by `bend` (a ratio) while its tension relaxes."""
    hz = 1 + bend * np.exp(-t / log_uniform(rng, 0.01, 0.1))
    x = np.zeros(t.size, np.float32)
    tilt = rng.uniform(0.3, 2.2)
    turns = np.cumsum(f0 * hz, dtype=np.float64).astype(np.float32) * (2 * np.pi / RATE_HZ)
    for ratio in (SKIN * rng.uniform(0.96, 1.04, SKIN.size)).tolist():
        ring = ring_s / ratio ** rng.uniform(0.3, 1.4)
        phase = turns * ratio
        x += rng.uniform(0.1, 1) / ratio**tilt * np.sin(phase + rng.uniform(0, 6.3)) * decay(t, ring)
    return x / (np.abs(x).max() + 1e-9)


def near(x: Wave, rng: Rng) -> Wave:
    """The microphone's share of room: early reflections and a tail, often none."""
    if rng.random() < 0.5:
        return x
    n = round(log_uniform(rng, 0.05, 0.6) * RATE_HZ)
    room = rng.standard_normal(n, np.float32) * decay(np.arange(n, dtype=np.float32) / RATE_HZ, n / RATE_HZ)
    room = scipy.signal.sosfilt(scipy.signal.butter(1, log_uniform(rng, 2000, 9000), fs=RATE_HZ, output="sos"), room)
    wet = scipy.signal.oaconvolve(x, room)[: x.size]
    return np.asarray(x / (np.abs(x).max() + 1e-9) + wet / (np.abs(wet).max() + 1e-9) * log_uniform(rng, 0.02, 0.4))


def kick(rng: Rng) -> Wave:
    """A beater on a damped skin: thud, slap, a shell; felt or plastic, with or without a hole."""
    t = times(log_uniform(rng, 0.2, 1.2))
    x = skin(rng, t, log_uniform(rng, 40, 80), log_uniform(rng, 0.12, 0.9), rng.uniform(0, 0.8))
    x = scipy.signal.sosfilt(scipy.signal.butter(1, log_uniform(rng, 120, 600), fs=RATE_HZ, output="sos"), x)
    slap = noise(rng, t.size, log_uniform(rng, 300, 2500), log_uniform(rng, 3000, 12_000), 1)
    slap = slap * decay(t, log_uniform(rng, 0.006, 0.05)) * np.minimum(1, t / log_uniform(rng, 0.0003, 0.004))
    room = noise(rng, t.size, 40, log_uniform(rng, 200, 1500), 1) * decay(t, log_uniform(rng, 0.05, 0.4))
    x = x / np.abs(x).max() + slap / np.abs(slap).max() * log_uniform(rng, 0.01, 0.6)
    return near(x + room / np.abs(room).max() * log_uniform(rng, 0.01, 0.3), rng)


def wires(rng: Rng, t: Wave) -> Wave:
    """What snare wires add: noise that swells within a few milliseconds and may outlast the skin."""
    x = noise(rng, t.size, log_uniform(rng, 300, 3000), log_uniform(rng, 4000, 20_000), 1)
    x = x * decay(t, log_uniform(rng, 0.12, 0.9)) * np.minimum(1, t / log_uniform(rng, 0.0005, 0.008))
    if rng.random() < 0.4:  # wires that rattle
        x = x * (1 + rng.uniform(0, 0.8) * np.sin(2 * np.pi * log_uniform(rng, 150, 400) * t))
    return x / (np.abs(x).max() + 1e-9)


def snare(rng: Rng) -> Wave:
    """From wires off or a ghost note (skin) to a crack (mostly wires), tuned low or high, ringing or damped."""
    t = times(log_uniform(rng, 0.15, 0.9))
    if rng.random() < 0.06:
        return near(brush(rng, t), rng)
    f0 = log_uniform(rng, 140, 340)
    x = skin(rng, t, f0, log_uniform(rng, 0.1, 0.9), rng.uniform(0, 0.25)) * log_uniform(rng, 0.2, 2)
    x += wires(rng, t) * (log_uniform(rng, 0.1, 1) if rng.random() < 0.85 else rng.uniform(0, 0.1))  # or off
    stick = noise(rng, t.size, log_uniform(rng, 1500, 5000)) * decay(t, log_uniform(rng, 0.004, 0.02))
    return near(x + stick / np.abs(stick).max() * log_uniform(rng, 0.03, 0.8), rng)


def brush(rng: Rng, t: Wave) -> Wave:
    """A tap or a short sweep of a wire brush: noise that swells and falls, hardly any skin."""
    x = noise(rng, t.size, log_uniform(rng, 300, 2500), log_uniform(rng, 6000, 18_000), 1)
    x = x / (np.abs(x).max() + 1e-9) * np.minimum(1, t / log_uniform(rng, 0.003, 0.09))
    x = x * decay(t, log_uniform(rng, 0.12, 0.7))
    return x + skin(rng, t, log_uniform(rng, 150, 330), log_uniform(rng, 0.1, 0.5), 0.05) * log_uniform(rng, 0.01, 0.3)


def rimshot(rng: Rng) -> Wave:
    """Skin and rim at once: a snare with a ringing bark. Kits call it a rim."""
    t = times(log_uniform(rng, 0.15, 0.6))
    x = skin(rng, t, log_uniform(rng, 170, 420), log_uniform(rng, 0.06, 0.4), 0.1) * log_uniform(rng, 0.2, 0.8)
    x += modes(rng, t, log_uniform(rng, 450, 1300) * np.array([1, 1.6, 2.3, 3.1]), log_uniform(rng, 0.05, 0.25), 0.4)
    return near(x / np.abs(x).max() + wires(rng, t) * log_uniform(rng, 0.05, 0.6), rng)


def side_stick(rng: Rng) -> Wave:
    """A stick laid across the rim: wood, a knock of the shell, hardly any wires; or two sticks against each other."""
    t = times(log_uniform(rng, 0.1, 0.5))
    hz = log_uniform(rng, 350, 1900) * np.append(1, np.cumprod(rng.uniform(1.15, 1.7, 5)))
    x = modes(rng, t, hz, log_uniform(rng, 0.04, 0.4), rng.uniform(-0.3, 0.9))
    x = x / np.abs(x).max()
    shell = skin(rng, t, log_uniform(rng, 150, 420), log_uniform(rng, 0.05, 0.4), 0) * log_uniform(rng, 0.01, 0.6)
    click = noise(rng, t.size, 1500) * decay(t, log_uniform(rng, 0.002, 0.02))
    x += shell + click / np.abs(click).max() * log_uniform(rng, 0.05, 0.9)
    return near(x + wires(rng, t) * log_uniform(rng, 0.003, 0.12), rng)


def tom(rng: Rng) -> Wave:
    t = times(log_uniform(rng, 0.25, 1.6))
    x = skin(rng, t, log_uniform(rng, 64, 190), log_uniform(rng, 0.25, 2.5), rng.uniform(0, 0.4))
    stick = noise(rng, t.size, log_uniform(rng, 300, 2500), log_uniform(rng, 3000, 14_000), 1)
    stick = stick * decay(t, log_uniform(rng, 0.005, 0.06))
    x += stick / np.abs(stick).max() * log_uniform(rng, 0.02, 0.8)
    if rng.random() < 0.35:  # a snare drum buzzes along
        x += wires(rng, t) * log_uniform(rng, 0.01, 0.12)
    return near(x, rng)


def hands(rng: Rng) -> Wave:
    """One or several people who clap: each a short burst with the resonance of hollow palms, never quite together."""
    t = times(log_uniform(rng, 0.15, 0.7))
    x = np.zeros(t.size, np.float32)
    people, spread = int(rng.integers(1, 9)), log_uniform(rng, 0.004, 0.03)
    for _ in range(people):
        palm = log_uniform(rng, 600, 2600)
        at = int(abs(rng.normal(0, spread)) * RATE_HZ) if people > 1 else 0
        n = t.size - at
        burst = noise(rng, n, palm * rng.uniform(0.4, 0.9), palm * rng.uniform(1.3, 4), 1)
        burst += noise(rng, n, 500, 14_000, 1) * log_uniform(rng, 0.05, 0.6)
        x[at:] += burst * decay(t[:n], log_uniform(rng, 0.015, 0.12)) * rng.uniform(0.4, 1)
    return near(near(x, rng), rng)


def snap(rng: Rng) -> Wave:
    """Fingers: a short, high, hollow pop. Filed under clap."""
    t = times(log_uniform(rng, 0.06, 0.3))
    f0 = log_uniform(rng, 1100, 3200)
    x = noise(rng, t.size, f0 * 0.8, f0 * 1.3, 1) * decay(t, log_uniform(rng, 0.015, 0.07))
    x = x / np.abs(x).max()
    click = noise(rng, t.size, 2000) * decay(t, log_uniform(rng, 0.002, 0.01))
    return near(near(x + click / np.abs(click).max() * log_uniform(rng, 0.05, 0.7), rng), rng)


def plate(rng: Rng, t: Wave, ring_s: float, low_hz: float, fall: float) -> Wave:
    """A cymbal from `low_hz` up: bands of noise and a few partials in each, the higher the shorter by the power `fall`.

    `ring_s` is the time to -60 dB at 3 kHz.
    """
    edges = np.geomspace(low_hz, 17_000, 7).tolist()
    tilt, tone = rng.uniform(-0.4, 0.5), rng.random()
    x = np.zeros(t.size, np.float32)
    for low, high in pairwise(edges):
        centre = (low * high) ** 0.5
        ring = ring_s * (3000 / centre) ** fall
        band = noise(rng, t.size, low, high, 1)
        band = band / (np.abs(band).max() + 1e-9) * (1 - 0.7 * tone)
        for f in np.exp(rng.uniform(np.log(low), np.log(high), 3)).tolist():
            band += np.sin(2 * np.pi * f * t + rng.uniform(0, 6.3)) * rng.uniform(0.05, 0.5) * tone
        x += band * decay(t, ring) * (centre / 3000) ** tilt * rng.uniform(0.5, 1.5)
    return x / (np.abs(x).max() + 1e-9)


def tick(rng: Rng, t: Wave, low: float, high: float) -> Wave:
    """The stick's own sound on metal."""
    x = noise(rng, t.size, log_uniform(rng, low, high)) * decay(t, log_uniform(rng, 0.004, 0.04))
    return x / (np.abs(x).max() + 1e-9)


def hat_closed(rng: Rng) -> Wave:
    """Tight, loose or by the pedal: a chick of two plates, softer and duller with the foot."""
    loose = rng.random() < 0.15
    t = times(log_uniform(rng, 0.3, 1) if loose else log_uniform(rng, 0.06, 0.6))
    ring = log_uniform(rng, 0.5, 1) if loose else log_uniform(rng, 0.07, 0.7)
    x = plate(rng, t, ring, log_uniform(rng, 250, 5000), rng.uniform(-0.3, 0.4))
    if rng.random() < 0.3:  # the pedal: the plates meet slowly
        x = x * np.minimum(1, t / log_uniform(rng, 0.002, 0.02))
        x += noise(rng, t.size, 100, log_uniform(rng, 400, 1500), 1) * decay(t, 0.05) * log_uniform(rng, 0.003, 0.08)
    else:
        x += tick(rng, t, 1500, 8000) * log_uniform(rng, 0.03, 0.9)
    return near(x, rng) if rng.random() < 0.4 else x


def hat_open(rng: Rng) -> Wave:
    """Two plates that rattle against each other: long, noisy and bright, without a ping."""
    t = times(log_uniform(rng, 0.4, 1.7))
    x = plate(rng, t, log_uniform(rng, 0.5, 4), log_uniform(rng, 300, 4000), rng.uniform(-0.2, 0.35))
    x *= 1 + rng.uniform(0, 0.3) * noise(rng, t.size, 0, 60) * 10
    x += tick(rng, t, 1500, 8000) * log_uniform(rng, 0.03, 0.5)
    if rng.random() < 0.15:
        x *= np.clip((log_uniform(rng, 0.3, 1) - t) / 0.03, 0, 1)
    return near(x, rng)


def crash(rng: Rng) -> Wave:
    """A thin plate hit on its edge: everything at once, the low part swelling behind; splashes and chinas too."""
    t = times(rng.uniform(0.8, 1.55))
    small = rng.random() < 0.3
    x = plate(rng, t, log_uniform(rng, 0.7, 2) if small else log_uniform(rng, 1.8, 9), log_uniform(rng, 150, 900), 0.5)
    if rng.random() < 0.2:  # struck softly: the stick is heard before the plate
        x *= 1 - rng.uniform(0.2, 0.8) * decay(t, log_uniform(rng, 0.05, 0.4))
        x += tick(rng, t, 1500, 6000) * log_uniform(rng, 0.3, 1.5)
    x *= np.minimum(1, t / log_uniform(rng, 0.0005, 0.01))
    low = noise(rng, t.size, log_uniform(rng, 200, 500), log_uniform(rng, 1500, 5000), 1)
    x += (
        low
        / np.abs(low).max()
        * np.minimum(1, t / 0.05)
        * decay(t, log_uniform(rng, 0.8, 4))
        * log_uniform(rng, 0.02, 0.4)
    )
    return near(x + tick(rng, t, 1000, 5000) * log_uniform(rng, 0.02, 0.4), rng)


def ride(rng: Rng) -> Wave:
    """A thick plate hit on its bow or bell: a clear ping that stands over a wash that builds behind it."""
    t = times(rng.uniform(0.8, 1.55))
    wash = plate(rng, t, log_uniform(rng, 1, 7), log_uniform(rng, 200, 2000), rng.uniform(0.1, 0.7))
    wash *= 1 - rng.uniform(0, 0.8) * decay(t, log_uniform(rng, 0.1, 0.5))
    bell = rng.random() < 0.3
    hz = log_uniform(rng, 400, 1500) * np.cumprod(np.append(1, rng.uniform(1.12, 1.6, 9)))
    ping = modes(rng, t, hz, log_uniform(rng, 0.8, 4) if bell else log_uniform(rng, 0.2, 1.5), rng.uniform(-0.5, 0.6))
    x = ping / np.abs(ping).max() * (log_uniform(rng, 0.4, 1) if bell else log_uniform(rng, 0.05, 0.5))
    x += wash * log_uniform(rng, 0.06, 0.7) + tick(rng, t, 2000, 8000) * log_uniform(rng, 0.15, 1)
    return near(x, rng)


def tambourine(rng: Rng) -> Wave:
    """Jingles, each a cluster of high partials, struck or shaken."""
    t = times(log_uniform(rng, 0.12, 0.7))
    x = np.zeros(t.size, np.float32)
    for _ in range(int(rng.integers(4, 14))):
        at = int(abs(rng.normal(0, log_uniform(rng, 0.003, 0.05))) * RATE_HZ)
        at = min(at, t.size // 2)
        hz = np.exp(rng.uniform(np.log(3500), np.log(15_000), 6))
        x[at:] += modes(rng, t[: t.size - at], hz, log_uniform(rng, 0.06, 0.5), 0.2) * rng.uniform(0.3, 1)
    x = x / np.abs(x).max() + noise(rng, t.size, 5000) * decay(t, log_uniform(rng, 0.03, 0.3)) * log_uniform(
        rng, 0.02, 0.3
    )
    if rng.random() < 0.3:
        x += skin(rng, t, log_uniform(rng, 200, 500), 0.12, 0.1) * log_uniform(rng, 0.02, 0.3)
    return near(x, rng)


def hand_drum(rng: Rng) -> Wave:
    """Conga, bongo, timbale: a small tight skin, open or slapped. Filed under perc."""
    t = times(log_uniform(rng, 0.1, 0.7))
    x = skin(rng, t, log_uniform(rng, 180, 650), log_uniform(rng, 0.06, 0.5), rng.uniform(0, 0.12))
    slap = noise(rng, t.size, log_uniform(rng, 600, 3000), log_uniform(rng, 4000, 15_000), 1)
    slap = slap * decay(t, log_uniform(rng, 0.005, 0.06))
    return near(x + slap / np.abs(slap).max() * log_uniform(rng, 0.02, 0.9), rng)


def bar(rng: Rng) -> Wave:
    """Block, bell, cowbell, agogo, triangle, glass: few strong partials, short in wood and long in metal."""
    wood = rng.random() < 0.45
    t = times(log_uniform(rng, 0.08, 0.3) if wood else log_uniform(rng, 0.2, 1.6))
    f0 = log_uniform(rng, 400, 3000) if wood else log_uniform(rng, 400, 5000)
    ratios = np.append(1, np.cumprod(rng.uniform(1.3, 2.9, int(rng.integers(1, 6)))))
    x = modes(
        rng, t, f0 * ratios, log_uniform(rng, 0.03, 0.18) if wood else log_uniform(rng, 0.15, 3), rng.uniform(-0.3, 1.2)
    )
    return near(x / np.abs(x).max() + tick(rng, t, 1000, 5000) * log_uniform(rng, 0.02, 0.6), rng)


MAKERS = (
    (kick, "kick", 150), (snare, "snare", 230), (rimshot, "rim", 85), (side_stick, "rim", 170), (tom, "tom", 210),
    (hands, "clap", 160), (snap, "clap", 50), (hat_closed, "hat_closed", 230), (hat_open, "hat_open", 210),
    (crash, "crash", 180), (ride, "ride", 210), (tambourine, "shaker", 100), (hand_drum, "perc", 100),
    (bar, "perc", 130),
)  # fmt: skip
