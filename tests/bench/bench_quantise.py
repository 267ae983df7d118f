"""How right the notes are that onsets become: shares of notes at their true place of bar and beat.

Patterns of every style at three tempi, three densities and some seeds, played as `tests/services/transcription/
patterns.py` says, over beats that are found with 4 ms of error; then with the beats that are really heard in rendered
audio; and CPU seconds of the whole. A figure of a style is the median over seeds, with a 95 % bootstrap interval over
patterns. `*`: under the target.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.analysis.activations import RhythmActivations, listen_rhythm
from services.analysis.tempo import rhythm
from services.analysis.types import BeatHints
from services.beats.styles import STYLES
from services.beats.types import METERS
from services.transcription.pipeline import Asked, transcribe
from services.transcription.quantise import quantise
from services.transcription.strokes import Stroke
from tests.bench.bench_render import best_s, row
from tests.bench.ears.intervals import figure
from tests.services.transcription.drumming import Source, track
from tests.services.transcription.patterns import TIMINGS, Flags, Pattern, found, pattern, performed, tempi
from tests.services.transcription.played import rhythm_of

TARGET = 0.97
DENSITIES = (0.3, 0.6, 1.0)
SEEDS = 2
BEATS_OFF_S = 0.004
LONG_BARS, LONG_BPM = 64, 84.0  # three minutes
TAIL_S = 1.0
SOUNDS = {
    "kick": "kick", "snare": "snare", "rim": "clap", "clap": "clap", "tom": "tom low", "hat_closed": "hat",
    "hat_open": "hat open", "ride": "hat open", "crash": "hat open",
}  # fmt: skip
QUIET = {"hat_closed": 0.3, "hat_open": 0.3, "ride": 0.3}  # of a velocity: in a mix, metal is softer than skins

Counts = list[tuple[int, int]]  # right notes and all of them, a pattern each


@dataclass(frozen=True)
class Run:
    """One performance: what was right of it."""

    style: str
    timing: str
    seed: int
    made: Pattern
    right: Flags


def runs(timing: str) -> list[Run]:
    """Every style, tempo, density and seed in one timing; machines need no seeds."""
    out = []
    for style in STYLES:
        for seed in range(1 if timing == "machine" else SEEDS):
            for bpm in tempi(style):
                for density in DENSITIES:
                    made = pattern(style, bpm, density, seed)
                    strokes, numbers = performed(made, timing, seed)
                    beats = rhythm_of(made.grid, 0.0 if timing == "machine" else BEATS_OFF_S, seed=seed + 7)
                    out.append(Run(style, timing, seed, made, found(made, strokes, numbers, quantise(strokes, beats))))
    return out


def cell(chosen: Sequence[Run]) -> str:
    """The median over seeds and the interval over patterns."""
    if not chosen:
        return "–"
    seeds = sorted({r.seed for r in chosen})
    shares = []
    for seed in seeds:
        right = np.concatenate([r.right for r in chosen if r.seed == seed])
        shares.append(float(right.mean()))
    bounds = figure([np.array([r.right.sum(), r.right.size], float) for r in chosen], lambda s: float(s[0] / s[1]))
    middle = float(np.median(shares))
    return f"{100 * middle:.1f} [{100 * bounds.low:.1f}, {100 * bounds.high:.1f}]{'' if middle >= TARGET else ' *'}"


def table(title: str, groups: Mapping[str, Mapping[str, Sequence[Run]]]) -> None:
    print(f"\n| {title} | " + " | ".join(TIMINGS) + " |\n| --- |" + " --- |" * len(TIMINGS))
    for name, by_timing in groups.items():
        print(f"| {name} | " + " | ".join(cell(by_timing[timing]) for timing in TIMINGS) + " |")


def value_of(made: Pattern, tick: int) -> str:
    """The note value that a tick of the bar needs, and whether the grid swings."""
    swing = f", swing of {made.grid.swing_unit}ths" if made.grid.swing > 0.52 else ""
    for unit, name in ((480, "eighths"), (240, "sixteenths"), (120, "32nds"), (160, "triplets and sextuplets")):
        if tick % unit == 0:
            return name + swing
    return "sextuplets off the beat" + swing


def by_value(every: Sequence[Run]) -> dict[str, dict[str, list[Run]]]:
    """The notes of each value by timing."""
    out: dict[str, dict[str, list[Run]]] = defaultdict(lambda: {timing: [] for timing in TIMINGS})
    for run in every:
        values = np.array([value_of(run.made, int(tick)) for tick in run.made.ticks])
        for value in np.unique(values):
            out[str(value)][run.timing].append(replace(run, right=run.right[values == value]))
    return {name: out[name] for name in sorted(out)}


def grouped(every: Sequence[Run], names: Sequence[str], of: Mapping[str, str]) -> dict[str, dict[str, list[Run]]]:
    """Runs of the styles that `of` puts under each name, by timing."""
    return {
        name: {timing: [r for r in every if of[r.style] == name and r.timing == timing] for timing in TIMINGS}
        for name in names
    }


def rendered(made: Pattern, strokes: Sequence[Stroke]) -> Source:
    """A performance as audio."""
    last = max(s.hit.time_s for s in strokes)
    hits = [
        (s.hit.time_s, SOUNDS[s.hit.instrument], 0.5 * s.hit.velocity * QUIET.get(s.hit.instrument, 1.0))
        for s in strokes
    ]
    return track(hits, last + TAIL_S)


def heard_rows() -> None:
    """Each style once, over the beats that are heard in its audio, free and with the meter given."""
    print("\nBeats as heard in rendered audio, one pattern a style; a bar more or less before the first is no error.\n")
    print("| style | right, % | with meter given, % |\n| --- | ---: | ---: |")
    totals: dict[str, Counts] = {"free": [], "meter": []}
    for style in STYLES:
        made = pattern(style, tempi(style)[1], DENSITIES[1], 0)
        strokes, numbers = performed(made, "human", 0)
        heard = listen_rhythm(rendered(made, strokes), lambda _share: None)
        shares = []
        for name, hints in (("free", BeatHints()), ("meter", BeatHints(meter=made.grid.meter))):
            score = quantise(strokes, rhythm(heard, hints))
            best = max((found(made, strokes, numbers, score, late) for late in (-1, 0, 1)), key=lambda f: int(f.sum()))
            totals[name].append((int(best.sum()), best.size))
            shares.append(100 * float(best.mean()))
        print(f"| {style} | {shares[0]:.1f} | {shares[1]:.1f} |")
    for name, rows in totals.items():
        bounds = figure([np.array(r, float) for r in rows], lambda s: float(s[0] / s[1]))
        most = sum(right / every >= TARGET for right, every in rows)
        print(f"\n{name}: {bounds.text()}; {most} of {len(rows)} styles at {100 * TARGET:g} % or more")


def speed() -> None:
    """CPU of three busy minutes."""
    made = pattern("funk", LONG_BPM, 1.0, 1, bars=LONG_BARS)
    strokes, _ = performed(made, "human", 1)
    beats = rhythm_of(made.grid, BEATS_OFF_S)
    heard: RhythmActivations = listen_rhythm(rendered(made, strokes), lambda _share: None)
    print(f"\n| three minutes, {len(strokes)} hits | CPU | target |\n| --- | --- | --- |")
    row("notes from hits and beats", best_s(lambda: quantise(strokes, beats), 3), "500 ms")
    row("beats, notes and uncertain bars from what was heard", best_s(lambda: transcribe(strokes, heard, Asked()), 2))


def main() -> None:
    """Measure and print."""
    every = [run for timing in TIMINGS for run in runs(timing)]
    print(
        "Notes at their true place, %. machine: no error; human: 12 ms; drift: 10 ms slow and 8 ms; heard: human, and"
    )
    print(f"4 % false hits. Target {100 * TARGET:g} %.")
    table("all", {"all styles": {timing: [r for r in every if r.timing == timing] for timing in TIMINGS}})
    table("style", grouped(every, [*STYLES], {style: style for style in STYLES}))
    table("meter", grouped(every, [*METERS], {name: style.meters[0] for name, style in STYLES.items()}))
    table("note value", by_value(every))
    heard_rows()
    speed()


if __name__ == "__main__":
    main()
