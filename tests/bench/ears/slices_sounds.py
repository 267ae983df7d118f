"""The sounds of the slices material: what is struck, dropped, shaken, crumpled. Seeded, mono, float32, 44.1 kHz.

A sound is what a listener would cut as one: a strike with its ringing; a swash, a rattle or a crumple from its first
grain to its last; a thing that falls with its bounces, where three or more strikes come within 0.1 s of one another.
Two strikes are two. A swell of a second begins nowhere, and is left out. A sound begins at the first sample that
reaches `BEGINS` of its peak, and a listener cuts it where it reaches `HEARD`, which few sounds do later than in 1 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from scipy import signal

from deploy.training import role_material

RATE_HZ = 44_100
BEGINS = 0.02  # of the peak (-34 dB): nobody hears what comes before it
HEARD = 0.05  # of the peak (-26 dB): at 20 dB over a bed, nobody hears what comes before it
LONGEST_S = 1.5  # a longer sound is faded out: crashes would cover the rest of the recording
FADE_S = 0.1
BUNDLED = Path("deploy/sounds")
COMPOUND = frozenset({
    "rattle", "drop", "paper", "swash", "scrape", "shaker", "misc_burp", "misc_crow", "perc_swash", "perc_till",
    "vinyl_scratch",
})  # fmt: skip
NO_BEGINNING = frozenset({"misc_cineboom"})  # swells for a second: no listener could say where it begins
SECOND_STRIKE_S = {"perc_till": 0.30}  # its level has died away to -19 dB and jumps back to 0 dB: the drawer, the bell

Mono = npt.NDArray[np.float32]
Wave = npt.NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True)
class Sound:
    """A sound that begins at its first sample, peak 1, and the family of sounds that it comes from.

    `heard_s`: where it is loud enough to be heard; `second_s`: where it is struck again, if it is.
    """

    audio: Mono
    family: str
    heard_s: float = 0.0
    second_s: float | None = None


def begun(x: npt.NDArray[np.floating], family: str) -> Sound:
    """The sound from where it begins, not longer than `LONGEST_S`, peak 1."""
    size = np.abs(x)
    y = np.array(x[int(np.argmax(size >= BEGINS * size.max())) :][: round(LONGEST_S * RATE_HZ)], dtype=np.float64)
    fade = min(y.size // 4, round(FADE_S * RATE_HZ))
    y[y.size - fade :] *= np.linspace(1, 0, fade)
    y /= np.abs(y).max()
    heard_s = int(np.argmax(np.abs(y) >= HEARD)) / RATE_HZ
    return Sound(y.astype(np.float32), family, heard_s, SECOND_STRIKE_S.get(family))


def times(seconds: float) -> Wave:
    return np.arange(max(64, round(seconds * RATE_HZ))) / RATE_HZ


def even(rng: Rng, low: float, high: float) -> float:
    """A draw that is as likely in each octave."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def noise(rng: Rng, n: int, low_hz: float, high_hz: float, order: int = 2) -> Wave:
    """White noise through a band-pass."""
    sos = signal.butter(order, [low_hz, high_hz], "bandpass", fs=RATE_HZ, output="sos")
    return np.asarray(signal.sosfilt(sos, rng.standard_normal(n)))


def modes(rng: Rng, t: Wave, hz: Wave, ring_s: float) -> Wave:
    """Struck resonances: each `hz` dies away by 60 dB within `ring_s`, the higher ones sooner."""
    out = np.zeros(t.size)
    for f in hz:
        ring = ring_s * (hz.min() / f) ** rng.uniform(0.2, 0.8)
        out += rng.uniform(0.2, 1) * np.sin(2 * np.pi * f * t + rng.uniform(0, 6.3)) * np.exp(-6.9 * t / ring)
    return out


