"""Who plays what: the sounds of each role on its voices, bar by bar.

A role has a lead (voice 0) that keeps its part through the beat. The other sounds take turns by phrase: in a bar at
most one CORE sound, two ACCENT, three MOTION play, a sound keeps its steps within its bars, others answer in bars 2
and 4; nothing alternates hit by hit. The turn order is seeded, sounds that the user locked come first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.beats.compose_types import Sound
from services.beats.fills import TURN
from services.beats.material import Hit, Phrase
from services.beats.streams import shuffled, stream
from services.beats.types import Role

Chooser = Callable[[Phrase, int, Hit], Sound | None]

DRUMS: dict[Role, tuple[str, ...]] = {
    "CORE": ("kick", "bass"), "ACCENT": ("snare", "clap", "rim"), "MOTION": ("shaker", "ride"), "FILL": ("tom", "perc"),
    "TEXTURE": ("texture",),
}  # fmt: skip  # what a sound may be called in a role; any other plays under the name of its part
LEAD_DRUMS = ("kick", "snare", "clap")  # a drum of this kind leads before anything else of its role
GROUP = 3  # sounds of one fill: high, middle, low
CRASH_VOICE, OPEN_VOICE, EXTRA_VOICE = 3, 1, 2


def instrument_of(sound: Sound | None, hit: Hit) -> str:
    """The instrument an event is written for: the sound's own where it belongs to the role, else the part's."""
    if sound is None or sound.instrument not in DRUMS[hit.role] or hit.instrument == "crash":
        return hit.instrument
    return sound.instrument


def chooser(role: Role, sounds: Sequence[Sound], phrases: Sequence[Phrase], seed: int, *, crash: bool) -> Chooser:
    """Who plays a hit of a role at (phrase, bar in the phrase, hit). No sounds: always None (a skeleton)."""
    if not sounds:
        return lambda _phrase, _place, _hit: None
    makers: dict[Role, Callable[[], Chooser]] = {
        "CORE": lambda: _core(sounds, len(phrases), seed),
        "ACCENT": lambda: _accent(sounds, seed),
        "MOTION": lambda: _motion(sounds, seed, crash=crash),
        "FILL": lambda: _fill(sounds, seed),
        "TEXTURE": lambda: _texture(sounds, seed),
    }
    return makers[role]()


def _turns(sounds: Sequence[Sound], role: Role, seed: int) -> list[Sound]:
    """The order in which sounds take turns: locked ones first, else as the seed says."""
    order = shuffled(stream(seed, role, "turns"), sorted(sounds, key=lambda s: s.sample_id))
    return sorted(order, key=lambda s: not s.locked)


def _without(sounds: Sequence[Sound], taken: Sequence[Sound]) -> list[Sound]:
    gone = {s.sample_id for s in taken}
    return [s for s in sounds if s.sample_id not in gone]


def _core(sounds: Sequence[Sound], phrases: int, seed: int) -> Chooser:
    """The lowest sound leads; others take the last bar of a phrase, and the second when there are many."""
    lead = max(sounds, key=lambda s: (s.instrument in LEAD_DRUMS, s.lowness, s.confidence, s.sample_id))
    others = _turns(_without(sounds, [lead]), "CORE", seed)
    if not others:
        return lambda _phrase, _place, _hit: lead
    seats = 2 if len(others) > phrases else 1

    def choose(phrase: Phrase, place: int, _hit: Hit) -> Sound:
        if place and place == phrase.bars - 1:
            return others[phrase.index * seats % len(others)]
        if place == 1 and seats == 2:
            return others[(phrase.index * seats + 1) % len(others)]
        return lead

    return choose


def _turn(others: Sequence[Sound], phrase: Phrase, place: int) -> Sound:
    """Whose turn it is: one sound for bars 1 and 3 of a phrase, another for 2, another for 4, then the next ones."""
    seats = min(GROUP, len(others))
    seat = {0: 0, 2: 0, 1: 1, 3: 2}[place] % seats
    return others[(phrase.index * seats + seat) % len(others)]


def _accent(sounds: Sequence[Sound], seed: int) -> Chooser:
    """The surest sharp sound has the backbeat; one other at a time plays ghosts and answers."""
    lead = max(sounds, key=lambda s: (s.instrument in LEAD_DRUMS, s.confidence, -s.length_s, s.sample_id))
    others = _turns(_without(sounds, [lead]), "ACCENT", seed)

    def choose(phrase: Phrase, place: int, hit: Hit) -> Sound:
        return lead if hit.voice == 0 or not others else _turn(others, phrase, place)

    return choose


def _motion(sounds: Sequence[Sound], seed: int, *, crash: bool) -> Chooser:
    """The shortest bright sound is the closed hat, the longest bright one the open hat; the rest take turns."""
    cymbal = max(sounds, key=lambda s: (s.instrument == "crash", s.brightness * s.length_s, s.sample_id))
    apart = crash and cymbal.instrument == "crash" and len(sounds) > 1
    pool = _without(sounds, [cymbal]) if apart else list(sounds)
    closed = max(pool, key=lambda s: (s.instrument == "hat_closed", s.brightness - s.length_s, s.sample_id))
    left = _without(pool, [closed])
    if not left:
        return lambda _phrase, _place, hit: cymbal if hit.voice == CRASH_VOICE else closed
    opened = max(left, key=lambda s: (s.instrument == "hat_open", s.brightness + s.length_s, s.sample_id))
    others = _turns(_without(left, [opened]), "MOTION", seed)

    def choose(phrase: Phrase, place: int, hit: Hit) -> Sound:
        if hit.voice == CRASH_VOICE:
            return cymbal if apart else opened
        if hit.voice == OPEN_VOICE:
            return opened
        crowded = apart and place == 0  # the crash is the third sound of this bar
        if hit.voice == EXTRA_VOICE and others and not crowded:
            return _turn(others, phrase, place)
        return closed

    return choose


def _fill(sounds: Sequence[Sound], seed: int) -> Chooser:
    """Up to three sounds a fill, from the brightest to the lowest; the next fill takes the next three."""
    order = _turns(sounds, "FILL", seed)
    size = min(GROUP, len(order))

    def choose(phrase: Phrase, _place: int, hit: Hit) -> Sound:
        if hit.height == TURN:
            return order[phrase.index % len(order)]
        group = [order[(phrase.index * size + i) % len(order)] for i in range(size)]
        group.sort(key=lambda s: (s.lowness - s.brightness, s.sample_id))
        return group[min(size - 1, round(hit.height * (size - 1)))]

    return choose


def _texture(sounds: Sequence[Sound], seed: int) -> Chooser:
    """One bed a phrase, in turns."""
    order = _turns(sounds, "TEXTURE", seed)
    return lambda phrase, _place, _hit: order[phrase.index % len(order)]
