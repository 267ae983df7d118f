"""Builds the labelled recordings of the slices benchmark: known hits at known samples, over rooms, speech and music.

Two sets. `everyday`: different sounds at random times and levels. `repeats`: a few sounds, each played several times
with another gain (±6 dB), a slight filter and its own noise, among sounds that resemble them.

Signal to noise. A hit's power in its loudest 20 ms, after the room, against the mean power of the whole bed, both
summed over the channels; each hit lies within ±3 dB of the recording's figure. A bed of speech or music lies over room
noise that is 25 dB weaker still.

Halves. `tune` and `test` share no seed, no kit, no program of the font and no bundled sound; what is tuned looks at the
first only.
Labels. labels.json: {file: {"set", "bed", "snr_db", "half", "hits": [[onset_s, sound], …]}}; equal `sound` numbers in
one file are repeats of one another. `families`, where given, names what each hit is.

usage: python -m tests.bench.ears.slices_material FOLDER [packages' root]
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy import signal

from deploy.training import role_material
from tests.bench.ears.slices_beds import music, room, speech
from tests.bench.ears.slices_sounds import (
    COMPOUND,
    MAKERS,
    RATE_HZ,
    Mono,
    Rng,
    Sound,
    Wave,
    bundled,
    kit_sounds,
    like,
    made,
)

HALVES = ("tune", "test")
BEDS = ("room", "speech", "music")
SNRS_DB = (20.0, 6.0)
RECORDINGS = 8  # of each bed, ratio and half
HITS = 20  # in each recording
REPEATS = 16  # recordings of each half
REPEATS_SNR_DB = (18.0, 40.0)
LEVEL_DB = 3.0  # either side of the recording's ratio
PEAK_WINDOW = round(0.02 * RATE_HZ)
FIRST_S, GAP_S, LAST_S = 0.6, (0.15, 1.2), 1.2
UNDER_BED_DB = 25.0
BED_RMS = 0.02
MUSIC_S = 90.0


@dataclass(frozen=True)
class Stock:
    """What a half may use: kit and house sounds, and music."""

    half: int
    kit: list[Sound]
    house: list[Sound]
    songs: list[Wave]


def stock(root: Path, folder: Path, half: int) -> Stock:
    """Every second kit, house sound and program."""
    songs = [music(root, folder, seed, MUSIC_S) for seed in range(half, 8, 2)]
    return Stock(half, kit_sounds(root, role_material.KITS[half::2]), bundled()[half::2], songs)


def impulse(rng: Rng) -> Wave:
    """A small room: the direct sound at its first sample, six early reflections and a tail of 0.15 to 0.6 s."""
    n = round(rng.uniform(0.15, 0.6) * RATE_HZ)
    x = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
    x = signal.sosfilt(signal.butter(1, rng.uniform(2500, 9000), fs=RATE_HZ, output="sos"), x)
    x[: round(0.003 * RATE_HZ)] = 0
    x *= 10 ** (-rng.uniform(6, 16) / 20) / np.sqrt(np.sum(x**2))
    for _ in range(6):
        x[round(rng.uniform(0.001, 0.02) * RATE_HZ)] += rng.choice([-1, 1]) * rng.uniform(0.05, 0.25)
    x[0] = 1.0
    return np.asarray(x)


def loudest_power(x: Wave) -> float:
    """Mean power of the loudest 20 ms of (channels, n), summed over the channels."""
    power = np.concatenate([[0.0], np.cumsum(np.square(x).sum(axis=0)), np.zeros(PEAK_WINDOW)])
    power[x.shape[1] + 1 :] = power[x.shape[1]]
    return float((power[PEAK_WINDOW:] - power[:-PEAK_WINDOW]).max()) / PEAK_WINDOW


def bed(rng: Rng, kind: str, songs: list[Wave], n: int, channels: int) -> Wave:
    """What goes on behind the hits, (channels, n), RMS `BED_RMS`."""
    under = np.stack([room(rng, n) for _ in range(channels)])
    if kind != "room":
        if kind == "speech":
            over = speech(rng, n)
        else:
            song = songs[int(rng.integers(len(songs)))]
            at = int(rng.integers(max(1, song.size - n)))
            over = np.resize(song[at : at + n], n)
        under = under * 10 ** (-UNDER_BED_DB / 20) + over * rng.uniform(0.6, 1, (channels, 1))
    return np.asarray(under * BED_RMS / np.sqrt(np.mean(under**2)))


def pick(rng: Rng, have: Stock) -> Sound:
    """Half made, a third from kits, the rest from the house."""
    share = rng.random()
    if share < 0.55:
        return made(rng, str(rng.choice(list(MAKERS))))
    pool = have.kit if share < 0.9 else have.house
    return pool[int(rng.integers(len(pool)))]


def struck(onsets_s: list[float], sounds: list[Sound]) -> list[tuple[float, str]]:
    """The time and family of every strike of sounds that are played at these times."""
    firsts = [(t + s.heard_s, s.family) for t, s in zip(onsets_s, sounds, strict=True)]
    seconds = [(t + s.second_s, s.family) for t, s in zip(onsets_s, sounds, strict=True) if s.second_s is not None]
    return sorted(firsts + seconds)


def _placed(rng: Rng, sounds: list[Sound], snr_db: float, behind: str, have: Stock) -> tuple[Wave, list[float]]:
    """Sounds one after the other over a bed, in mono or stereo, in half of the recordings in a room; their onsets."""
    channels = int(rng.integers(1, 3))
    starts = FIRST_S + np.cumsum(rng.uniform(*GAP_S, len(sounds)))
    starts = np.round(starts * RATE_HZ).astype(int)
    n = int(starts[-1]) + round(LAST_S * RATE_HZ)
    out = bed(rng, behind, have.songs, n, channels)
    power = float(np.square(out).sum(axis=0).mean())
    ring = impulse(rng) if rng.random() < 0.5 else None
    for at, sound in zip(starts, sounds, strict=True):
        x = sound.audio.astype(np.float64)
        x = signal.oaconvolve(x, ring) if ring is not None else x
        y = np.stack([x * rng.uniform(0.5, 1) for _ in range(channels)])
        y *= np.sqrt(power * 10 ** ((snr_db + rng.uniform(-LEVEL_DB, LEVEL_DB)) / 10) / loudest_power(y))
        y = y[:, : n - at]
        out[:, at : at + y.shape[1]] += y
    return out / max(1.0, np.abs(out).max() / 0.98), [float(s) / RATE_HZ for s in starts]


def everyday(rng: Rng, have: Stock, behind: str, snr_db: float) -> tuple[Wave, list[list[float]], list[str]]:
    """Different sounds; (samples, hits, families)."""
    sounds = [pick(rng, have) for _ in range(HITS)]
    audio, onsets = _placed(rng, sounds, snr_db, behind, have)
    strikes = struck(onsets, sounds)
    return audio, [[t, i] for i, (t, _) in enumerate(strikes)], [family for _, family in strikes]


def varied(rng: Rng, x: Mono) -> Mono:
    """The same thing struck again: up to 6 dB louder or softer, its spectrum tilted a little, cut a little sooner."""
    tilt = rng.uniform(-0.12, 0.12)
    y = signal.lfilter([1, tilt], [1], x.astype(np.float64)) * 10 ** (rng.uniform(-6, 6) / 20)
    return np.asarray(y, dtype=np.float32)


def repeats(rng: Rng, have: Stock, snr_db: float) -> tuple[Wave, list[list[float]]]:
    """Two pairs of like things (`like`) and up to three kit sounds, each heard two to five times."""
    families = [family for family in MAKERS if family not in COMPOUND]
    ones = [made(rng, f) for f in rng.choice(families, 2, replace=False)]
    sounds = ones + [like(rng, one) for one in ones]
    by_family = {s.family: s for s in (have.kit[int(i)] for i in rng.permutation(len(have.kit)))}
    sounds += list(by_family.values())[: int(rng.integers(0, 4))]
    who = rng.permutation(np.concatenate([np.full(int(rng.integers(2, 6)), i) for i in range(len(sounds))]))
    waves = [varied(rng, sounds[int(i)].audio) for i in who]
    audio, onsets = _spread_levels(rng, waves, snr_db, have)
    return audio, [[t + sounds[int(i)].heard_s, int(i)] for t, i in zip(onsets, who, strict=True)]


def _spread_levels(rng: Rng, waves: list[Mono], snr_db: float, have: Stock) -> tuple[Wave, list[float]]:
    """Waves with their own gains over a room: the ratio is that of a wave of 0 dB."""
    channels = int(rng.integers(1, 3))
    starts = np.round((FIRST_S + np.cumsum(rng.uniform(0.4, 1.0, len(waves)))) * RATE_HZ).astype(int)
    n = int(starts[-1]) + round(LAST_S * RATE_HZ)
    out = bed(rng, "room", have.songs, n, channels)
    power = float(np.square(out).sum(axis=0).mean())
    ring = impulse(rng) if rng.random() < 0.5 else None
    for at, wave in zip(starts, waves, strict=True):
        x = signal.oaconvolve(wave.astype(np.float64), ring) if ring is not None else wave.astype(np.float64)
        gain = float(np.abs(wave).max())
        y = np.stack([x] * channels)
        y = (y * gain * np.sqrt(power * 10 ** (snr_db / 10) / loudest_power(y)))[:, : n - at]
        out[:, at : at + y.shape[1]] += y
    return out / max(1.0, np.abs(out).max() / 0.98), [float(s) / RATE_HZ for s in starts]


def build(folder: Path, root: Path) -> int:
    """Write all recordings and their labels; how many."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict[str, object]] = {}

    def put(name: str, audio: Wave, **row: object) -> None:
        soundfile.write(folder / name, audio.T, RATE_HZ, subtype="PCM_16")
        rows[name] = row

    for half, title in enumerate(HALVES):
        have = stock(root, folder, half)
        for b, behind in enumerate(BEDS):
            for snr_db in SNRS_DB:
                for i in range(RECORDINGS):
                    rng = np.random.default_rng([half, b, round(snr_db), i])
                    audio, hits, families = everyday(rng, have, behind, snr_db)
                    name = f"{title}_{behind}_{snr_db:.0f}dB_{i}.wav"
                    put(
                        name, audio, set="everyday", bed=behind, snr_db=snr_db, half=title, hits=hits, families=families
                    )
        for i in range(REPEATS):
            rng = np.random.default_rng([half, 9, i])
            snr_db = float(rng.uniform(*REPEATS_SNR_DB))
            audio, hits = repeats(rng, have, snr_db)
            put(f"{title}_repeats_{i}.wav", audio, set="repeats", bed="room", snr_db=snr_db, half=title, hits=hits)
    (folder / "labels.json").write_text(json.dumps(rows))
    return len(rows)


if __name__ == "__main__":
    root = Path(sys.argv[2]) if len(sys.argv) > 2 else role_material.fetch(Path("var/training"))
    print(build(Path(sys.argv[1]), root), "recordings")
