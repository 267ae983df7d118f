"""Phrases and variations: a style's row becomes the hits of each bar.

Bars come in phrases of four, A A′ A B; phrases come in fours too, by the same letters. A is what the row says, with
the options that the seed has chosen for this beat. A′ changes one to three hits, B more; neither ever touches rank 0,
which is CORE's skeleton and the backbeat. At a phrase's end a fill (`fills.py`) plays and MOTION thins out under it;
CORE, in some styles a crash, answers on the first beat of the next phrase.

Everything here is the full set, at density 1: density only filters by rank afterwards, so it cannot change a hit.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from services.beats.fills import FILLS, OWN, Fill, fits, height
from services.beats.streams import pick, stream
from services.beats.styles.notation import PARTS, PHRASE_BARS, hit_rank, parse_bar
from services.beats.styles.types import ALWAYS, Line, Style
from services.beats.types import BEAT_STEPS, METERS, Articulation, Role

LETTERS = ("A", "A′", "A", "B")
OPTION_CHANCE = 0.5  # that the seed takes an option of the row
EXTRA_CHANCE = 0.45  # that CORE or ACCENT joins the change that A′ must have
B_CHANGES: dict[Role, int] = {"CORE": 1, "ACCENT": 1, "MOTION": 1}  # beside the fill and the thinning
WEAK_HAND = 0.92  # velocity of the other hand on hats
ANSWER_GAIN = 1.06  # CORE on the first beat after a fill
ANSWER_RANK = 0.12  # where the row has no CORE there, one comes in with the fill's first hits
FILL_RANK, FILL_RANK_WEAK = 0.11, 0.10  # a fill's first hits come in before any hat, its weak ones soon after
ROLL_TOP = 0.9  # velocity at the end of a fill written with rolls
ROLL_RISE = (0.55, 0.45)  # such a fill rises from .55 of that to all of it


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
    """A run of up to four bars. `key` names its material: two phrases of one key play the same hits."""

    index: int
    first_bar: int
    bars: int
    letter: str
    key: str


@dataclass(frozen=True, slots=True)
class Material:
    """What bars are made of: a style in a meter, the seed, the roles that have sounds, and the length of the beat."""

    style: Style
    meter: str
    seed: int
    roles: frozenset[Role]
    bars: int

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


def bar_letter(phrase: Phrase, place: int) -> str:
    """The letter of bar `place` (0..3) in a phrase; a short phrase ends with B too."""
    if place and place == phrase.bars - 1:
        return "B"
    return LETTERS[place]


def role_bar(material: Material, role: Role, phrase: Phrase, place: int) -> list[Hit]:
    """The hits of one role in bar `place` of a phrase, sorted by step and tick, ranks 0..1 (all of them)."""
    if role == "FILL":
        return fill_hits(material, phrase) if place == phrase.bars - 1 else []
    if role == "TEXTURE":
        return _bed(material, phrase) if place == 0 else []
    hits = plain_bar(material, role, phrase, place)
    if role == "MOTION":
        hits = _hands(_thinned(hits, material, phrase, place))
    if place == 0:
        hits = _answer(hits, material, role)
    return sorted(hits, key=lambda h: (h.step, h.tick, h.voice))


def plain_bar(material: Material, role: Role, phrase: Phrase, place: int, *, varied: bool = True) -> list[Hit]:
    """The row's hits of a role with its options, changed as the bar's letter asks (or not, when `varied` is off)."""
    cells = _cells(material.style, material.meter, role)[place]
    options = _options(material, role, phrase.key if phrase.letter == "B" else "A")
    dropped: frozenset[int] = frozenset()
    if varied:
        options, dropped = _changes(material, role, cells, options, (phrase, place))
    return [c.hit for i, c in enumerate(cells) if (c.option is None or c.option in options) and i not in dropped]


class _Cell(NamedTuple):
    """A written hit; `option`: what must be chosen for it to play; `loose`: a variation may drop it."""

    hit: Hit
    option: tuple[str, int] | None
    loose: bool


@lru_cache(maxsize=256)  # styles × meters × roles
def _cells(style: Style, meter: str, role: Role) -> tuple[tuple[_Cell, ...], ...]:
    """The row of a role, written out for each of the four bars of a phrase."""
    bars: list[tuple[_Cell, ...]] = []
    for place in range(PHRASE_BARS):
        cells: list[_Cell] = []
        for line in style.lines[role]:
            if place in line.bars:
                for at in zip(line.steps, line.ticks, line.velocity, line.units, strict=True):
                    option = None if at[3] == ALWAYS else (f"{line.part}{min(line.bars)}", at[3])
                    loose = option is None and _may_drop(style, meter, line, at[:2])
                    cells.append(_Cell(_hit(meter, role, line, at[:3]), option, loose))
        alone = Counter(c.hit[:2] for c in cells)  # two parts on one step: dropping one would change nothing to hear
        bars.append(tuple(c._replace(loose=c.loose and alone[c.hit[:2]] == 1) for c in cells))
    return tuple(bars)


def _hit(meter: str, role: Role, line: Line, at: tuple[int, int, float]) -> Hit:
    step, tick, velocity = at
    articulation: Articulation | None = "roll" if tick else line.articulation
    rank = hit_rank(line, meter, step, tick)
    length = 0.5 if tick else line.duration_steps
    return Hit(step, tick, role, line.voice, velocity, rank, articulation, line.instrument, length, line.explicit)


@lru_cache(maxsize=128)  # a beat asks for the same ones in every bar
def _options(material: Material, role: Role, key: str) -> frozenset[tuple[str, int]]:
    """The options that this beat plays: one choice for all A phrases and their variants, another for each B phrase."""
    chance = stream(material.seed, role, "options", key)
    bars = _cells(material.style, material.meter, role)
    every = dict.fromkeys(c.option for cells in bars for c in cells if c.option is not None)
    return frozenset(option for option in every if chance.random() < OPTION_CHANCE)


def _changes(
    material: Material,
    role: Role,
    cells: Sequence[_Cell],
    options: frozenset[tuple[str, int]],
    where: tuple[Phrase, int],
) -> tuple[frozenset[tuple[str, int]], frozenset[int]]:
    """Options switched and cells dropped for the letter of the bar at (phrase, place)."""
    phrase, place = where
    letter = bar_letter(phrase, place)
    if letter == "A":
        return options, frozenset()
    chance = stream(material.seed, role, "vary", phrase.key, place)
    count = _how_many(material, role, letter, chance)
    switches = list(dict.fromkeys(c.option for c in cells if c.option is not None))
    drops = [i for i, c in enumerate(cells) if c.loose]
    dropped: set[int] = set()
    for _ in range(count):
        if switches and (not drops or chance.random() < len(switches) / (len(switches) + 1)):
            switch = pick(chance, switches)
            switches.remove(switch)
            options ^= {switch}
        elif drops:
            drop = pick(chance, drops)
            drops.remove(drop)
            dropped.add(drop)
    return options, frozenset(dropped)


def _how_many(material: Material, role: Role, letter: str, chance: random.Random) -> int:
    """Changes of a role in an A′ bar (one for the role that must, perhaps one for the others) or a B bar."""
    if letter == "B":
        return B_CHANGES.get(role, 0) if role == "MOTION" or not material.style.two_bar else 0
    must = next((r for r in ("MOTION", "CORE", "ACCENT") if r in material.roles), None)
    if role == must:
        return 1
    return int(not material.style.two_bar and chance.random() < EXTRA_CHANCE)


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


def _hands(hits: list[Hit]) -> list[Hit]:
    """Hats alternate between two hands, the second is weaker; hits with written velocities keep them."""
    found: list[Hit] = []
    left = False
    for hit in sorted(hits, key=lambda h: (h.step, h.tick)):
        if hit.voice == 0 and not hit.explicit:
            found.append(hit._replace(velocity=hit.velocity * (WEAK_HAND if left else 1.0)))
            left = not left
        else:
            found.append(hit)
    return found


def _thinned(hits: list[Hit], material: Material, phrase: Phrase, place: int) -> list[Hit]:
    """MOTION without what would crowd the fill: in its window only hits on the beat stay."""
    if not material.fills or place != phrase.bars - 1:
        return hits
    window, beat = fill_window(material, phrase), BEAT_STEPS[material.meter]
    steps = METERS[material.meter]
    return [h for h in hits if h.step < window or ((h.step - steps) % beat == 0 and h.tick == 0 and h.voice == 0)]


def _answer(hits: list[Hit], material: Material, role: Role) -> list[Hit]:
    """After a fill CORE falls harder on the first beat; styles that answer with a crash get one."""
    if material.bars < 2:
        return hits
    if role == "MOTION" and material.style.answer == "crash":
        crash = PARTS["crash"]
        hit = Hit(0, 0, role, crash.voice, crash.level, crash.rank, "accent", crash.instrument, crash.duration_steps)
        return [*hits, hit]
    if role != "CORE" or not material.fills:
        return hits
    kick = PARTS["kick"]
    if not any(h.step == 0 and h.tick == 0 for h in hits):
        hits = [*hits, Hit(0, 0, role, 0, kick.level, ANSWER_RANK, None, kick.instrument, kick.duration_steps)]
    return [
        h._replace(velocity=min(1.0, h.velocity * ANSWER_GAIN), articulation="accent") if h[:2] == (0, 0) else h
        for h in hits
    ]


def _bed(material: Material, phrase: Phrase) -> list[Hit]:
    """One long hit per phrase."""
    line = material.style.lines["TEXTURE"][0]
    length = float(phrase.bars * METERS[material.meter])
    hit = _hit(material.meter, "TEXTURE", line, (0, 0, line.velocity[0]))
    return [hit._replace(duration_steps=length)]


def _chosen_fill(material: Material, phrase: Phrase) -> Fill | None:
    """The fill of a phrase, None for the row's own; a B phrase ends with a longer one where the style has any."""
    beat = BEAT_STEPS[material.meter]
    ids = [i for i in material.style.fill_ids if i == OWN or fits(FILLS[i], material.meter, beat)]
    if phrase.letter == "B":
        ids = [i for i in ids if i != OWN and FILLS[i].beats > 1] or ids
    if phrase.bars == 1:
        ids = [i for i in ids if i == OWN or FILLS[i].beats == 1] or [OWN]
    chance = stream(material.seed, "FILL", "fill", phrase.key)
    name = pick(chance, ids) if ids else OWN
    return None if name == OWN else FILLS[name]


