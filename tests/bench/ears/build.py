"""Labelled material of our own, built once into a cache folder: one-shots, drum tracks, chord music, forms, nothing.

Sounds come from the development kits and the font that trainings use as well, so figures on them are those of kits
that were heard before; patterns, tempos, mixes, rooms and music are drawn from seeds that no training uses. What kits
never heard would give is in the metrics files beside the weights.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from deploy.training import role_material
from tests.bench.ears import chords, drum_audio, drum_score, no_drums, slices_material
from tests.bench.ears.labels import KEYS

RATE = role_material.RATE_HZ
SEED = 7_200_000  # of everything but the scores, which have their own
TAKES = 3  # scores of every style
MIX_DB = (-6.0, 6.0)  # level of the accompaniment against the drums, RMS
MIX_PEAK = 0.9
PIECES = 2  # of chord music in every key
SONG_S = 22.0
SONG_BPM = (66.0, 168.0)
IN_THREE = 0.25  # share of the chord music in 3/4
DETUNED, CENTS = 0.4, 45.0  # share of the chord music that is not at A = 440 Hz, and how far it may be off
EACH_NOTHING = 3  # recordings of every maker
EACH_SOUND = 12  # made sounds of every instrument that is no drum
FORMS = ("AABA", "ABAB", "ABCB", "AABB", "ABACA", "AAB")
FORM_BARS = (4, 8)
FORM_BPM = (90.0, 140.0)

Floats = npt.NDArray[np.floating]
Say = Callable[[str], None]


class CannotBuild(RuntimeError):
    """The packages or programs that the material is made of cannot be had; the message says which."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where material comes from and goes: the unpacked packages, and the folder of one kind of recordings."""

    root: Path
    folder: Path

    def write(self, name: str, audio: Floats) -> str:
        """(channels, n) as FLAC of 16 bits; returns the file's name."""
        soundfile.write(self.folder / name, np.clip(audio, -1, 1).T, RATE, subtype="PCM_16")
        return name


def built(cache: Path, packages: Path, takes: int = TAKES, say: Say = print) -> Path:
    """The folder with all material; what the same code has built before is kept.

    Raises CannotBuild where apt-get, dpkg-deb, fluidsynth or the packages are missing.
    """
    data, mark = cache / "material", cache / "material/built.json"
    have = json.loads(mark.read_text()) if mark.exists() else {}
    wanted = {name: _code(part.sources, takes) for name, part in PARTS.items()}
    if have == wanted:
        return data
    root = _packages(packages)
    for name in [name for name in PARTS if have.get(name) != wanted[name]]:
        folder = data / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        rows = PARTS[name].make(Place(root, folder), takes)
        say(f"built {name}: {rows} recordings")
        have[name] = wanted[name]
        mark.write_text(json.dumps(have))
    return data


def _code(sources: Sequence[str], takes: int) -> str:
    """A hash of what a part is made by."""
    here = Path(__file__).parent
    files = [here / name for name in ("build.py", *sources)] + [Path(role_material.__file__)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files) + bytes([takes])).hexdigest()[:16]


def _packages(folder: Path) -> Path:
    """The root of the unpacked packages."""
    fetched = (folder / "root" / role_material.FONT).exists()
    needed = ("fluidsynth",) if fetched else ("apt-get", "dpkg-deb", "fluidsynth")
    missing = [name for name in needed if shutil.which(name) is None]
    if missing:
        raise CannotBuild(
            f"The labelled material needs {', '.join(needed)}, and {', '.join(missing)} is missing. "
            "On Debian or Ubuntu: apt-get install fluidsynth. Or name labelled recordings of your own: --data FOLDER."
        )
    try:
        return role_material.fetch(folder)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotBuild(
            f"The packages {', '.join(role_material.PACKAGES)} could not be fetched with apt-get ({error}). "
            "Try apt-get update, or name labelled recordings of your own: --data FOLDER."
        ) from error


def one_shots(place: Place) -> Iterable[tuple[str, dict[str, Any]]]:
    """Every sound of the development kits whose name says what it is, and some made sounds that are no drums."""
    for kit in role_material.KITS:
        for i, sound in enumerate(role_material.kit_sounds(place.root, kit)):
            yield place.write(f"{kit}_{i:03d}.flac", sound.audio[None]), {"instrument": sound.instrument, "kit": kit}
    for i, (instrument, audio) in enumerate(no_drums.sounds(EACH_SOUND, SEED)):
        yield place.write(f"made_{i:03d}.flac", audio[None]), {"instrument": instrument, "kit": "made here, no drums"}


def drum_tracks(place: Place, takes: int) -> Iterable[tuple[str, dict[str, Any]]]:
    """Every style, `takes` times, each on the next kit, alone and in a mix."""
    kits = {name: drum_audio.load_kit(place.root, name) for name in role_material.KITS}
    for i, score in enumerate(drum_score.scores(takes)):
        rng = np.random.default_rng([SEED, 1, i])
        kit = role_material.KITS[i % len(role_material.KITS)]
        drums, truth = drum_audio.render(score, kits[kit], rng)
        music, key = _accompaniment(score, place, rng)
        row = {
            "events": [list(pair) for pair in zip(truth.times_s, truth.five, strict=True)],
            "instruments": list(truth.nine),
            "velocity": list(truth.velocity),
            "bpm": score.bpm,
            "beats": list(score.beats_s),
            "downbeats": list(score.downbeats_s),
            "meter": score.meter,
            "half_time": score.half_time,
            "kit": kit,
            "style": score.style,
        }
        yield place.write(f"{i:03d}_{score.style}_solo.flac", drums), {**row, "mix": "solo"}
        mixed = _mixed(drums, music, float(rng.uniform(*MIX_DB)))
        yield place.write(f"{i:03d}_{score.style}_mix.flac", mixed), {**row, "mix": "mix", "key": key}


