"""The hits of each bar: a style's row with its variations, the fill at a phrase's end and the answer to it.

Bars come in phrases of four, A A′ A B; phrases come in fours too, by the same letters (`material.py`, `vary.py`). At a
phrase's end a fill (`fills.py`) plays and MOTION thins out under it; CORE, in some styles a crash, answers on the first
beat of the next phrase.

Everything here is the full set, at density 1: density only filters by rank afterwards, so it cannot change a hit.
"""

from __future__ import annotations

from services.beats.fills import FillTab, height
from services.beats.material import Hit, Material, Phrase, cells, taken, written_hit
from services.beats.styles.notation import PARTS
from services.beats.types import BEAT_STEPS, METERS, Role
from services.beats.vary import thinned, variation

WEAK_HAND = 0.92  # velocity of the other hand on hats
ANSWER_GAIN = 1.06  # CORE on the first beat after a fill
ANSWER_RANK = 0.12  # where the row has no CORE there, one comes in with the fill's first hits
FILL_RANK, FILL_RANK_WEAK = 0.11, 0.10  # a fill's first hits come in before any hat, its weak ones soon after
ROLL_TOP = 0.9  # velocity at the end of a fill written with rolls
ROLL_RISE = (0.55, 0.45)  # such a fill rises from .55 of that to all of it


def role_bar(material: Material, role: Role, phrase: Phrase, place: int) -> list[Hit]:
    """The hits of one role in bar `place` of a phrase, sorted by step and tick, ranks 0..1 (all of them)."""
    if role == "TEXTURE":
        return _bed(material, phrase, place) if place % material.bed_bars == 0 else []
    varied = variation(material, phrase.key, phrase.bars, place)
    if role == "FILL":
        return fill_hits(material.meter, varied.fill) if varied.fill is not None else []
    hits = taken(material.style, cells(material.style, material.meter, role)[place], varied.take)
    if role == "MOTION":
        hits = _hands([h for h in hits if not thinned(material, varied.window, (h.step, h.tick, h.voice))])
    if place == 0:
        hits = _answer(hits, material, role)
    return sorted(hits, key=lambda h: (h.step, h.tick, h.voice))


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


def _answer(hits: list[Hit], material: Material, role: Role) -> list[Hit]:
    """After a fill CORE falls harder on the first beat; styles that answer with a crash get one."""
    if material.bars < 2:
        return hits
    if role == "MOTION" and material.style.answer == "crash":
        return [*hits, crash_hit()]
    if role != "CORE" or not material.fills:
        return hits
    kick = PARTS["kick"]
    if not any(h.step == 0 and h.tick == 0 for h in hits):
        hits = [*hits, Hit(0, 0, role, 0, kick.level, ANSWER_RANK, None, kick.instrument, kick.duration_steps)]
    return [
        h._replace(velocity=min(1.0, h.velocity * ANSWER_GAIN), articulation="accent") if h[:2] == (0, 0) else h
        for h in hits
    ]


def crash_hit() -> Hit:
    """A crash on the first beat of a bar."""
    part = PARTS["crash"]
    return Hit(0, 0, "MOTION", part.voice, part.level, part.rank, "accent", part.instrument, part.duration_steps)


def _bed(material: Material, phrase: Phrase, place: int) -> list[Hit]:
    """One long hit per bed, never over the end of a phrase."""
    line = material.style.lines["TEXTURE"][0]
    length = float(min(material.bed_bars, phrase.bars - place) * METERS[material.meter])
    hit = written_hit(material.meter, "TEXTURE", line, (0, 0, line.velocity[0]))
    return [hit._replace(duration_steps=length)]


def fill_hits(meter: str, fill: FillTab) -> list[Hit]:
    """The hits of a fill, velocities rising."""
    rolled = any(tick for _, tick, _ in fill.hits)
    beat, count = BEAT_STEPS[meter], len(fill.hits)
    found: list[Hit] = []
    for i, (step, tick, velocity) in enumerate(fill.hits):
        rise = ROLL_RISE[0] + ROLL_RISE[1] * (i + 1) / count if rolled else 1.0
        late = FILL_RANK_WEAK * ((step % 2) + (2 if tick else 0)) + (0.0 if (step % beat) == 0 else 0.01)
        level = ROLL_TOP if rolled else velocity
        top = height(fill.contour, i, count)
        found.append(
            Hit(step, tick, "FILL", 0, level * rise, round(FILL_RANK + late, 4), "roll" if tick else None, "tom",
                0.5 if tick or rolled else 1.0, height=top)
        )  # fmt: skip
    return found
