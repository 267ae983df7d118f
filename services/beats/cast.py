"""Who plays what: the sounds of each role on its voices, bar by bar.

A role has a lead (voice 0) that keeps its part through the beat. The other sounds take turns by phrase: in a bar at
most one CORE sound, two ACCENT, three MOTION play, a sound keeps its steps within its bars, others answer in bars 2
and 4; nothing alternates hit by hit. The turn order is seeded, sounds that the user locked come first.

A drum that is called by its name (a kick, a snare, a closed hat) goes before any sound that is only like one. Among
the others CORE's lead is the lowest, the backbeat is the strongest transient with noise, the closed hat the shortest
bright sound and the open hat the longest bright one.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from services.beats.compose_types import Sound
from services.beats.fills import GROUP, TURN
from services.beats.material import Hit, Phrase
from services.beats.streams import shuffled, stream
from services.beats.types import Role

Turns = dict[tuple[int, int], Sound]
Chooser = Callable[[Phrase, int, Hit], Sound | None]

DRUMS: dict[Role, tuple[str, ...]] = {
    "CORE": ("kick", "bass"), "ACCENT": ("snare", "clap", "rim"), "MOTION": ("shaker", "ride"), "FILL": ("tom", "perc"),
    "TEXTURE": ("texture",),
}  # fmt: skip  # what a sound may be called in a role; any other plays under the name of its part
LEAD_DRUMS = ("kick", "snare", "clap")  # a drum of this kind leads before anything else of its role
AS_LOW = 0.1  # shares of energy below 120 Hz that differ less are equally low: then a kick goes before a bass
AS_BRIGHT = 0.5  # of the brightest one's share above 4 kHz: from there on a sound is bright
CYMBALS = ("crash", "ride")  # they ring; an open hat is choked
SOUNDS_MAX: dict[Role, int] = {"CORE": 1, "ACCENT": 2, "MOTION": 3}  # of a role in one bar
SEATS = (0, 1, 0, 2)  # of the bars of a phrase
CRASH_VOICE, OPEN_VOICE, EXTRA_VOICE = 3, 1, 2  # of MOTION
GHOSTS = (1,)  # of ACCENT: ghosts and answers


def instrument_of(sound: Sound | None, hit: Hit) -> str:
    """The instrument an event is written for: the sound's own where it belongs to the role, else the part's."""
    if sound is None or sound.instrument not in DRUMS[hit.role] or hit.instrument == "crash":
        return hit.instrument
    return sound.instrument


@dataclass(frozen=True, slots=True)
class Parts:
    """Where a role plays: `hits` of a bar (phrase, bar in the phrase) that are heard at the style's own density.
    `crash`: whether a cymbal answers the fills.
    """

    phrases: Sequence[Phrase]
    hits: Callable[[Phrase, int], Sequence[Hit]]
    crash: bool = False

    def voiced(self, phrase: Phrase, place: int, voices: Container[int]) -> bool:
        """Whether any of these voices is heard in a bar."""
        return any(h.voice in voices for h in self.hits(phrase, place))


def chooser(role: Role, sounds: Sequence[Sound], parts: Parts, seed: int) -> Chooser:
    """Who plays a hit of a role at (phrase, bar in the phrase, hit). No sounds: always None (a skeleton)."""
    if not sounds:
        return lambda _phrase, _place, _hit: None
    makers: dict[Role, Callable[[], Chooser]] = {
        "CORE": lambda: _core(sounds, parts, seed),
        "ACCENT": lambda: _accent(sounds, parts, seed),
        "MOTION": lambda: _motion(sounds, parts, seed),
        "FILL": lambda: _fill(sounds, parts, seed),
        "TEXTURE": lambda: _texture(sounds, parts, seed),
    }
    return makers[role]()


def _turns(sounds: Sequence[Sound], role: Role, seed: int) -> list[Sound]:
    """The order in which sounds take turns: locked ones first, else as the seed says."""
    order = shuffled(stream(seed, role, "turns"), sorted(sounds, key=lambda s: s.sample_id))
    return sorted(order, key=lambda s: not s.locked)


def _without(sounds: Sequence[Sound], taken: Sequence[Sound]) -> list[Sound]:
    gone = {s.sample_id for s in taken}
    return [s for s in sounds if s.sample_id not in gone]


def _core(sounds: Sequence[Sound], parts: Parts, seed: int) -> Chooser:
    """The lowest sound leads (in a single bar a locked one, which else would have no turn); others take the last bar of
    a phrase, when there are many the second and third too.
    """
    single = all(phrase.bars == 1 for phrase in parts.phrases)
    floor = max(s.lowness for s in sounds) - AS_LOW
    low = [s for s in sounds if s.lowness >= floor]
    low = [s for s in sounds if single and s.locked] or low
    lead = max(low, key=lambda s: (s.instrument in LEAD_DRUMS, s.lowness, s.confidence, s.sample_id))
    others = _turns(_without(sounds, [lead]), "CORE", seed)
    if not others:
        return lambda _phrase, _place, _hit: lead
    heard = [phrase.index for phrase in parts.phrases if "CORE" not in phrase.rests] or [0]
    seats = min(GROUP, -(-len(others) // len(heard)))
    nth = {index: n for n, index in enumerate(heard)}

    def choose(phrase: Phrase, place: int, _hit: Hit) -> Sound:
        seat = 0 if place == phrase.bars - 1 else place  # the end of the phrase, the second bar, the third
        if place == 0 or seat >= seats:
            return lead
        return others[(nth.get(phrase.index, 0) * seats + seat) % len(others)]

    return choose


def _schedule(others: Sequence[Sound], parts: Parts, plays: Callable[[Phrase, int], bool]) -> tuple[Turns, Turns]:
    """Whose turn it is at (phrase, bar in it): one sound for bars 1 and 3 of a phrase, another for 2, another for 4,
    then the next ones. A turn in which nothing of the part `plays` is nobody's. Second, who takes the lead's part in a
    bar: sounds that had no turn answer in bars 4, then 2.
    """
    found: Turns = {}
    seats, turn = min(GROUP, len(others)), 0
    for phrase in parts.phrases if others else ():
        for seat in range(seats):
            places = [p for p in range(phrase.bars) if SEATS[p] % seats == seat]
            found |= {(phrase.index, place): others[turn % len(others)] for place in places}
            turn += any(plays(phrase, place) for place in places)
    heard = [phrase for phrase in parts.phrases if parts.hits(phrase, 0)]
    heard.sort(key=lambda phrase: phrase.letter == "A")  # what an A says, a variation may say with another voice
    ends = [(phrase.index, phrase.bars - 1) for phrase in heard if phrase.bars > 1]
    answers = [*ends, *((phrase.index, 1) for phrase in heard if phrase.bars > 2)]
    return found, dict(zip(answers, others[turn:], strict=False))


def _accent(sounds: Sequence[Sound], parts: Parts, seed: int) -> Chooser:
    """The strongest transient with noise has the backbeat; the next one, and others in turns, ghosts and answers."""

    def strength(sound: Sound) -> tuple[bool, float, float, float, str]:
        return (sound.instrument in LEAD_DRUMS, sound.snap, sound.confidence, -sound.length_s, sound.sample_id)

    lead = max(sounds, key=strength)
    left = _without(sounds, [lead])
    if not left:
        return lambda _phrase, _place, _hit: lead
    second = max(left, key=lambda s: (s.locked, *strength(s)))
    others = [second, *_turns(_without(left, [second]), "ACCENT", seed)]
    turns, answers = _schedule(others, parts, lambda phrase, place: parts.voiced(phrase, place, GHOSTS))
    several = len(parts.phrases) > 1  # in a single phrase the backbeat keeps its sound: who else is left waits

    def choose(phrase: Phrase, place: int, hit: Hit) -> Sound:
        at = (phrase.index, place)
        if hit.voice != 0:
            return turns[at]
        return answers.get(at, lead) if several else lead

    return choose


def _bright(sounds: Sequence[Sound]) -> list[Sound]:
    """Those nearly as bright as the brightest, and all that are called a hat."""
    floor = AS_BRIGHT * max(s.brightness for s in sounds)
    return [s for s in sounds if s.brightness >= floor or s.instrument in ("hat_closed", "hat_open")]


def longest_bright(sounds: Sequence[Sound]) -> Sound:
    """What crashes: a sound that is called a crash, else the longest bright one. `sounds` must not be empty."""
    return max(_bright(sounds), key=lambda s: (s.instrument == "crash", s.length_s, s.brightness, s.sample_id))


def _motion(sounds: Sequence[Sound], parts: Parts, seed: int) -> Chooser:
    """The shortest bright sound is the closed hat, the longest bright one the open hat; the rest take turns."""
    cymbal = max(sounds, key=lambda s: (s.instrument == "crash", s.brightness * s.length_s, s.sample_id))
    apart = parts.crash and cymbal.instrument == "crash" and len(sounds) > 1
    pool = _without(sounds, [cymbal]) if apart else list(sounds)
    closed = max(_bright(pool), key=lambda s: (s.instrument == "hat_closed", -s.length_s, s.brightness, s.sample_id))
    left = _without(pool, [closed])
    if not left:
        return lambda _phrase, _place, hit: cymbal if hit.voice == CRASH_VOICE else closed
    opened = max(
        _bright(left),
        key=lambda s: (s.instrument == "hat_open", s.instrument not in CYMBALS, s.length_s, s.brightness, s.sample_id),
    )
    others = _turns(_without(left, [opened]), "MOTION", seed)

    def crowded(place: int) -> bool:
        return apart and place == 0  # the crash is the third sound of this bar

    def plays(phrase: Phrase, place: int) -> bool:
        return not crowded(place) and parts.voiced(phrase, place, (EXTRA_VOICE,))

    turns, answers = _schedule(others, parts, plays)

    def choose(phrase: Phrase, place: int, hit: Hit) -> Sound:
        if hit.voice == CRASH_VOICE:
            return cymbal if apart else opened
        if hit.voice == OPEN_VOICE:
            return opened
        if hit.voice == EXTRA_VOICE and others and not crowded(place):
            return turns[phrase.index, place]
        return answers.get((phrase.index, place), closed)

    return choose


def _fill(sounds: Sequence[Sound], parts: Parts, seed: int) -> Chooser:
    """As many sounds as a fill has heights, from the brightest to the lowest, then the next ones; more of them in each
    fill where else not all would play.
    """
    order = _turns(sounds, "FILL", seed)
    table: dict[tuple[int, int, int], Sound] = {}
    played = 0
    for phrase in parts.phrases:
        hits = parts.hits(phrase, phrase.bars - 1)
        if not hits:
            continue
        left = sum("FILL" not in later.rests for later in parts.phrases[phrase.index :])
        due = -(-(len(order) - played) // max(1, left))
        natural = min(GROUP, len({h.height for h in hits}), len(order))
        size = min(len(hits), len(order), max(natural, min(due, GROUP)))
        group = [order[(played + i) % len(order)] for i in range(size)]
        group.sort(key=lambda s: (s.lowness - s.brightness, s.sample_id))
        played += size
        for i, hit in enumerate(hits):
            even = size > natural or hit.height == TURN
            at = i * size // len(hits) if even else min(size - 1, round(hit.height * (size - 1)))
            table[phrase.index, hit.step, hit.tick] = group[at]
    return lambda phrase, _place, hit: table.get((phrase.index, hit.step, hit.tick), order[0])


def bed_bars(count: int, bars: int) -> int:
    """How long each of `count` beds lies in a beat: four bars, or two or one where else not all would play."""
    return next((size for size in (4, 2) if -(-bars // size) >= count), 1) if count else 4


def _texture(sounds: Sequence[Sound], parts: Parts, seed: int) -> Chooser:
    """One bed at a time, in turns."""
    order = _turns(sounds, "TEXTURE", seed)
    size = bed_bars(len(order), sum(phrase.bars for phrase in parts.phrases))
    return lambda phrase, place, _hit: order[(phrase.first_bar + place) // size % len(order)]
