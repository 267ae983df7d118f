"""MusicXML as a beat: what `musicxml.py` wrote comes back exactly, scores of other programs as far as a grid can hold.

Plain and compressed (.mxl) partwise files of one meter. The part with the most unpitched notes is read. Instruments
come from our ids, else from `midi-unpitched`, else from the place on the staff and the head. Repeats are played out and
empty similes filled. Entities, external files and archives that swell are refused.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, zip_longest
from xml.etree.ElementTree import Element

from services.beats.document import check_beat
from services.beats.grid import in_order
from services.beats.types import METERS, ROLES, TICKS_PER_STEP, Articulation, Beat, Event, Grid, Role, Section
from services.notation.drumset import BY_NOTE, PLACES, ROLE_OF, parts_of
from services.notation.musicxml import FORTE
from services.notation.values import QUARTER
from services.notation.xml_input import broken, parsed, unpacked

NOTES_MAX = 50_000
TIMES_MAX = 16  # a block between repeat signs is played so often at most
VELOCITY = 0.8  # of a note that says nothing
BPM = 120.0
DIGITS = 6  # of a velocity
NUMBER_MAX = 1e9  # beyond, a number is a mistake
BARS_MAX = 10_000  # measures, before repeats
OWN_INSTRUMENT = re.compile(r"P1-([a-z_.]+)-([A-Z]+)")
OWN_SECTION = re.compile(r"section-(\d+)-(\d+)")
OWN_ID = re.compile(r"_([0-9a-f]{1,6})_")


@dataclass(frozen=True, slots=True)
class _Sound:
    """What an instrument id means."""

    key: str
    role: Role


@dataclass(frozen=True, slots=True)
class _Struck:
    """A note of a measure: where it was struck (ticks from the measure's start), and what it is."""

    at: int
    sound: _Sound
    velocity: float
    articulation: Articulation | None
    id: str | None


@dataclass
class _Measure:
    """What a measure says."""

    ticks: int
    struck: list[_Struck] = field(default_factory=list)
    meter: str | None = None
    bpm: float | None = None
    swing: tuple[float, int] | None = None
    section: tuple[str, int | None] | None = None
    implicit: bool = False
    forward: bool = False
    backward: int = 0
    simile: int = 0


def read_musicxml(data: bytes) -> Beat:
    """The beat of a MusicXML file. Raises Invalid (code `broken_score`) for anything that is none, for more than one
    meter, for a meter, tempo or length outside the contract, and for a score without drums."""
    root = parsed(unpacked(data))
    if root.tag != "score-partwise":
        raise broken(f"a <{root.tag}> is no partwise score; export it as score-partwise")
    part, sounds = _drum_part(root)
    measures = _filled(_played_out([*_measures(part, sounds)]))
    if not measures:
        raise broken("the score has no measures")
    return _beat(measures, _title(root))


def _title(root: Element) -> str:
    found = root.findtext("work/work-title") or root.findtext("movement-title") or ""
    return " ".join(found.split())


def _drum_part(root: Element) -> tuple[Element, dict[str, _Sound]]:
    """The part with the most unpitched notes, and its instruments by id."""
    parts = [(sum(1 for _ in part.iter("unpitched")), part) for part in root.iter("part")]
    most, part = max(parts, key=lambda pair: pair[0], default=(0, None))
    if part is None:
        raise broken("it has no part")
    listed = next((p for p in root.iter("score-part") if p.get("id") == part.get("id")), None)
    if most == 0 and len(parts) > 1:
        raise broken("no part has unpitched notes")
    return part, {} if listed is None else _sounds(listed)


def _sounds(part: Element) -> dict[str, _Sound]:
    out: dict[str, _Sound] = {}
    for instrument in part.iter("midi-instrument"):
        note = _number(instrument.findtext("midi-unpitched"), 0) - 1
        if int(note) in BY_NOTE:
            key = BY_NOTE[int(note)]
            out[instrument.get("id", "")] = _Sound(key, ROLE_OF[parts_of(key)[0]])
    for instrument in part.iter("score-instrument"):
        own = OWN_INSTRUMENT.fullmatch(instrument.get("id", ""))
        if own and own[1].replace(".", "/") in PLACES and own[2] in ROLES:
            role = next(r for r in ROLES if r == own[2])
            out[instrument.get("id", "")] = _Sound(own[1].replace(".", "/"), role)
    return out


def _number(text: str | None, default: float) -> float:
    """A finite number of a text, else the default."""
    try:
        value = float(text) if text is not None else default
    except ValueError:
        return default
    return value if abs(value) <= NUMBER_MAX else default


def _measures(part: Element, sounds: dict[str, _Sound]) -> Iterable[_Measure]:
    reader = _Reader(sounds)
    for number, measure in enumerate(part.iter("measure")):
        if number == BARS_MAX:
            raise broken(f"it has more than {BARS_MAX} measures")
        yield reader.measure(measure)


class _Reader:
    """Reads measures in order: divisions and similes hold until something else is said."""

    def __init__(self, sounds: dict[str, _Sound]) -> None:
        self.sounds = sounds
        self.divisions = 1.0
        self.simile = 0
        self.notes = 0

    def measure(self, element: Element) -> _Measure:
        """One measure with its notes."""
        out = _Measure(0, implicit=element.get("implicit") == "yes")
        at = last = end = 0.0
        graces: list[_Sound] = []
        for child, following in zip_longest(element, islice(element, 1, None)):
            duration = _number(child.findtext("duration"), 0.0) * QUARTER / self.divisions
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

    def _mark(self, child: Element, out: _Measure) -> None:
        """What is no note: attributes, directions, bar lines."""
        if child.tag == "attributes":
            self._attributes(child, out)
        elif child.tag == "direction":
            rehearsal = child.find("direction-type/rehearsal")
            if rehearsal is not None and (rehearsal.text or "").strip():
                own = OWN_SECTION.fullmatch(rehearsal.get("id", ""))
                out.section = ((rehearsal.text or "").strip(), int(own[2]) if own else None)
            _sound(child.find("sound"), out)
        elif child.tag == "sound":
            _sound(child, out)
        elif child.tag == "barline":
            repeat = child.find("repeat")
            if repeat is not None and repeat.get("direction") == "forward":
                out.forward = True
            elif repeat is not None:
                out.backward = max(2, min(TIMES_MAX, int(_number(repeat.get("times"), 2))))

    def _attributes(self, child: Element, out: _Measure) -> None:
        self.divisions = max(1e-3, _number(child.findtext("divisions"), self.divisions))
        beats, kind = child.findtext("time/beats"), child.findtext("time/beat-type")
        if beats and kind:
            out.meter = f"{beats.strip()}/{kind.strip()}"
        mark = child.find("measure-style/measure-repeat")
        if mark is not None:
            self.simile = 0 if mark.get("type") == "stop" else max(1, int(_number(mark.text, 1)))

    def _sound_of(self, note: Element) -> _Sound:
        """What a note plays: by its instrument, by its pitch where drums are written so, else by place and head."""
        instrument = note.find("instrument")
        if instrument is not None and instrument.get("id", "") in self.sounds:
            return self.sounds[instrument.get("id", "")]
        if note.find("pitch") is not None:
            step = max(0, "C D EF G A B".find((note.findtext("pitch/step") or "C").strip()[:1]))
            midi = (
                12 * (_number(note.findtext("pitch/octave"), 2) + 1) + step + _number(note.findtext("pitch/alter"), 0)
            )
            key = BY_NOTE.get(int(midi), "perc")
        else:
            key = _by_place(note)
        return _Sound(key, ROLE_OF[parts_of(key)[0]])

    def _note(self, note: Element, at: float, out: _Measure, graces: list[_Sound]) -> None:
        """Add a note, unless it is a rest or the end of a tie; it takes its grace note from `graces`."""
        if note.find("rest") is not None or any(t.get("type") == "stop" for t in note.iter("tie")):
            return
        self.notes += 1
        if self.notes > NOTES_MAX:
            raise broken(f"it has more than {NOTES_MAX} notes")
        sound = self._sound_of(note)
        late = _number(note.get("attack"), 0.0) * QUARTER / self.divisions
        velocity = _number(note.get("dynamics"), VELOCITY * 100 / FORTE) * FORTE / 100
        articulation: Articulation | None = "flam" if sound in graces else _articulation(note)
        if sound in graces:
            graces.remove(sound)
        out.struck.append(
            _Struck(
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


def _sound(element: Element | None, out: _Measure) -> None:
    """Tempo and swing of a <sound>."""
    if element is None:
        return
    if element.get("tempo"):
        out.bpm = _number(element.get("tempo"), BPM)
    first = _number(element.findtext("swing/first"), 0)
    second = _number(element.findtext("swing/second"), 0)
    if first > 0 and second > 0:
        unit = 16 if (element.findtext("swing/swing-type") or "").strip() == "16th" else 8
        out.swing = (round(first / (first + second), DIGITS), unit)


def _by_place(note: Element) -> str:
    """The row of PLACES with a note's place and head, else with its place, else percussion."""
    step = (note.findtext("unpitched/display-step") or "").strip()
    octave = int(_number(note.findtext("unpitched/display-octave"), 0))
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


def _played_out(measures: Sequence[_Measure]) -> list[_Measure]:
    """Measures in the order in which they are played; an endless or huge score is refused by its length later."""
    out: list[_Measure] = []
    start = 0
    for i, measure in enumerate(measures):
        if measure.forward:
            start = i
        out.append(measure)
        if measure.backward:
            again = [replace(m, section=None, struck=[replace(s, id=None) for s in m.struck])
                     for m in measures[start : i + 1]]  # fmt: skip
            out += again * (measure.backward - 1)
            start = i + 1
    return out


def _filled(measures: Sequence[_Measure]) -> list[_Measure]:
    """Bars under a simile that were left empty, filled with what they stand for."""
    out: list[_Measure] = []
    for measure in measures:
        if measure.simile and not measure.struck and len(out) >= measure.simile:
            like = out[-measure.simile]
            out.append(replace(measure, struck=[replace(s, id=None) for s in like.struck], ticks=like.ticks))
        else:
            out.append(measure)
    return out


def _beat(measures: Sequence[_Measure], title: str) -> Beat:
    """The beat of measures in playing order."""
    meters = {m.meter for m in measures if m.meter}
    meter = measures[0].meter or "4/4"
    if len(meters) > 1 or meter not in METERS:
        raise broken(f"a beat has one meter of {', '.join(METERS)}, and this score has {', '.join(sorted(meters))}")
    bar_ticks = METERS[meter] * TICKS_PER_STEP
    first = measures[0].ticks
    pickup = -(-first // TICKS_PER_STEP) if 0 < first < bar_ticks and (measures[0].implicit or len(measures) > 1) else 0
    tempo_map = [(0, measures[0].bpm or BPM)]
    for i, measure in enumerate(measures):
        if measure.bpm and measure.bpm != tempo_map[-1][1]:
            tempo_map.append((i, measure.bpm))
    swing, unit = next((m.swing for m in measures if m.swing), (0.5, 16))
    grid = Grid(tuple(tempo_map), meter, len(measures), swing, unit, pickup)
    sections = _sections(measures)
    events = in_order(grid, _events(measures, bar_ticks, pickup)) if grid.bars else ()
    beat = Beat(grid, events, {}, sections, {}, {"title": title} if title else {})
    check_beat(beat)
    return beat


def _events(measures: Sequence[_Measure], bar_ticks: int, pickup: int) -> list[Event]:
    """The notes of all measures as events with ids that are their own."""
    taken: set[str] = set()
    out: list[Event] = []
    for bar, measure in enumerate(measures):
        length = pickup * TICKS_PER_STEP if bar == 0 and pickup else bar_ticks
        for struck in measure.struck:
            instrument, variant = parts_of(struck.sound.key)
            name = struck.id if struck.id and struck.id not in taken else f"x{len(out)}"
            while name in taken:
                name = f"x{name}"
            taken.add(name)
            at = min(max(0, struck.at), length - 1)
            out.append(
                Event(
                    id=name,
                    bar=bar,
                    step=at // TICKS_PER_STEP,
                    tick=at % TICKS_PER_STEP,
                    role=struck.sound.role,
                    instrument=instrument,
                    velocity=struck.velocity,
                    pitch=PLACES[struck.sound.key].note,
                    articulation=struck.articulation,
                    variant=variant,
                    source="import",
                )
            )
    return out


def _sections(measures: Sequence[_Measure]) -> tuple[Section, ...]:
    """Rehearsal marks as sections; one of another program lasts until the next."""
    marks = [(i, *m.section) for i, m in enumerate(measures) if m.section]
    out = []
    for place, (first, name, bars) in enumerate(marks):
        following = marks[place + 1][0] if place + 1 < len(marks) else len(measures)
        out.append(Section(name, first, min(bars or following - first, len(measures) - first)))
    return tuple(out)
