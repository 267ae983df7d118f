"""Kits and beats for measuring grooves: drum sounds with known attacks, the bundled everyday sounds, and what a beat
made of them sounds like, as the contract shows it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from scipy import signal

from services.audio.clip import Clip
from services.beats.dress_audio import Wardrobe
from services.beats.pipeline import Inputs, make_beat
from services.beats.render import master_mix, render_mix
from services.beats.request import BeatRequest, SourceInfo
from services.beats.sounds import whole
from services.beats.styles import STYLES
from services.beats.types import Beat, Role, Sample
from services.beats.view import events_json, grid_json
from tests.groove_measure import RATE, Audio, Event

SOUNDS = Path(__file__).resolve().parents[1] / "deploy/sounds"
EVERYDAY: dict[str, Role] = {
    "misc_burp.flac": "FILL", "misc_cineboom.flac": "TEXTURE", "misc_crow.flac": "FILL", "perc_bell.flac": "FILL",
    "perc_swash.flac": "CORE", "perc_till.flac": "MOTION", "vinyl_scratch.flac": "ACCENT",
}  # fmt: skip
BARS = 4  # one phrase: A A′ A B


@dataclass(frozen=True, slots=True)
class Kit:
    """Judged sounds and their stored cuts. `locks`: roles that a user would choose, by name.

    `wardrobe`: their dressed sounds, kept from one render to the next as a worker does.
    """

    samples: tuple[Sample, ...]
    clips: Mapping[str, Clip]
    locks: Mapping[str, Role]
    wardrobe: Wardrobe = field(default_factory=Wardrobe)


@dataclass(frozen=True, slots=True)
class Take:
    """A beat as a client has it: its JSON, a stem per role and the master. `length`: frames of its bars."""

    style: str
    grid: Mapping[str, Any]
    events: tuple[Event, ...]
    stems: Mapping[str, Audio]
    master: Audio

    @property
    def length(self) -> int:
        return round(float(self.grid["duration_s"]) * RATE)

    def of(self, role: str, **fields: Any) -> list[Event]:
        """The sounding events of a role whose fields have these values, by time."""
        return [
            e for e in self.events if e["role"] == role and not e["muted"] and all(e[k] == v for k, v in fields.items())
        ]


def heard(clips: Mapping[str, Clip], locks: Mapping[str, Role] | None = None) -> Kit:
    """Named sounds through Stage 1 and 2."""
    samples, stored = [], {}
    for name, clip in clips.items():
        sha = hashlib.sha256(clip.samples.tobytes()).hexdigest()
        cut, _ = whole(clip, SourceInfo("asset", sha, name))
        samples.append(cut.sample)
        stored[cut.sample.sample_id] = clip
    return Kit(tuple(samples), stored, locks or {})


def read(path: Path) -> Clip:
    """A sound file at 44.1 kHz, one or two channels."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    if rate != RATE:
        audio = soxr.resample(audio, rate, RATE)
    return Clip(np.ascontiguousarray(audio[:, :2].T, dtype=np.float32), RATE)


@lru_cache(maxsize=1)
def everyday() -> Kit:
    """The seven bundled sounds in the parts that a listener gives them, whatever a classifier takes them for."""
    return heard({path.name: read(path) for path in sorted(SOUNDS.glob("*.flac"))}, EVERYDAY)


def _made(values: Any) -> Clip:
    values = np.asarray(values, dtype=np.float64)
    values[-200:] *= np.linspace(1, 0, 200)
    return Clip((0.8 * values / np.abs(values).max()).astype(np.float32)[None], RATE)


def _hiss(seconds: float, decay_s: float, band: tuple[float, float], seed: int) -> Clip:
    n = round(seconds * RATE)
    white = np.random.Generator(np.random.PCG64(seed)).standard_normal(n + 2_000)
    sos = signal.butter(2, band, "band", fs=RATE, output="sos")
    return _made(signal.sosfilt(sos, white)[2_000:] * np.exp(-np.arange(n) / RATE / decay_s))


def _drum(start_hz: float, end_hz: float, decay_s: float, click: float) -> Clip:
    """A skin: a sine that falls within 20 ms, and the beater's click."""
    t = np.arange(round(0.6 * RATE)) / RATE
    hz = end_hz + (start_hz - end_hz) * np.exp(-t / 0.02)
    body = np.sin(2 * np.pi * np.cumsum(hz) / RATE + 0.6) * np.exp(-t / decay_s)
    return _made(body + click * np.sin(2 * np.pi * 3_000 * t + 0.8) * np.exp(-t / 0.002))


def _snare(hz: float, decay_s: float, seed: int) -> Clip:
    rattle = _hiss(0.4, decay_s, (300, 9_000), seed).samples[0]
    t = np.arange(len(rattle)) / RATE
    return _made(rattle + 0.5 * np.sin(2 * np.pi * hz * t + 0.8) * np.exp(-t / 0.05))


@lru_cache(maxsize=1)
def drums() -> Kit:
    """A drum kit whose attacks all lie within half a millisecond of the files' starts."""
    kit: dict[str, tuple[Role, Clip]] = {
        "kick.wav": ("CORE", _drum(170, 52, 0.11, 0.5)),
        "kick low.wav": ("CORE", _drum(120, 45, 0.16, 0.3)),
        "snare.wav": ("ACCENT", _snare(190, 0.06, 11)),
        "clap.wav": ("ACCENT", _hiss(0.35, 0.05, (900, 6_000), 12)),
        "hat.wav": ("MOTION", _hiss(0.2, 0.02, (7_000, 16_000), 13)),
        "hat open.wav": ("MOTION", _hiss(0.8, 0.18, (6_000, 15_000), 14)),
        "shaker.wav": ("MOTION", _hiss(0.2, 0.03, (5_000, 14_000), 15)),
        "tom high.wav": ("FILL", _drum(260, 190, 0.12, 0.3)),
        "tom low.wav": ("FILL", _drum(150, 100, 0.16, 0.3)),
        "rain.wav": ("TEXTURE", _hiss(3.0, 1e6, (300, 5_000), 16)),
    }
    return heard({name: clip for name, (_, clip) in kit.items()}, {name: role for name, (role, _) in kit.items()})


def home_bpm(style: str) -> float:
    """The middle of a style's range, whole."""
    return float(round(sum(STYLES[style].bpm_range) / 2))


def made(kit: Kit, style: str, **fields: Any) -> Beat:
    """A beat of a style at its home tempo, four bars of its first meter unless told."""
    asked = BeatRequest(**{"bpm": home_bpm(style), "bars": BARS, "style": style, "roles": dict(kit.locks), **fields})
    return make_beat(asked, kit.samples, Inputs())


def taken(beat: Beat, kit: Kit) -> Take:
    """The beat rendered: stems and master."""
    done = render_mix(beat, kit.clips, wardrobe=kit.wardrobe)
    stems = {role: clip.samples for role, clip in done.stems.items()}
    return Take(
        str(beat.meta["style"]), grid_json(beat.grid), tuple(events_json(beat)), stems, master_mix(done).samples
    )


def without(beat: Beat, role: Role) -> Beat:
    """The beat without the events of a role; its mix stays."""
    return replace(beat, events=tuple(e for e in beat.events if e.role != role))
