"""Hypothesis strategies for beats that a drum score can hold, and what each format can carry of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from services.beats.grid import bar_steps
from services.beats.types import BARS_MAX, INSTRUMENTS, METERS, ROLES, TICKS_PER_STEP, Beat, Event, Grid, Section
from services.notation.drumset import PLACES

TICKS = st.one_of(st.just(0), st.sampled_from([60, 80, 120, 160, 180, 10, 239]), st.integers(0, TICKS_PER_STEP - 1))
ARTICULATIONS = st.sampled_from([None, None, None, "ghost", "accent", "flam", "roll", "open", "choke"])
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)


@st.composite
def grids(draw: st.DrawFn, most_bars: int = 4) -> Grid:
    """Any meter, tempo map, swing and pickup."""
    meter = draw(st.sampled_from(sorted(METERS)))
    bars = draw(st.integers(1, most_bars))
    bpm = st.floats(40, 300).map(lambda v: round(v, 6))
    tempo_map = [(0, draw(bpm))]
    for bar in range(1, bars):
        if draw(st.booleans()):
            value = draw(bpm)
            if value != tempo_map[-1][1]:
                tempo_map.append((bar, value))
    pickup = draw(st.one_of(st.just(0), st.integers(1, METERS[meter] - 1))) if bars > 1 else 0
    swing = draw(st.one_of(st.just(0.5), st.floats(0.5, 0.75).map(lambda v: round(v, 6))))
    unit = draw(st.sampled_from([8, 16])) if swing != 0.5 else 16
    return Grid(tuple(tempo_map), meter, bars, swing, unit, pickup)


@st.composite
def events(draw: st.DrawFn, grid: Grid, name: str) -> Event:
    """An event anywhere in the grid."""
    bar = draw(st.integers(0, grid.bars - 1))
    instrument = draw(st.sampled_from(INSTRUMENTS))
    variant = draw(st.sampled_from([None, "low", "mid", "high"])) if instrument == "tom" else None
    return Event(
        id=name,
        bar=bar,
        step=draw(st.integers(0, bar_steps(grid, bar) - 1)),
        tick=draw(TICKS),
        role=draw(st.sampled_from(ROLES)),
        instrument=instrument,
        velocity=round(draw(st.floats(0, 1)), 6),
        pitch=PLACES[f"tom/{variant}" if variant else instrument].note,
        articulation=draw(ARTICULATIONS),
        variant=variant,
        muted=draw(st.integers(0, 9)) == 0,
    )


@st.composite
def beats(draw: st.DrawFn) -> Beat:
    """A beat of up to four bars and 24 events."""
    grid = draw(grids())
    names = draw(st.lists(NAMES, max_size=24, unique=True))
    sections = draw(st.sampled_from([(), (Section("A", 0, grid.bars),), (Section("Intro & <1>", 0, 1),)]))
    title = draw(st.sampled_from(["", "Two  words", "<b>&amp;</b> \N{EIGHTH NOTE}", "x" * 150]))
    meta = {"title": " ".join(title.split())} if title else {}
    return Beat(grid, tuple(draw(events(grid, name)) for name in names), {}, sections, {}, meta)


def notated(beat: Beat, *, ids: bool = True) -> list[tuple[Any, ...]]:
    """What a score shows of the events of a beat, sorted."""
    rows = [
        (e.bar, e.step, e.tick, e.role, e.instrument, e.variant or "", e.velocity, e.articulation or "", e.id * ids)
        for e in beat.events
        if not e.muted
    ]
    return sorted(rows)


@st.composite
def long_beats(draw: st.DrawFn) -> Beat:
    """More bars than are composed at once, up to half an hour's, with a few events anywhere in them."""
    bars = draw(st.integers(BARS_MAX + 1, 900))
    grid = draw(grids())
    changes = draw(st.lists(st.tuples(st.integers(grid.bars, bars - 1), st.integers(40, 300)), max_size=6))
    tempo_map = {**dict(grid.tempo_map), **{bar: float(bpm) for bar, bpm in changes}}
    bends = sorted(tempo_map.items())
    kept = tuple(row for i, row in enumerate(bends) if i == 0 or row[1] != bends[i - 1][1])
    grid = replace(grid, bars=bars, tempo_map=kept)
    names = draw(st.lists(NAMES, max_size=24, unique=True))
    sections = (Section("A", 0, 64), Section("B", 64, bars - 64))
    return Beat(grid, tuple(draw(events(grid, name)) for name in names), {}, sections, {}, {"title": "Long"})
