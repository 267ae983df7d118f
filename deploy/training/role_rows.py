"""Everything the role classifier learns from, measured once: kits, font and made sounds, each in many guises."""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import role_acoustic
import role_damage
import role_machines
import role_material
import role_shapes
import role_synth
from role_material import Sound
from threadpoolctl import threadpool_limits

from services.audio.clip import Clip
from services.beats import features, picture
from services.beats.features import Features, extract
from services.beats.types import INSTRUMENTS

SEED = 1
PASSES = 3  # times that all material is measured, each time in other guises and with other made sounds
KIT_COPIES = 12  # guises, in a pass, of an instrument's only layer; each of n layers has this over the root of n
DRUM_COPIES = 1  # guises, in a pass, of each drum of the font; its notes are heard as they are
MADE_SHARE = 0.8  # of the counts of the makers are made in a pass
MARGIN = 4410  # samples kept before the onset
HEARD_S = 1.55  # seconds from the onset that features look at, and a little
VARIED, DAMAGED = 0.8, 0.55  # chances that a guise is another instrument, and that something happened to it
CLEAN, GUISE = 0, 1
BYTE = 255  # pictures are kept in steps of 0.3 dB
MAKERS = role_acoustic.MAKERS + role_machines.MAKERS + role_synth.MAKERS
MODULES = (role_acoustic, role_damage, role_machines, role_material, role_shapes, role_synth, features, picture)


@dataclass(frozen=True)
class Rows:
    """n measured sounds: features (n, f), the readable ones (n, r), pictures as bytes (n, …); the rest (n,)."""

    vector: npt.NDArray[np.float32]
    named: npt.NDArray[np.float64]
    long: npt.NDArray[np.uint8]
    short: npt.NDArray[np.uint8]
    partials: npt.NDArray[np.uint8]
    y: npt.NDArray[np.int64]
    kit: npt.NDArray[np.str_]
    layer: npt.NDArray[np.int64]
    guise: npt.NDArray[np.int64]


def one_thread() -> None:
    """In a worker process: matrices on one core, since every core has a process of its own."""
    threadpool_limits(1)


def as_mono(x: npt.NDArray[np.floating]) -> role_damage.Mono:
    return np.nan_to_num(x).astype(np.float32)


def guise(sound: Sound, rng: np.random.Generator, varied: float) -> role_damage.Mono:
    """Another instrument of the same class (a chance), another recording of it, or both."""
    x = sound.audio
    if rng.random() < varied:
        x = role_damage.vary(x, sound.instrument, rng).astype(np.float32)
    return role_damage.damage(x, rng) if rng.random() < DAMAGED else x


def row(found: Features, sound: Sound, kind: int) -> tuple[object, ...]:
    """One sound's values in the order of Rows."""
    pictures = (found.pictures.long, found.pictures.short, found.pictures.partials)
    drawn = [np.rint(p * BYTE).astype(np.uint8) for p in pictures]
    label = INSTRUMENTS.index(sound.instrument)
    return found.vector.astype(np.float32), list(found.named.values()), *drawn, label, sound.kit, sound.layer, kind


def measure_sound(job: tuple[Sound, tuple[int, int], int]) -> list[tuple[object, ...]]:
    """A sound in so many guises; in the first pass also as it is."""
    sound, (number, seed), copies = job
    rng = np.random.default_rng([SEED, number, seed])
    heard = [(guise(sound, rng, VARIED), GUISE) for _ in range(copies)] + [(sound.audio, CLEAN)] * (number == 0)
    found = [(extract(Clip(audio[None], role_material.RATE_HZ)), kind) for audio, kind in heard]
    return [row(f, sound, kind) for f, kind in found if f is not None]


def measure_made(job: tuple[int, int, int]) -> list[tuple[object, ...]]:
    """One sound of a maker, in a guise of its own."""
    number, place, i = job
    maker, label, _ = MAKERS[place]
    rng = np.random.default_rng([SEED, number, place, i])
    audio = guise(Sound(as_mono(maker(rng)), label, "made"), rng, VARIED / 2)
    found = extract(Clip(audio[None], role_material.RATE_HZ))
    return [row(found, Sound(audio, label, "made"), CLEAN)] if found else []


@cache
def recorded(work: Path) -> tuple[Sound, ...]:
    """The sounds of kits and font, no longer than what is listened to."""
    root = role_material.fetch(work)
    kits = (sound for kit in role_material.KITS for sound in role_material.kit_sounds(root, kit))
    return tuple(heard_part(sound) for sound in chain(kits, role_material.font_sounds(root, work)))


def heard_part(sound: Sound) -> Sound:
    """A sound from just before its onset, as long as features look at it."""
    start = role_damage.begin(sound.audio)
    part = sound.audio[max(0, start - MARGIN) : start + round(HEARD_S * role_material.RATE_HZ)]
    return replace(sound, audio=part.copy())


def copies_of(sound: Sound, layers: int) -> int:
    """Guises of a sound in a pass."""
    if sound.kit == role_material.FONT_NAME:
        return DRUM_COPIES if sound.name == "drums" else 0
    return round(KIT_COPIES / layers**0.5)


def jobs(work: Path, number: int) -> list[tuple[Sound, tuple[int, int], int]]:
    """The recorded sounds of a pass, what to seed each with, and its number of guises."""
    sounds = recorded(work)
    layers = Counter((s.kit, s.name) for s in sounds)
    found = [(s, (number, i), copies_of(s, layers[s.kit, s.name])) for i, s in enumerate(sounds)]
    return [job for job in found if number == 0 or job[2]]


def measured(work: Path, number: int) -> dict[str, npt.NDArray[np.generic]]:
    """The columns of Rows of one pass; kept in WORK under the hash of the code that made it."""
    files = [Path(__file__), *(Path(str(m.__file__)) for m in MODULES)]
    key = hashlib.sha256("".join(ast.dump(ast.parse(f.read_text())) for f in files).encode()).hexdigest()
    cached = work / f"roles-{key[:12]}-{number}.npz"
    names = [f.name for f in fields(Rows)]
    if not cached.exists():
        counts = [round(MADE_SHARE * count) for _, _, count in MAKERS]
        places = [(number, place, i) for place, count in enumerate(counts) for i in range(count)]
        with ProcessPoolExecutor(initializer=one_thread) as pool:
            rows = [r for part in pool.map(measure_sound, jobs(work, number), chunksize=16) for r in part]
            rows += [r for part in pool.map(measure_made, places, chunksize=32) for r in part]
        np.savez(cached, **dict(zip(names, (np.array(c) for c in zip(*rows, strict=True)), strict=True)))
    with np.load(cached) as data:
        return {name: data[name] for name in names}


def material(work: Path) -> Rows:
    """Everything there is to learn from, of all passes."""
    passes = [measured(work, number) for number in range(PASSES)]
    return Rows(**{f.name: np.concatenate([part[f.name] for part in passes]) for f in fields(Rows)})
