"""Arrangement: the same material laid out in sections instead of a flat loop.

    8 to 15 bars     intro, A, break, outro: a quarter, the rest, an eighth, an eighth (8: 2/4/1/1)
    16 to 31 bars    intro, A, B, break, outro: a quarter, the rest in halves, an eighth, an eighth (16: 4/4/4/2/2)
    32 bars and more sections of eight bars: intro, A and B in turns with a break in their middle, outro; what eight
                     does not divide is the outro (32: intro, A, break, B)

An intro is MOTION and TEXTURE, low-passed. A and B are full: the longest bright sound crashes on their first beat, and
CORE is silent for the beat before. A break has no CORE and few hits, the outro no ornaments, and ends with a fill. No
section is silent: where its roles have no sounds, what there is plays its plainest hits. The seed of the arrangement
chooses only where an intro is filtered and what a break leaves.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.beats.cast import CRASH_VOICE, EXTRA_VOICE, longest_bright
from services.beats.compose_types import Sound
from services.beats.fills import GROUP
from services.beats.grammar import crash_hit
from services.beats.material import Phrase
from services.beats.score import Note
from services.beats.streams import pick, stream
from services.beats.styles.notation import PHRASE_BARS
from services.beats.types import BEAT_STEPS, METERS, Role, Section

ARRANGED_BARS = 8  # fewer hold no sections
TWO_FULL_BARS, LONG_BARS, LONG_SECTION = 16, 32, 8
FULL = ("A", "B")
INTRO_ROLES: frozenset[Role] = frozenset({"MOTION", "TEXTURE"})
INTRO_LOW_PASS_HZ = (800.0, 1000.0, 1200.0, 1500.0)  # hats are still heard as hats, through a wall
RESTS: dict[str, frozenset[Role]] = {
    "intro": frozenset({"CORE", "ACCENT", "FILL"}),
    "break": frozenset({"CORE", "ACCENT", "MOTION"}),
    "outro": frozenset({"ACCENT", "MOTION"}),
}  # where no sound is given a turn: its part is not heard, or only the lead's
BREAK_ROLES: tuple[Role, ...] = ("ACCENT", "MOTION")  # one of them stays, beside the bed
NOBODY: frozenset[Role] = frozenset()
ORNAMENT_RANK = 0.4  # above it hits adorn: an outro and a break leave them out


def layout(bars: int, seed: int) -> tuple[Section, ...]:
    """The sections of a beat of 8..64 bars, in order and without gaps. `seed`: of the arrangement."""
    if bars >= LONG_BARS:
        sizes = _long(bars)
    else:
        intro, eighth = bars // 4, bars // 8
        rest = bars - intro - 2 * eighth
        full = [("A", rest)] if bars < TWO_FULL_BARS else [("A", rest - rest // 2), ("B", rest // 2)]
        sizes = [("intro", intro), *full, ("break", eighth), ("outro", eighth)]
    low_pass_hz = pick(stream(seed, "arrange", "intro"), INTRO_LOW_PASS_HZ)
    found: list[Section] = []
    first = 0
    for name, size in sizes:
        found.append(Section(name, first, size, low_pass_hz if name == "intro" else None))
        first += size
    return tuple(found)


def _long(bars: int) -> list[tuple[str, int]]:
    """Names and sizes for 32 bars and more: A and B in turns, the break behind the first half of them."""
    outro = bars % LONG_SECTION or (LONG_SECTION if bars > LONG_BARS else 0)
    full = (bars - outro) // LONG_SECTION - 2
    names = [FULL[i % 2] for i in range(full)]
    names.insert(-(-full // 2), "break")
    sizes = [(name, LONG_SECTION) for name in ("intro", *names)]
    return [*sizes, ("outro", outro)] if outro else sizes


def section_phrases(sections: Sequence[Section]) -> tuple[Phrase, ...]:
    """The phrases that sections play: B its own material, the others A, every second phrase of an A its variant."""
    found: list[Phrase] = []
    for section in sections:
        for i, start in enumerate(range(0, section.bars, PHRASE_BARS)):
            letter, key = ("B", "B0") if section.name == "B" else ("A", "A")
            if section.name == "A" and i % 2:
                letter, key = "A′", "A′0"
            size = min(PHRASE_BARS, section.bars - start)
            found.append(
                Phrase(len(found), section.first_bar + start, size, letter, key, RESTS.get(section.name, NOBODY))
            )
    return tuple(found)


def arranged(
    notes: Sequence[Note], sections: Sequence[Section], sounds: Sequence[Sound], meter: str, seed: int
) -> list[Note]:
    """The notes that the sections leave, with their crashes. `seed`: of the arrangement. Every section keeps a note
    of rank 0, so that it is heard at any density.
    """
    found: list[Note] = []
    for i, section in enumerate(sections):
        own = [n for n in notes if section.first_bar <= n.bar < section.first_bar + section.bars]
        after = sections[i + 1].name if i + 1 < len(sections) else ""
        left = _left(own, section, meter, seed) or _plainest(own)
        if section.name == "break" and after == "outro":
            left = [n for n in left if n.hit.role != "FILL"] or _plainest(own)
        if section.name in FULL:
            left = _crashed(left, section, sounds)
        if after in FULL:
            left = _held_breath(left, section, meter)
        found.extend(_floored(left))
    return found


def _left(own: Sequence[Note], section: Section, meter: str, seed: int) -> list[Note]:
    """What a section leaves of its bars."""
    if section.name == "intro":
        return [n for n in own if n.hit.role in INTRO_ROLES and n.hit.voice != CRASH_VOICE]
    if section.name == "break":
        stays = pick(stream(seed, "arrange", "break", section.first_bar), BREAK_ROLES)
        if not any(n.hit.role == stays for n in own):
            stays = BREAK_ROLES[1 - BREAK_ROLES.index(stays)]
        plain = [n for n in own if n.hit.role == stays and _sparse(n, meter)]
        plain = plain or _plainest([n for n in own if n.hit.role == stays])
        return [*(n for n in own if n.hit.role in {"FILL", "TEXTURE"}), *plain]
    if section.name == "outro":
        return [n for n in own if n.hit.rank <= ORNAMENT_RANK or n.hit.role == "FILL"]
    return list(own)


def _sparse(note: Note, meter: str) -> bool:
    """Whether a break leaves a hit: the backbeat, and of MOTION the beats."""
    hit = note.hit
    if hit.role == "ACCENT":
        return hit.rank == 0.0
    on_beat = hit.tick == 0 and hit.step % BEAT_STEPS[meter] == 0
    return on_beat and hit.voice != CRASH_VOICE and hit.rank <= ORNAMENT_RANK


def _plainest(own: Sequence[Note]) -> list[Note]:
    """What a section plays whose roles have no sounds: the lowest rank of every other role, CORE only when alone."""
    free = [n for n in own if n.hit.role != "CORE"] or list(own)
    floor = min((n.hit.rank for n in free), default=0.0)
    return [n for n in free if n.hit.rank == floor]


def _crashed(notes: list[Note], section: Section, sounds: Sequence[Sound]) -> list[Note]:
    """A crash of the longest bright sound on the first beat; the same sound does not play there twice."""
    pool = [s for s in sounds if s.pool_role == "MOTION"]
    if sounds and not pool:
        return notes
    sound = longest_bright(pool) if pool else None
    hit, ordinal = crash_hit(), 0
    kept: list[Note] = []
    for note in notes:
        here = note.bar == section.first_bar and note.hit[:2] == (0, 0) and note.hit.role == "MOTION"
        if here and (note.hit.voice == CRASH_VOICE or (sound is not None and note.sound == sound)):
            hit = hit._replace(rank=min(hit.rank, note.hit.rank))
            continue
        ordinal = max(ordinal, note.ordinal + 1) if here else ordinal
        kept.append(note)
    first = [n for n in kept if n.bar == section.first_bar and n.hit.role == "MOTION" and n.sound is not None]
    if len({n.sound for n in first} | {sound}) > GROUP:  # the crash takes the place of what adorns this bar
        kept = [n for n in kept if n not in first or n.hit.voice != EXTRA_VOICE]
    return [*kept, Note(section.first_bar, ordinal, sound, hit, hit.instrument)]


def _held_breath(notes: list[Note], section: Section, meter: str) -> list[Note]:
    """Notes without CORE in the last beat of a section."""
    last, beat = section.first_bar + section.bars - 1, METERS[meter] - BEAT_STEPS[meter]
    return [n for n in notes if not (n.hit.role == "CORE" and n.bar == last and n.hit.step >= beat)] or notes


def _floored(notes: Sequence[Note]) -> list[Note]:
    """The lowest rank found counts as 0."""
    floor = min((n.hit.rank for n in notes), default=0.0)
    return [n._replace(hit=n.hit._replace(rank=0.0)) if n.hit.rank == floor else n for n in notes]
