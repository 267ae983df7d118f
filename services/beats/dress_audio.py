"""Dress, the audio: a stored cut becomes the hit that its plan describes (see `dress`).

A sound is cut to what its versions need, folded to two channels at most and freed of its offset; then its steps are
applied in order. What the versions of a role share is done once. The result has the peak of what it is made of, faded
ends, and its attack where its first strong peak is half reached, as Stage 1 places raw sounds.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from services.audio.clip import HOUSE_RATE_HZ, Clip, Samples
from services.beats import dress_layers as layers
from services.beats import dress_steps as shaping
from services.beats.dress import Step, Variant, steps_of
from services.beats.dress_bed import even, looped, steady_part
from services.beats.dress_hit import RATE, Hit, placed
from services.beats.types import Role, Sample
from services.canonical import dumps

CACHE_BYTES = 96 * 2**20  # two hundred beats' worth of usual hits; a long bell or bed takes 1 MiB
SPARE_S = 0.25  # kept beyond what the decay needs: the first strong peak may come so late
EDGE_IN, EDGE_OUT = round(0.001 * RATE), round(0.005 * RATE)  # fades at the ends, against clicks
LATER = round(0.001 * RATE)  # an attack that moves by less is the same one
ROUNDING = 1e-7  # of the raw peak, -140 dB: what a 24-bit file cannot hold
OFFSET_POINTS = 4096  # samples that the estimate of DC looks at

_STEPS: dict[str, Callable[[Hit, Step], Hit]] = {
    "lead": shaping.lead, "pitch": shaping.pitch, "high_pass": shaping.high_pass, "low_shelf": shaping.shelf,
    "high_shelf": shaping.shelf, "gate": shaping.gate, "decay": shaping.decay, "transient": shaping.transient,
    "onset": shaping.onset, "sub": layers.sub, "sine": layers.sine, "noise": layers.noise_layer, "air": layers.air,
    "even": lambda hit, step: replace(hit, samples=even(hit.samples, step)),
    "loop": lambda hit, step: Hit(looped(hit.samples, step["cross_ms"]), 0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dressed:
    """A version of a sound: float32 (1 or 2, n) at 44.1 kHz, never written to; `attack`: the frame that goes on the
    event; `loops`: whether it is a bed that repeats without a seam from its end to its start.
    """

    samples: Samples
    attack: int
    loops: bool = False


class Wardrobe:
    """Dressed sounds, kept by stored cut, trim, role, version and plan, so that each costs once and not per file.

    Holds at most `most_bytes`; the least recently asked for goes first.
    """

    def __init__(self, most_bytes: int = CACHE_BYTES) -> None:
        self._most = most_bytes
        self._held = 0
        self._kept: OrderedDict[bytes, Dressed | Hit] = OrderedDict()

    def dressed(self, sample: Sample, clip: Clip, role: Role, variant: Variant = "") -> Dressed:
        """The version of a sample. `clip`: the whole stored cut at 44.1 kHz, any number of channels.

        Without steps, and in silence, it is the trimmed sound as it is; but TEXTURE always comes as a loop. Raises
        ValueError for another rate.
        """
        if clip.rate_hz != HOUSE_RATE_HZ:
            raise ValueError(f"a stored sample has {HOUSE_RATE_HZ} Hz, not {clip.rate_hz}")
        steps = steps_of(sample, role, variant)
        raw = trimmed(sample, clip)
        if not raw.samples.any() or not (steps or role == "TEXTURE"):
            return Dressed(raw.samples, raw.attack, loops=role == "TEXTURE")
        place = [sample.blob, sample.trim.start_s, sample.trim.end_s, sample.attack_s, role]
        key = dumps([*place, "done", steps])
        found = self._find(key)
        if not isinstance(found, Dressed):
            found = self._bed(raw, steps) if role == "TEXTURE" else self._hit(raw, steps, place)
            found.samples.setflags(write=False)
            self._keep(key, found)
        return found

    def _hit(self, raw: Hit, steps: list[Step], place: list[object]) -> Dressed:
        """Shared steps first, from the cache where another version has had them done."""
        frames = _needed(raw, steps)
        shared = [s for s in steps if s["variant"] is None]
        key = dumps([*place, "shared", shared, frames])
        base = self._find(key)
        if not isinstance(base, Hit):
            base = _applied(Hit(_centred(raw.samples[:, :frames]), raw.attack), shared)
            if len(shared) < len(steps):
                self._keep(key, base)
        made = _led(_applied(base, [s for s in steps if s["variant"] is not None]), raw, steps)
        return Dressed(_finished(made, _peak(raw.samples[:, :frames])), made.attack)

    def _bed(self, raw: Hit, steps: list[Step]) -> Dressed:
        part = _centred(steady_part(raw.samples))
        if not steps:
            return Dressed(looped(part), 0, loops=True)
        made = _applied(Hit(part, 0), steps).samples
        return Dressed(_scaled(made, _peak(part)), 0, loops=True)

    def _find(self, key: bytes) -> Dressed | Hit | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def _keep(self, key: bytes, made: Dressed | Hit) -> None:
        self._kept[key] = made
        self._held += made.samples.nbytes
        while self._held > self._most and len(self._kept) > 1:
            self._held -= self._kept.popitem(last=False)[1].samples.nbytes


def trimmed(sample: Sample, clip: Clip) -> Hit:
    """The part of a stored cut that sounds, finite, one or two channels (more are folded to one), and its attack."""
    first = min(max(0, round(sample.trim.start_s * RATE)), clip.frames)
    last = min(max(first, round(sample.trim.end_s * RATE)), clip.frames)
    body = clip.samples[:, first:last]
    body = body if body.shape[0] <= 2 else body.mean(axis=0, keepdims=True, dtype=np.float32)
    if not np.isfinite(body.sum()):
        body = np.nan_to_num(body, posinf=0.0, neginf=0.0)
    attack = min(max(0, round(sample.attack_s * RATE) - first), max(0, last - first - 1))
    return Hit(body, attack)


def _needed(raw: Hit, steps: list[Step]) -> int:
    """Frames of the raw sound that a version can be made of: its decay, as fast as the sound then runs."""
    decay_ms = next((s["ms"] for s in steps if s["step"] == "decay"), None)
    if decay_ms is None:
        return raw.frames
    faster = math.exp2(max([0.0, *(s["semitones"] for s in steps if s["step"] == "pitch")]) / 12.0)
    seconds = float(decay_ms / 1000 * shaping.SILENT_AT + SPARE_S) * faster
    return min(raw.frames, raw.attack + round(seconds * RATE))


def _led(hit: Hit, raw: Hit, steps: list[Step]) -> Hit:
    """The hit with its attack found anew; where that is a later lobe than the raw sound's, the lead goes up to it."""
    found = placed(hit.samples, hit.attack)
    lead = next((s for s in steps if s["step"] == "lead"), None)
    if lead is None:
        return found
    faster = math.exp2(sum(s["semitones"] for s in steps if s["step"] == "pitch") / 12.0)
    led_up_to = min(raw.attack, lead["ms"] * RATE / 1000) / faster
    return shaping.lead(found, lead) if found.attack - led_up_to >= LATER else found


