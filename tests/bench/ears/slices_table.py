"""How well slices are found: recall, precision and time error of `onset_s`, and the pairs of `duplicate_of`.

A found onset and a labelled one within `TOLERANCE_S` are one, each counted once, in the order of time. Duplicates: each
slice with a `duplicate_of` is a pair; it is right if both slices are hits of one sound. To be found is, of each sound
that was found several times, every time but one. Intervals: 95 %, over recordings.

usage: python -m tests.bench.ears.slices_table FOLDER [tune]       FOLDER as slices_material builds it
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from services.audio.clip import HOUSE_RATE_HZ, Clip, ClipSource
from services.beats.preprocess import Slice, SliceRequest, slice_source
from tests.bench.ears.intervals import figure, mean, ratio

TOLERANCE_S = 0.020
TARGETS = {20.0: "0.97 / 0.95 / 3 ms", 6.0: "0.90 / 0.85 / 3 ms"}


@dataclass(frozen=True)
class Scored:
    """One recording: how many onsets are labelled, found and right; errors in s; pairs to find, found and right."""

    name: str
    row: dict[str, Any]
    wanted: int
    found: int
    errors_s: list[float] = field(default_factory=list)
    pairs_wanted: int = 0
    pairs_found: int = 0
    pairs_right: int = 0


def matched(
    wanted_s: Sequence[float], found_s: Sequence[float], tolerance_s: float = TOLERANCE_S
) -> list[tuple[int, int]]:
    """Indices of onsets that are one: both in time order, each used once; the most that can be matched."""
    pairs, w, f = [], 0, 0
    while w < len(wanted_s) and f < len(found_s):
        if abs(wanted_s[w] - found_s[f]) <= tolerance_s:
            pairs.append((w, f))
            w, f = w + 1, f + 1
        elif wanted_s[w] < found_s[f]:
            w += 1
        else:
            f += 1
    return pairs


def scored(name: str, row: dict[str, Any], found: Sequence[Slice]) -> Scored:
    """A recording's counts; `found` in time order."""
    hits = sorted(row["hits"])
    pairs = matched([t for t, _ in hits], [s.onset_s for s in found])
    errors = [found[f].onset_s - hits[w][0] for w, f in pairs]
    who = {f: hits[w][1] for w, f in pairs}
    links = [(i, s.duplicate_of) for i, s in enumerate(found) if s.duplicate_of is not None]
    right = sum(i in who and who[i] == who.get(of) for i, of in links)
    times = Counter(who.values())
    return Scored(name, row, len(hits), len(found), errors, sum(n - 1 for n in times.values()), len(links), right)


def recordings(folder: Path, half: str) -> Iterator[Scored]:
    """Every labelled recording of a half, sliced and scored; files without a half belong to every one."""
    for name, row in sorted(json.loads((folder / "labels.json").read_text()).items()):
        if row.get("half", half) == half:
            audio, rate = soundfile.read(folder / name, dtype="float32", always_2d=True)
            assert rate == HOUSE_RATE_HZ, f"{name} is at {rate} Hz"
            source = ClipSource(Clip(np.ascontiguousarray(audio.T), rate))
            yield scored(name, row, slice_source(source, SliceRequest(dedupe=False)).slices)


def onset_line(title: str, some: Sequence[Scored], target: str) -> str:
    """A line of the table of onsets."""
    recall = figure([np.array([len(s.errors_s), s.wanted], np.float64) for s in some], ratio)
    precision = figure([np.array([len(s.errors_s), s.found], np.float64) for s in some], ratio)
    late = mean([1000 * float(np.median(np.abs(s.errors_s))) for s in some if s.errors_s])
    every = np.abs(np.concatenate([s.errors_s for s in some])) * 1000
    ends = "– | –" if not every.size else f"{np.median(every):.1f} | {np.percentile(every, 95):.1f}"
    cells = (title, sum(s.wanted for s in some), recall.text(), precision.text(), late.text(1), ends, target)
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def tables(scores: Sequence[Scored]) -> str:
    """Both tables as Markdown."""
    lines = [
        "| recordings | hits | recall | precision | median error of a recording, ms | median, ms | 95 %, ms | target |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    everyday = [s for s in scores if s.row["set"] == "everyday"]
    for snr_db in sorted({s.row["snr_db"] for s in everyday}, reverse=True):
        level = [s for s in everyday if s.row["snr_db"] == snr_db]
        lines.append(onset_line(f"all, {snr_db:.0f} dB", level, TARGETS.get(snr_db, "")))
        for bed in sorted({s.row["bed"] for s in level}):
            lines.append(onset_line(f"{bed}, {snr_db:.0f} dB", [s for s in level if s.row["bed"] == bed], ""))
    again = [s for s in scores if s.row["set"] == "repeats"]
    if again:
        lines.append(onset_line("repeats", again, ""))
        recall = figure([np.array([s.pairs_right, s.pairs_wanted], np.float64) for s in again], ratio)
        precision = figure([np.array([s.pairs_right, s.pairs_found], np.float64) for s in again], ratio)
        lines += [
            "",
            "| duplicates | pairs | recall | precision | target |",
            "| --- | --- | --- | --- | --- |",
            f"| repeats | {sum(s.pairs_wanted for s in again)} | {recall.text()} | {precision.text()} | 0.95 / 0.95 |",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(tables(list(recordings(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "test"))))
