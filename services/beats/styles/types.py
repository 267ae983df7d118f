"""A style as data: one row of pattern lines per role, and how they feel.

A `Line` is one part of a groove (the backbeat, its ghosts, the closed hat …): parallel tuples of hits. Ranks order the
hits from the skeleton (0) to the last ornament (1): a beat of density d plays the hits with rank ≤ d, so a denser beat
contains the sparser one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from services.beats.types import Articulation, Role

Feel = Literal["full", "half"]
Answer = Literal["core", "crash"]

ALWAYS = -1  # the unit of a hit that is no seeded option


@dataclass(frozen=True, slots=True, eq=False)  # rows are compared, and cached by, identity
class Line:
    """One part in the bars of a phrase that it names.

    `steps`, `ticks`, `velocity`, `units` are parallel. `units`: `ALWAYS`, or the number of the option the hit belongs
    to; the seed and the variations switch options as a whole. `bars`: places in a phrase of four bars. `voice`: which
    of the role's sounds plays it (0 the lead). `explicit`: velocities are as written, no hands, no accents added.
    """

    part: str
    steps: tuple[int, ...]
    ticks: tuple[int, ...]
    velocity: tuple[float, ...]
    units: tuple[int, ...]
    rank: float
    articulation: Articulation | None
    bars: frozenset[int]
    voice: int
    instrument: str
    duration_steps: float
    explicit: bool


@dataclass(frozen=True, slots=True, eq=False)
class Style:
    """One row of the style table.

    `bpm_range`: quarter notes per minute where it is at home; outside is a warning. `swing`: place of the second note
    of a pair of `swing_unit`s. `offset_ms`: mean lateness per role; `jitter_ms`: standard deviation around it.
    `core_decay_ms`: how long its low end rings; `duck_db`: how far beds yield to CORE. `fill_ids`: names in
    `services.beats.fills.FILLS`, `own` is the row's own FILL line. `answer`:
    what falls on the first beat after a fill besides CORE. `syncopation_range`: Longuet-Higgins-Lee syncopation
    of CORE and ACCENT, mean per bar (see `services.beats.syncopation`). `likes`: materials that speak for it
    when the style is `auto`. `common`: how often people
    want it, against the others of its tempo. `density`: its own.
    """

    name: str
    title: str
    description: str
    bpm_range: tuple[float, float]
    meters: tuple[str, ...]
    lines: Mapping[Role, tuple[Line, ...]]
    feel: Feel = "full"
    swing: float = 0.5
    swing_unit: int = 16
    offset_ms: Mapping[Role, float] = field(default_factory=dict)
    jitter_ms: float = 2.0
    core_decay_ms: float = 300.0
    duck_db: float = -2.0
    fill_ids: tuple[str, ...] = ("own",)
    answer: Answer = "core"
    syncopation_range: tuple[float, float] = (0.0, 12.0)
    likes: tuple[str, ...] = ()
    density: float = 0.6
    common: float = 1.0
