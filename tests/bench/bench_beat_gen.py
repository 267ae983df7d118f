"""Stage 3: how composing grows with bars and sounds, and what an edit and another take cost. Milliseconds, best and
median of some runs after a warm-up."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from services.beats.beat_gen import ComposeRequest, compose, recompose
from services.beats.document import beat_from_doc, beat_to_doc
from services.beats.edit import apply
from services.beats.view import beat_json
from tests.composing import made, many

RUNS = 25
TARGET_MS = 30.0  # for 64 bars


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Best and median milliseconds of a call."""
    work()
    took = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        took.append(1000 * (time.perf_counter() - start))
    return min(took), statistics.median(took)


def main() -> None:
    print(f"Target: 64 bars in {TARGET_MS:g} ms. Style funk, density 1.\n")
    print("| sounds | bars | events | best ms | median ms |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for count in (1, 8, 64):
        for bars in (4, 16, 64):
            request = ComposeRequest(bpm=100, bars=bars, style="funk", density=1.0, sounds=many(count))
            best, median = timed(lambda request=request: compose(request))
            print(f"| {count} | {bars} | {len(compose(request).events)} | {best:.2f} | {median:.2f} |")
    request = ComposeRequest(bpm=100, bars=64, style="funk", density=1.0, sounds=many(8))
    beat = made(request)
    doc = beat_to_doc(beat)
    ops = [{"op": "set", "id": e.id, "velocity": 0.5} for e in beat.events[:50]]
    print("\n| 64 bars, 8 sounds | best ms | median ms |\n| --- | ---: | ---: |")
    for name, work in {
        "another hat line": lambda: recompose(beat, replace(request, seed=1), frozenset({"MOTION"})),
        "one edit": lambda: apply(beat, ops[:1]),
        "fifty edits": lambda: apply(beat, ops),
        "to a document": lambda: beat_to_doc(beat),
        "from a document": lambda: beat_from_doc(doc),
        "as the contract shows it": lambda: beat_json(beat),
    }.items():
        best, median = timed(work)
        print(f"| {name} | {best:.2f} | {median:.2f} |")


if __name__ == "__main__":
    main()
