"""The kit as a ZIP, of everyday and drum sounds, with its dressing: CPU seconds of one core, the best of some runs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

from services.audio.clip import Clip
from services.beats.dress_audio import Wardrobe
from services.beats.export import ExportOptions, export
from services.beats.types import Beat
from tests.bench.bench_render import THREADS, best_s, row
from tests.groove_material import drums, everyday, made

PADS = ExportOptions(note_map="pads")
SIZES = ((8, "300 ms"), (64, "3000 ms"))


def copies(count: int) -> tuple[Beat, dict[str, Clip]]:
    """A beat whose kit holds so many sounds: everyday and drum sounds in turns, each copy a stored cut of its own."""
    beat, clips = made(drums(), "house"), dict(drums().clips)
    lent = {**made(everyday(), "house").kit, **beat.kit}
    clips |= everyday().clips
    kit = {}
    for i in range(count):
        sample = list(lent.values())[i % len(lent)]
        name = f"{sample.sample_id}-{i}"
        kit[name] = replace(sample, sample_id=name, blob=f"{i:064x}")
        clips[name] = clips[sample.sample_id]
    return replace(beat, kit=kit, events=()), clips


def main() -> None:
    """Print the table, measured in a process with one thread, as a worker has."""
    env = {**os.environ, **dict.fromkeys(THREADS, "1")}
    subprocess.run([sys.executable, "-m", "tests.bench.bench_kit"], env=env, check=True)


def table() -> None:
    """Measure and print."""
    print("| what | CPU | target |\n| --- | --- | --- |")
    for count, target in SIZES:
        beat, clips = copies(count)
        row(f"kit.zip, {count} sounds, cold", best_s(lambda b=beat, c=clips: export(b, c, "kit.zip"), 3), target)
    beat, clips = made(everyday(), "house"), everyday().clips
    worn = Wardrobe()
    row("kit.zip, 7 everyday sounds, dressed before", best_s(lambda: export(beat, clips, "kit.zip", None, worn)))
    row("stems.zip of the pads, 4 bars", best_s(lambda: export(beat, clips, "stems.zip", PADS, worn)))
    row("beat.mid of the pads", best_s(lambda: export(beat, clips, "beat.mid", PADS)))


if __name__ == "__main__":
    table()
