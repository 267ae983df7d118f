"""How long sound in and sound out take: `python -m tests.bench.bench_audio`. Prints a table; asserts nothing.

Times are wall clock in a warm process, best and median of several runs; memory is the peak of parent and child.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from services.audio.clip import Clip
from services.audio.decode import Encoded, Limits, all_decoded, decode_files, encoded, preload
from services.audio.encode import FORMATS, encode
from services.audio.loudness import integrated, true_peak_db
from services.audio.mastering import master
from services.audio.sandbox import sandbox_kind
from services.audio.wavfile import write_wav
from tests import hostile, sounds
from tests.encoded import ALL

MINUTE_S = 60


def timed(name: str, work: Callable[[], object], runs: int = 5, target_ms: float | None = None) -> None:
    """One row: best, median, target."""
    work()
    took = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        took.append(1_000 * (time.perf_counter() - start))
    aim = "" if target_ms is None else f"{target_ms:9.0f}"
    print(f"{name:44s} {min(took):9.1f} {statistics.median(took):9.1f} {aim}")


def peak_mb() -> tuple[float, float]:
    """Largest resident size so far of this process and of any child, MB."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    own, child = (resource.getrusage(w).ru_maxrss / 1024 for w in who)
    return own, child


def _hour(folder: Path) -> Path:
    """One hour of MP3 out of one encoded minute, frame after frame."""
    minute = Clip(np.tile(sounds.beat(10.0).samples, 6), 44_100)
    data = ALL["mp3-no-xing"][1](minute)
    path = folder / "hour.mp3"
    with path.open("wb") as file:
        for _ in range(60):
            file.write(data)
    return path


def decode_rows(folder: Path) -> None:
    """Each format, the one-shots of a beat, three minutes, an hour."""
    shots = []
    for i in range(8):
        shots.append(folder / f"shot{i}.wav")
        shots[-1].write_bytes(ALL["wav-16"][1](sounds.stereo(sounds.noise(1.0, seed=i + 1))))

    def eight() -> None:
        for found in all_decoded(decode_files([encoded(p) for p in shots], Limits(30.0), folder)):
            found.clip()

    timed("8 one-shots of 1 s, WAV, to clips", eight, 20, 25)
    minute = Clip(np.tile(sounds.beat(10.0).samples, 6), 44_100)
    for name, (container, write) in ALL.items():
        path = folder / name
        path.write_bytes(write(minute))
        timed(
            f"1 minute stereo, {name}",
            lambda p=path, c=container: decode_files([Encoded(p, c)], Limits(90.0), folder),
            3,
        )
    long = folder / "three.mp3"
    long.write_bytes(ALL["mp3"][1](Clip(np.tile(minute.samples, 3), 44_100)))
    timed("3 minutes stereo, MP3 192 kbit/s", lambda: decode_files([encoded(long)], Limits(600.0), folder), 3, 1_200)
    hour = _hour(folder)
    before = peak_mb()
    start = time.perf_counter()
    [found] = all_decoded(decode_files([encoded(hour)], Limits(7_200.0), folder))
    took = time.perf_counter() - start
    after = peak_mb()
    print(f"1 hour stereo, MP3: {found.duration_s:.0f} s in {took:.1f} s; "
          f"peak MB parent {before[0]:.0f} -> {after[0]:.0f}, child {before[1]:.0f} -> {after[1]:.0f}")  # fmt: skip


def hostile_rows(folder: Path) -> None:
    """The whole corpus, and the seven-hour MP3 at both limits."""
    corpus = [encoded(h.path) for h in hostile.build(folder)]
    timed(f"hostile corpus, {len(corpus)} files", lambda: decode_files(corpus, Limits(30.0), folder), 1)
    endless = encoded(hostile.seven_hours(folder).path)
    timed("7 hours of MP3, limit 30 s", lambda: decode_files([endless], Limits(30.0), folder), 1)
    timed("7 hours of MP3, limit 2 h", lambda: decode_files([endless], Limits(7_200.0), folder), 1)
    print("peak MB of parent and largest child: {:.0f}, {:.0f}".format(*peak_mb()))


def out_rows() -> None:
    """Loudness, master and encoders on 128 s of stereo: 64 bars at 120 bpm."""
    beat = sounds.beat(8.0)
    bed = sounds.stereo(sounds.noise(8.0, 0.06))
    clip = Clip(np.tile(beat.samples + bed.samples, 16), 44_100)
    timed("loudness, 128 s", lambda: integrated(clip), 3)
    timed("true peak, 128 s", lambda: true_peak_db(clip), 3)
    timed("master, 128 s", lambda: master(clip), 5, 1_000)
    for bits in (16, 24, 32):
        timed(f"WAV {bits}, 128 s", lambda b=bits: write_wav(clip, b), 3)
    for name in FORMATS[1:]:
        timed(f"{name}, 128 s", lambda n=name: encode(clip, n), 1)
        timed(f"{name}, 10 s", lambda n=name: encode(clip.cut(0, 10), n), 2)


def main() -> None:
    """Print all rows."""
    preload()
    print(f"sandbox: {sandbox_kind()}\n{'':44s} {'best ms':>9s} {'median':>9s} {'target':>9s}")
    with tempfile.TemporaryDirectory() as folder:
        decode_rows(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        hostile_rows(Path(folder))
    out_rows()


if __name__ == "__main__":
    main()
