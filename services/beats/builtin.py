"""The built-in kit: a plain synthesised sound for every drum, for beats that bring notes and no sounds.

Sines that fall and noise in a band, both dying away, as analogue drum machines make them (the circuits of the TR-808
are described by K. J. Werner et al., DAFx 2014); nothing is sampled. The same sound is the same bytes, always. Mono,
44.1 kHz.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import signal

from services.audio.clip import HOUSE_RATE_HZ, Clip
from services.audio.wavfile import write_wav
from services.beats import sounds
from services.beats.request import SourceInfo
from services.beats.types import INSTRUMENTS, ROLES, Role, Trim
from services.notation.drumset import ROLE_OF

Floats = npt.NDArray[np.float64]

PEAK = 0.8
LONG_DECAYS = 6.0  # decays after which a sound is 52 dB down and may end
FADE_S = 0.005  # at its end
BED_S = 4.0  # of the texture, which goes round
BED_HZ = 300.0  # above, it falls by 6 dB an octave
EDGES = 4  # order of the noise's band
REASON = "a sound of the built-in kit"


@dataclass(frozen=True, slots=True)
class Sine:
    """A tone of `hz` that begins `fall` times as high and glides down within about `glide_s`."""

    hz: float
    decay_s: float
    level: float = 1.0
    fall: float = 1.0
    glide_s: float = 0.02


@dataclass(frozen=True, slots=True)
class Hiss:
    """Noise between two frequencies, struck at each of `at_s`, that rises for `rise_s`."""

    low_hz: float
    high_hz: float
    decay_s: float
    level: float = 1.0
    at_s: tuple[float, ...] = (0.0,)
    rise_s: float = 0.0


METAL = tuple(Sine(hz, 0.30, 0.06) for hz in (3140.0, 4210.0, 5370.0, 6530.0, 8110.0))  # no two in a simple ratio
# By instrument, a tom by its height.
RECIPES: dict[str, tuple[Sine | Hiss, ...]] = {
    "kick": (Sine(52.0, 0.16, 1.0, 3.2), Hiss(1500, 6000, 0.004, 0.25)),
    "snare": (Sine(185.0, 0.07, 0.7, 1.4), Sine(331.0, 0.05, 0.4), Hiss(1200, 9500, 0.075, 0.8)),
    "rim": (Sine(820.0, 0.012, 0.8), Sine(1730.0, 0.009, 0.7), Hiss(2500, 8000, 0.006, 0.5)),
    "clap": (Hiss(900, 3400, 0.011, 0.9, (0.0, 0.010, 0.021)), Hiss(900, 3400, 0.085, 0.7, (0.030,))),
    "tom/low": (Sine(84.0, 0.20, 1.0, 1.5, 0.04), Hiss(400, 3000, 0.010, 0.15)),
    "tom/mid": (Sine(122.0, 0.17, 1.0, 1.5, 0.04), Hiss(400, 3000, 0.010, 0.15)),
    "tom/high": (Sine(174.0, 0.14, 1.0, 1.5, 0.04), Hiss(400, 3000, 0.010, 0.15)),
    "hat_closed": (Hiss(7000, 16_000, 0.022),),
    "hat_open": (Hiss(7000, 16_000, 0.16),),
    "ride": (*METAL, Hiss(5000, 14_000, 0.26, 0.45), Hiss(3000, 9000, 0.006, 0.6)),
    "crash": (*METAL, Hiss(2600, 15_000, 0.42)),
    "shaker": (Hiss(5200, 12_500, 0.028, 1.0, (0.0,), 0.012),),
    "perc": (Sine(562.0, 0.08, 0.6), Sine(845.0, 0.08, 0.6), Hiss(700, 3000, 0.004, 0.3)),
    "bass": (Sine(55.0, 0.35), Sine(110.0, 0.25, 0.3), Sine(165.0, 0.15, 0.12)),
    "tonal": (Sine(440.0, 0.30), Sine(880.0, 0.20, 0.4), Sine(1320.0, 0.12, 0.2)),
    "vocal": (*(Sine(196.0 * n, 0.18, w) for n, w in ((1, 0.6), (2, 0.5), (3, 0.7), (4, 1.0), (5, 0.6), (6, 0.8))),),
    "texture": (),
}  # fmt: skip
# Sounds that may play a role, where the one of the instrument would not do: a bed is no kick, a kick no bed.
STANDS_FOR: dict[Role, tuple[str, frozenset[str]]] = {
    "CORE": ("kick", frozenset({"kick", "bass", "tom"})),
    "ACCENT": ("snare", frozenset({"snare", "rim", "clap", "tom", "perc", "crash", "kick"})),
    "MOTION": ("hat_closed", frozenset({"hat_closed", "hat_open", "ride", "crash", "shaker", "perc", "rim", "clap"})),
    "FILL": ("tom", frozenset(INSTRUMENTS) - {"texture"}),
    "TEXTURE": ("texture", frozenset({"texture", "tonal", "vocal"})),
}


def sound_for(role: Role, instrument: str, height: str | None) -> str:
    """The row of RECIPES that plays an instrument (a tom of a height, or None) in a role."""
    usual, fitting = STANDS_FOR[role]
    name = instrument if instrument in fitting else usual
    return f"tom/{height or 'mid'}" if name == "tom" else name


@lru_cache(maxsize=len(RECIPES))
def built_in(name: str) -> sounds.Cut:
    """The sound of a row of RECIPES as it is stored: what it is, is known; its features are heard as any other's."""
    clip = _made(name)
    digest = hashlib.sha256(write_wav(clip, sounds.CUT_BITS)).hexdigest()
    instrument, _, height = name.partition("/")
    title = " ".join(part for part in (height, instrument.replace("_", " ")) if part)
    cut, _ = sounds.whole(clip, SourceInfo("", digest, title.capitalize()))
    role = ROLE_OF[instrument]
    sample = replace(
        cut.sample,
        role=role,
        roles={one: float(one == role) for one in ROLES},
        instrument=instrument,
        instruments={one: float(one == instrument) for one in INSTRUMENTS},
        confidence=1.0,
        pool_role=role,
        reason=REASON,
        trim=Trim(0.0, clip.duration_s),
        alternatives=(),
    )
    return sounds.Cut(sample, cut.wav)


