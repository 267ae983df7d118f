"""Drum scores as audio with exact labels: the development kits' own sounds, placed with their onsets on the strokes.

Each piece of a kit is brought to one level, then set at a desk by drum and by chance; velocity chooses the layer and
the level. What a kit lacks is played by its neighbour, and labelled as what sounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.signal import oaconvolve

from deploy.training import role_material
from services.transcription.types import FAMILIES
from tests.bench.ears.drum_score import Score, Stroke

RATE = role_material.RATE_HZ
ONSET_SHARE = 0.05  # of its peak: where a sound begins
PRE_ROLL_S = 0.003  # kept before the onset, so that no attack is cut
VELOCITY_DB = 26.0  # from the softest stroke to the hardest
# The desk: levels of a full stroke in dB, and how far a track may stray from them.
DESK_DB = {
    "kick": 0.0, "snare": -2.0, "rim": -5.0, "clap": -4.0, "tom": -2.0, "hat_closed": -10.0, "hat_open": -10.0,
    "ride": -10.0, "crash": -6.0,
}  # fmt: skip
DESK_SPREAD_DB = 3.0
PAN = 0.5  # hats, toms and cymbals stand up to so far from the middle
CENTRE = ("kick", "snare", "rim", "clap")
CHOKE_S = 0.03  # an open hat falls silent so fast once the closed one is played
TAIL_S = 1.5
PEAK = 0.8
ROOMS = 0.5  # share of tracks in a room
ROOM_S, ROOM_DB = (0.15, 0.6), (-22.0, -10.0)
DRIVES, DRIVE = 0.4, (1.0, 3.0)  # share of tracks that are driven into a soft clip, and how far
ONE_ONSET_S = 0.03  # strokes of one class closer than this are one onset to a listener
INSTEAD = {
    "rim": ("clap", "snare"), "clap": ("rim", "snare"), "snare": ("clap", "rim"), "hat_open": ("hat_closed",),
    "hat_closed": ("hat_open",), "ride": ("hat_closed", "crash"), "crash": ("ride", "hat_open"), "tom": ("snare",),
}  # fmt: skip
FIVE = {drum: five for five, drums in FAMILIES.items() for drum in drums}

Floats = npt.NDArray[np.float32]
Kit = Mapping[str, Sequence[Sequence[Floats]]]  # drum → pieces → velocity layers, soft to loud
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Truth:
    """Onsets of the five classes in time order, with the instrument and velocity of each."""

    times_s: tuple[float, ...]
    five: tuple[str, ...]
    nine: tuple[str, ...]
    velocity: tuple[float, ...]


def load_kit(root: Path, name: str) -> Kit:
    """The sounds of a kit by drum. Layers are ordered by their peak: some kits list the loud ones first."""
    found: dict[str, list[list[Floats]]] = {}
    for sound in role_material.kit_sounds(root, name):
        if sound.instrument not in FIVE or not np.abs(sound.audio).max() > 0:
            continue
        pieces = found.setdefault(sound.instrument, [])
        if sound.layer == 0 or not pieces:
            pieces.append([])
        pieces[-1].append(sound.audio)
    return {drum: [sorted(p, key=lambda x: float(np.abs(x).max())) for p in pieces] for drum, pieces in found.items()}


def render(score: Score, kit: Kit, rng: Rng) -> tuple[Floats, Truth]:
    """Stereo audio (2, n) at 44.1 kHz with a peak of 0.8, and what sounds when."""
    n = round((score.end_s + TAIL_S) * RATE)
    out = np.zeros((2, n), np.float32)
    chosen = {drum: _piece(drum, pieces, rng) for drum, pieces in kit.items()}
    desk = {d: (DESK_DB[d] + rng.normal(0, DESK_SPREAD_DB), _pan(d, rng)) for d in sorted(chosen)}
    played = [(s, _played_by(s.drum, chosen)) for s in score.strokes]
    closed = [s.time_s for s, drum in played if drum in ("hat_closed", "hat_open")]
    for stroke, drum in played:
        if drum is None:
            continue
        sound = _layer(chosen[drum], stroke.velocity)
        level_db, (left, right) = desk[drum]
        gain = 10 ** ((level_db - VELOCITY_DB * (1 - stroke.velocity)) / 20)
        if drum == "hat_open":
            sound = _choked(sound, stroke.time_s, closed)
        at = max(0, round((stroke.time_s - PRE_ROLL_S) * RATE))
        fits = sound[: n - at] * np.float32(gain)
        out[:, at : at + len(fits)] += np.outer((left, right), fits)
    out = _mastered(_in_room(out, rng), rng)
    return out, _truth([(s, drum) for s, drum in played if drum is not None and not s.grace])


def _piece(drum: str, pieces: Sequence[Sequence[Floats]], rng: Rng) -> list[Floats]:
    """One piece of a kit: its layers cut to their onset, each with a peak of 1."""
    layers = []
    for x in pieces[int(rng.integers(len(pieces)))]:
        peak = float(np.abs(x).max())
        onset = int(np.argmax(np.abs(x) > ONSET_SHARE * peak))
        lead = round(PRE_ROLL_S * RATE)
        cut = np.concatenate([np.zeros(max(0, lead - onset), np.float32), x[max(0, onset - lead) :]])
        layers.append((cut / peak).astype(np.float32))
    return layers


def _pan(drum: str, rng: Rng) -> tuple[float, float]:
    """Gains left and right, of constant power."""
    place = 0.0 if drum in CENTRE else float(rng.uniform(-PAN, PAN))
    angle = (1 + place) * np.pi / 4
    return float(np.cos(angle)), float(np.sin(angle))


def _played_by(drum: str, chosen: Mapping[str, object]) -> str | None:
    """The drum of the kit that plays it, or None."""
    return next((d for d in (drum, *INSTEAD.get(drum, ())) if d in chosen), None)


def _layer(layers: Sequence[Floats], velocity: float) -> Floats:
    return layers[min(len(layers) - 1, int(velocity * len(layers)))]


def _choked(sound: Floats, time_s: float, closed: Sequence[float]) -> Floats:
    """An open hat until the next hat is played."""
    after = [t for t in closed if t > time_s + PRE_ROLL_S]
    if not after:
        return sound
    ring = round((min(after) - time_s) * RATE)
    if ring >= len(sound):
        return sound
    fade = np.ones(len(sound), np.float32)
    fade[ring:] = np.exp(-np.arange(len(sound) - ring) / (CHOKE_S / 3 * RATE))
    return sound * fade


def _in_room(x: Floats, rng: Rng) -> Floats:
    """Half of the tracks with the tail of a small room: noise that dies away, begun 5 ms after the direct sound."""
    if rng.random() >= ROOMS:
        return x
    seconds, level_db = float(rng.uniform(*ROOM_S)), float(rng.uniform(*ROOM_DB))
    n = round(seconds * RATE)
    tail = rng.standard_normal((2, n)) * np.exp(-6.9 * np.arange(n) / n)
    tail[:, : round(0.005 * RATE)] = 0
    tail *= 10 ** (level_db / 20) / np.sqrt((tail**2).sum(axis=1, keepdims=True))
    return np.asarray(x + oaconvolve(x, tail, axes=1)[:, : x.shape[1]], np.float32)


def _mastered(x: Floats, rng: Rng) -> Floats:
    x = x / np.float32(max(1e-6, float(np.abs(x).max())))
    if rng.random() < DRIVES:
        drive = float(rng.uniform(*DRIVE))
        x = np.tanh(drive * x) / np.float32(np.tanh(drive))
    return np.asarray(PEAK * x, np.float32)


def _truth(played: Sequence[tuple[Stroke, str]]) -> Truth:
    """What sounds, by class; strokes of a class that a listener hears as one are one, as hard as the hardest."""
    rows: list[list[float | str]] = []
    for stroke, drum in played:
        five = FIVE[drum]
        near = next((r for r in reversed(rows) if r[1] == five and stroke.time_s - float(r[0]) < ONE_ONSET_S), None)
        if near is None:
            rows.append([stroke.time_s, five, drum, stroke.velocity])
        elif stroke.velocity > float(near[3]):
            near[2:] = drum, stroke.velocity
    times, classes, drums, velocities = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Truth(
        tuple(round(float(t), 4) for t in times),
        tuple(map(str, classes)),
        tuple(map(str, drums)),
        tuple(round(float(v), 3) for v in velocities),
    )
