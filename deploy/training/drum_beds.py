"""Music without drums, to play drums against: bass, chords, a lead and ornaments of a General MIDI font.

Each bed has one tempo and meter, so that drums can be laid on its beats: a bass note that falls on the beat must not be
taken for a kick. Programs and figures are drawn widely; the drum channel is never used. Needs fluidsynth.
"""

from __future__ import annotations

import subprocess
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt
import soundfile
import soxr

RATE_HZ = 44_100
STORED_HZ = 32_000  # of the cache: beds are masked above 14 kHz by nothing that drums need
TICKS = 480
BED_S = 32.0
BASSES = (*range(32, 40), 43, 58, 67)
CHORDS = (*range(8), *range(16, 32), 46, *range(48, 56), *range(61, 64), *range(88, 96), 104, 105, 107)
LEADS = (*range(8, 16), *range(24, 31), *range(40, 47), 52, 53, 54, *range(56, 80), *range(80, 88), 104, 105, 106, 108)
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10), (0, 2, 4, 5, 7, 9, 10))
METERS = (4, 4, 4, 4, 4, 3, 6, 5, 7)

Mono = npt.NDArray[np.float32]
Rng = np.random.Generator
Note = tuple[float, int, int, int, float]  # beat, channel, key, velocity, beats held


@dataclass(frozen=True)
class Bed:
    """Mono audio at 44.1 kHz whose bars of `meter` quarters begin at 0, at `bpm` quarters a minute."""

    audio: Mono
    bpm: float
    meter: int


def _figure(rng: Rng, quarters: int) -> list[float]:
    """Onsets within a bar, in quarters: a repeated rhythm of one grain, thinned at random."""
    grain = float(rng.choice([0.25, 0.5, 0.5, 1 / 3, 1.0, 1.0, 2.0]))
    keep = rng.uniform(0.3, 1.0)
    places = np.arange(0, quarters, grain)
    kept = places[rng.random(places.size) < keep]
    return [float(p) for p in kept] if kept.size else [0.0]


def _part(rng: Rng, channel: int, bars: int, quarters: int, chords: list[list[int]]) -> list[Note]:
    """One channel's notes: a bass (0), chords (1), a lead (2) or short ornaments (3)."""
    figure, held, notes = _figure(rng, quarters), float(rng.uniform(0.3, 1.0)), []
    strong = int(rng.integers(60, 120))
    for bar in range(bars):
        chord = chords[bar % len(chords)]
        if bar % 4 == 3 and rng.random() < 0.3:
            figure = _figure(rng, quarters)
        if rng.random() < 0.06:
            continue
        for place, after in zip(figure, [*figure[1:], float(quarters)], strict=True):
            beat, length = bar * quarters + place, max(0.1, (after - place) * held)
            velocity = int(np.clip(strong + rng.normal(0, 8), 20, 127))
            if channel == 0:
                notes.append((beat, 0, chord[0] - 12 + (12 if rng.random() < 0.1 else 0), velocity, length))
            elif channel == 1:
                notes += [(beat, 1, key + 12, velocity, length) for key in chord]
            else:
                key = int(rng.choice(chord)) + int(rng.choice([12, 24, 24, 36] if channel == 2 else [24, 36]))
                notes.append((beat, channel, key, velocity, length if channel == 2 else 0.15))
    return notes


def _score(rng: Rng, bpm: float, quarters: int) -> mido.MidiFile:
    """A piece of BED_S in one key."""
    root, scale = int(rng.integers(40, 52)), SCALES[int(rng.integers(len(SCALES)))]
    steps = rng.integers(0, 7, size=int(rng.choice([1, 2, 4, 4, 8])))
    size = int(rng.choice([2, 3, 3, 4]))
    chords = [[root + scale[(d + 2 * k) % 7] + 12 * ((d + 2 * k) // 7) for k in range(size)] for d in steps.tolist()]
    bars = int(BED_S * bpm / 60 / quarters) + 1
    pools = (BASSES, CHORDS, LEADS, LEADS)
    chances = (0.85, 0.8, 0.6, 0.2)
    chosen = [c for c in range(4) if rng.random() < chances[c]] or [1]
    programs = [mido.Message("program_change", channel=c, program=int(rng.choice(pools[c]))) for c in chosen]
    messages: list[tuple[int, mido.Message]] = [(0, m) for m in programs]
    for channel in chosen:
        for beat, c, key, velocity, length in _part(rng, channel, bars, quarters, chords):
            on, off = round(beat * TICKS), round((beat + length) * TICKS)
            messages.append((on, mido.Message("note_on", channel=c, note=min(key, 115), velocity=velocity)))
            messages.append((off, mido.Message("note_off", channel=c, note=min(key, 115))))
    track, last = mido.MidiTrack(), 0
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm)))
    for at, message in sorted(messages, key=lambda pair: pair[0]):
        track.append(message.copy(time=at - last))
        last = at
    score = mido.MidiFile(ticks_per_beat=TICKS)
    score.tracks.append(track)
    return score


def _render(job: tuple[str, Path, int]) -> None:
    """One bed into the cache."""
    font, target, seed = job
    rng = np.random.default_rng([7, seed])
    bpm, quarters = float(rng.uniform(50, 220)), int(rng.choice(METERS))
    midi, wav = target.with_suffix(".mid"), target.with_suffix(".tmp.wav")
    _score(rng, bpm, quarters).save(midi)
    options = ["-ni", "-q", "-g", "0.5", "-r", str(RATE_HZ), "-F", str(wav)]
    subprocess.run(["fluidsynth", *options, font, str(midi)], check=True, stdout=subprocess.DEVNULL)
    audio = soundfile.read(wav, dtype="float32", always_2d=True)[0].mean(axis=1)[: round(BED_S * RATE_HZ)]
    wav.unlink()
    midi.unlink()
    small = soxr.resample(audio, RATE_HZ, STORED_HZ)
    scaled = np.rint(small / max(1e-6, float(np.abs(small).max())) * 32_000).astype(np.int16)
    part = target.with_suffix(".part.npz")
    np.savez(part, audio=scaled, bpm=bpm, meter=quarters)
    part.replace(target)


def build(font: Path, folder: Path, count: int, processes: int) -> list[Path]:
    """The paths of `count` beds, rendered where they are missing; the same seeds give the same beds."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"bed{i:04d}.npz" for i in range(count)]
    jobs = [(str(font), path, i) for i, path in enumerate(paths) if not path.exists()]
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(_render, jobs, chunksize=4))
    return paths


def load(path: Path) -> Bed:
    """A bed from the cache."""
    with np.load(path) as data:
        audio = soxr.resample(data["audio"].astype(np.float32) / 32_768, STORED_HZ, RATE_HZ, quality="LQ")
        return Bed(np.asarray(audio, dtype=np.float32), float(data["bpm"]), int(data["meter"]))
