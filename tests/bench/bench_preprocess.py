"""Stage 1 alone: seconds and peak memory for 1, 3, 10 and 60 minutes of stereo kitchen, each in a fresh process.

The kitchen is one synthesised minute with about two hits a second, read over and over at other levels, so that the
source itself costs no memory. `hour dense` has eight hits a second.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np

from services.audio.clip import HOUSE_RATE_HZ, Samples
from services.beats.preprocess import SliceRequest, slice_source
from tests import sounds

MINUTE = 60 * HOUSE_RATE_HZ
CASES = (("1 minute", 1, 2), ("3 minutes", 3, 2), ("10 minutes", 10, 2), ("hour", 60, 2), ("hour dense", 60, 8))
TARGETS = {"3 minutes": "3 s", "hour": "60 s, 1,000 MB"}


@dataclass(frozen=True)
class Kitchen:
    """A minute of stereo sound as an `AudioSource` of many, each minute at another level."""

    minute: Samples
    minutes: int
    rate_hz: int = HOUSE_RATE_HZ
    channels: int = 2

    @property
    def frames(self) -> int:
        return self.minutes * MINUTE

    def read(self, start: int, count: int) -> Samples:
        end, parts = min(start + count, self.frames), []
        while start < end:
            minute, at = divmod(start, MINUTE)
            piece = self.minute[:, at : at + end - start]
            parts.append(piece * np.float32(0.3 + 0.35 * (np.sin(12.9 * minute) + 1)))
            start += piece.shape[1]
        return np.concatenate(parts, axis=1)


def kitchen(minutes: int, hits_per_s: int) -> Kitchen:
    rng = np.random.default_rng(1)
    makers = (sounds.knock, sounds.thump, sounds.click, sounds.rattle)
    count = 60 * hits_per_s - 2
    times = (np.arange(count) + rng.uniform(0.2, 0.8, count)) / hits_per_s
    hits = []
    for i, at_s in enumerate(times):
        clip = makers[i % 4](i)
        hits.append((float(at_s), sounds.mono(clip.samples[0] * np.float32(rng.uniform(0.1, 0.9)))))
    return Kitchen(sounds.stereo(sounds.placed(hits, 60.0, sounds.room(60.0)), -2.0).samples, minutes)


def child(minutes: int, hits_per_s: int) -> None:
    source = kitchen(minutes, hits_per_s)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = time.perf_counter(), time.process_time()
    found = slice_source(source, SliceRequest())
    print(
        json.dumps(
            {
                "wall_s": time.perf_counter() - start,
                "cpu_s": time.process_time() - cpu,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "before_mb": before / 1024,
                "found": found.found,
                "kept": len(found.slices),
            }
        )
    )


def main() -> None:
    """Print the table."""
    print("| audio | wall | CPU | peak memory | of it before | hits found | kept | target |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, minutes, hits in CASES:
        command = [sys.executable, "-m", "tests.bench.bench_preprocess", str(minutes), str(hits)]
        r = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(
            f"| {name} | {r['wall_s']:.1f} s | {r['cpu_s']:.1f} s | {r['peak_mb']:.0f} MB | {r['before_mb']:.0f} MB "
            f"| {r['found']} | {r['kept']} | {TARGETS.get(name, '')} |",
            flush=True,
        )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        child(int(sys.argv[1]), int(sys.argv[2]))
    else:
        main()