def _accompaniment(score: drum_score.Score, place: Place, rng: np.random.Generator) -> tuple[Floats, str]:
    """Bass, chords and melody on the beats of a score, a chord a bar; and their key."""
    key = KEYS[int(rng.integers(len(KEYS)))]
    ends = [*score.downbeats_s[1:], score.end_s]
    bars = [
        [*(b for b in score.beats_s if start - 1e-6 <= b < end - 1e-6), end]
        for start, end in zip(score.downbeats_s, ends, strict=True)
    ]
    degrees = chords.progression(key.split()[1], len(bars), rng)
    who = chords.band(rng)
    played = chords.notes(key, bars, degrees, who, rng)
    return chords.play([(who, played)], score.end_s + drum_audio.TAIL_S, place.root, place.folder), key


def _mixed(drums: Floats, music: Floats, level_db: float) -> Floats:
    """Both together, the music so many dB above the drums by RMS."""
    gain = 10 ** (level_db / 20) * np.sqrt((drums**2).mean() / max(1e-12, float((music**2).mean())))
    both = drums + gain * music
    return MIX_PEAK * both / np.abs(both).max()


def chord_music(place: Place) -> Iterable[tuple[str, dict[str, Any]]]:
    """Pieces in every key, some in 3/4, some above or below A = 440 Hz."""
    for i in range(PIECES * len(KEYS)):
        rng = np.random.default_rng([SEED, 2, i])
        key, bpm = KEYS[i % len(KEYS)], float(rng.uniform(*SONG_BPM))
        beats = 3 if rng.random() < IN_THREE else 4
        bars = _bars(round(SONG_S * bpm / 60 / beats), beats, bpm, 0.0)
        who = chords.band(rng)
        played = chords.notes(key, bars, chords.progression(key.split()[1], len(bars), rng), who, rng)
        audio = chords.play([(who, played)], bars[-1][-1] + 1.0, place.root, place.folder)
        cents = round(float(rng.uniform(-CENTS, CENTS)), 1) if rng.random() < DETUNED else 0.0
        row = {"key": key, "bpm": round(bpm * 2 ** (cents / 1200), 3), "cents": cents}
        yield place.write(f"k{i:02d}.flac", chords.detuned(audio, cents) if cents else audio), row


def _bars(count: int, beats: int, bpm: float, start_s: float) -> list[list[float]]:
    """The seconds of the beats of each bar and of its end."""
    beat_s = 60.0 / bpm
    return [[start_s + (bar * beats + b) * beat_s for b in range(beats + 1)] for bar in range(count)]


def nothing(place: Place) -> Iterable[tuple[str, dict[str, Any]]]:
    """Recordings with neither drums nor a key."""
    for i, (kind, audio) in enumerate(no_drums.recordings(EACH_NOTHING, SEED)):
        yield place.write(f"{i:02d}_{kind}.flac", audio[None]), {"kind": kind}


def song_forms(place: Place) -> Iterable[tuple[str, dict[str, Any]]]:
    """Songs of two or three parts that differ in band and chords, in the order of their letters."""
    for i, form in enumerate(FORMS * 2):
        rng = np.random.default_rng([SEED, 3, i])
        key, bpm = KEYS[int(rng.integers(len(KEYS)))], float(rng.uniform(*FORM_BPM))
        long = int(rng.choice(FORM_BARS))
        mode = key.split()[1]
        parts = {letter: (chords.band(rng), chords.progression(mode, long, rng)) for letter in sorted(set(form))}
        at, played, sections = 0.0, [], []
        for letter in form:
            who, degrees = parts[letter]
            bars = _bars(long, 4, bpm, at)
            played.append((who, chords.notes(key, bars, degrees, who, rng)))
            sections.append([round(at, 4), round(bars[-1][-1], 4), letter])
            at = bars[-1][-1]
        yield place.write(f"f{i:02d}.flac", chords.play(played, at, place.root, place.folder)), {"sections": sections}


@dataclass(frozen=True, slots=True)
class Part:
    """A kind of recordings: how it is made, and by which of the files beside this one."""

    make: Callable[[Place, int], int]
    sources: tuple[str, ...]


def _labelled(rows: Callable[[Place, int], Iterable[tuple[str, dict[str, Any]]]]) -> Callable[[Place, int], int]:
    """A maker that also writes the labels of what it made."""

    def make(place: Place, takes: int) -> int:
        found = dict(rows(place, takes))
        (place.folder / "labels.json").write_text(json.dumps(found))
        return len(found)

    return make


PARTS = {
    "roles": Part(_labelled(lambda place, _: one_shots(place)), ("no_drums.py",)),
    "adt": Part(_labelled(drum_tracks), ("drum_score.py", "drum_audio.py", "chords.py")),
    "key": Part(_labelled(lambda place, _: chord_music(place)), ("chords.py",)),
    "others": Part(_labelled(lambda place, _: nothing(place)), ("no_drums.py",)),
    "sections": Part(_labelled(lambda place, _: song_forms(place)), ("chords.py",)),
    "slices": Part(
        lambda place, _: slices_material.build(place.folder, place.root),
        ("slices_material.py", "slices_sounds.py", "slices_beds.py"),
    ),
}
