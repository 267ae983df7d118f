"""Rendered tracks with known beats, for fitting and judging tempo, beats and meter.

Drums come from the development kits, accompaniment from the notes of the font, each rendered once. Some tracks have no
beat at all: noise, voices, drones, knocks at no tempo. Needs fluidsynth once.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt
import rhythm_drums
import rhythm_music
import role_material
from scipy import signal

RATE_HZ = role_material.RATE_HZ
PROGRAMS = {
    "bass": ((32, 33, 34, 35, 36, 38, 39), range(28, 54, 3)),
    "chords": ((0, 2, 4, 5, 7, 16, 19, 24, 25, 26, 27, 29, 30, 48, 50, 61, 62, 81, 89), range(45, 81, 3)),
    "lead": ((11, 12, 22, 25, 40, 52, 56, 65, 71, 73, 75, 80, 81, 84), range(57, 92, 3)),
}
NOTE_S, HELD_S = 2.2, 1.9
FADE_S = 0.06
NO_BEAT_SHARE = 0.12
JUDGES = ("Millo_MultiLayered3", "BJA_Pacific", "HardElectro1")  # kits of the tracks that judge, never fitted on

Mono = npt.NDArray[np.float32]
Rng = np.random.Generator


@dataclass(frozen=True)
class Track:
    """Audio with its truth; no beats and `bpm` 0 for what has no rhythm. `bpm` is the mean of quarters a minute."""

    audio: Mono
    bpm: float
    meter: str
    beats_s: npt.NDArray[np.float64]
    downbeats_s: npt.NDArray[np.float64]
    half_time: bool
    kind: str


@dataclass(frozen=True)
class Sounds:
    """The kits by name, the made ones, and of the font: part, program -> key -> note."""

    kits: dict[str, rhythm_drums.Kit]
    made: list[rhythm_drums.Kit]
    notes: dict[tuple[str, int], dict[int, Mono]]


def load(work: Path) -> Sounds:
    """All there is to play with."""
    root = role_material.fetch(work)
    return Sounds(rhythm_drums.kits(root), rhythm_drums.made(), _notes(root, work))


def _notes(root: Path, work: Path) -> dict[tuple[str, int], dict[int, Mono]]:
    jobs = [(part, program, key) for part, (programs, keys) in PROGRAMS.items() for program in programs for key in keys]
    cached = work / f"rhythm-notes-{len(jobs)}.npy"
    size = round(NOTE_S * RATE_HZ)
    if not cached.exists():
        score, track = mido.MidiFile(ticks_per_beat=480), mido.MidiTrack()
        score.tracks.append(track)
        for i, (_, program, key) in enumerate(jobs):
            pause = round((NOTE_S - HELD_S) * 960) if i else 0
            track.append(mido.Message("program_change", program=program, time=pause))
            track.append(mido.Message("note_on", note=key, velocity=96))
            track.append(mido.Message("note_off", note=key, time=round(HELD_S * 960)))
        midi, wav = work / "rhythm.mid", work / "rhythm.wav"
        score.save(midi)
        options = ["-ni", "-q", "-R", "0", "-C", "0", "-g", "0.6", "-r", str(RATE_HZ), "-F", str(wav)]
        command = ["fluidsynth", *options, str(root / role_material.FONT), str(midi)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        audio = role_material.load(wav)
        audio = np.pad(audio, (0, max(0, size * len(jobs) - len(audio))))[: size * len(jobs)]
        np.save(cached, np.rint(np.clip(audio, -1, 1) * 32767).astype(np.int16).reshape(len(jobs), size))
        wav.unlink()
        midi.unlink()
    stored = np.load(cached, mmap_mode="r")
    out: dict[tuple[str, int], dict[int, Mono]] = {}
    for i, (part, program, key) in enumerate(jobs):
        out.setdefault((part, program), {})[key] = stored[i]
    return out


@cache
def _stretch(shift: int) -> npt.NDArray[np.float64]:
    return np.arange(0, round(NOTE_S * RATE_HZ) - 2, 2 ** (shift / 12))


def _note(notes: dict[int, npt.NDArray[np.int16]], key: int, seconds: float) -> Mono:
    near = min(notes, key=lambda k: (abs(k - key), k))
    places = _stretch(int(np.clip(key - near, -5, 5)))
    n = min(len(places), max(1, round((seconds + FADE_S) * RATE_HZ)))
    source = np.asarray(notes[near][: int(places[n - 1]) + 2], np.float32) / 32768
    audio = np.interp(places[:n], np.arange(len(source)), source).astype(np.float32)
    fade = min(n, round(FADE_S * RATE_HZ))
    audio[n - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return audio


def play_drums(
    rng: Rng, sounds: Sounds, kits: Sequence[str], timed: Sequence[tuple[float, str, float]], size: int
) -> Mono:
    """(second, drum, velocity) on one of the `kits`; where these do not judge, also on mixed, made and bent drums."""
    judging = set(kits) <= set(JUDGES)
    drums = rhythm_drums.drawn(rng, [sounds.kits[k] for k in kits], [] if judging else sounds.made)
    return rhythm_drums.play(rng, drums, timed, size, bent=not judging)


def play_notes(rng: Rng, sounds: Sounds, timed: Sequence[tuple[float, str, int, float, float]], size: int) -> Mono:
    """(second, part, key, velocity, seconds held) by one program for each part."""
    out = np.zeros(size, np.float32)
    program = {part: int(rng.choice(PROGRAMS[part][0])) for part in PROGRAMS}
    levels = {"bass": (0.6, 1.3), "chords": (0.2, 0.5), "lead": (0.2, 0.8)}
    gain = {part: float(rng.uniform(*range_)) for part, range_ in levels.items()}
    for at, part, key, velocity, held in timed:
        rhythm_drums.add(out, at, _note(sounds.notes[part, program[part]], key, held), gain[part] * velocity)
    return out


def _level(x: Mono) -> float:
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) + 1e-9


def effects(rng: Rng, x: Mono) -> Mono:
    """A room, noise, a narrow line, saturation, any gain: each now and then."""
    if rng.random() < 0.3:
        n = round(rng.uniform(0.1, 1.2) * RATE_HZ)
        tail = rng.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)
        tail /= np.sqrt((tail**2).sum())
        x = (x + rng.uniform(0.1, 0.6) * signal.oaconvolve(x, tail)[: len(x)]).astype(np.float32)
    if rng.random() < 0.3:
        x = x + (_level(x) * 10 ** (-rng.uniform(5, 40) / 20) * rng.standard_normal(len(x))).astype(np.float32)
    if rng.random() < 0.15:
        band = [rng.uniform(60, 300), rng.uniform(3_000, 8_000)]
        x = signal.sosfilt(signal.butter(2, band, "band", fs=RATE_HZ, output="sos"), x).astype(np.float32)
    x = x / max(1e-6, float(np.abs(x).max()))
    if rng.random() < 0.15:
        x = np.tanh(x * rng.uniform(1, 6))
    return (x * 10 ** (-rng.uniform(0.5, 30) / 20)).astype(np.float32)


def _silenced(rng: Rng, piece: rhythm_music.Piece) -> tuple[list[bool], list[bool]]:
    """Whether drums and notes sound, bar by bar: breaks and intros."""
    drums, notes = [True] * piece.bars, [True] * piece.bars
    if piece.bars >= 8 and rng.random() < 0.3:
        first, many = int(rng.integers(2, piece.bars - 3)), int(rng.integers(1, 3))
        drums[first : first + many] = [False] * many
        if rng.random() < 0.3:
            notes[first : first + many] = [False] * many
    if piece.bars >= 8 and rng.random() < 0.12:
        drums[:2] = [False] * 2
    return drums, notes


def with_beat(rng: Rng, sounds: Sounds, kits: Sequence[str], kind: str | None = None, mix: str | None = None) -> Track:
    """A track with a rhythm. `kind` of tempo and `mix` (solo, mix, notes) are drawn unless given."""
    seconds = float(rng.uniform(12, 24)) if rng.random() < 0.88 else float(rng.uniform(5, 12))
    piece = rhythm_music.draw(rng, seconds)
    kind = kind or str(rng.choice(["constant", "ramp", "wander", "jump"], p=[0.72, 0.13, 0.11, 0.04]))
    mix = mix or str(rng.choice(["solo", "mix", "notes"], p=[0.4, 0.44, 0.16]))
    quarters, at_s = rhythm_music.warp(rng, piece, kind)
    when = lambda q: float(np.interp(q, quarters, at_s))  # noqa: E731
    bar = rhythm_music.BAR_QUARTERS[piece.meter]
    skip = float(rng.uniform(0, bar)) if rng.random() < 0.3 else 0.0  # the file starts within a bar
    lead = float(rng.uniform(0.05, 2.0)) if rng.random() < 0.4 else 0.0
    shift = lead - when(skip)
    total = at_s[-1] + shift
    size = round((total + 0.8) * RATE_HZ)
    drums_on, notes_on = _silenced(rng, piece)
    on = lambda table, q: table[min(piece.bars - 1, int(q / bar + 1e-6))]  # noqa: E731
    audio = np.zeros(size, np.float32)
    if mix != "notes":
        hits = [(when(s.quarter) + shift + s.late_s, s.drum, s.velocity) for s in piece.strokes
                if skip - 0.01 <= s.quarter < piece.quarters and on(drums_on, s.quarter)]  # fmt: skip
        audio += play_drums(rng, sounds, kits, hits, size)
    if mix != "solo":
        sounding = [n for n in piece.notes if skip - 0.01 <= n.quarter < piece.quarters]
        notes = [
            (when(n.quarter) + shift, n.part, n.key, n.velocity, n.held * 60 / piece.bpm)
            for n in sounding
            if mix == "notes" or on(notes_on, n.quarter)
        ]
        played = play_notes(rng, sounds, notes, size)
        gain = 1.0 if mix == "notes" else _level(audio) / _level(played) * 10 ** (rng.uniform(-12, 6) / 20)
        audio += gain * played
    beats = np.arange(0, piece.quarters - 1e-6, rhythm_music.BEAT_QUARTERS[piece.meter])
    down = np.arange(0, piece.quarters - 1e-6, bar)
    keep = lambda q: np.interp(q[q >= skip - 1e-6], quarters, at_s) + shift  # noqa: E731
    bpm = 60 * (quarters[-1] - quarters[0]) / (at_s[-1] - at_s[0])
    name = f"{mix} {kind}"
    return Track(effects(rng, audio), float(bpm), piece.meter, keep(beats), keep(down), piece.half_time, name)


def syllable(rng: Rng) -> Mono:
    """A consonant's hiss and a vowel of three formants on a gliding pitch, peak 1."""
    n, lead = round(rng.uniform(0.08, 0.3) * RATE_HZ), round(rng.uniform(0.0, 0.09) * RATE_HZ)
    hz = rng.uniform(85, 260) * np.linspace(1, rng.uniform(0.8, 1.2), n)
    buzz = np.diff(np.floor(np.cumsum(hz) / RATE_HZ), prepend=0.0)
    vowel = np.zeros(n)
    for low, high in ((250, 850), (850, 2_300), (2_300, 3_200)):
        centre = rng.uniform(low, high)
        sos = signal.butter(1, [centre * 0.94, centre * 1.06], "band", fs=RATE_HZ, output="sos")
        vowel += rng.uniform(0.3, 1) * signal.sosfilt(sos, buzz)
    vowel *= np.minimum(1, np.minimum(np.arange(n), n - np.arange(n)) / (0.02 * RATE_HZ)) / np.abs(vowel).max()
    hiss = rng.standard_normal(lead) * np.hanning(lead) * rng.uniform(0.02, 0.25)
    return np.concatenate([hiss, vowel]).astype(np.float32)


