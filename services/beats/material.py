"""What bars are made of: phrases, their letters, and the row of a style written out for each bar of a phrase.

Every written hit is a `Cell`. What a bar plays of its cells is said by a `Take`: a set of switches, each of which turns
an option on, drops a weak hit, or takes a whole ornament in or out. Rank 0, CORE's skeleton and the backbeat, hangs on
no switch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from services.beats.styles.notation import PARTS, PHRASE_BARS, hit_rank
from services.beats.styles.types import ALWAYS, Line, Style
from services.beats.types import BEAT_STEPS, Articulation, Role

LETTERS = ("A", "A′", "A", "B")
VARIED: tuple[Role, ...] = ("CORE", "ACCENT", "MOTION")  # the roles that a variation may touch
FIXED_PARTS = frozenset({"open", "crash", "closed", "ride"})  # MOTION keeps its pulse and what shapes the bar


class Hit(NamedTuple):
    """A hit of one bar before it has a sound.

    `height`: of FILL hits, 0 the highest sound, 1 the lowest, -1 whose turn it is.
    """

    step: int
    tick: int
    role: Role
    voice: int
    velocity: float
    rank: float
    articulation: Articulation | None
    instrument: str
    duration_steps: float
    explicit: bool = True
    height: float = 0.0


@dataclass(frozen=True, slots=True)
class Phrase:
    """A run of up to four bars. `key` names its material: two phrases of one key play the same hits. `rests`: roles
    that play not at all or only their lead's plain hits here, so that nobody is given a turn in vain.
    """

    index: int
    first_bar: int
    bars: int
    letter: str
    key: str
    rests: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True)
class Material:
    """What bars are made of: a style in a meter, the seed, the roles that have sounds, and the length of the beat.

    `bed_bars`: how long one bed of TEXTURE lies, 1, 2 or 4 bars. `fill_sounds`: that each fill has to play for all FILL
    sounds to be heard.
    """

    style: Style
    meter: str
    seed: int
    roles: frozenset[Role]
    bars: int
    bed_bars: int = PHRASE_BARS
    fill_sounds: int = 1

    @property
    def fills(self) -> bool:
        """Whether phrase ends are filled: a single bar has no phrase to end, unless nothing else could play."""
        return self.roles == {"FILL"} or (self.bars > 1 and "FILL" in self.roles)


def phrases(bars: int) -> tuple[Phrase, ...]:
    """The phrases of a beat of 1..64 bars; the last one takes what is left."""
    found: list[Phrase] = []
    for index, first in enumerate(range(0, bars, PHRASE_BARS)):
        letter = LETTERS[index % PHRASE_BARS]
        key = letter if letter == "A" else f"{letter}{index // PHRASE_BARS}"
        found.append(Phrase(index, first, min(PHRASE_BARS, bars - first), letter, key))
    return tuple(found)


def bar_letter(phrase_bars: int, place: int) -> str:
    """The letter of bar `place` (0..3) in a phrase; a short phrase ends with B too."""
    if place and place == phrase_bars - 1:
        return "B"
    return LETTERS[place]


class Switch(NamedTuple):
    """`kind`: `option` (an option of the row), `drop` (a weak hit stays out), `line` (an ornament in or out)."""

    kind: str
    role: Role
    name: str
    at: tuple[int, int] = (0, 0)


Take = frozenset[Switch]


class Cell(NamedTuple):
    """A written hit. `option`: what must be on for it to play; `drop`: what keeps it out; `line`: what turns it over:
    an ornament that the style's density plays goes out, one that it does not play comes in.
    """

    hit: Hit
    option: Switch | None
    drop: Switch | None
    line: Switch | None


@lru_cache(maxsize=512)  # styles × meters × roles
def cells(style: Style, meter: str, role: Role) -> tuple[tuple[Cell, ...], ...]:
    """The row of a role, written out for each of the four bars of a phrase."""
    bars: list[tuple[Cell, ...]] = []
    for place in range(PHRASE_BARS):
        found = [c for line in style.lines[role] if place in line.bars for c in _line_cells(style, meter, role, line)]
        alone = Counter(c.hit[:2] for c in found)  # two parts on one step: dropping one would change nothing to hear
        bars.append(tuple(c if alone[c.hit[:2]] == 1 else c._replace(drop=None) for c in found))
    return tuple(bars)


def _line_cells(style: Style, meter: str, role: Role, line: Line) -> Iterable[Cell]:
    free = role != "CORE" and line.rank > 0.0 and line.part not in FIXED_PARTS
    turned = Switch("line", role, line.part) if free and role in VARIED else None
    for step, tick, velocity, unit in zip(line.steps, line.ticks, line.velocity, line.units, strict=True):
        option = None if unit == ALWAYS else Switch("option", role, f"{line.part}{min(line.bars)}", (unit, 0))
        loose = option is None and _may_drop(style, meter, line, (step, tick))
        drop = Switch("drop", role, line.part, (step, tick)) if loose else None
        yield Cell(written_hit(meter, role, line, (step, tick, velocity)), option, drop, turned)


def written_hit(meter: str, role: Role, line: Line, at: tuple[int, int, float]) -> Hit:
    """A hit of a line at (step, tick, velocity 0..1)."""
    step, tick, velocity = at
    articulation: Articulation | None = "roll" if tick else line.articulation
    rank = hit_rank(line, meter, step, tick)
    length = 0.5 if tick else line.duration_steps
    return Hit(step, tick, role, line.voice, velocity, rank, articulation, line.instrument, length, line.explicit)


def _may_drop(style: Style, meter: str, line: Line, at: tuple[int, int]) -> bool:
    """Weak hits of MOTION and of the second ACCENT voice, off the beat, that the style's own density plays."""
    step, tick = at
    if line.rank == 0.0 or tick or step % BEAT_STEPS[meter] == 0:
        return False
    if PARTS[line.part].role == "CORE" or line.articulation == "open":
        return False
    if any(t and s - step in {0, 1} for s, t in zip(line.steps, line.ticks, strict=True)):
        return False  # the head of a roll
    return hit_rank(line, meter, step, tick) <= style.density


def taken(style: Style, row: Iterable[Cell], take: Take) -> list[Hit]:
    """The hits of a bar's cells that a take plays. What a take brings in plays from the style's own density on."""
    found: list[Hit] = []
    for hit, option, drop, line in row:
        if (option is not None and option not in take) or (drop is not None and drop in take):
            continue
        if line is not None and line in take:
            if hit.rank <= style.density:
                continue
            hit = hit._replace(rank=style.density)  # noqa: PLW2901
        found.append(hit)
    return found
