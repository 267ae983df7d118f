"""The beds of the slices material: what goes on behind the hits. Seeded, mono, 44.1 kHz, RMS about 1."""

from __future__ import annotations

import subprocess
from pathlib import Path

import mido
import numpy as np
import soundfile
from scipy import fft, signal

from deploy.training import role_material
from tests.bench.ears.slices_sounds import RATE_HZ, Rng, Wave, noise


def coloured(rng: Rng, n: int, slope: float) -> Wave:
    """Noise whose power falls with frequency to the power of `slope` from 40 Hz on, RMS 1."""
    size = fft.next_fast_len(n)
    spectrum = fft.rfft(rng.standard_normal(size)) * np.maximum(fft.rfftfreq(size, 1 / RATE_HZ), 40.0) ** (-slope / 2)
    spectrum[0] = 0
    x = fft.irfft(spectrum, size)[:n]
    return np.asarray(x / x.std())


def room(rng: Rng, n: int) -> Wave:
    """Room noise between pink and brown that breathes slowly, with mains hum in half of the rooms."""
    t = np.arange(n) / RATE_HZ
    x = coloured(rng, n, rng.uniform(0.5, 1.8)) * (
        1 + rng.uniform(0, 0.3) * np.sin(2 * np.pi * rng.uniform(0.1, 0.5) * t)
    )
    if rng.random() < 0.5:
        mains = rng.choice([50.0, 60.0])
        hum = sum(np.sin(2 * np.pi * mains * k * t + rng.uniform(0, 6)) * rng.uniform(0, 1) / k for k in (1, 2, 3, 5))
        x = x + hum * rng.uniform(0.3, 1.5)
    return np.asarray(x)


def _syllable(rng: Rng, n: int, pitch_hz: float) -> Wave:
    """One syllable: in half of them a hiss of 60 to 120 ms first, then a voice through three formants."""
    t = np.arange(n) / RATE_HZ
    glide = pitch_hz * np.exp(rng.uniform(-0.2, 0.2) * t / t[-1]) * (1 + 0.01 * np.sin(2 * np.pi * 5 * t))
    voice = signal.sawtooth(2 * np.pi * np.cumsum(glide) / RATE_HZ) + 0.05 * rng.standard_normal(n)
    x = np.zeros(n)
    for low, high, width in ((280, 850, 80), (900, 2300, 110), (2300, 3300, 160)):
        hz = rng.uniform(low, high)
        x += signal.lfilter(*signal.iirpeak(hz, hz / width, fs=RATE_HZ), voice)
    hiss = np.zeros(n)
    begin = 0
    if rng.random() < 0.5:
        begin = min(n // 3, round(rng.uniform(0.06, 0.12) * RATE_HZ))
        hiss[:begin] = noise(rng, begin, 2500, 9000) * np.hanning(begin) * rng.uniform(0.05, 0.3)
    rise = rng.uniform(0.02, 0.06) * RATE_HZ
    late = np.arange(n) - begin
    swell = np.clip(late / rise, 0, 1) * np.clip((n - np.arange(n)) / (0.3 * n), 0, 1)
    return np.asarray(x / np.abs(x).max() * swell + hiss)


def speech(rng: Rng, n: int) -> Wave:
    """Syllables, three to five a second, in phrases with pauses, RMS 1."""
    out = np.zeros(n)
    at, left, pitch = 0, int(rng.integers(4, 12)), rng.uniform(90, 240)
    while at < n:
        length = round(rng.uniform(0.16, 0.36) * RATE_HZ)
        part = _syllable(rng, length, pitch * rng.uniform(0.85, 1.2))[: n - at]
        out[at : at + part.size] += part * rng.uniform(0.4, 1)
        at, left = at + round(length * rng.uniform(0.8, 1.05)), left - 1
        if left == 0:
            at, left = at + round(rng.uniform(0.3, 0.9) * RATE_HZ), int(rng.integers(4, 12))
    return np.asarray(out / out.std())


PROGRAMS = ((0, 48), (4, 33), (25, 32), (73, 48), (11, 35), (26, 38), (40, 0), (89, 52))  # tune, chords


def music(root: Path, folder: Path, seed: int, seconds: float) -> Wave:
    """Chords, a bass and a tune of the development font without drums, RMS 1."""
    rng = np.random.default_rng(seed)
    tune, pad = PROGRAMS[seed % len(PROGRAMS)]
    beat_s, key = 60 / rng.uniform(70, 140), int(rng.integers(45, 57))
    scale = np.array([0, 2, 4, 5, 7, 9, 11])
    notes: list[tuple[float, float, int, int, int]] = []  # start, length, channel, key, velocity
    for bar in range(int(seconds / beat_s / 4) + 1):
        degree, start = int(rng.choice([0, 3, 4, 5])), bar * 4 * beat_s
        notes += [(start, 3.9 * beat_s, 1, key + int(scale[(degree + k) % 7]), 60) for k in (0, 2, 4)]
        notes += [(start + b * beat_s, 0.9 * beat_s, 2, key - 12 + int(scale[degree]), 80) for b in range(4)]
        for half in range(8):
            if rng.random() < 0.6:
                pitch = key + 12 + int(scale[rng.integers(0, 7)])
                notes.append((start + half * beat_s / 2, beat_s * 0.45, 0, pitch, int(rng.integers(50, 90))))
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000)])
    track += [mido.Message("program_change", channel=c, program=p) for c, p in ((0, tune), (1, pad), (2, 33))]
    moves = [(s, "note_on", c, k, v) for s, _, c, k, v in notes] + [
        (s + d, "note_off", c, k, 0) for s, d, c, k, _ in notes
    ]
    clock = 0
    for at_s, kind, channel, note, velocity in sorted(moves):
        tick = round(at_s * 960)
        track.append(mido.Message(kind, channel=channel, note=note, velocity=velocity, time=tick - clock))
        clock = tick
    score = mido.MidiFile(ticks_per_beat=480, tracks=[track])
    folder.mkdir(parents=True, exist_ok=True)
    midi, wav = folder / f"music{seed}.mid", folder / f"music{seed}.wav"
    score.save(midi)
    options = ["-ni", "-q", "-g", "0.6", "-r", str(RATE_HZ), "-F", str(wav)]
    subprocess.run(["fluidsynth", *options, str(root / role_material.FONT), str(midi)], check=True, capture_output=True)
    audio = soundfile.read(wav, dtype="float64", always_2d=True)[0].mean(axis=1)[: round(seconds * RATE_HZ)]
    wav.unlink()
    midi.unlink()
    return np.asarray(audio / audio.std())
