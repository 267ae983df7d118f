"""How a bar differs from the first of its phrase, and a phrase from the first of the beat.

Bars of a phrase go A A′ A B and phrases do so too. A is the row with the options that the seed has chosen. A′ changes
one to three hits, B more; neither touches rank 0. How much is changed is measured, not hoped for: the likeness of two
bars is the Jaccard index of what they play (role, step and tick of CORE, ACCENT, MOTION and FILL at the style's own
density), and changes are drawn until it lies where it should: .75-.95 for A′, .5-.8 for B.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from services.beats.fills import GROUP, FillTab, fill_names, fill_tab
from services.beats.material import VARIED, Hit, Material, Switch, Take, bar_letter, cells
from services.beats.streams import shuffled, stream
from services.beats.styles.notation import PHRASE_BARS
from services.beats.styles.types import Style
from services.beats.types import BEAT_STEPS, METERS, Role

OPTION_CHANCE = 0.5  # that the seed takes an option of the row
SECOND_CHANGE = 0.4  # that A′ has two changes where one would do
Place = tuple[Role, int, int]  # role, step, tick
Places = frozenset[Place]


@dataclass(frozen=True, slots=True)
class Aim:
    """Likeness to come to, 0..1, a little inside what is promised; at most `most` hits change (a moved one is one)."""

    low: float
    high: float
    most: int


NEAR = Aim(0.755, 0.945, 3)  # A′ against A
FAR = Aim(0.53, 0.78, 99)  # B against A
BESIDE = Aim(0.84, 0.955, 99)  # all bars of an A′ phrase against those of an A phrase, before their own variations
APART = Aim(0.56, 0.76, 99)  # all bars of a B phrase against those of an A phrase, before their fills


@dataclass(frozen=True, slots=True)
class Variation:
    """What a bar plays: its take, the fill at its end if there is one, the step from which MOTION thins out."""

    take: Take
    fill: FillTab | None
    window: int


def likeness(a: Places, b: Places) -> float:
    """Jaccard index 0..1 of two bars, 1 for two empty ones."""
    return len(a & b) / len(a | b) if a or b else 1.0


def thinned(material: Material, window: int, at: tuple[int, int, int]) -> bool:
    """Whether MOTION's hit at (step, tick, voice) falls out under a fill: from `window` on only the beats stay."""
    step, tick, voice = at
    if step < window:
        return False
    return (step - METERS[material.meter]) % BEAT_STEPS[material.meter] != 0 or tick != 0 or voice != 0


@lru_cache(maxsize=512)
def variation(material: Material, key: str, phrase_bars: int, place: int) -> Variation:
    """What bar `place` (0..3) of a phrase plays. `key`: the phrase's; its number of bars says where it ends."""
    letter = bar_letter(phrase_bars, place)
    base = _base(material, key)
    steps = METERS[material.meter]
    last = place == phrase_bars - 1
    fills = _fills(material, key, phrase_bars) if last and material.fills else ()
    window = steps - BEAT_STEPS[material.meter] if letter == "B" else steps  # nobody fills: the hats leave a gap
    if letter == "A":
        fill = fills[0] if fills else None
        return Variation(base, fill, fill.window if fill else window)
    reference = _first_bar(material, base)
    if letter == "B":
        fill = _nearest_fill(material, (base, place), fills, reference) if fills else None
        window = fill.window if fill else window
    else:
        fill = None
    chance = stream(material.seed, "vary", key, place)
    rows = [cells(material.style, material.meter, role)[place] for role in VARIED if role in material.roles]
    switches = list(dict.fromkeys(s for row in rows for c in row for s in (c.option, c.drop) if s is not None))

    def heard(take: Take) -> Places:
        return _places(material, place, take, window) | (fill.places if fill else frozenset())

    wanted = 1 + (letter == "A′" and chance.random() < SECOND_CHANGE)
    aim = FAR if letter == "B" else NEAR
    take = _aimed(base, shuffled(chance, switches), (heard, reference), aim, wanted)
    if letter == "B" and likeness(heard(take), reference) > aim.high:
        lines = list(dict.fromkeys(c.line for row in rows for c in row if c.line is not None))
        take = _aimed(take, shuffled(chance, lines), (heard, reference), aim, 0)
    return Variation(take, fill, window)


def _first_bar(material: Material, take: Take) -> Places:
    """What the first bar of a phrase plays, with the answer to the fill before it."""
    found = _places(material, 0, take, METERS[material.meter])
    answers: list[Place] = []
    if material.bars > 1 and material.style.answer == "crash" and "MOTION" in material.roles:
        answers.append(("MOTION", 0, 0))
    if material.fills and "CORE" in material.roles:
        answers.append(("CORE", 0, 0))
    return found | frozenset(answers)