def struck(rng: Rng, span_hz: tuple[float, float], partials: int, ring_s: float, noisy: float) -> Wave:
    """A thing with some resonances hit by something hard: `noisy` is the share of the knock in it."""
    t = times(1.3 * ring_s)
    x = modes(rng, t, np.exp(rng.uniform(*np.log(span_hz), partials)), ring_s)
    knock = noise(rng, t.size, span_hz[0], min(3 * span_hz[1], 18_000), 1) * np.exp(-6.9 * t / even(rng, 0.01, 0.06))
    return np.asarray(x / np.abs(x).max() + noisy * knock / np.abs(knock).max())


def thump(rng: Rng) -> Wave:
    """A foot, a box, a table: low resonances."""
    return struck(rng, (45, 280), 6, even(rng, 0.1, 0.6), even(rng, 0.1, 1))


def knock(rng: Rng) -> Wave:
    """Knuckles on wood, a pen on a desk, a latch."""
    return struck(rng, (220, 2500), 7, even(rng, 0.05, 0.2), even(rng, 0.2, 1.5))


def perc(rng: Rng) -> Wave:
    """A bottle, a bar, a pan: few partials that ring."""
    return struck(rng, (250, 4000), int(rng.integers(2, 6)), even(rng, 0.1, 1), even(rng, 0.02, 0.4))


def door(rng: Rng) -> Wave:
    """A slam: low modes, panel noise, and the latch that falls with it."""
    x, latch = thump(rng), knock(rng)
    at = round(rng.uniform(0, 0.02) * RATE_HZ)
    n = min(latch.size, x.size - at)
    x[at : at + n] += latch[:n] / np.abs(latch).max() * np.abs(x).max() * rng.uniform(0.1, 0.5)
    return x


