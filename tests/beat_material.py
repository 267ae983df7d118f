"""Beats and sounds for the tests of everything after Stage 3: synthetic hits whose attack is known to the frame."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from services.audio.clip import Clip
from services.beats.types import ROLES, Beat, Event, Grid, Role, Sample, SourceRef, Trim

RATE = 44_100
KIT: tuple[tuple[Role, str], ...] = (
    ("CORE", "kick"),
    ("ACCENT", "snare"),
    ("MOTION", "hat_closed"),
    ("MOTION", "hat_open"),
    ("FILL", "tom"),
    ("FILL", "crash"),
    ("ACCENT", "clap"),
    ("TEXTURE", "texture"),
)

# Every role at the level of a voice, and far under the ceilings of the buses, which move with the faders.
LEVEL_MIX: dict[str, Any] = {"roles": {role: {"balance_db": -20.0, "gain_db": 20.0} for role in ROLES}}
STILL_META: dict[str, Any] = {"seed": 0, "parameters": {"humanize": 0.0}}


def hit(frequency: float = 200.0, decay_s: float = 0.08, rise_s: float = 0.005, length_s: float = 1.0) -> Clip:
    """A burst that rises linearly for `rise_s` to its peak and dies away: mono, attack at `rise_s`."""
    t = np.arange(round(length_s * RATE)) / RATE
    envelope = np.where(t < rise_s, t / max(rise_s, 1e-9), np.exp(-(t - rise_s) / decay_s))
    return Clip((0.5 * envelope * np.cos(2 * np.pi * frequency * (t - rise_s)))[None].astype(np.float32), RATE)


def noise(length_s: float = 1.0, decay_s: float | None = None, channels: int = 1, seed: int = 1) -> Clip:
    """White noise, dying away or steady."""
    n = round(length_s * RATE)
    x = np.random.Generator(np.random.PCG64(seed)).standard_normal((channels, n)).astype(np.float32) * np.float32(0.2)
    if decay_s is not None:
        x *= np.exp(-np.arange(n) / RATE / decay_s).astype(np.float32)
    return Clip(x, RATE)


def sample(sample_id: str, clip: Clip, role: Role = "CORE", instrument: str = "kick", **changes: Any) -> Sample:
    """A sample of a whole clip."""
    return Sample(
        sample_id=sample_id, asset_id="a", name=f"{sample_id}.wav",
        blob=hashlib.sha256(clip.samples.tobytes()).hexdigest(), role=role, roles={role: 1.0},
        instrument=instrument, instruments={instrument: 1.0}, confidence=1.0, pool_role=role, reason="",
        source=SourceRef("a", 0.0, clip.duration_s), trim=changes.pop("trim", Trim(0.0, clip.duration_s)),
        onset_s=0.0, **{"attack_s": 0.005, **changes},
    )  # fmt: skip


def event(sample_id: str, bar: int, step: int, role: Role = "CORE", instrument: str = "kick", **changes: Any) -> Event:
    """A hit at full velocity."""
    name = f"{role}-{bar}-{step}-{sample_id}-{changes.get('tick', 0)}"
    return Event(
        id=name, bar=bar, step=step, role=role, instrument=instrument,
        velocity=changes.pop("velocity", 1.0), sample_id=sample_id, **changes,
    )  # fmt: skip


def one(
    clip: Clip, events: list[Event], bpm: float = 120.0, bars: int = 1, **changes: Any
) -> tuple[Beat, dict[str, Clip]]:
    """A beat of one sound `s`, CORE unless told, whose hits do not vary, with every role at one level."""
    beat = Beat(grid(bpm, bars), tuple(events), {"s": sample("s", clip, **changes)}, mix=LEVEL_MIX, meta=STILL_META)
    return beat, {"s": clip}


def grid(bpm: float = 120.0, bars: int = 1, meter: str = "4/4", **changes: Any) -> Grid:
    return Grid(((0, bpm),), meter=meter, bars=bars, **changes)


def kit() -> tuple[dict[str, Sample], dict[str, Clip]]:
    """Eight sounds over all five roles."""
    clips = {
        "kick": hit(60, 0.09, 0.004), "snare": noise(0.8, 0.05, seed=2), "hat_closed": noise(0.5, 0.02, seed=3),
        "hat_open": noise(1.0, 0.3, seed=4), "tom": hit(120, 0.15, 0.006), "crash": noise(3.0, 0.8, 2, seed=5),
        "clap": noise(0.6, 0.04, seed=6), "texture": noise(1.5, None, 2, seed=7),
    }  # fmt: skip
    kit = {i: sample(i, clips[i], role, i, attack_s=0.005 if i in {"kick", "tom"} else 0.0) for role, i in KIT}
    return kit, clips


def full_beat(bars: int = 4, bpm: float = 96.0, meter: str = "4/4", **meta: Any) -> tuple[Beat, dict[str, Clip]]:
    """A plain rock beat with all five roles: 8 sounds, off-beat open hats, a fill in the last bar, a bed."""
    samples, clips = kit()
    g = grid(bpm, bars, meter)
    beat_steps = range(0, g.steps_per_bar, 4)
    events = []
    for bar in range(bars):
        for k, step in enumerate(beat_steps):
            role: Role = "ACCENT" if k % 2 else "CORE"
            events.append(
                event("snare" if k % 2 else "kick", bar, step, role, "snare" if k % 2 else "kick", velocity=0.9)
            )
        for step in range(0, g.steps_per_bar, 2):
            name = "hat_open" if step == g.steps_per_bar - 2 else "hat_closed"
            events.append(
                event(name, bar, step, "MOTION", name, velocity=0.75 if step % 4 == 0 else 0.5, offset_ms=2.0)
            )
    fill = (g.steps_per_bar - 3, g.steps_per_bar - 1)
    events += [event("tom", bars - 1, step, "FILL", "tom", velocity=0.8) for step in fill]
    events.append(event("crash", 0, 0, "FILL", "crash", velocity=0.7))
    events.append(event("clap", bars - 1, 4, "ACCENT", "clap", velocity=0.6))
    length = float(bars * g.steps_per_bar)
    events.append(event("texture", 0, 0, "TEXTURE", "texture", velocity=0.32, duration_steps=length))
    return Beat(g, tuple(events), samples, meta={"seed": 0, "style": "rock", "title": "Küche", **meta}), clips
