"""Dress: a plan for a kit, and dressed sounds cold, per sample and role with all their versions.

CPU milliseconds of one core, the best of some runs: neighbours on the machine slow a core down, they never speed it up.
Sounds are the bundled ones, the synthesised kit, and those that cost most: long, in stereo, transposed.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from services.audio.clip import Clip
from services.beats.dress import VARIANTS, Dressing, plan_kit
from services.beats.dress_audio import Wardrobe
from services.beats.types import ROLES
from tests import sounds
from tests.dressing import Made, everyday, judged, planned

RUNS = 5
DRESSING = Dressing(0.6, tune=True, core_decay_ms=300.0)


def best_ms(work: Callable[[], object]) -> float:
    """CPU milliseconds of the fastest run, after one to warm up."""
    work()
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        work()
        times.append(1000 * (time.process_time() - start))
    return min(times)


def costly() -> dict[str, Made]:
    """Sounds of many seconds in two channels."""
    long = sounds.noise(20.0, 0.1).samples
    clips = {
        "20 s of stereo noise": Clip(np.repeat(long, 2, axis=0), sounds.RATE),
        "4 s dark stereo ring": sounds.stereo(sounds.burst(400, 1.5, 0.1, seconds=4.0)),
    }
    return {name: judged(name, clip) for name, clip in clips.items()}


def main() -> None:
    """Print the tables."""
    made = everyday() | costly()
    samples = [s for s, _ in made.values()]
    whole_kit = [samples[i % len(samples)] for i in range(64)]
    roles = {s.sample_id: ROLES for s in samples}
    per_sample = best_ms(lambda: plan_kit(whole_kit, roles, DRESSING)) / len(whole_kit)
    print("| what | CPU | target |\n| --- | --- | --- |")
    print(f"| plan of a sample in all five roles | {per_sample:.3f} ms | 0.5 ms |")
    print("\n| sound, cold (target 15 ms) | " + " | ".join(ROLES) + " |\n| --- |" + " --- |" * len(ROLES))
    for name, (sample, clip) in zip(made, planned(made.values(), DRESSING), strict=True):
        cells = []
        for role in ROLES:

            def dress(role=role, sample=sample, clip=clip) -> None:
                wardrobe = Wardrobe()
                for variant in VARIANTS[role]:
                    wardrobe.dressed(sample, clip, role, variant)

            cells.append(f"{best_ms(dress):.1f}")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
