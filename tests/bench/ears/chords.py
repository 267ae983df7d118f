"""Music with chords, written here and played by TimGM6mb through fluidsynth: bass, chords, melody, no drums."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from deploy.training import role_material
from tests.bench.ears.labels import NOTES

RATE = role_material.RATE_HZ
TICKS = 1_000  # a quarter at 60 bpm: a tick is a millisecond
GAIN = "0.6"
PEAK = 0.8

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
# Degrees of the scale, one a bar; every piece ends on a cadence of its own.
PROGRESSIONS = {
    "major": ((0, 4, 5, 3), (0, 3, 4, 0), (0, 5, 1, 4), (0, 5, 3, 4), (1, 4, 0, 0), (0, 2, 3, 4), (0, 3, 0, 4)),
    "minor": ((0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 4), (0, 3, 6, 2), (1, 4, 0, 0), (0, 5, 3, 4), (0, 0, 3, 4)),
}
CADENCE = (4, 0)
DOMINANT = 4
BASSES = (32, 33, 34, 35, 38, 39)
CHORDS = (0, 1, 4, 5, 11, 16, 19, 21, 24, 25, 27, 48, 49)
MELODIES = (11, 22, 25, 40, 56, 60, 65, 71, 73, 80, 81)
PATTERNS = ("held", "quarters", "off", "broken")
BASS_LOW, CHORD_LOW, MELODY_LOW = 33, 52, 64  # MIDI notes from which the parts choose theirs

Rng = np.random.Generator
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Note:
    """Seconds, MIDI channel and note, velocity 1..127."""

    start_s: float
    end_s: float
    channel: int
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Band:
    """Who plays: General MIDI programs of bass, chords and melody (None: silent) and the pattern of the chords."""

    bass: int | None
    chords: int
    melody: int | None
    pattern: str


def band(rng: Rng) -> Band:
    """A band drawn by chance; nine of ten have a bass, four of five a melody."""
    return Band(
        int(rng.choice(BASSES)) if rng.random() < 0.9 else None,
        int(rng.choice(CHORDS)),
        int(rng.choice(MELODIES)) if rng.random() < 0.8 else None,
        str(rng.choice(PATTERNS)),
    )


def progression(mode: str, bars: int, rng: Rng) -> list[int]:
    """Degrees for bars of music: one progression over and over, a cadence at the end."""
    found = PROGRESSIONS[mode][int(rng.integers(len(PROGRESSIONS[mode])))]
    degrees = [found[i % len(found)] for i in range(bars)]
    return [*degrees[: max(0, bars - len(CADENCE))], *CADENCE][-bars:]


def notes(key: str, bars: Sequence[Sequence[float]], degrees: Sequence[int], who: Band, rng: Rng) -> list[Note]:
    """The music of some bars. `bars`: the seconds of each bar's beats, and last the second at which it ends."""
    name, mode = key.split()
    tonic, raised = NOTES.index(name), mode == "minor"
    found = []
    for beats, degree in zip(bars, degrees, strict=True):
        scale = list(MAJOR if mode == "major" else MINOR)
        if raised and degree == DOMINANT:
            scale[6] += 1  # the leading tone of the harmonic minor
        triad = [(tonic + scale[(degree + k) % 7]) % 12 for k in (0, 2, 4)]
        found += _bass(triad, beats, who, rng) + _chords(triad, beats, who)
        found += _melody([(tonic + s) % 12 for s in scale], triad, beats, who, rng)
    return found


def _above(low: int, pitch_class: int) -> int:
    """The lowest note of a pitch class from `low` on."""
    return low + (pitch_class - low) % 12


def _bass(triad: list[int], beats: Sequence[float], who: Band, rng: Rng) -> list[Note]:
    if who.bass is None:
        return []
    fifth = rng.random() < 0.3
    return [
        Note(a, a + 0.9 * (b - a), 0, _above(BASS_LOW, triad[2 if fifth and i % 2 else 0]), 92 - 8 * (i % 2))
        for i, (a, b) in enumerate(itertools.pairwise(beats))
    ]


