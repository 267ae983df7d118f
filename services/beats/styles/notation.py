"""How the rows of the style table are written: one short text per part, a character a step.

    kick  = "9... ...7 ..8. .... | 9.8. .... ..8. .6.."

Spaces are free, `|` separates bars; one, two or four bars, repeated to fill a phrase of four.

    .      rest
    x      a hit at the part's level, shaped by the metrical accents (1 / .5 / .75 / .5 inside a beat of four steps)
    1-9    a hit with velocity .1 to .9; X is 1.0
    ?      an option at the part's level: the seed decides once a beat whether it plays, variations switch it
    r R    a pair of 32nds: the hit and one more at tick 120; capital: the second one is an option
    t T    three 16th triplets over this step and the next: the hit and ticks 160 and 320; capital: an option

The name of a part says who plays it: `PARTS` maps it to role, voice (0 the role's lead sound), instrument,
articulation, level, rank and length. `part@rank` overrides the rank: `"closed@.5": "…"`. A row that writes no `bed`
gets one from the first step of each phrase.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from services.beats.styles.types import ALWAYS, Line, Style
from services.beats.types import BEAT_STEPS, METERS, ROLES, TICKS_PER_STEP, Articulation, Role

PHRASE_BARS = 4  # the rows' bars repeat to fill this


class Part(NamedTuple):
    """Who plays a line, how loud (`level`, velocity 0..1), from which density on (`rank`), how long (steps)."""

    role: Role
    voice: int
    instrument: str
    articulation: Articulation | None
    level: float
    rank: float
    duration_steps: float


# Levels and ranks are the starting values of the groove notes: ghosts .15-.35, hats under the backbeat, beds low.
PARTS: dict[str, Part] = {
    "kick": Part("CORE", 0, "kick", None, 0.90, 0.0, 2.0),
    "kick2": Part("CORE", 0, "kick", None, 0.72, 0.30, 2.0),
    "snare": Part("ACCENT", 0, "snare", None, 0.90, 0.0, 2.0),
    "clap": Part("ACCENT", 0, "clap", None, 0.90, 0.0, 2.0),
    "cross": Part("ACCENT", 0, "rim", None, 0.75, 0.0, 1.0),
    "ghost": Part("ACCENT", 1, "snare", "ghost", 0.27, 0.42, 1.0),
    "rim": Part("ACCENT", 1, "rim", None, 0.50, 0.40, 1.0),
    "snap": Part("ACCENT", 1, "clap", None, 0.55, 0.40, 1.0),
    "closed": Part("MOTION", 0, "hat_closed", None, 0.62, 0.14, 1.0),
    "tick": Part("MOTION", 0, "hat_closed", None, 0.40, 0.66, 1.0),
    "ride": Part("MOTION", 0, "ride", None, 0.65, 0.14, 2.0),
    "open": Part("MOTION", 1, "hat_open", "open", 0.62, 0.26, 2.0),
    "crash": Part("MOTION", 3, "crash", "accent", 0.80, 0.36, 8.0),
    "shaker": Part("MOTION", 2, "shaker", None, 0.40, 0.48, 1.0),
    "perc": Part("MOTION", 2, "perc", None, 0.50, 0.50, 1.0),
    "tom": Part("FILL", 0, "tom", None, 0.75, 0.12, 1.0),
    "bed": Part("TEXTURE", 0, "texture", None, 0.32, 0.08, 16.0),
}

ACCENT_DEPTH: dict[Role, float] = {"CORE": 0.4, "ACCENT": 0.4, "MOTION": 1.0, "FILL": 0.4, "TEXTURE": 0.0}
# ^ how much of the metrical accents a role shows: hats all of it, a kick between the beats is still a kick

# Metrical accents inside a beat; a beat of six sixteenths (6/8, 12/8) leans on its eighths.
ACCENTS: dict[int, tuple[float, ...]] = {4: (1.0, 0.5, 0.75, 0.5), 6: (1.0, 0.45, 0.70, 0.45, 0.78, 0.45)}
BEAT_WEIGHTS = (1.0, 0.95, 0.98, 0.93)  # of the beats of a bar, repeated: the first leads, the third follows

PAIR_TICK = 120  # the second of two 32nds
TRIPLET_TICKS = (160, 320)  # the second and third of three 16th triplets
ROLL_RAMP = (0.72, 0.86, 1.0)  # a roll rises into what follows
ROLL_RANK = 0.06  # the extra hits of a roll come in a little later than the hit they follow
WEAK_RANK = 0.10  # how much later the weakest steps of a part come in than its strongest
RANK_MAX = 1.0

Raw = tuple[int, int, float, int]  # step, tick, velocity, unit


def accent(meter: str, step: int) -> float:
    """Metrical accent 0..1 of a step inside its beat (1 on the beat)."""
    beat = BEAT_STEPS[meter]
    return ACCENTS[beat][step % beat]


def weight(meter: str, step: int) -> float:
    """Weight of the beat a step lies in, .93..1."""
    return BEAT_WEIGHTS[step // BEAT_STEPS[meter] % len(BEAT_WEIGHTS)]


def parse_bar(text: str, meter: str, level: float, depth: float = 1.0) -> list[Raw]:
    """The hits of one bar of notation, (step, tick, velocity, unit), sorted.

    `level`: velocity 0..1 of `x` and `?`; `depth`: 0..1, how much of the metrical accents they show. Raises ValueError
    for a wrong length or an unknown sign.
    """
    cells = text.replace(" ", "")
    if len(cells) != METERS[meter]:
        raise ValueError(f"{text!r} has {len(cells)} steps, a bar of {meter} has {METERS[meter]}")
    hits: list[Raw] = []
    unit = 0
    for step, cell in enumerate(cells):
        if cell == ".":
            continue
        shaped = level * (1.0 - depth * (1.0 - accent(meter, step) * weight(meter, step)))
        if cell in "123456789X":
            hits.append((step, 0, 1.0 if cell == "X" else int(cell) / 10, ALWAYS))
        elif cell == "x":
            hits.append((step, 0, shaped, ALWAYS))
        elif cell == "?":
            hits.append((step, 0, shaped, unit))
        elif cell in "rRtT":
            hits.extend(_roll(step, cell, level, unit))
        else:
            raise ValueError(f"{cell!r} in {text!r} is no sign of the notation")
        unit += cell in "?RT"
    return sorted(hits)


def _roll(step: int, cell: str, level: float, unit: int) -> list[Raw]:
    """A pair of 32nds or three 16th triplets, rising; the capital letters make the extra hits an option."""
    ticks = (PAIR_TICK,) if cell in "rR" else TRIPLET_TICKS
    extra = unit if cell.isupper() else ALWAYS
    hits: list[Raw] = [(step, 0, level * ROLL_RAMP[0], ALWAYS)]
    for i, tick in enumerate(ticks, start=1):
        hits.append((step + tick // TICKS_PER_STEP, tick % TICKS_PER_STEP, level * ROLL_RAMP[i], extra))
    return hits


def parse_lines(parts: Mapping[str, str], meter: str) -> dict[Role, tuple[Line, ...]]:
    """The lines of a row by role, in the order CORE … TEXTURE. Raises ValueError for bad notation."""
    found: dict[Role, list[Line]] = {role: [] for role in ROLES}
    bed = {} if any(key.partition("@")[0] == "bed" for key in parts) else {"bed": "x" + "." * (METERS[meter] - 1)}
    for key, text in {**parts, **bed}.items():
        name, _, rank = key.partition("@")
        part = PARTS[name]
        if rank:
            part = part._replace(rank=float(rank))
        found[part.role].extend(_lines(name, part, text, meter))
    return {role: tuple(lines) for role, lines in found.items()}


def _lines(name: str, part: Part, text: str, meter: str) -> list[Line]:
    bars = text.split("|")
    if len(bars) not in {1, 2, 4}:
        raise ValueError(f"{name}: {len(bars)} bars do not fill a phrase of four")
    lines: list[Line] = []
    for i, bar in enumerate(bars):
        hits = parse_bar(bar, meter, part.level, ACCENT_DEPTH[part.role])
        if not hits:
            continue
        steps, ticks, velocity, units = (tuple(column) for column in zip(*hits, strict=True))
        lines.append(
            Line(
                part=name,
                steps=steps,
                ticks=ticks,
                velocity=velocity,
                units=units,
                rank=part.rank,
                articulation=part.articulation,
                bars=frozenset(range(i, PHRASE_BARS, len(bars))),
                voice=part.voice,
                instrument=part.instrument,
                duration_steps=part.duration_steps,
                explicit="x" not in bar,
            )
        )
    return lines


def hit_rank(line: Line, meter: str, step: int, tick: int) -> float:
    """The density from which a hit of a line plays, 0..1: weak steps and the extra hits of rolls come later."""
    if line.rank == 0.0:
        return 0.0
    late = WEAK_RANK * (1.0 - accent(meter, step)) + (ROLL_RANK if tick else 0.0)
    return round(min(RANK_MAX, line.rank + late), 4)


def table(*rows: Style) -> dict[str, Style]:
    """Rows by name. Raises ValueError for a name used twice."""
    found = {row.name: row for row in rows}
    if len(found) != len(rows):
        raise ValueError("two styles of one name")
    return found
