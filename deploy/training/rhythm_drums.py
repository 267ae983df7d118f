"""Drums of the tracks that teach rhythm: the kits of packages, and made ones of three kinds.

What is to be learned are rhythms, not kits: on the tracks that fit, drums of several kits are mixed and each is bent in
pitch, length and colour, so that hardly any sound comes twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import role_acoustic
import role_machines
import role_material
import role_synth
from scipy import signal

RATE_HZ = role_material.RATE_HZ
SUBSTITUTES = {
    "rim": "snare", "clap": "snare", "ride": "hat_closed", "crash": "hat_open", "shaker": "hat_closed", "tom": "snare",
    "hat_open": "hat_closed", "perc": "tom",
}  # fmt: skip
ATTACK_SHARE = 0.05  # of its peak: where a sound begins to be heard
LONGEST_S = 3.0
MAKERS = {"acoustic": role_acoustic.MAKERS, "machine": role_machines.MAKERS, "plain": role_synth.MAKERS}
MADE_EACH = 12  # sounds of each maker
DRUMS = ("kick", "snare", "rim", "clap", "hat_closed", "hat_open", "shaker", "tom", "ride", "crash", "perc")
WHOLE_SHARE, MADE_SHARE = 0.3, 0.2  # of tracks on one kit, and on one kind of made drums; the others mix them
BENT_SHARE, SHORT_SHARE, TILTED_SHARE = 0.8, 0.35, 0.5  # of tracks with bent drums; of drums in them
PITCH_SEMITONES, TILT_DB = 5.0, 8.0

Mono = npt.NDArray[np.float32]
Rng = np.random.Generator
Kit = dict[str, list[list[Mono]]]  # drum -> instruments -> layers from soft to loud


def _cut(audio: npt.NDArray[np.floating]) -> Mono:
    """From where it is heard on."""
    top = float(np.abs(audio).max(initial=0.0))
    start = int(np.argmax(np.abs(audio) > ATTACK_SHARE * top)) if top else 0
    return np.asarray(audio[start : start + round(LONGEST_S * RATE_HZ)], np.float32)


def kits(root: Path) -> dict[str, Kit]:
    """The development kits by name."""
    out: dict[str, Kit] = {}
    for name in role_material.KITS:
        found: Kit = {}
        for sound in role_material.kit_sounds(root, name):
            rows = found.setdefault(sound.instrument, [])
            if sound.layer == 0 or not rows:
                rows.append([])
            rows[-1].append(_cut(sound.audio))
        out[name] = found
    return out


def made() -> list[Kit]:
    """A kit of each kind of makers, with many instruments for each drum."""
    out = []
    for kind, makers in enumerate(MAKERS.values()):
        found: Kit = {}
        for place, (maker, drum, _) in enumerate(makers):
            for i in range(MADE_EACH if drum in DRUMS else 0):
                sound = np.asarray(maker(np.random.default_rng([43, kind, place, i])))
                found.setdefault(drum, []).append([_cut(sound / (np.abs(sound).max() + 1e-9))])
        out.append(found)
    return out


def drawn(rng: Rng, own: Sequence[Kit], others: Sequence[Kit]) -> dict[str, list[Mono]]:
    """Layers by drum for one track: of one of `own` kits, of one of the `others`, or of all of them mixed."""
    kind = rng.random() if others else 0.0
    if kind < WHOLE_SHARE:
        sources = [own[int(rng.integers(len(own)))]]
    elif kind < WHOLE_SHARE + MADE_SHARE:
        sources = [others[int(rng.integers(len(others)))]]
    else:
        sources = [*own, *others]
    out = {}
    for drum in DRUMS:
        having = [kit[drum] for kit in sources if drum in kit]
        if having:
            instruments = having[int(rng.integers(len(having)))]
            out[drum] = instruments[int(rng.integers(len(instruments)))]
    return out


class Bend:
    """What is done to every layer of one drum on one track."""

    def __init__(self, rng: Rng) -> None:
        self.ratio = 2 ** (rng.uniform(-PITCH_SEMITONES, PITCH_SEMITONES) / 12)
        self.ring_s = float(np.exp(rng.uniform(np.log(0.04), np.log(1.0)))) if rng.random() < SHORT_SHARE else 0.0
        self.low, self.high = 10 ** (rng.uniform(-TILT_DB, TILT_DB, 2) / 20)
        self.turn_hz = float(np.exp(rng.uniform(np.log(250), np.log(6_000)))) if rng.random() < TILTED_SHARE else 0.0

    def __call__(self, x: Mono) -> Mono:
        x = np.interp(np.arange(0, len(x) - 1, self.ratio), np.arange(len(x)), x).astype(np.float32)
        if self.turn_hz:
            near = float(np.exp(-2 * np.pi * self.turn_hz / RATE_HZ))
            lows = signal.lfilter([1 - near], [1, -near], x).astype(np.float32)
            x = np.asarray(self.low * lows + self.high * (x - lows), np.float32)
        if self.ring_s:
            x = x * np.exp(-np.arange(len(x), dtype=np.float32) / (self.ring_s * RATE_HZ))
        return x


def play(
    rng: Rng, sounds: dict[str, list[Mono]], timed: Sequence[tuple[float, str, float]], size: int, bent: bool
) -> Mono:
    """(second, drum, velocity) on drums whose levels are drawn, `size` samples; most tracks are bent if so asked."""
    out = np.zeros(size, np.float32)
    gain = {drum: float(10 ** (rng.normal(0, 3) / 20)) for drum in sounds}
    for drum in ("hat_closed", "hat_open", "ride", "shaker"):
        gain[drum] = gain.get(drum, 1.0) * float(rng.uniform(0.3, 0.9))
    bends = {drum: Bend(rng) for drum in sounds} if bent and rng.random() < BENT_SHARE else {}
    ready: dict[tuple[str, int], Mono] = {}
    for at_s, wanted, velocity in timed:
        drum = wanted
        while drum not in sounds and drum in SUBSTITUTES:
            drum = SUBSTITUTES[drum]
        if drum in sounds:
            layers = sounds[drum]
            i = min(len(layers) - 1, int(velocity * len(layers)))
            if (drum, i) not in ready:
                ready[drum, i] = bends[drum](layers[i]) if drum in bends else layers[i]
            add(out, at_s, ready[drum, i], gain[drum] * (0.2 + 0.8 * velocity))
    return out


def add(out: Mono, at_s: float, sound: Mono, gain: float) -> None:
    """Mix a sound into `out` at a second; what lies outside is left away."""
    at = round(at_s * RATE_HZ)
    if at < 0:
        sound, at = sound[-at:], 0
    sound = sound[: max(0, len(out) - at)]
    out[at : at + len(sound)] += gain * sound
