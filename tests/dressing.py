"""Sounds to dress, as the pipeline would have judged them, and what is measured on dressed ones."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from services.audio.clip import Clip
from services.audio.dsp import resample
from services.beats.dress import Dressing, plan_kit
from services.beats.request import SourceInfo
from services.beats.sounds import whole
from services.beats.types import ROLES, Role, Sample
from tests import sounds
from tests.kits import kit_wavs

RATE = sounds.RATE
BUNDLED = Path(__file__).resolve().parents[1] / "deploy/sounds"
Made = tuple[Sample, Clip]


def judged(name: str, clip: Clip) -> Made:
    """A one-shot as Stage 1 and 2 give it."""
    info = SourceInfo(name, hashlib.sha256(name.encode()).hexdigest(), name)
    return whole(clip, info)[0].sample, clip


def _read(file: Path | io.BytesIO) -> Clip:
    wave, rate = soundfile.read(file, dtype="float32", always_2d=True)
    return resample(Clip(np.ascontiguousarray(wave.T), rate), RATE)


@cache
def everyday() -> dict[str, Made]:
    """The bundled sounds and the kit of `tests.kits`, by name."""
    found = {path.stem: judged(path.stem, _read(path)) for path in sorted(BUNDLED.glob("*.flac"))}
    return found | {name: judged(name, _read(io.BytesIO(wav))) for name, wav in kit_wavs().items()}


@cache
def strange() -> dict[str, Made]:
    """Synthesised hits of any pitch, length, noisiness and rise, and what a test of limits needs; none is silent."""
    chance = np.random.Generator(np.random.PCG64(11))
    clips = {}
    for i in range(24):
        hz, decay_s = (float(np.exp(chance.uniform(*np.log(span)))) for span in ((35, 9000), (0.003, 2.0)))
        clips[f"burst {i} {hz:.0f} Hz"] = sounds.burst(hz, decay_s, float(chance.uniform()), i, chance.uniform(0.05, 3))
    for rise_ms in (0, 10, 40, 80, 120, 150):
        clips[f"rise {rise_ms}"] = rising(rise_ms / 1000, 90.0 if rise_ms % 20 else 1200.0)
    clips |= {
        "click": sounds.mono(np.pad(0.5 * sounds.noise(0.005, 1.0, 3).samples[0], (200, 2000))),
        "offset": Clip(0.2 + sounds.knock().samples, RATE),
        "clipped": Clip(np.clip(20 * sounds.thump().samples, -1, 1), RATE),
        "tone low": sounds.tone(60, 2.0),
        "tone high": sounds.tone(3000, 0.5),
        "noise": sounds.noise(3.0),
        "many channels": Clip(np.repeat(0.3 * sounds.knock().samples, 64, axis=0), RATE),
        "late": sounds.placed([(1.2, sounds.knock())], 2.0),
    }
    return {name: judged(name, clip) for name, clip in clips.items()}


def rising(rise_s: float, hz: float, seed: int = 1) -> Clip:
    """A noisy tone that rises in a straight line and dies away."""
    t = np.arange(round(0.8 * RATE)) / RATE
    level = np.where(t < rise_s, t / max(rise_s, 1e-9), np.exp(-(t - rise_s) / 0.1))
    return sounds.mono(level * (0.5 * np.sin(2 * np.pi * hz * t) + sounds.noise(0.8, 0.1, seed).samples[0]))


def planned(made: Iterable[Made], dressing: Dressing, roles: Iterable[Role] = ROLES) -> list[Made]:
    """The sounds as a kit whose plans hold all the roles."""
    pairs = list(made)
    plans = plan_kit([s for s, _ in pairs], {s.sample_id: tuple(roles) for s, _ in pairs}, dressing)
    return [(replace(s, processing=plans[s.sample_id]), clip) for s, clip in pairs]


def share(samples: NDArray[np.float32], low_hz: float, high_hz: float) -> float:
    """The part of the energy between two frequencies, summed over the channels."""
    power = np.square(np.abs(np.fft.rfft(samples, axis=1))).sum(axis=0)
    hz = np.fft.rfftfreq(samples.shape[1], 1 / RATE)
    return float(power[(hz >= low_hz) & (hz < high_hz)].sum() / power.sum())


def level_db(samples: NDArray[np.float32], window_ms: float = 5.0) -> NDArray[np.float64]:
    """Power over a centred window at each frame, dB, summed over the channels."""
    width = round(window_ms * RATE / 1000)
    sums = np.cumsum(np.pad(np.square(samples, dtype=np.float64).sum(axis=0), (width // 2 + 1, width - width // 2 - 1)))
    return 10 * np.log10(np.maximum(sums[width:] - sums[:-width], 0.0) / width + 1e-14)


def decay_ms(samples: NDArray[np.float32], attack: int) -> float:
    """Milliseconds from the attack to the last moment that is less than 40 dB under the loudest."""
    level = level_db(samples)
    return (int(np.flatnonzero(level >= level.max() - 40)[-1]) - attack) * 1000 / RATE