def without_beat(rng: Rng, sounds: Sounds, kits: Sequence[str]) -> Track:
    """A track in which nothing beats."""
    size = round(rng.uniform(2, 16) * RATE_HZ)
    seconds = size / RATE_HZ
    kind = str(rng.choice(["noise", "voices", "drone", "knocks", "rubato", "tone", "swells"]))
    audio = np.zeros(size, np.float32)
    if kind == "noise":
        band = [rng.uniform(20, 300), rng.uniform(1_000, 18_000)]
        hiss = rng.standard_normal(size)
        audio += signal.sosfilt(signal.butter(1, band, "band", fs=RATE_HZ, output="sos"), hiss).astype(np.float32)
    elif kind == "voices":
        at = 0.0
        while at < seconds:
            rhythm_drums.add(audio, at, syllable(rng), float(rng.uniform(0.3, 1)))
            at += float(rng.gamma(2.0, 0.16)) + 0.08 + (float(rng.uniform(0.3, 1.0)) if rng.random() < 0.12 else 0.0)
    elif kind == "tone":
        audio += np.sin(2 * np.pi * rng.uniform(40, 4_000) * np.arange(size) / RATE_HZ).astype(np.float32)
    elif kind == "swells":
        knots = 3 + int(seconds)
        level = np.interp(np.arange(size), np.sort(rng.uniform(0, size, knots)), rng.uniform(0, 1, knots))
        audio += (level * rng.standard_normal(size)).astype(np.float32)
    elif kind == "knocks":
        times = np.cumsum(rng.exponential(rng.uniform(0.15, 1.5), int(seconds * 8)))
        drums = rng.choice(rhythm_drums.DRUMS, size=len(times))
        hits = [(float(t), str(d), float(rng.uniform(0.3, 1))) for t, d in zip(times, drums, strict=True)]
        audio += play_drums(rng, sounds, kits, [h for h in hits if h[0] < seconds], size)
    else:
        pause = 4.0 if kind == "drone" else float(rng.uniform(0.3, 1.0))
        times = np.cumsum(rng.gamma(2.0, pause / 2, int(seconds * 6)))
        held = 2.0 if kind == "drone" else 0.8
        notes = [(float(t), "chords", int(rng.integers(45, 75)), 0.8, held) for t in [0.0, *times] if t < seconds]
        audio += play_notes(rng, sounds, notes, size)
    if not audio.any():
        audio += 1e-3 * rng.standard_normal(size).astype(np.float32)
    none = np.zeros(0)
    return Track(effects(rng, audio), 0.0, "", none, none, False, kind)


def track(seed: int, stream: int, sounds: Sounds) -> Track:
    """The track of a seed in a stream of seeds: 0 fits, on six kits; 1 judges, on the other three."""
    rng = np.random.default_rng([41, stream, seed])
    kits = [k for k in role_material.KITS if (k in JUDGES) == (stream == 1)]
    return without_beat(rng, sounds, kits) if rng.random() < NO_BEAT_SHARE else with_beat(rng, sounds, kits)