def _made(name: str) -> Clip:
    recipe, seed = RECIPES[name], list(RECIPES).index(name)
    values = _bed(seed) if not recipe else _struck(recipe, seed)
    return Clip(np.asarray(PEAK * values / np.abs(values).max(), np.float32)[None, :], HOUSE_RATE_HZ)


def _struck(recipe: tuple[Sine | Hiss, ...], seed: int) -> Floats:
    """The parts of a sound added up; it fades out at its end."""
    length_s = LONG_DECAYS * max(part.decay_s for part in recipe)
    out = np.zeros(round(length_s * HOUSE_RATE_HZ))
    t = np.arange(out.size) / HOUSE_RATE_HZ
    for i, part in enumerate(recipe):
        out += _sine(part, t) if isinstance(part, Sine) else _hiss(part, t, 100 * seed + i)
    fade = round(FADE_S * HOUSE_RATE_HZ)
    out[-fade:] *= np.linspace(1.0, 0.0, fade)
    return out


def _sine(part: Sine, t: Floats) -> Floats:
    hz = part.hz * (1.0 + (part.fall - 1.0) * np.exp(-t / part.glide_s))
    phase = 2.0 * np.pi * np.cumsum(hz) / HOUSE_RATE_HZ
    return np.asarray(part.level * np.sin(phase) * np.exp(-t / part.decay_s))


def _hiss(part: Hiss, t: Floats, seed: int) -> Floats:
    band = signal.butter(EDGES, (part.low_hz, part.high_hz), "bandpass", fs=HOUSE_RATE_HZ, output="sos")
    noise = signal.sosfilt(band, np.random.Generator(np.random.PCG64(seed)).standard_normal(t.size))
    level = np.zeros(t.size)
    for at_s in part.at_s:
        since = t - at_s
        rise = np.clip(since / part.rise_s, 0.0, 1.0) if part.rise_s else 1.0
        level += np.where(since >= 0.0, rise * np.exp(-np.maximum(since, 0.0) / part.decay_s), 0.0)
    return np.asarray(part.level * level * noise / np.abs(noise).max())


def _bed(seed: int) -> Floats:
    """Noise that falls towards high frequencies and goes round without a seam: phases at random on whole periods."""
    n = round(BED_S * HOUSE_RATE_HZ)
    hz = np.fft.rfftfreq(n, 1.0 / HOUSE_RATE_HZ)
    phases = np.random.Generator(np.random.PCG64(seed)).uniform(0.0, 2.0 * np.pi, hz.size)
    level = np.where(hz > 20.0, 1.0 / np.maximum(1.0, hz / BED_HZ), 0.0)
    return np.asarray(np.fft.irfft(level * np.exp(1j * phases), n))