def _places(material: Material, place: int, take: Take, window: int) -> Places:
    """Where a take is heard at the style's own density, MOTION thinned out from `window` on."""
    return frozenset(
        at
        for at, late, hit, option, drop, line in _heard_cells(material.style, material.meter, material.roles, place)
        if (option is None or option in take)
        and (drop is None or drop not in take)
        and (line is None or (line in take) == late)
        and (line is not None or not late)
        and not (
            hit.step >= window and at[0] == "MOTION" and thinned(material, window, (hit.step, hit.tick, hit.voice))
        )
    )


@lru_cache(maxsize=256)  # asked for with every switch that is tried
def _heard_cells(
    style: Style, meter: str, roles: frozenset[Role], place: int
) -> tuple[tuple[Place, bool, Hit, Switch | None, Switch | None, Switch | None], ...]:
    """(place, whether it plays from a higher density only, hit, switches) of what the roles that vary may play."""
    return tuple(
        ((role, c.hit.step, c.hit.tick), c.hit.rank > style.density, *c)
        for role in VARIED
        if role in roles
        for c in cells(style, meter, role)[place]
    )


@lru_cache(maxsize=256)
def _base(material: Material, key: str) -> Take:
    """What all bars of a phrase have in common: the options of the beat; an A′ phrase turns a few switches, a B phrase
    has options of its own and turns more.
    """
    options = frozenset[Switch]().union(
        *(_options(material, role, key if key[0] == "B" else "A") for role in VARIED if role in material.roles)
    )
    if key == "A":
        return options
    first = _base(material, "A")
    every = METERS[material.meter]
    rows = [row for role in VARIED if role in material.roles for row in cells(material.style, material.meter, role)]
    kept = [s for row in rows for c in row for s in (c.option, c.drop) if s is not None]
    lines = [c.line for row in rows for c in row if c.line is not None]

    def heard(take: Take) -> Places:
        bars = [_places(material, place, take, every) for place in range(PHRASE_BARS)]
        return frozenset((role, step + place * every, tick) for place, b in enumerate(bars) for role, step, tick in b)

    chance = stream(material.seed, "vary", key)
    switches = shuffled(chance, list(dict.fromkeys(kept)))
    if key[0] == "B":
        switches = [*shuffled(chance, list(dict.fromkeys(lines))), *switches]
    aim = APART if key[0] == "B" else BESIDE
    return _aimed(options, switches, (heard, heard(first)), aim, 0)


@lru_cache(maxsize=256)
def _options(material: Material, role: Role, key: str) -> Take:
    """The options that this beat plays: one choice for all A phrases and their variants, another for each B phrase."""
    chance = stream(material.seed, role, "options", key)
    bars = cells(material.style, material.meter, role)
    every = dict.fromkeys(c.option for row in bars for c in row if c.option is not None)
    return frozenset(option for option in every if chance.random() < OPTION_CHANCE)


def _fills(material: Material, key: str, phrase_bars: int) -> tuple[FillTab, ...]:
    """The fills that a phrase may end with, in the order in which the seed likes them."""
    names = fill_names(material.style, material.meter, long=key[0] == "B", short=phrase_bars == 1)
    order = shuffled(stream(material.seed, "FILL", "fill", key), names)
    tabs = [fill_tab(material.style, material.meter, name) for name in order]
    wanted = min(material.fill_sounds, GROUP, max(len(tab.hits) for tab in tabs))
    return tuple(tab for tab in tabs if len(tab.hits) >= wanted)


def _nearest_fill(material: Material, bar: tuple[Take, int], fills: Iterable[FillTab], reference: Places) -> FillTab:
    """The first fill that leaves the bar like enough to the first one, else the one that leaves it most alike."""
    take, place = bar
    heard = [(likeness(_places(material, place, take, f.window) | f.places, reference), f) for f in fills]
    return next((f for like, f in heard if like >= FAR.low), max(heard, key=lambda pair: pair[0])[1])


def _aimed(
    take: Take, switches: Sequence[Switch], view: tuple[Callable[[Take], Places], Places], aim: Aim, wanted: int
) -> Take:
    """The take with switches turned, at least `wanted` of them, until what is heard is as like the reference as aimed.

    A switch that would leave the aim, or change more hits than it allows, is passed over; one that comes nearer to an
    aim not yet reached is turned.
    """
    heard, reference = view
    like, turned = likeness(heard(take), reference), 0
    for switch in switches:
        if turned >= wanted and aim.low <= like <= aim.high:
            break
        trial = take ^ {switch}
        places = heard(trial)
        now = likeness(places, reference)
        changed = max(len(places - reference), len(reference - places))
        if now == like or (now < aim.low and now <= like) or (changed > aim.most and now <= like):
            continue
        take, like, turned = trial, now, turned + 1
    return take
