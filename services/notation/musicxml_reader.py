"""MusicXML as a beat: what `musicxml.py` wrote comes back exactly, scores of other programs as far as a grid can hold.

Plain and compressed (.mxl) partwise files of one meter. The part with the most unpitched notes is read; its measures
come from musicxml_measures.py, in the order of musicxml_playing.py. Entities, external files and archives that swell
are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from services.beats.document import check_beat
from services.beats.grid import in_order
from services.beats.types import METERS, TICKS_PER_STEP, Beat, Event, Grid, Section
from services.errors import Invalid
from services.notation.bounds import BARS_READ_MAX
from services.notation.drumset import PLACES, parts_of
from services.notation.musicxml_measures import BPM, Measure, Sound, measures_of, sounds_of
from services.notation.musicxml_playing import played
from services.notation.xml_input import broken, parsed, unpacked

PERCUSSION_CHANNEL = "10"


def read_musicxml(data: bytes) -> Beat:
    """The beat of a MusicXML file. Raises Invalid (code `broken_score`) for anything that is none, for more than one
    meter, for a meter, tempo or length outside the contract; `no_drums` for a score without a drum part."""
    root = parsed(unpacked(data))
    if root.tag != "score-partwise":
        raise broken(f"a <{root.tag}> is no partwise score; export it as score-partwise")
    part, sounds = _drum_part(root)
    measures = [*measures_of(part, sounds)]
    if not measures:
        raise broken("the score has no measures")
    return _beat(measures, _title(root))


def _title(root: Element) -> str:
    found = root.findtext("work/work-title") or root.findtext("movement-title") or ""
    return " ".join(found.split())


def _drum_part(root: Element) -> tuple[Element, dict[str, Sound]]:
    """The part with the most unpitched notes, else one that is written or played as drums; its instruments by id."""
    parts = list(root.iter("part"))
    if not parts:
        raise broken("it has no part")
    listed = {p.get("id"): p for p in root.iter("score-part")}
    counts = [sum(1 for _ in part.iter("unpitched")) for part in parts]
    part = parts[counts.index(max(counts))]
    if not max(counts):
        drums = [p for p in parts if _is_percussion(p, listed.get(p.get("id")))]
        if not drums:
            raise Invalid("The score cannot be read: it has no drum part.", code="no_drums")
        part = drums[0]
    own = listed.get(part.get("id"))
    return part, {} if own is None else sounds_of(own)


def _is_percussion(part: Element, listed: Element | None) -> bool:
    """Whether a part without unpitched notes is for drums: by its clef, or by the channel that plays it."""
    if any((sign.text or "").strip() == "percussion" for sign in part.iter("sign")):
        return True
    return listed is not None and any(c.text == PERCUSSION_CHANNEL for c in listed.iter("midi-channel"))


def _beat(written: Sequence[Measure], title: str) -> Beat:
    """The beat of the measures of a part."""
    meters = {m.meter for m in written if m.meter}
    meter = written[0].meter or "4/4"
    if len(meters) > 1 or meter not in METERS:
        raise broken(f"a beat has one meter of {', '.join(METERS)}, and this score has {', '.join(sorted(meters))}")
    bar_ticks = METERS[meter] * TICKS_PER_STEP
    measures = played(written, bar_ticks)
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
    check_beat(beat, BARS_READ_MAX)
    return beat


def _events(measures: Sequence[Measure], bar_ticks: int, pickup: int) -> list[Event]:
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


def _sections(measures: Sequence[Measure]) -> tuple[Section, ...]:
    """Rehearsal marks as sections; one of another program lasts until the next."""
    marks = [(i, *m.section) for i, m in enumerate(measures) if m.section]
    out = []
    for place, (first, name, bars) in enumerate(marks):
        following = marks[place + 1][0] if place + 1 < len(marks) else len(measures)
        out.append(Section(name, first, min(bars or following - first, len(measures) - first)))
    return tuple(out)
