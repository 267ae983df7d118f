"""Join the bundled sounds into one "kitchen" recording: what a phone left on the table would hear.

usage: python deploy/make_kitchen.py OUT.wav

Every sound is heard at least once, the shorter ones again at other levels, with gaps between them and room noise
under everything. The same folder, length and seed give the same samples on one machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile as sf

SOUNDS = Path(__file__).resolve().parent / "sounds"
RATE_HZ = 44_100
LENGTH_S = 40.0
SEED = 7
FIRST_S = 0.5  # quiet before the first sound, so that a noise floor can be heard
GAP_S = (0.35, 1.1)  # between the end of one sound and the next
LONGEST_S = 2.4  # a longer sound is faded out: somebody closed the door on it
FADE_S = 0.4
LEVEL_DB = (-14.0, -3.0)  # peak of each take
ROOM_DB = -62.0  # rms of the room
ROOM_CORNER_HZ = 300.0  # a room is mostly rumble: −6 dB an octave above this

Mono = npt.NDArray[np.float64]


def make_kitchen(folder: Path = SOUNDS, length_s: float = LENGTH_S, seed: int = SEED) -> npt.NDArray[np.float32]:
    """The recording: float32 (n,), mono, 44.1 kHz, peak under 1. Raises FileNotFoundError where no sound lies."""
    takes = [_read(path) for path in sorted(folder.glob("*.flac"))]
    if not takes:
        raise FileNotFoundError("no .flac sounds in the folder")
    rng = np.random.default_rng(seed)
    n = round(length_s * RATE_HZ)
    out = _room(n, rng)
    at = round(FIRST_S * RATE_HZ)
    while True:
        for index in rng.permutation(len(takes)):
            take = takes[index] * 10 ** (rng.uniform(*LEVEL_DB) / 20)
            if at + take.size > n:
                return out.astype(np.float32)
            out[at : at + take.size] += take
            at += take.size + round(rng.uniform(*GAP_S) * RATE_HZ)


def _read(path: Path) -> Mono:
    """One sound, mono, peak 1, no longer than LONGEST_S."""
    samples, rate_hz = sf.read(path, dtype="float64", always_2d=True)
    if rate_hz != RATE_HZ:
        raise ValueError(f"{path.name} is at {rate_hz} Hz; the bundled sounds are at {RATE_HZ} Hz")
    mono: Mono = samples.mean(axis=1)
    longest = round(LONGEST_S * RATE_HZ)
    if mono.size > longest:
        fade = round(FADE_S * RATE_HZ)
        mono = mono[:longest].copy()
        mono[-fade:] *= np.linspace(1.0, 0.0, fade)
    return mono / np.abs(mono).max()


def _room(n: int, rng: np.random.Generator) -> Mono:
    """Room noise of n samples, shaped in the frequency domain."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    spectrum /= 1.0 + np.fft.rfftfreq(n, 1 / RATE_HZ) / ROOM_CORNER_HZ
    room = np.fft.irfft(spectrum, n)
    return room * 10 ** (ROOM_DB / 20) / np.sqrt(np.mean(room**2))


def main() -> None:
    """Write the recording as a 16-bit WAV."""
    parser = argparse.ArgumentParser(description="Join the bundled sounds into one kitchen recording.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=LENGTH_S)
    parser.add_argument("--seed", type=int, default=SEED)
    args = parser.parse_args()
    sf.write(args.out, make_kitchen(length_s=args.seconds, seed=args.seed), RATE_HZ, subtype="PCM_16")


if __name__ == "__main__":
    main()
