"""A beat as MusicXML 4.0: one percussion part of two voices, stems up and down written out, a head for each instrument.

What the format carries is written so that it can be read back exactly (`musicxml_reader.py`): velocity as `dynamics`
(percent of a forte of 90), ticks beside the written place as `attack`, roles and instruments as score instruments, ids
as ids. Feel in milliseconds, sounds and muted events are not notation. `midi-unpitched` counts from 1. Bars that show
the same as the one before can be written as similes, which keep every note of them, or in blocks between repeat signs,
which keep what is shown: the first time's velocities stand for all.

Source: W3C, "MusicXML 4.0", https://www.w3.org/2021/06/musicxml40/.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

from services.beats.filenames import one_line, shortened, title_of
from services.beats.types import BEAT_STEPS, STEPS_PER_QUARTER, Beat, Section
from services.notation.drumset import FEET, PLACES
from services.notation.layout import GROUPS, Bar, Head, Sign, bars_of
from services.notation.repeats import NO_FOLDING, Folding, folded
from services.notation.values import QUARTER
from services.version import code_version

Repeats = Literal["none", "simile", "signs"]
REPEATS: tuple[Repeats, ...] = ("none", "simile", "signs")
NOT_IN_IDS = re.compile(r"[^0-9A-Za-z.-]")
FORTE = 90 / 127  # MIDI velocity of 100 % dynamics, as a share
TITLE_MAX = 200  # characters; a longer one is cut with an ellipsis
GRACE_KIND = "eighth"
ROLL_SLASHES = 3
SWING_TOTAL = 1_000_000  # parts of a swung pair
DRUM_CHANNEL = 10
SIMILE = "simile-"  # begins the ids of notes that stand for one
MIDDLE = "<unpitched><display-step>B</display-step><display-octave>4</display-octave></unpitched>"
HEADER = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">\n'
)


@dataclass(frozen=True, slots=True)
class Style:
    """How a score is written. `repeats`: "none" writes every bar; "simile" marks bars equal to the last one or two;
    "signs" puts repeated blocks between repeat signs. `engraved`: for page.py, which has no font for the metronome's
    note and draws the circles of open hats itself: the tempo as words, circled crosses plain. `apart`: bars that no
    simile of two bars may end in, since a line begins there.
    """

    repeats: Repeats = "none"
    engraved: bool = False
    apart: frozenset[int] = frozenset()


def beat_musicxml(beat: Beat, style: Style | None = None) -> bytes:
    """The bytes of the score, always the same for one beat. A beat without events is empty bars."""
    style = style or Style()
    bars = bars_of(beat)
    folding = folded(bars, beat.sections, style.repeats, style.apart) if style.repeats != "none" else NO_FOLDING
    instruments = _instruments(bars)
    parts = [HEADER, '<score-partwise version="4.0">', _head(beat), _part_list(instruments), '<part id="P1">']
    starts = {section.first_bar: section for section in beat.sections}
    for bar in bars:
        if bar.number not in folding.dropped:
            parts.append(_measure(beat, bar, starts.get(bar.number), folding, style))
    parts.append("</part></score-partwise>\n")
    return "".join(parts).encode()


def short_title(beat: Beat) -> str:
    """The title, perhaps none, without line breaks and what XML cannot hold, cut to TITLE_MAX characters."""
    return shortened(one_line(title_of(beat)), TITLE_MAX)


def _head(beat: Beat) -> str:
    title = short_title(beat)
    work = f"<work><work-title>{escape(title)}</work-title></work>" if title else ""
    return (
        f"{work}"
        '<identification><creator type="arranger">SoundRoutine</creator>'
        f"<encoding><software>SoundRoutine {escape(code_version())}</software></encoding></identification>"
    )


def _instruments(bars: Sequence[Bar]) -> list[tuple[str, str]]:
    """(row of PLACES, role) of every instrument that plays, from the bottom of the staff up."""
    heads = {(h.key, h.event.role) for bar in bars for signs in bar.voices.values() for s in signs for h in s.heads}
    return sorted(heads or {("kick", "CORE")}, key=lambda pair: (PLACES[pair[0]].rank, pair))


def _instrument_id(key: str, role: str) -> str:
    return f"P1-{key.replace('/', '.')}-{role}"


def _part_list(instruments: Sequence[tuple[str, str]]) -> str:
    scores = "".join(
        f'<score-instrument id="{_instrument_id(key, role)}">'
        f"<instrument-name>{PLACES[key].name}</instrument-name></score-instrument>"
        for key, role in instruments
    )
    midis = "".join(
        f'<midi-instrument id="{_instrument_id(key, role)}"><midi-channel>{DRUM_CHANNEL}</midi-channel>'
        f"<midi-unpitched>{PLACES[key].note + 1}</midi-unpitched></midi-instrument>"
        for key, role in instruments
    )
    name = "<part-name>Drums</part-name><part-abbreviation>Dr.</part-abbreviation>"
    return f'<part-list><score-part id="P1">{name}{scores}{midis}</score-part></part-list>'


def _measure(beat: Beat, bar: Bar, section: Section | None, folding: Folding, style: Style) -> str:
    """One measure with its marks."""
    grid = beat.grid
    pickup = bar.number == 0 and grid.pickup_steps
    number = bar.number if grid.pickup_steps else bar.number + 1
    out = [f'<measure number="{number}"{" implicit=" + quoteattr("yes") if pickup else ""}>']
    if bar.number in folding.forward:
        out.append('<barline location="left"><repeat direction="forward"/></barline>')
    out.append(_attributes(beat, bar, NO_FOLDING if style.engraved else folding))
    if section is not None:
        mark = (
            f'<rehearsal id="section-{section.first_bar}-{section.bars}">{escape(one_line(section.name))}</rehearsal>'
        )
        out.append(f'<direction placement="above"><direction-type>{mark}</direction-type></direction>')
    if bar.bpm is not None:
        out.append(_tempo(bar.bpm, grid.meter, style))
    if bar.number == 0 and grid.swing != 0.5:
        first = round(grid.swing * SWING_TOTAL)
        kind = "eighth" if grid.swing_unit == 8 else "16th"
        ratio = f"<first>{first}</first><second>{SWING_TOTAL - first}</second><swing-type>{kind}</swing-type>"
        words = f"Swing {'8ths' if grid.swing_unit == 8 else '16ths'}"
        out.append(
            f'<direction placement="above"><direction-type><words font-style="italic">{words}</words></direction-type>'
            f"<sound><swing>{ratio}</swing></sound></direction>"
        )
    if style.engraved and bar.number in folding.under:
        return "".join(
            [*out, _simile(beat, bar, folding.under[bar.number]), _right_barline(beat, bar, folding), "</measure>"]
        )
    for voice, signs in bar.voices.items():
        if voice == FEET and len(bar.voices) > 1:
            out.append(f"<backup><duration>{bar.ticks}</duration></backup>")
        out += [_sign(sign, voice, style) for sign in signs]
    out.append(_right_barline(beat, bar, folding))
    out.append("</measure>")
    return "".join(out)


def _simile(beat: Beat, bar: Bar, under: tuple[int, int]) -> str:
    """A bar of nothing but room, with a note whose head page.py makes the sign: engravers give a simile none."""
    bars, place = under
    out = []
    for i, ticks in enumerate(GROUPS[beat.grid.meter]):
        length = (
            f"<duration>{ticks}</duration><voice>1</voice><type>quarter</type>{'<dot/>' if ticks > QUARTER else ''}"
        )
        if i == 0 and place == bars - 1:
            head = "<stem>none</stem><notehead>x</notehead>"
            out.append(f'<note id="{SIMILE}{bars}-{bar.number}">{MIDDLE}{length}{head}</note>')
        else:
            out.append(f'<note print-object="no"><rest/>{length}</note>')
    return "".join(out)


def _attributes(beat: Beat, bar: Bar, folding: Folding) -> str:
    """Divisions, meter and clef in the first bar; the marks of a simile where one begins or ends."""
    inside = ""
    if bar.number == 0:
        beats, kind = beat.grid.meter.split("/")
        inside = (
            f"<divisions>{QUARTER}</divisions><key><fifths>0</fifths></key>"
            f"<time><beats>{beats}</beats><beat-type>{kind}</beat-type></time>"
            "<clef><sign>percussion</sign><line>2</line></clef>"
        )
    span = folding.simile.get(bar.number)
    if span is not None:
        inside += (
            f'<measure-style><measure-repeat type="start" slashes="{span}">{span}</measure-repeat></measure-style>'
        )
    elif bar.number in folding.simile_stop:
        inside += '<measure-style><measure-repeat type="stop"/></measure-style>'
    return f"<attributes>{inside}</attributes>" if inside else ""


def _tempo(bpm: float, meter: str, style: Style) -> str:
    """A tempo mark: what a conductor beats, a dotted quarter in 6/8 and 12/8; what sounds is in quarters."""
    dotted = BEAT_STEPS[meter] > STEPS_PER_QUARTER
    shown = f"{bpm * STEPS_PER_QUARTER / BEAT_STEPS[meter]:.1f}".removesuffix(".0")
    if style.engraved:
        mark = f'<words font-weight="bold">\N{QUARTER NOTE}{"." if dotted else ""} = {shown}</words>'
    else:
        unit = "<beat-unit>quarter</beat-unit>" + ("<beat-unit-dot/>" if dotted else "")
        mark = f"<metronome>{unit}<per-minute>{shown}</per-minute></metronome>"
    sound = f'<sound tempo="{bpm!r}"/>'
    return f'<direction placement="above"><direction-type>{mark}</direction-type>{sound}</direction>'


def _right_barline(beat: Beat, bar: Bar, folding: Folding) -> str:
    times = folding.backward.get(bar.number)
    if times is not None:
        return (
            '<barline location="right"><bar-style>light-heavy</bar-style>'
            f'<repeat direction="backward" times="{times}"/></barline>'
        )
    if bar.number == beat.grid.bars - 1 and not folding.dropped & {bar.number}:
        return '<barline location="right"><bar-style>light-heavy</bar-style></barline>'
    return ""


def _sign(sign: Sign, voice: int, style: Style) -> str:
    """The notes of a chord, or a rest."""
    if not sign.heads:
        rest = '<rest measure="yes"/>' if sign.bar_rest else "<rest/>"
        return f"<note>{rest}<duration>{sign.value.ticks}</duration><voice>{voice}</voice>{_type(sign, voice)}</note>"
    graces = [h for h in sign.heads if h.event.articulation == "flam"]
    out = [_grace(h, voice, style, chord=i > 0) for i, h in enumerate(graces)]
    out += [_note(sign, h, style, chord=i > 0) for i, h in enumerate(sign.heads)]
    return "".join(out)


def _type(sign: Sign, voice: int) -> str:
    """Value, dots and tuplet; of a note its stem too comes after, so the caller adds it."""
    if sign.bar_rest:
        return ""
    text = f"<type>{sign.value.kind}</type>" + "<dot/>" * sign.value.dots
    if sign.value.tuplet:
        actual, normal = sign.value.tuplet
        text += (
            f"<time-modification><actual-notes>{actual}</actual-notes>"
            f"<normal-notes>{normal}</normal-notes></time-modification>"
        )
    if not sign.heads and sign.edge:
        text += f'<notations><tuplet type="{sign.edge}" bracket="yes"/></notations>'
    return text


def _place(key: str) -> str:
    place = PLACES[key]
    return (
        f"<unpitched><display-step>{place.step}</display-step>"
        f"<display-octave>{place.octave}</display-octave></unpitched>"
    )


def _head_of(key: str, style: Style) -> str:
    head = PLACES[key].head
    return "x" if style.engraved and head == "circle-x" else head


def _grace(head: Head, voice: int, style: Style, *, chord: bool) -> str:
    """The grace note of a flam."""
    return (
        f'<note><grace slash="yes"/>{"<chord/>" if chord else ""}{_place(head.key)}'
        f'<instrument id="{_instrument_id(head.key, head.event.role)}"/><voice>{voice}</voice>'
        f"<type>{GRACE_KIND}</type><stem>{'down' if voice == FEET else 'up'}</stem>"
        f"<notehead>{_head_of(head.key, style)}</notehead></note>"
    )


def _note(sign: Sign, head: Head, style: Style, *, chord: bool) -> str:
    event, voice = head.event, PLACES[head.key].voice
    attack = f' attack="{head.late_ticks}"' if head.late_ticks else ""
    dynamics = f"{event.velocity * 100 / FORTE:.6f}".rstrip("0").rstrip(".")
    beams = "" if chord else "".join(f'<beam number="{i}">{w}</beam>' for i, w in enumerate(sign.beams, 1))
    ghost = ' parentheses="yes"' if event.articulation == "ghost" else ""
    return (
        f'<note id="{note_id(event.id)}" dynamics="{dynamics}"{attack}>{"<chord/>" if chord else ""}'
        f"{_place(head.key)}<duration>{sign.value.ticks}</duration>"
        f'<instrument id="{_instrument_id(head.key, event.role)}"/><voice>{voice}</voice>{_type(sign, voice)}'
        f"<stem>{'down' if voice == FEET else 'up'}</stem>"
        f"<notehead{ghost}>{_head_of(head.key, style)}</notehead>{beams}"
        f"{_notations(sign, head, chord=chord)}</note>"
    )


def note_id(event_id: str) -> str:
    """An XML id: letters, digits, points and hyphens stay, anything else is written as its code between underscores."""
    return "n-" + NOT_IN_IDS.sub(lambda found: f"_{ord(found[0]):x}_", event_id)


def _notations(sign: Sign, head: Head, *, chord: bool) -> str:
    inside = f'<tuplet type="{sign.edge}" bracket="yes"/>' if sign.edge and not chord else ""
    match head.event.articulation:
        case "accent":
            inside += "<articulations><accent/></articulations>"
        case "roll":
            inside += f'<ornaments><tremolo type="single">{ROLL_SLASHES}</tremolo></ornaments>'
        case "open":
            inside += "<technical><open/></technical>"
        case "choke":
            inside += "<technical><stopped/></technical>"
    return f"<notations>{inside}</notations>" if inside else ""
