"""Audio whose key is known, and audio that has none, for the key finder: drawn from seeds, mono at 44.1 kHz.

Songs of `key_music` are played by the General MIDI font (`role_material.FONT`, needs fluidsynth) or by a plain additive
synthesiser, so that no one timbre is learned; then cut, mistuned, mixed with drums, filtered and given a room. Programs
of the font and progressions are held out by thirds. What has no key: drums, noise, speech-like sound, tones, glides,
notes without a scale.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import key_music
import mido
import numpy as np
import numpy.typing as npt
import role_material
import scipy.signal
import soxr

RATE_HZ = role_material.RATE_HZ
TICKS = 480
PROGRAMS = {
    "bass": (32, 33, 34, 35, 36, 37, 38, 39, 43, 58, 87),
    "chords": (0, 1, 2, 3, 4, 5, 6, 7, 11, 16, 17, 18, 19, 20, 21, 24, 25, 26, 27, 28, 29, 46, 48, 49, 50, 51, 52, 61,
               62, 80, 81, 88, 89, 90, 94, 95),
    "melody": (0, 4, 8, 9, 11, 12, 13, 21, 22, 24, 26, 40, 41, 42, 52, 53, 54, 56, 57, 60, 64, 65, 66, 68, 71, 73, 74,
               75, 78, 79, 80, 81, 82, 85, 104, 105, 107, 108),
}  # fmt: skip
CHANNELS = {"bass": 0, "chords": 1, "melody": 2}
DRUM_CHANNEL = 9
EXCERPTS_S = (6.0, 8.0, 12.0, 20.0, 30.0, 60.0)
NOTHING = ("kit", "font drums", "noise", "speech", "tone", "glide", "scattered", "knocks", "drone")

Mono = npt.NDArray[np.float32]
Note = tuple[float, float, int, int, int]  # start s, length s, channel, pitch, velocity


@dataclass(frozen=True)
class Piece:
    """Mono audio, its key or None, how far it lies above 440 Hz in cents, and what it is."""

    audio: Mono
    key: str | None
    cents: float
    kind: str


def song(seed: int, root: Path, *, held_out: bool) -> Piece:
    """A piece in a key. `root`: the unpacked packages."""
    rng = random.Random(f"song {seed} {held_out}")
    made = key_music.compose(rng, held_out=held_out)
    beat_s = 60 / made.bpm
    notes = [(n.beat * beat_s, n.length * beat_s, CHANNELS[n.part], n.pitch, n.velocity) for n in made.notes]
    length_s = made.beats * beat_s
    drums = _drums(rng, length_s, beat_s) if rng.random() < 0.4 else []
    if rng.random() < 0.65:
        programs = {c: rng.choice(_programs(part, held_out=held_out)) for part, c in CHANNELS.items()}
        audio = played(notes + drums, programs, root, reverb=rng.random() < 0.5)
    else:
        audio = _additive(rng, notes, length_s)
        if drums:
            audio = _sum(audio, played(drums, {}, root, reverb=False) * rng.uniform(0.3, 2.0))
    if rng.random() < 0.25:
        kit = _kit_loop(rng, root, length_s, beat_s, held_out=held_out)
        level = 10 ** (rng.uniform(-8, 8) / 20) * np.sqrt(np.square(audio).mean() / max(1e-9, np.square(kit).mean()))
        audio = _sum(audio, np.asarray(kit * level, np.float32))
    cents = rng.choice((0.0, 0.0, rng.uniform(-45, 45)))
    audio = _worn(rng, _excerpt(rng, detuned(audio, cents)))
    return Piece(audio, made.key, cents, made.progression)


def nothing(seed: int, root: Path, *, held_out: bool) -> Piece:
    """A sound that has no key."""
    rng = random.Random(f"nothing {seed} {held_out}")
    kind = NOTHING[seed % len(NOTHING)]
    length_s = rng.uniform(6, 25)
    beat_s = 60 / rng.uniform(70, 170)
    if kind == "kit":
        audio = _kit_loop(rng, root, length_s, beat_s, held_out=held_out)
    elif kind == "font drums":
        audio = played(
            _drums(rng, length_s, beat_s), {DRUM_CHANNEL: rng.choice((0, 8, 16, 24, 25, 32, 40))}, root, reverb=True
        )
    elif kind == "scattered":
        notes = [
            (t, rng.uniform(0.1, 0.6), 0, rng.randint(36, 90), rng.randint(60, 110))
            for t in np.arange(0, length_s, 0.25)
        ]
        audio = played(notes, {0: rng.choice(_programs("melody", held_out=held_out))}, root, reverb=False)
    else:
        audio = MAKERS[kind](rng, length_s)
    return Piece(_worn(rng, audio), None, 0.0, kind)


def played(notes: list[Note], programs: dict[int, int], root: Path, *, reverb: bool) -> Mono:
    """Notes in seconds played by the font, mono, peak as it comes."""
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=500_000))
    timed = [(0, 0, mido.Message("program_change", channel=c, program=p)) for c, p in programs.items()]
    for start, length, c, pitch, velocity in notes:
        on, off = round(start * 2 * TICKS), round((start + length) * 2 * TICKS)
        timed.append((on, 2, mido.Message("note_on", channel=c, note=pitch, velocity=velocity)))
        timed.append((max(on + 1, off), 1, mido.Message("note_off", channel=c, note=pitch)))
    clock = 0
    for at, _, message in sorted(timed, key=lambda row: row[:2]):
        track.append(message.copy(time=at - clock))
        clock = at
    score = mido.MidiFile(ticks_per_beat=TICKS)
    score.tracks.append(track)
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder) / "a.mid", Path(folder) / "a.wav"
        score.save(midi)
        options = ["-ni", "-q", "-R", str(int(reverb)), "-C", "0", "-g", "0.5", "-r", str(RATE_HZ), "-F", str(wav)]
        subprocess.run(
            ["fluidsynth", *options, str(root / role_material.FONT), str(midi)], check=True, stdout=subprocess.DEVNULL
        )
        return role_material.load(wav)


def detuned(audio: Mono, cents: float) -> Mono:
    """`audio` so many cents higher (and as much faster)."""
    return audio if not cents else np.asarray(soxr.resample(audio, 2 ** (cents / 1200) * RATE_HZ, RATE_HZ), np.float32)


def _programs(part: str, *, held_out: bool) -> list[int]:
    return [p for i, p in enumerate(PROGRAMS[part]) if (i % 3 == 2) == held_out]


def _drums(rng: random.Random, length_s: float, beat_s: float) -> list[Note]:
    kicks = sorted({0, *rng.sample(range(8), 2)})
    hat, snare, found = rng.choice((42, 44, 46, 51)), rng.choice((38, 40, 37, 39)), []
    for k in range(int(length_s / beat_s * 2)):
        at, step = k * beat_s / 2, k % 8
        found.append((at, 0.1, DRUM_CHANNEL, hat, rng.randint(50, 90)))
        if step in kicks:
            found.append((at, 0.1, DRUM_CHANNEL, 36, rng.randint(90, 120)))
        if step in {2, 6}:
            found.append((at, 0.1, DRUM_CHANNEL, snare, rng.randint(85, 120)))
        if rng.random() < 0.05:
            found.append((at, 0.1, DRUM_CHANNEL, rng.choice((41, 45, 48, 49, 56, 60, 64)), 95))
    return found


def _additive(rng: random.Random, notes: list[Note], length_s: float) -> Mono:
    """Each part with its own number, fall and oddness of partials, its attack, decay and vibrato."""
    out = np.zeros(round((length_s + 2) * RATE_HZ), np.float32)
    voices = {}
    for c in CHANNELS.values():
        top, tilt, odd = rng.randint(1, 14), rng.uniform(0.6, 2.0), rng.choice((1.0, 1.0, 0.2))
        partials = [(k + 1, (k + 1) ** -tilt * (odd if k % 2 else 1.0) * rng.uniform(0.3, 1)) for k in range(top)]
        voices[c] = (
            partials,
            rng.choice((0.005, 0.03, 0.1)),
            rng.choice((0.2, 0.6, 2.0, 9.0)),
            rng.choice((0, 0, 12.0)),
        )
    for start, length, c, pitch, velocity in notes:
        partials, attack, fall, vibrato = voices[c]
        t = np.arange(round((length + 0.1) * RATE_HZ)) / RATE_HZ
        phase = 440 * 2 ** ((pitch - 69) / 12) * (t - vibrato / 1200 * np.log(2) * np.cos(35 * t) / 35)
        wave = sum(
            a * np.sin(2 * np.pi * k * phase) for k, a in partials if k * 440 * 2 ** ((pitch - 69) / 12) < 16_000
        )
        wave = wave * np.minimum(1, t / attack) * np.exp(-t / fall) * np.clip((length + 0.1 - t) / 0.1, 0, 1) * velocity
        at = round(start * RATE_HZ)
        piece = wave[: max(0, len(out) - at)]
        out[at : at + len(piece)] += piece.astype(np.float32)
    return out / max(1e-6, float(np.abs(out).max()))


def _sum(a: Mono, b: Mono) -> Mono:
    n = max(len(a), len(b))
    return np.pad(a, (0, n - len(a))) + np.pad(b, (0, n - len(b)))


def _excerpt(rng: random.Random, audio: Mono) -> Mono:
    """A part of one of several lengths: from the start, from the end or from anywhere."""
    n = round(rng.choice(EXCERPTS_S) * RATE_HZ)
    spare = max(0, len(audio) - n)
    at = rng.choice((0, 0, spare, rng.randint(0, spare)))
    return audio[at : at + n]


def _worn(rng: random.Random, audio: Mono) -> Mono:
    """What recordings go through: a shelf, a room, noise, clipping. Peak 0.8 or softer."""
    draws = np.random.default_rng(rng.getrandbits(32))
    if rng.random() < 0.3:
        n = round(rng.uniform(0.2, 1.2) * RATE_HZ)
        tail = draws.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n) * rng.uniform(0.02, 0.1)
        tail[0] = 1.0
        audio = scipy.signal.fftconvolve(audio, tail).astype(np.float32)
    if rng.random() < 0.3:
        low, high = rng.choice(((20, 4_000), (200, 8_000), (60, 12_000), (300, 3_400)))
        audio = scipy.signal.sosfilt(scipy.signal.butter(2, (low, high), "bandpass", fs=RATE_HZ, output="sos"), audio)
    audio = audio / max(1e-6, float(np.abs(audio).max()))
    if rng.random() < 0.15:
        audio = np.clip(audio * rng.uniform(1.5, 5), -1, 1)
    if rng.random() < 0.4:
        audio = audio + draws.standard_normal(len(audio)) * 10 ** (rng.uniform(-60, -25) / 20)
    return np.asarray(audio * rng.uniform(0.05, 0.8), np.float32)


def _kit_loop(rng: random.Random, root: Path, length_s: float, beat_s: float, *, held_out: bool) -> Mono:
    kits = [k for i, k in enumerate(role_material.KITS) if (i % 3 == 2) == held_out]
    sounds = list(role_material.kit_sounds(root, rng.choice(kits)))
    chosen = [rng.choice(sounds) for _ in range(rng.randint(2, 7))]
    out = np.zeros(round((length_s + 1) * RATE_HZ), np.float32)
    patterns = [[rng.random() < 0.35 for _ in range(16)] for _ in chosen]
    for k in range(int(length_s / beat_s * 4)):
        for sound, pattern in zip(chosen, patterns, strict=True):
            if pattern[k % 16]:
                at = round(k * beat_s / 4 * RATE_HZ)
                piece = sound.audio[: len(out) - at] * rng.uniform(0.4, 1)
                out[at : at + len(piece)] += piece
    return out


def _noise(rng: random.Random, length_s: float) -> Mono:
    n = round(length_s * RATE_HZ)
    spectrum = np.fft.rfft(np.random.default_rng(rng.getrandbits(32)).standard_normal(n))
    colour = np.maximum(np.arange(len(spectrum)), 20.0) ** -rng.choice((0, 0.5, 1.0))
    return np.asarray(np.fft.irfft(spectrum * colour, n), np.float32)


def _speech(rng: random.Random, length_s: float) -> Mono:
    """Pulses whose pitch never rests, through moving formants, with breaths and pauses: the shape of speech."""
    n, draws = round(length_s * RATE_HZ), np.random.default_rng(rng.getrandbits(32))
    out, at, base = np.zeros(n), 0, rng.uniform(85, 240)
    while at < n:
        size = min(n - at, round(rng.uniform(0.08, 0.35) * RATE_HZ))
        t = np.linspace(0, 1, size)
        pitch = base * 2 ** (rng.uniform(-0.35, 0.35) + rng.uniform(-0.3, 0.3) * t + 0.02 * np.sin(2 * np.pi * 3 * t))
        source = (
            np.diff(np.floor(np.cumsum(pitch) / RATE_HZ), prepend=0)
            if rng.random() < 0.75
            else draws.standard_normal(size) * 0.05
        )
        for hz in (rng.uniform(300, 800), rng.uniform(900, 2300), rng.uniform(2400, 3200)):
            b, a = scipy.signal.iirpeak(hz, hz / rng.uniform(60, 140), fs=RATE_HZ)
            source = source + 3 * scipy.signal.lfilter(b, a, source)
        out[at : at + size] = source * np.hanning(size)
        at += size + (round(rng.uniform(0.1, 0.6) * RATE_HZ) if rng.random() < 0.2 else 0)
    return np.asarray(out, np.float32)


def _tone(rng: random.Random, length_s: float) -> Mono:
    t = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    hz = rng.uniform(60, 2_000)
    return np.asarray(
        sum(np.sin(2 * np.pi * hz * k * t) / k ** rng.uniform(1, 3) for k in range(1, rng.randint(2, 9))), np.float32
    )


def _glide(rng: random.Random, length_s: float) -> Mono:
    t = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    octaves = rng.uniform(0.5, 2) * np.sin(2 * np.pi * rng.uniform(0.1, 0.8) * t)
    return np.asarray(
        scipy.signal.sawtooth(2 * np.pi * np.cumsum(rng.uniform(150, 700) * 2**octaves) / RATE_HZ), np.float32
    )


def _knocks(rng: random.Random, length_s: float) -> Mono:
    out = np.zeros(round(length_s * RATE_HZ))
    draws = np.random.default_rng(rng.getrandbits(32))
    at = 0.2
    while at < length_s - 0.5:
        t = np.arange(round(0.4 * RATE_HZ)) / RATE_HZ
        modes = sum(
            rng.uniform(0.2, 1) * np.sin(2 * np.pi * rng.uniform(80, 4_000) * t) * np.exp(-t / rng.uniform(0.01, 0.08))
            for _ in range(4)
        )
        a = round(at * RATE_HZ)
        out[a : a + len(t)] += modes + draws.standard_normal(len(t)) * np.exp(-t / 0.01)
        at += rng.uniform(0.1, 1.0)
    return np.asarray(out, np.float32)


def _drone(rng: random.Random, length_s: float) -> Mono:
    """A hum of inharmonic partials: machines."""
    t = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    hum = sum(
        rng.uniform(0.1, 1) * np.sin(2 * np.pi * rng.uniform(50, 3_000) * t + rng.uniform(0, 6))
        for _ in range(rng.randint(3, 10))
    )
    return np.asarray(hum + 3 * _noise(rng, length_s)[: len(t)] / 10, np.float32)


MAKERS = {"noise": _noise, "speech": _speech, "tone": _tone, "glide": _glide, "knocks": _knocks, "drone": _drone}
