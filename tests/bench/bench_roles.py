"""Stage 2 after decoding, per sample on one core: features and inference. Target: 5 ms for a 1 s sound.

usage: make bench ARGS=roles

Reports wall time (median and 95th percentile over 200 calls) and CPU time (a call's mean in the best of five batches:
neighbours on the machine slow a core down, they never speed it up).
"""

from __future__ import annotations

import json
import time

import numpy as np

from services.audio.clip import HOUSE_RATE_HZ, Clip
from services.beats import classifier
from services.beats.features import extract
from services.beats.role_assign import Candidate, assign_pools, judge

BATCHES, CALLS = 5, 40
TARGET_MS = 5.0


def sound(seconds: float, rate_hz: int, channels: int) -> Clip:
    """A decaying noisy tone."""
    rng = np.random.default_rng(1)
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    x = (np.sin(2 * np.pi * 180 * t) + 0.5 * rng.standard_normal(t.size)) * np.exp(-4 * t / seconds)
    return Clip(np.repeat(x[None].astype(np.float32), channels, axis=0), rate_hz)


def timed(call) -> dict[str, float]:
    """Milliseconds of a call."""
    call()
    wall, batches = [], []
    for _ in range(BATCHES):
        cpu = time.process_time()
        for _ in range(CALLS):
            start = time.perf_counter()
            call()
            wall.append(1000 * (time.perf_counter() - start))
        batches.append(1000 * (time.process_time() - cpu) / CALLS)
    return {
        "cpu_ms": round(min(batches), 3),
        "p50_ms": round(float(np.median(wall)), 3),
        "p95_ms": round(float(np.percentile(wall, 95)), 3),
    }


def main() -> None:
    start = time.perf_counter()
    classifier.shipped()
    rows = {"load weights once": {"wall_ms": round(1000 * (time.perf_counter() - start), 2)}}
    clips = {
        "1 s stereo 44.1 kHz": sound(1, HOUSE_RATE_HZ, 2),
        "0.2 s mono 44.1 kHz": sound(0.2, HOUSE_RATE_HZ, 1),
        "1 s stereo 48 kHz": sound(1, 48_000, 2),
        "30 s stereo 44.1 kHz": sound(30, HOUSE_RATE_HZ, 2),
    }
    for name, clip in clips.items():
        rows[f"judge, {name}"] = timed(lambda clip=clip: judge(clip))
    found = extract(clips["1 s stereo 44.1 kHz"])
    rows["inference alone"] = timed(lambda: classifier.probabilities(found))
    judgement = judge(clips["1 s stereo 44.1 kHz"])
    for count in (1, 8, 64):
        many = [Candidate(f"{i:016x}", "", judgement, None) for i in range(count)]
        rows[f"pools of {count} sounds"] = timed(lambda many=many: assign_pools(many))
    for name, row in rows.items():
        print(f"{name:28} {json.dumps(row)}")
    spent = rows["judge, 1 s stereo 44.1 kHz"]["cpu_ms"]
    print(f"target {TARGET_MS} ms a sample: {'met' if spent <= TARGET_MS else 'missed'} ({spent} ms of CPU)")


if __name__ == "__main__":
    main()