def _applied(hit: Hit, steps: list[Step]) -> Hit:
    for step in steps:
        hit = _STEPS[step["step"]](hit, step)
    return hit


def _centred(samples: Samples) -> Samples:
    """Without the recorder's offset, which is the median: a hit's own mean is not to be taken off."""
    if samples.shape[1] == 0:
        return samples
    some = samples[:, :: max(1, samples.shape[1] // OFFSET_POINTS)]
    centred = samples - np.median(some, axis=1, keepdims=True)
    return np.asarray(centred, np.float32)


def _peak(samples: Samples) -> float:
    return max(float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)))


def _scaled(samples: Samples, peak: float) -> Samples:
    """With that peak; silence, and what is only the rounding of silence, is silence."""
    own = _peak(samples)
    if own <= ROUNDING * peak:
        return np.zeros_like(samples)
    return np.asarray(samples * np.float32(peak / own), np.float32)


def _finished(hit: Hit, peak: float) -> Samples:
    """At the raw sound's peak, with faded ends, but never over the attack."""
    samples = _scaled(hit.samples, peak).copy()
    rise, fall = min(EDGE_IN, hit.attack), min(EDGE_OUT, hit.frames - hit.attack)
    samples[:, :rise] *= np.linspace(0, 1, rise, endpoint=False, dtype=np.float32)
    samples[:, hit.frames - fall :] *= np.linspace(1, 0, fall, dtype=np.float32)
    return samples
