"""The measures of a MusicXML part as values: what is struck in each, and its marks.

Durations count from the last `divisions`; a simile holds until it is stopped. Instruments come from our ids, else from
`midi-unpitched`, else from the place on the staff and the head.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from xml.etree.ElementTree import Element

from services.beats.types import ROLES, Articulation, Role
from services.notation.bounds import BARS_READ_MAX, NOTES_READ_MAX, NUMBER_MAX, SAME_BAR
from services.notation.drumset import BY_NOTE, PLACES, ROLE_OF, parts_of
from services.notation.musicxml import FORTE
from services.notation.values import KINDS, QUARTER
from services.notation.xml_input import broken

TIMES_MAX = BARS_READ_MAX  # a block between repeat signs is played so often at most
VELOCITY = 0.8  # of a note that says nothing
BPM = 120.0
DIGITS = 6  # of a velocity
MEASURES_MAX = 20_000  # before repeats
OWN_INSTRUMENT = re.compile(r"P1-([a-z_.]+)-([A-Z]+)")
OWN_SECTION = re.compile(r"section-(\d+)-(\d+)")
OWN_ID = re.compile(r"_([0-9a-f]{1,6})_")
QUARTERS = {kind: ticks / QUARTER for ticks, kind in KINDS.items()}
FIRST_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Sound:
    """What an instrument id means."""

    key: str
    role: Role


@dataclass(frozen=True, slots=True)
class Struck:
    """A note of a measure: where it was struck (ticks from the measure's start), and what it is."""

    at: int
    sound: Sound
    velocity: float
    articulation: Articulation | None
    id: str | None


@dataclass
class Measure:
    """What a measure says. `ending`: the passes for which an ending begins here; `ending_stop`: one ends here."""

    ticks: int
    struck: list[Struck] = field(default_factory=list)
    meter: str | None = None
    bpm: float | None = None
    swing: tuple[float, int] | None = None
    section: tuple[str, int | None] | None = None
    implicit: bool = False
    forward: bool = False
    backward: int = 0
    ending: frozenset[int] = frozenset()
    ending_stop: bool = False
    simile: int = 0


def sounds_of(part: Element) -> dict[str, Sound]:
    """The instruments of a <score-part> by id."""
    out: dict[str, Sound] = {}
    for instrument in part.iter("midi-instrument"):
        note = number(instrument.findtext("midi-unpitched"), 0) - 1
        if int(note) in BY_NOTE:
            key = BY_NOTE[int(note)]
            out[instrument.get("id", "")] = Sound(key, ROLE_OF[parts_of(key)[0]])
    for instrument in part.iter("score-instrument"):
        own = OWN_INSTRUMENT.fullmatch(instrument.get("id", ""))
        if own and own[1].replace(".", "/") in PLACES and own[2] in ROLES:
            role = next(r for r in ROLES if r == own[2])
            out[instrument.get("id", "")] = Sound(own[1].replace(".", "/"), role)
    return out


def number(text: str | None, default: float) -> float:
    """A finite number of a text, else the default."""
    try:
        value = float(text) if text is not None else default
    except ValueError:
        return default
    return value if abs(value) <= NUMBER_MAX else default


def measures_of(part: Element, sounds: Mapping[str, Sound]) -> Iterable[Measure]:
    """The measures of a <part> in written order. Raises Invalid for too many of them, or too many notes."""
    reader = _Reader(sounds)
    for place, measure in enumerate(part.iter("measure")):
        if place == MEASURES_MAX:
            raise broken(f"it has more than {MEASURES_MAX} measures")
        yield reader.measure(measure)


class _Reader:
    """Reads measures in order: divisions and similes hold until something else is said."""

    def __init__(self, sounds: Mapping[str, Sound]) -> None:
        self.sounds = sounds
        self.divisions = 1.0
        self.simile = 0
        self.notes = 0

    def measure(self, element: Element) -> Measure:
        """One measure with its notes."""
        out = Measure(0, implicit=element.get("implicit") == "yes")
        at = last = end = 0.0
        graces: list[Sound] = []
        for child, following in zip_longest(element, islice(element, 1, None)):
            duration = number(child.findtext("duration"), 0.0) * QUARTER / self.divisions
            if child.tag == "note":
                chord = child.find("chord") is not None
                if child.find("grace") is not None:
                    graces = [*(graces if chord else []), self._sound_of(child)]
                    continue
                if not chord:
                    last, at = at, at + duration
                self._note(child, last, out, graces)
                graces = graces if _in_chord(following) else []
            elif child.tag in ("backup", "forward"):
                at = max(0.0, at + (duration if child.tag == "forward" else -duration))
            else:
                self._mark(child, out)
            end = max(end, at)
        out.ticks, out.simile = round(end), self.simile
        return out

    def _mark(self, child: Element, out: Measure) -> None:
        """What is no note: attributes, directions, bar lines."""
        if child.tag == "attributes":
            self._attributes(child, out)
        elif child.tag == "direction":
            rehearsal = child.find("direction-type/rehearsal")
            if rehearsal is not None and (rehearsal.text or "").strip():
                own = OWN_SECTION.fullmatch(rehearsal.get("id", ""))
                out.section = ((rehearsal.text or "").strip(), int(own[2]) if own else None)
            _sound(child.find("sound"), out)
            if out.bpm is None:
                out.bpm = _metronome(child.find("direction-type/metronome"))
        elif child.tag == "sound":
            _sound(child, out)
        elif child.tag == "barline":
            _ending(child.find("ending"), out)
            repeat = child.find("repeat")
            if repeat is not None and repeat.get("direction") == "forward":
                out.forward = True
            elif repeat is not None:
                out.backward = max(2, min(TIMES_MAX, int(number(repeat.get("times"), 2))))

    def _attributes(self, child: Element, out: Measure) -> None:
        self.divisions = max(1e-3, number(child.findtext("divisions"), self.divisions))
        beats, kind = child.findtext("time/beats"), child.findtext("time/beat-type")
        if beats and kind:
            meter = f"{beats.strip()}/{kind.strip()}"
            out.meter = SAME_BAR.get(meter, meter)
        mark = child.find("measure-style/measure-repeat")
        if mark is not None:
            self.simile = 0 if mark.get("type") == "stop" else max(1, int(number(mark.text, 1)))

    def _sound_of(self, note: Element) -> Sound:
        """What a note plays: by its instrument, by its pitch where drums are written so, else by place and head."""
        instrument = note.find("instrument")
        if instrument is not None and instrument.get("id", "") in self.sounds:
            return self.sounds[instrument.get("id", "")]
        if note.find("pitch") is not None:
            step = max(0, "C D EF G A B".find((note.findtext("pitch/step") or "C").strip()[:1]))
            midi = 12 * (number(note.findtext("pitch/octave"), 2) + 1) + step + number(note.findtext("pitch/alter"), 0)
            key = BY_NOTE.get(int(midi), "perc")
        else:
            key = _by_place(note)
        return Sound(key, ROLE_OF[parts_of(key)[0]])

    def _note(self, note: Element, at: float, out: Measure, graces: list[Sound]) -> None:
        """Add a note, unless it is a rest or the end of a tie; it takes its grace note from `graces`."""
        if note.find("rest") is not None or any(t.get("type") == "stop" for t in note.iter("tie")):
            return
        self.notes += 1
        if self.notes > NOTES_READ_MAX:
            raise broken(f"it has more than {NOTES_READ_MAX} notes")
        sound = self._sound_of(note)
        late = number(note.get("attack"), 0.0) * QUARTER / self.divisions
        velocity = number(note.get("dynamics"), VELOCITY * 100 / FORTE) * FORTE / 100
        articulation: Articulation | None = "flam" if sound in graces else _articulation(note)
        if sound in graces:
            graces.remove(sound)
        out.struck.append(
            Struck(
                round(at + late),
                sound,
                round(min(1.0, max(0.0, velocity)), DIGITS),
                articulation,
                _own_id(note.get("id", "")),
            )
        )


def _own_id(said: str) -> str | None:
    """The event id that we wrote as an XML id, or None for an id of another program."""
    if not said.startswith("n-"):
        return None
    codes = [int(code, 16) for code in OWN_ID.findall(said)]
    if any(code > sys.maxunicode or 0xD800 <= code <= 0xDFFF for code in codes):  # no characters
        return None
    return OWN_ID.sub(lambda m: chr(int(m[1], 16)), said).removeprefix("n-")


def _in_chord(element: Element | None) -> bool:
    """Whether an element is a note of the chord before it."""
    return element is not None and element.tag == "note" and element.find("chord") is not None


def _ending(element: Element | None, out: Measure) -> None:
    """Where an ending begins or ends, and for which passes."""
    if element is None:
        return
    if element.get("type") == "start":
        passes = [int(n) for n in re.findall(r"\d{1,3}", element.get("number", ""))]
        out.ending = frozenset(n for n in passes if 1 <= n <= TIMES_MAX)
    else:
        out.ending_stop = True


def _metronome(element: Element | None) -> float | None:
    """The quarter notes a minute of a metronome mark; None without one, or where it says no number."""
    if element is None:
        return None
    found = FIRST_NUMBER.search(element.findtext("per-minute") or "")
    quarters = QUARTERS.get((element.findtext("beat-unit") or "").strip())
    if not found or not quarters:
        return None
    dots = len(element.findall("beat-unit-dot"))
    return float(found[0]) * quarters * (2.0 - 0.5**dots)


def _sound(element: Element | None, out: Measure) -> None:
    """Tempo and swing of a <sound>."""
    if element is None:
        return
    if element.get("tempo"):
        out.bpm = number(element.get("tempo"), BPM)
    first = number(element.findtext("swing/first"), 0)
    second = number(element.findtext("swing/second"), 0)
    if first > 0 and second > 0:
        unit = 16 if (element.findtext("swing/swing-type") or "").strip() == "16th" else 8
        out.swing = (round(first / (first + second), DIGITS), unit)


def _by_place(note: Element) -> str:
    """The row of PLACES with a note's place and head, else with its place, else percussion."""
    step = (note.findtext("unpitched/display-step") or "").strip()
    octave = int(number(note.findtext("unpitched/display-octave"), 0))
    head = (note.findtext("notehead") or "normal").strip()
    there = [key for key, p in PLACES.items() if (p.step, p.octave) == (step, octave)]
    exact = [key for key in there if PLACES[key].head == head]
    return next(iter([*exact, *there]), "perc")


def _articulation(note: Element) -> Articulation | None:
    head = note.find("notehead")
    if head is not None and head.get("parentheses") == "yes":
        return "ghost"
    found = {e.tag for e in note.iter()}
    marks: tuple[tuple[str, Articulation], ...] = (
        ("tremolo", "roll"), ("accent", "accent"), ("strong-accent", "accent"), ("open", "open"), ("stopped", "choke"),
    )  # fmt: skip
    return next((articulation for tag, articulation in marks if tag in found), None)
