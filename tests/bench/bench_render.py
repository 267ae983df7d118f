"""From a beat to its files: mix, master, WAV, MIDI, kit and stems; how the mix grows with bars and events.

CPU seconds of one core, the best of some runs: less moved by a busy machine than the clock. Sounds are synthetic
(noises, so the master has its hardest case).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

from services.audio.wavfile import write_wav
from services.beats.dress_audio import Wardrobe
from services.beats.export import EXPORTS, export
from services.beats.render import master_mix, render_mix
from services.beats.types import Beat
from tests.beat_material import event, full_beat
from tests.groove_material import drums, made

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
RUNS = 5
EVENTS = 3_000


def best_s(work: Callable[[], object], runs: int = RUNS) -> float:
    """CPU seconds of the fastest run, after one to warm up."""
    work()
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def crowded(bars: int, events: int, bpm: float) -> tuple[Beat, dict]:
    """The full beat with hats and ghosts added until it has so many events."""
    beat, clips = full_beat(bars, bpm)
    places = [(bar, step, tick) for tick in (0, 120, 60, 180) for bar in range(bars) for step in range(16)]
    names = {"MOTION": "hat_closed", "ACCENT": "clap"}
    more = [
        event(name, bar, step, role, name, velocity=0.4, tick=tick)
        for role, name in names.items()
        for bar, step, tick in places
    ]
    taken = {e.id for e in beat.events}
    fresh = [e for e in more if e.id not in taken][: events - len(beat.events)]
    return Beat(beat.grid, (*beat.events, *fresh), beat.kit, meta=beat.meta), clips


def row(name: str, seconds: float, target: str = "") -> None:
    print(f"| {name} | {seconds * 1000:.0f} ms | {target} |")


def main() -> None:
    """Print the table, measured in a process with one thread, as a worker has: threads of BLAS only get in the way."""
    env = {**os.environ, **dict.fromkeys(THREADS, "1")}
    subprocess.run([sys.executable, "-m", "tests.bench.bench_render"], env=env, check=True)


def table() -> None:
    """Measure and print."""
    print("| what | CPU | target |\n| --- | --- | --- |")
    beat, clips = full_beat(4, 96.0)
    row("audio.wav, 8 raw sounds, 4 bars (10 s)", best_s(lambda: export(beat, clips, "audio.wav")), "200 ms")
    kit = drums()
    hits = made(kit, "hiphop")
    cold = best_s(lambda: export(hits, kit.clips, "audio.wav", None, Wardrobe()))
    row(f"first audio.wav, {len(hits.kit)} sounds to dress, 4 bars", cold, "300 ms")
    worn = Wardrobe()
    row("- its next file, dressed already", best_s(lambda: export(hits, kit.clips, "audio.wav", None, worn)))
    rendered = render_mix(beat, clips, stems=False)
    loud = master_mix(rendered)
    row("- mix", best_s(lambda: render_mix(beat, clips, stems=False)))
    row("- master", best_s(lambda: master_mix(rendered)))
    row("- 24-bit WAV", best_s(lambda: write_wav(loud, 24)))
    for name in EXPORTS:
        row(name, best_s(lambda name=name: export(beat, clips, name), 3))
    for bars in (4, 16, 64):
        sized, sounds = full_beat(bars, 120.0)
        row(f"mix, {bars} bars, {len(sized.events)} events", best_s(lambda b=sized, s=sounds: render_mix(b, s), 3))
    long, sounds = crowded(64, EVENTS, 120.0)
    row(f"mix and stems, 64 bars, {len(long.events)} events", best_s(lambda: render_mix(long, sounds), 3), "600 ms")
    mixed = render_mix(long, sounds, stems=False)
    row(f"master, {mixed.mix.duration_s:.0f} s", best_s(lambda: master_mix(mixed), 3), "1000 ms")
    row("beat.mid of it", best_s(lambda: export(long, sounds, "beat.mid"), 3))


if __name__ == "__main__":
    table()