def paper(rng: Rng) -> Wave:
    """A sheet that is crumpled: a crackle of short bursts under one swell."""
    n = round(rng.uniform(0.12, 0.5) * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    grains = (rng.random(n) < rng.uniform(300, 1500) / RATE_HZ) * rng.exponential(1, n)
    crackle = signal.lfilter([1], [1, -np.exp(-1 / (RATE_HZ * 0.002))], grains)
    rise = rng.uniform(0.005, 0.03)
    swell = np.minimum(t / rise, 1) * np.exp(-t / rng.uniform(0.05, 0.15))
    return np.asarray(noise(rng, n, rng.uniform(800, 2500), rng.uniform(7000, 16_000)) * crackle * swell)


def rattle(rng: Rng) -> Wave:
    """Rice in a box, a chain, keys: eight to thirty small strikes, 12 to 55 ms apart, more or less evenly."""
    gap_s, uneven = even(rng, 0.012, 0.055), rng.uniform(0.05, 0.5)
    gaps_s = gap_s * (1 + rng.uniform(-uneven, uneven, int(rng.integers(8, 30))))
    starts_s = np.cumsum(gaps_s) - gaps_s[0]
    out = np.zeros(round((starts_s[-1] + 0.2) * RATE_HZ))
    hz = np.exp(rng.uniform(np.log(even(rng, 200, 1500)), np.log(9000), 5))
    noisy, ring_s = rng.uniform(0, 1), even(rng, 0.01, 0.06)
    for at_s in starts_s:
        hit = modes(rng, times(0.1), hz * rng.uniform(0.95, 1.05), ring_s)
        hit += noisy * rng.standard_normal(hit.size) * np.exp(-times(0.1) / 0.002)
        at = round(at_s * RATE_HZ)
        out[at : at + hit.size] += hit * rng.uniform(0.4, 1)
    return out


def drop(rng: Rng) -> Wave:
    """A fork or a coin that falls: strikes that come ever faster and weaker, the first two at most 0.1 s apart."""
    gap, level, at_s = rng.uniform(0.06, 0.1), 1.0, 0.0
    out = np.zeros(round(1.2 * RATE_HZ))
    hz = np.exp(rng.uniform(np.log(1800), np.log(8000), 6))
    ring = rng.uniform(0.05, 0.3)
    while gap > 0.012:
        hit = modes(rng, times(0.4), hz, ring)
        at = round(at_s * RATE_HZ)
        out[at : at + hit.size] += hit * level
        at_s, gap, level = at_s + gap, gap * rng.uniform(0.65, 0.85), level * rng.uniform(0.55, 0.85)
    return out


def clink(rng: Rng) -> Wave:
    """A glass or a spoon: high modes that ring."""
    hz = np.exp(rng.uniform(np.log(1800), np.log(9000), 6))
    return modes(rng, times(rng.uniform(0.2, 0.9)), hz, rng.uniform(0.1, 0.8))


def swash(rng: Rng) -> Wave:
    """Water in a bucket, a cloth: noise that swells within 60 ms and falls."""
    n = round(rng.uniform(0.25, 0.6) * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    rise = rng.uniform(0.02, 0.06)
    x = noise(rng, n, rng.uniform(200, 1500), rng.uniform(3000, 12_000), 1)
    return np.asarray(x * np.minimum(t / rise, 1) ** 1.5 * np.exp(-np.maximum(t - rise, 0) / rng.uniform(0.05, 0.15)))


def scrape(rng: Rng) -> Wave:
    """A zip, a brush, a scratch: one to four strokes of 60 to 200 ms that run into one another."""
    parts = []
    for _ in range(int(rng.integers(1, 5))):
        n = round(rng.uniform(0.06, 0.2) * RATE_HZ)
        arch = np.sin(np.pi * np.linspace(0, 1, n)) ** rng.uniform(0.3, 1.5)
        low = even(rng, 200, 2500)
        stroke = noise(rng, n, low, low * rng.uniform(2, 6), 1)
        sweep = signal.sawtooth(2 * np.pi * np.cumsum(np.linspace(*rng.uniform(150, 1200, 2), n)) / RATE_HZ)
        stroke = stroke / stroke.std() + rng.uniform(0, 1) * sweep
        parts.append(stroke * (arch + rng.uniform(0.03, 0.3)) * rng.uniform(0.5, 1))
    x = np.concatenate(parts)
    rise, fall = (round(rng.uniform(*span) * RATE_HZ) for span in ((0.001, 0.02), (0.01, 0.03)))
    x[:rise] *= np.linspace(0, 1, rise)
    x[-fall:] *= np.linspace(1, 0, fall)
    return np.asarray(x)


MAKERS: dict[str, Callable[[Rng], Wave]] = {
    "thump": thump, "knock": knock, "perc": perc, "door": door, "clink": clink,
    "rattle": rattle, "drop": drop, "paper": paper, "swash": swash, "scrape": scrape,
}  # fmt: skip


def made(rng: Rng, family: str) -> Sound:
    """A new sound of a family."""
    return begun(MAKERS[family](rng), family)


def like(rng: Rng, sound: Sound) -> Sound:
    """Another thing of the same kind: two to five semitones higher or lower."""
    ratio = 2 ** (rng.choice([-1, 1]) * rng.uniform(2, 5) / 12)
    return begun(soxr.resample(sound.audio, RATE_HZ, RATE_HZ * ratio), sound.family)


def bundled() -> list[Sound]:
    """The sounds of the house."""
    out = []
    for path in sorted(BUNDLED.glob("*.flac")):
        if path.stem in NO_BEGINNING:
            continue
        audio, _ = soundfile.read(path, dtype="float32", always_2d=True)
        out.append(begun(audio.mean(axis=1), path.stem))
    return out


def kit_sounds(root: Path, kits: Sequence[str]) -> list[Sound]:
    """The loudest layer of every instrument of some development kits, and every fourth of the others."""
    out = []
    for kit in kits:
        for i, sound in enumerate(role_material.kit_sounds(root, kit)):
            if (sound.layer == 0 or i % 4 == 0) and np.abs(sound.audio).max() > 1e-3:
                out.append(begun(sound.audio, sound.instrument))
    return out
