"""The sounds that drum tracks are rendered with: development kits, a font's drum programs, and made drums.

A `Piece` is one instrument with its velocity layers; a `Kit` has pieces for the nine drums and for distractors
(shakers, cowbells) that must not be heard as one of them. `draw_kit` never gives the same kit twice: whole kits, kits
of mixed origin, made drums, and each piece bent in pitch, colour, length and drive.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import role_acoustic
import role_machines
import role_material
import role_synth
import scipy.signal
import soxr

from services.transcription.types import DRUMS

RATE_HZ = 44_100
LONGEST_S = 3.0
ONSET_SHARE = 0.05  # of the peak: where a sound is taken to begin
MADE_EACH = 90  # made sounds of each maker
DISTRACTORS = ("perc", "shaker")
# Made drums by the kind of kit they belong to.
MAKERS = {
    "acoustic": tuple((maker, drum) for maker, drum, _ in role_acoustic.MAKERS),
    "machine": tuple((maker, drum) for maker, drum, _ in role_machines.MAKERS),
    "plain": tuple((maker, drum) for maker, drum, _ in role_synth.MAKERS),
}
MADE_SHARE = 2.0  # times as likely as a kit is each kind of made drums, and the font, to be played
# What plays for a drum that a kit lacks.
STANDS_IN = {"rim": "snare", "clap": "snare", "ride": "hat_closed", "crash": "hat_open", "hat_open": "crash"}

Mono = npt.NDArray[np.float32]
Rng = np.random.Generator


@dataclass(frozen=True)
class Layer:
    """One recording, peak 1, with the sample at which it begins to sound and its peak in the kit's own level."""

    audio: Mono
    onset: int
    peak: float = 1.0


@dataclass(frozen=True)
class Piece:
    """One instrument of a kit, its layers from soft to loud."""

    drum: str
    origin: str
    layers: tuple[Layer, ...]

    def at(self, velocity: float) -> Layer:
        """The layer for a velocity 0..1."""
        return self.layers[min(len(self.layers) - 1, int(velocity * len(self.layers)))]


Kit = dict[str, list[Piece]]


