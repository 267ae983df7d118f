"""The score of a beat: every hit of every bar with the sound that plays it, at density 1.

Bars of one phrase key and one cast are worked out once. A sound that two lines want at the same moment hits once; open
hats last until the next closed one, which is marked as choking them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from services.beats.cast import Parts, bed_bars, chooser, instrument_of
from services.beats.compose_types import Sound
from services.beats.grammar import role_bar
from services.beats.material import Hit, Material, Phrase
from services.beats.styles.types import Style
from services.beats.types import METERS, ROLES, TICKS_PER_STEP, Grid, Role

LAST = "\U0010ffff"  # sorts behind every sample id
OPEN_MAX_STEPS = 4.0  # an open hat rings at most a quarter

_Played = tuple[int, Sound | None, Hit, str]  # ordinal, sound, hit, instrument


class Note(NamedTuple):
    """A hit in a bar with its sound (None in a skeleton); `ordinal`: which one of its role at this place."""

    bar: int
    ordinal: int
    sound: Sound | None
    hit: Hit
    instrument: str


def score(style: Style, grid: Grid, sounds: Sequence[Sound], seed: int, spans: Sequence[Phrase]) -> list[Note]:
    """Every note of a beat, role by role, in order of position; `hit.rank` 0..1 says from which density it plays.

    `spans`: its phrases. Only roles that have a sound play; without any sound all roles do (a skeleton). The lowest
    rank found counts as 0: a kit without CORE and backbeat still has something that always plays.
    """
    present = frozenset(s.pool_role for s in sounds) or frozenset(ROLES)
    beds, fills = (sum(s.pool_role == role for s in sounds) for role in ("TEXTURE", "FILL"))
    material = Material(style, grid.meter, seed, present, grid.bars, bed_bars(beds, grid.bars), -(-fills // len(spans)))
    notes: list[Note] = []
    for role in ROLES:
        if role in present:
            notes.extend(_role_notes(material, role, [s for s in sounds if s.pool_role == role], spans))
    notes = _without_clashes(notes, grid)
    floor = min((n.hit.rank for n in notes), default=0.0)
    if floor == 0.0:
        return notes
    return [n._replace(hit=n.hit._replace(rank=0.0)) if n.hit.rank == floor else n for n in notes]


def _without_clashes(notes: list[Note], grid: Grid) -> list[Note]:
    """Notes without those of a bass that begin within the sixteenth before a kick of another sound: it would hide it.

    The beat is heard as a loop.
    """
    if not any(n.sound is not None and n.sound.instrument == "bass" for n in notes):
        return notes
    steps = METERS[grid.meter]
    kicks = sorted((_at(n, steps), n.sound.sample_id) for n in notes if n.hit.role == "CORE" and n.sound is not None)
    kicks += [(at + grid.bars * steps, sample_id) for at, sample_id in kicks if at <= 1.0]

    def clashes(note: Note) -> bool:
        if note.sound is None or note.sound.instrument != "bass":
            return False
        at, own = _at(note, steps), note.sound.sample_id
        near = kicks[bisect_right(kicks, (at, LAST)) : bisect_right(kicks, (at + 1.0, LAST))]
        return any(sample_id != own for _, sample_id in near)

    return [n for n in _changed_places(notes, clashes) if not clashes(n)]


def _changed_places(notes: Sequence[Note], clashes: Callable[[Note], bool]) -> list[Note]:
    """The notes, but in a fill a bass that clashes changes places with another sound, so that both are heard."""

    def played(note: Note, sound: Sound | None) -> Note:
        return note._replace(sound=sound, instrument=instrument_of(sound, note.hit))

    found = list(notes)
    for i, note in enumerate(notes):
        if note.hit.role != "FILL" or not clashes(note):
            continue
        fill = [j for j, n in enumerate(found) if n.hit.role == "FILL" and n.bar == note.bar and n.sound != note.sound]
        free = [j for j in fill if not clashes(played(found[j], note.sound))]
        if free:
            best = min(free, key=lambda j: found[j].hit.rank)
            found[i], found[best] = played(note, found[best].sound), played(found[best], note.sound)
    return found


def _at(note: Note, steps: int) -> float:
    """Steps from the first bar's beginning."""
    return note.bar * steps + note.hit.step + note.hit.tick / TICKS_PER_STEP