@lru_cache(maxsize=128)  # asked for by MOTION and by FILL
def _fill_tab(material: Material, phrase: Phrase) -> tuple[Fill | None, int, list[tuple[int, int, float, int]]]:
    """The chosen fill, the step where its window begins, and its hits as (step in the bar, tick, velocity, unit)."""
    fill = _chosen_fill(material, phrase)
    beat, steps = BEAT_STEPS[material.meter], METERS[material.meter]
    if fill is None:
        line = material.style.lines["FILL"][0]
        hits = list(zip(line.steps, line.ticks, line.velocity, line.units, strict=True))
        beats = -(-(steps - line.steps[0]) // beat)
        return None, steps - beats * beat, hits
    window = steps - fill.beats * beat
    text = "." * window + fill.tabs[beat].replace(" ", "")
    return fill, window, parse_bar(text, material.meter, PARTS["tom"].level)


def fill_window(material: Material, phrase: Phrase) -> int:
    """The step of a phrase's last bar from which its fill reigns."""
    return _fill_tab(material, phrase)[1]


def fill_hits(material: Material, phrase: Phrase) -> list[Hit]:
    """The fill at the end of a phrase, velocities rising; nothing in a beat of one bar."""
    if not material.fills:
        return []
    fill, _, raw = _fill_tab(material, phrase)
    rolled = any(tick for _, tick, _, _ in raw)
    beat = BEAT_STEPS[material.meter]
    found: list[Hit] = []
    for i, (step, tick, velocity, _) in enumerate(raw):
        rise = ROLL_RISE[0] + ROLL_RISE[1] * (i + 1) / len(raw) if rolled else 1.0
        late = FILL_RANK_WEAK * ((step % 2) + (2 if tick else 0)) + (0.0 if (step % beat) == 0 else 0.01)
        level = ROLL_TOP if rolled else velocity
        top = height(fill.contour if fill else "down", i, len(raw))
        found.append(
            Hit(step, tick, "FILL", 0, level * rise, round(FILL_RANK + late, 4), "roll" if tick else None, "tom",
                0.5 if tick or rolled else 1.0, height=top)
        )  # fmt: skip
    return found