def layer(audio: npt.NDArray[np.floating]) -> Layer | None:
    """A recording as a layer, cut after LONGEST_S; None for silence."""
    x = np.asarray(audio[: round(LONGEST_S * RATE_HZ)], dtype=np.float32)
    if x.size == round(LONGEST_S * RATE_HZ):
        fade = round(0.2 * RATE_HZ)
        x = x.copy()
        x[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    peak = float(np.abs(x).max()) if x.size else 0.0
    if peak < 1e-4:
        return None
    return Layer(x / peak, int(np.argmax(np.abs(x) > ONSET_SHARE * peak)), peak)


def _grouped(sounds: list[role_material.Sound], wanted: tuple[str, ...]) -> list[Piece]:
    """Velocity layers of one instrument as one piece: a layer 0 begins the next."""
    pieces: list[tuple[str, str, list[Layer]]] = []
    for sound in sounds:
        if sound.instrument not in wanted:
            continue
        one = layer(sound.audio)
        if one is None:
            continue
        if sound.layer == 0 or not pieces or pieces[-1][0] != sound.instrument:
            pieces.append((sound.instrument, sound.kit, []))
        pieces[-1][2].append(one)
    return [_ordered(drum, origin, layers) for drum, origin, layers in pieces]


def _ordered(drum: str, origin: str, layers: list[Layer]) -> Piece:
    """A piece whose layers go from soft to loud (some kits list them the other way), the loudest at level 1."""
    loudest = max(one.peak for one in layers)
    ordered = sorted((replace(one, peak=one.peak / loudest) for one in layers), key=lambda one: one.peak)
    return Piece(drum, origin, tuple(ordered))


def sources(root: Path, work: Path, kits: tuple[str, ...]) -> dict[str, list[Piece]]:
    """Everything there is to draw from, by origin: the kits by name, the font (`font`), the kinds of MAKERS."""
    wanted = (*DRUMS, *DISTRACTORS)
    found = {kit: _grouped(list(role_material.kit_sounds(root, kit)), wanted) for kit in kits}
    font = role_material.font_sounds(root, work)
    found["font"] = [
        _ordered(s.instrument, "font", [one]) for s in font if s.instrument in wanted and (one := layer(s.audio))
    ]
    for kind, makers in MAKERS.items():
        found[kind] = []
        for place, (maker, drum) in enumerate(makers):
            for i in range(MADE_EACH if drum in wanted else 0):
                one = layer(np.nan_to_num(maker(np.random.default_rng([11, place, i]))))
                if one is not None:
                    found[kind].append(_ordered(drum, kind, [one]))
    return found


def _of(pieces: list[Piece], drum: str) -> list[Piece]:
    return [p for p in pieces if p.drum == drum]


def share_of(origin: str) -> float:
    """How often an origin is drawn."""
    return MADE_SHARE if origin in MAKERS or origin == "font" else 1.0


def draw_kit(rng: Rng, found: dict[str, list[Piece]]) -> Kit:
    """A kit nobody has heard: one origin with its gaps filled, or every piece from anywhere, each piece bent."""
    homes = [name for name in found if name != "plain"]
    whole = rng.random() < 0.55
    shares = np.array([share_of(name) for name in homes])
    home = str(rng.choice(homes, p=shares / shares.sum())) if whole else ""
    bend = rng.uniform(0, 1) * (0.5 if whole else 1.0)
    kit: Kit = {}
    for drum in (*DRUMS, *DISTRACTORS):
        choices = _of(found[home], drum) if whole else []
        if not choices and whole and drum in STANDS_IN and rng.random() < 0.2:
            continue
        if not choices:
            origins = [name for name in found if _of(found[name], drum)]
            share = np.array([share_of(name) for name in origins])
            choices = _of(found[str(rng.choice(origins, p=share / share.sum()))], drum)
        count = int(rng.integers(2, 5)) if drum == "tom" else int(rng.integers(1, 3))
        picked = rng.permutation(len(choices))[:count]
        kit[drum] = [bent(rng, choices[int(i)], bend) for i in picked]
    return kit


def bent(rng: Rng, piece: Piece, amount: float) -> Piece:
    """The piece with another pitch, colour, length and drive, the same for all its layers; `amount` 0..1."""
    ratio = 2 ** (rng.normal(0, 0.2) * amount) if rng.random() < 0.7 else 1.0
    shelf = [_peaking(rng, amount) for _ in range(int(rng.integers(0, 3)))]
    shorter = float(rng.uniform(0.05, 0.6)) if rng.random() < 0.25 * amount + 0.05 else 0.0
    drive = float(rng.uniform(1, 5)) if rng.random() < 0.2 else 0.0
    layers = [_bent_layer(one, ratio, shelf, shorter, drive) for one in piece.layers]
    return Piece(piece.drum, piece.origin, tuple(one for one in layers if one is not None) or piece.layers)


def _bent_layer(
    one: Layer, ratio: float, filters: list[npt.NDArray[np.float64]], shorter: float, drive: float
) -> Layer | None:
    x = one.audio
    if abs(ratio - 1) > 0.005:
        x = soxr.resample(x, RATE_HZ, round(RATE_HZ / ratio), quality="LQ")
    for sos in filters:
        x = scipy.signal.sosfilt(sos, x)
    if drive:
        x = np.tanh(drive * x / max(1e-6, float(np.abs(x).max())))
    if shorter:
        x = x * np.exp(-np.maximum(0, np.arange(x.size) - one.onset) / (shorter * RATE_HZ))
    changed = layer(x)
    return None if changed is None else replace(changed, peak=one.peak)


def _peaking(rng: Rng, amount: float) -> npt.NDArray[np.float64]:
    """A peaking filter of the audio cookbook (R. Bristow-Johnson), one octave wide or so."""
    hz, gain_db, q = float(np.exp(rng.uniform(np.log(60), np.log(14_000)))), rng.normal(0, 7) * amount, 0.8
    a, w = 10 ** (gain_db / 40), 2 * np.pi * hz / RATE_HZ
    alpha = np.sin(w) / (2 * q)
    b0, b1, b2 = 1 + alpha * a, -2 * np.cos(w), 1 - alpha * a
    a0, a1, a2 = 1 + alpha / a, -2 * np.cos(w), 1 - alpha / a
    return np.array([[b0 / a0, b1 / a0, b2 / a0, 1.0, a1 / a0, a2 / a0]])