def _chords(triad: list[int], beats: Sequence[float], who: Band) -> list[Note]:
    pitches = sorted(_above(CHORD_LOW, pc) for pc in triad)
    spans = list(itertools.pairwise(beats))
    if who.pattern == "held":
        return [Note(beats[0], beats[-1] - 0.02, 1, p, 70) for p in pitches]
    if who.pattern == "quarters":
        return [Note(a, a + 0.8 * (b - a), 1, p, 74) for a, b in spans for p in pitches]
    if who.pattern == "off":
        return [Note((a + b) / 2, b - 0.02, 1, p, 74) for a, b in spans for p in pitches]
    halves = [edge for a, b in spans for edge in (a, (a + b) / 2)] + [beats[-1]]
    order = [pitches[i] for i in (0, 1, 2, 1)]
    return [Note(a, b, 1, order[i % 4], 76) for i, (a, b) in enumerate(itertools.pairwise(halves))]


def _melody(scale: list[int], triad: list[int], beats: Sequence[float], who: Band, rng: Rng) -> list[Note]:
    if who.melody is None:
        return []
    found = []
    for a, b in itertools.pairwise(beats):
        if rng.random() < 0.75:
            found.append(Note(a, (a + b) / 2, 2, _above(MELODY_LOW, int(rng.choice(triad))), 84))
        if rng.random() < 0.45:
            found.append(Note((a + b) / 2, b, 2, _above(MELODY_LOW, int(rng.choice(scale))), 76))
    return found


def play(played: Sequence[tuple[Band, Sequence[Note]]], seconds: float, root: Path, folder: Path) -> Floats:
    """The notes of one band after another as stereo (2, n) at 44.1 kHz, peak 0.8. `folder` holds files for a moment.

    Raises CalledProcessError when fluidsynth fails, FileNotFoundError when it is not installed.
    """
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=1_000_000))
    clock = 0
    for tick, message in _messages(played):
        track.append(message.copy(time=tick - clock))
        clock = tick
    written = mido.MidiFile(ticks_per_beat=TICKS)
    written.tracks.append(track)
    midi, wav = folder / "music.mid", folder / "music.wav"
    written.save(midi)
    options = ["-ni", "-q", "-g", GAIN, "-r", str(RATE), "-F", str(wav)]
    program = ["fluidsynth", *options, str(root / role_material.FONT), str(midi)]
    subprocess.run(program, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    audio, _ = soundfile.read(wav, dtype="float32", always_2d=True)
    midi.unlink()
    wav.unlink()
    n = round(seconds * RATE)
    stereo = np.zeros((2, n), np.float32)
    stereo[:, : min(n, len(audio))] = audio[:n].T
    return np.asarray(PEAK * stereo / max(1e-6, float(np.abs(stereo).max())), np.float32)


def _messages(played: Sequence[tuple[Band, Sequence[Note]]]) -> list[tuple[int, mido.Message]]:
    """Messages with their ticks; at one tick notes end, then programs change, then notes begin."""
    found: list[tuple[int, int, mido.Message]] = []
    for who, own in played:
        first = min((round(n.start_s * TICKS) for n in own), default=0)
        programs = ((0, who.bass), (1, who.chords), (2, who.melody))
        found += [
            (first, 1, mido.Message("program_change", channel=c, program=p)) for c, p in programs if p is not None
        ]
        for n in own:
            sounding = {"channel": n.channel, "note": n.pitch}
            found.append((round(n.start_s * TICKS), 2, mido.Message("note_on", velocity=n.velocity, **sounding)))
            found.append((round(n.end_s * TICKS), 0, mido.Message("note_off", **sounding)))
    return [(tick, message) for tick, _, message in sorted(found, key=lambda row: row[:2])]


def detuned(x: Floats, cents: float) -> Floats:
    """The same music so many cents higher, by resampling: it is that much faster too."""
    return np.asarray(soxr.resample(x.T, RATE * 2 ** (cents / 1200), RATE).T, np.float32)