def _role_notes(material: Material, role: Role, sounds: Sequence[Sound], spans: Sequence[Phrase]) -> list[Note]:
    """The notes of a role. Every part of a bar is cast once: a voice, in a fill each hit."""
    bars: dict[tuple[str, int, int], tuple[list[Hit], list[Hit], list[Hit]]] = {}
    for phrase in spans:
        for place in range(phrase.bars):
            key = (phrase.key, phrase.bars, place)
            if key not in bars:
                hits = role_bar(material, role, phrase, place)
                firsts = {_part(h): h for h in sorted(hits, key=lambda h: -h.rank)}
                heard = [h for h in firsts.values() if h.rank <= material.style.density]
                bars[key] = (hits, list(firsts.values()), sorted(heard, key=lambda h: (h.step, h.tick)))

    def heard_in(phrase: Phrase, place: int) -> list[Hit]:
        return [] if role in phrase.rests else bars[phrase.key, phrase.bars, place][2]

    choose = chooser(role, sounds, Parts(spans, heard_in, material.style.answer == "crash"), material.seed)
    casts: dict[tuple[object, ...], list[_Played]] = {}
    notes: list[Note] = []
    for phrase in spans:
        for place in range(phrase.bars):
            key = (phrase.key, phrase.bars, place)
            hits, parts, _ = bars[key]
            players = [choose(phrase, place, part) for part in parts]
            cast = (key, *[p.sample_id if p else None for p in players])
            if cast not in casts:
                who = {_part(h): p for h, p in zip(parts, players, strict=True)}
                casts[cast] = _distinct(hits, who)
            bar = phrase.first_bar + place
            notes.extend([Note(bar, *played) for played in casts[cast]])
    return _choked(notes, material) if role == "MOTION" else notes


def _part(hit: Hit) -> tuple[int, ...]:
    return (hit.step, hit.tick) if hit.role == "FILL" else (hit.voice,)


def _distinct(hits: Sequence[Hit], who: dict[tuple[int, ...], Sound | None]) -> list[_Played]:
    """Hits with ordinal, sound and instrument; of hits of one sound at one place the one with the lowest rank."""
    best: dict[tuple[int, int, str], tuple[Sound | None, Hit]] = {}
    for hit in hits:
        sound = who[_part(hit)]
        key = (hit.step, hit.tick, sound.sample_id if sound else hit.instrument)
        if key not in best or hit.rank < best[key][1].rank:
            best[key] = (sound, hit)
    ordinals: dict[tuple[int, int], int] = {}
    found: list[_Played] = []
    for sound, hit in sorted(best.values(), key=lambda pair: (pair[1].step, pair[1].tick, pair[1].rank, pair[1].voice)):
        ordinal = ordinals.get((hit.step, hit.tick), 0)
        ordinals[hit.step, hit.tick] = ordinal + 1
        found.append((ordinal, sound, hit, instrument_of(sound, hit)))
    return found


def _choked(notes: Sequence[Note], material: Material) -> list[Note]:
    """Open hats end where the next other MOTION hit begins, at most a quarter later; the beat is heard as a loop."""
    steps = METERS[material.meter]
    total = float(material.bars * steps)
    found = list(notes)
    at = [_at(n, steps) for n in found]
    closed = [i for i, n in enumerate(found) if n.hit.articulation != "open"]
    following = 0
    for i, note in enumerate(notes):
        if note.hit.articulation != "open" or not closed:
            continue
        while following < len(closed) and at[closed[following]] <= at[i]:
            following += 1
        wraps = following == len(closed)
        index = closed[0] if wraps else closed[following]
        gap = at[index] - at[i] + (total if wraps else 0.0)
        found[i] = note._replace(hit=note.hit._replace(duration_steps=min(gap, OPEN_MAX_STEPS)))
        if gap <= OPEN_MAX_STEPS and found[index].hit.articulation is None:
            found[index] = found[index]._replace(hit=found[index].hit._replace(articulation="choke"))
    return found
