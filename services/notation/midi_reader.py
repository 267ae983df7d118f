"""A Standard MIDI File as a beat: drums of channel 10, other channels as pitched notes, tempo map, meter, title.

What `midi.py` wrote comes back with the same notes at the same ticks; a file of another program at its own resolution
rounded to 960 a quarter. One meter; an upbeat may come first as a shorter bar. Notes that begin after the last bar are
in it, late. A file may be read for its drums alone: those of channel 10, else of a track that is called drums. Raises
Invalid (code `broken_midi`, `no_drums`) for what is no MIDI file or no beat.
"""

from __future__ import annotations

import io
import re
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from fractions import Fraction

import mido

from services.beats.document import check_beat
from services.beats.grid import OFFSET_MAX_MS, in_order
from services.beats.ticks import TICKS_PER_QUARTER, US_PER_MINUTE
from services.beats.types import METERS, ROLES, TICKS_PER_STEP, Beat, Event, Grid, Role
from services.errors import Invalid
from services.notation.bounds import BARS_READ_MAX, NOTES_READ_MAX, SAME_BAR
from services.notation.containers import MIDI, SIZES_MAX
from services.notation.drumset import ROLE_OF, parts_of
from services.notation.kit_maps import KIT_MAPS, KitName

SIZE_MAX = SIZES_MAX[MIDI]
DRUM_CHANNEL = 9
DRUM_TRACK = re.compile(r"drum|perc|beat|kit\b", re.IGNORECASE)  # in the name of a track
DEFAULT_TEMPO_US = 500_000
VELOCITY_MAX = 127
DIGITS = 6
STEPS_PER_WHOLE = 16
MINUTE_MS = 60_000.0


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is read. `kit_map`: which drum a note is; `drums_only`: pitched notes are left out, with a warning."""

    kit_map: KitName = "gm"
    drums_only: bool = False


@dataclass(frozen=True, slots=True)
class _Note:
    """A note in ticks of 960 a quarter."""

    on: int
    off: int
    channel: int
    pitch: int
    velocity: int
    track: str


@dataclass
class _Heard:
    """What a file says, times in ticks of 960 a quarter."""

    title: str = ""
    end: int = 0
    notes: list[_Note] = field(default_factory=list)
    tempi: list[tuple[int, int]] = field(default_factory=list)  # tick, microseconds a quarter
    meters: list[tuple[int, int, int]] = field(default_factory=list)  # tick, numerator, denominator


def read_midi(data: bytes, reading: Reading | None = None) -> Beat:
    """The beat of a MIDI file. A file without notes is empty bars.

    For its drums alone a file needs some (`no_drums`); `meta.warnings` then says how many pitched notes were left out.
    """
    reading, heard = reading or Reading(), _heard(data)
    meter, pickup = _meter(heard)
    bar_ticks, first = METERS[meter] * TICKS_PER_STEP, pickup * TICKS_PER_STEP
    bars = max(1, -(-(_end(heard) - first) // bar_ticks) + (1 if pickup else 0))
    if bars > BARS_READ_MAX:
        raise _bad(f"it has more than {BARS_READ_MAX} bars")
    warnings = _keep_drums(heard) if reading.drums_only else []
    edges = [0] if not pickup else [0, first]
    edges += [edges[-1] + bar_ticks * (i + 1) for i in range(bars - len(edges) + 1)]
    grid = Grid(_tempo_map(heard, edges[:-1]), meter, bars, pickup_steps=pickup)
    rows = KIT_MAPS[reading.kit_map].row_of
    keys = [(n, rows(n.pitch) if n.channel == DRUM_CHANNEL else "tonal") for n in sorted(heard.notes, key=_order)]
    events = [_event(note, (f"m{i}", key), grid, edges) for i, (note, key) in enumerate(keys)]
    meta = ({"title": heard.title} if heard.title else {}) | ({"warnings": warnings} if warnings else {})
    beat = Beat(grid, tuple(events), {}, meta=meta)
    check_beat(beat, BARS_READ_MAX)
    return Beat(grid, in_order(grid, events), {}, meta=beat.meta)


def _bad(why: str) -> Invalid:
    return Invalid(f"The MIDI file cannot be read: {why}.", code="broken_midi")


def _heard(data: bytes) -> _Heard:
    if len(data) > SIZE_MAX:
        raise _bad(f"it is larger than {SIZE_MAX >> 20} MB")
    try:
        file = mido.MidiFile(file=io.BytesIO(data), clip=True)
    except (OSError, EOFError, ValueError, KeyError, IndexError, TypeError, mido.KeySignatureError) as problem:
        raise _bad("it is damaged, or no MIDI file") from problem
    if file.type == 2:
        raise _bad("it holds several songs (format 2)")
    if file.ticks_per_beat <= 0:
        raise _bad("its time is in frames, not in beats")
    out = _Heard()
    for place, track in enumerate(file.tracks):
        _read_track(track, place, Fraction(TICKS_PER_QUARTER, file.ticks_per_beat), out)
    return out


def _read_track(track: mido.MidiTrack, place: int, scale: Fraction, out: _Heard) -> None:
    """Add a track's notes and marks."""
    at, name = 0, ""
    open_notes: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for message in track:
        at += message.time
        tick = round(at * scale)
        if message.type == "track_name":
            name = name or _text(message.name)
            out.title = out.title or (name if place == 0 else "")
        elif message.type == "set_tempo":
            out.tempi.append((tick, message.tempo))
        elif message.type == "time_signature":
            out.meters.append((tick, message.numerator, message.denominator))
        elif message.type == "note_on" and message.velocity > 0:
            open_notes.setdefault((message.channel, message.note), []).append((tick, message.velocity))
        elif message.type in ("note_on", "note_off"):
            begun = open_notes.get((message.channel, message.note))
            if begun:
                on, velocity = begun.pop(0)
                out.notes.append(_Note(on, max(on + 1, tick), message.channel, message.note, velocity, name))
    for (channel, pitch), begun in open_notes.items():
        out.notes += [_Note(on, on + TICKS_PER_STEP, channel, pitch, velocity, name) for on, velocity in begun]
    if len(out.notes) > NOTES_READ_MAX:
        raise _bad(f"it has more than {NOTES_READ_MAX} notes")
    # A conductor's track ends with the piece; where a track of notes ends says how long its last note is held.
    out.end = max(out.end, 0 if _plays(track) else round(at * scale))


def _text(said: str) -> str:
    """A name as it was meant: our files and most others are UTF-8, older ones Latin 1."""
    try:
        said = said.encode("latin1").decode()
    except UnicodeDecodeError:
        pass
    return " ".join(said.split())


def _keep_drums(heard: _Heard) -> list[str]:
    """Leave only drums, on their channel; what to say of the others. Raises Invalid where there are none."""
    drums = [note for note in heard.notes if note.channel == DRUM_CHANNEL]
    if not drums:
        drums = [replace(n, channel=DRUM_CHANNEL) for n in heard.notes if DRUM_TRACK.search(n.track)]
    if not drums:
        why = "it has no drums: no notes on channel 10, nor in a track called drums"
        raise Invalid(f"The MIDI file cannot be read: {why}.", code="no_drums")
    left = len(heard.notes) - len(drums)
    heard.notes = drums
    return [f"{left} pitched notes were left out: a beat plays drums."] if left else []


def _plays(track: mido.MidiTrack) -> bool:
    return any(message.type == "note_on" for message in track)


def _end(heard: _Heard) -> int:
    """The tick at which the piece ends: as its conductor says, unless notes begin later than feel explains."""
    last = max((note.on + 1 for note in heard.notes), default=0)
    tempo = max(heard.tempi, default=(0, DEFAULT_TEMPO_US))[1]
    late = OFFSET_MAX_MS * 1000 / max(1, tempo) * TICKS_PER_QUARTER
    return heard.end if heard.end and last <= heard.end + late else max(heard.end, last)


def _order(note: _Note) -> tuple[int, int, int, str]:
    return note.on, note.channel, note.pitch, note.track


def _meter(heard: _Heard) -> tuple[str, int]:
    """The one meter, and the steps of an upbeat before it."""
    marks = sorted(set(heard.meters)) or [(0, 4, 4)]
    pickup = 0
    if len(marks) > 1 and marks[0][0] == 0:
        steps, after = marks[0][1] * STEPS_PER_WHOLE // marks[0][2], f"{marks[1][1]}/{marks[1][2]}"
        if marks[1][0] == steps * TICKS_PER_STEP and steps < METERS.get(after, 0):
            pickup, marks = steps, marks[1:]
    counted = [f"{numerator}/{denominator}" for _, numerator, denominator in marks]
    names = {SAME_BAR.get(name, name) for name in counted}
    meter = SAME_BAR.get(counted[0], counted[0])
    if len(names) > 1 or meter not in METERS:
        raise _bad(f"a beat has one meter of {', '.join(METERS)}, and this file has {', '.join(sorted(names))}")
    return meter, pickup


def _tempo_map(heard: _Heard, starts: list[int]) -> tuple[tuple[int, float], ...]:
    """A tempo for each bar in which it changes: the one at the bar's start; a change inside counts from the next."""
    tempi = sorted(dict(sorted(heard.tempi)).items()) or [(0, DEFAULT_TEMPO_US)]
    ticks = [tick for tick, _ in tempi]
    rows: list[tuple[int, float]] = []
    for bar, start in enumerate(starts):
        tempo = tempi[max(0, bisect_right(ticks, start) - 1)][1]
        bpm = _bpm(max(1, tempo))
        if not rows or bpm != rows[-1][1]:
            rows.append((bar, bpm))
    return tuple(rows)


def _bpm(tempo_us: int) -> float:
    """The shortest number of beats a minute that is written as so many microseconds a quarter."""
    exact = US_PER_MINUTE / tempo_us
    short = (round(exact, digits) for digits in range(DIGITS + 1))
    return next((bpm for bpm in short if bpm and round(US_PER_MINUTE / bpm) == tempo_us), exact)


def _event(note: _Note, named_key: tuple[str, str], grid: Grid, edges: list[int]) -> Event:
    """A note as an event of an id and a row of PLACES; past the end of the grid it is late in the last tick."""
    name, key = named_key
    bar = min(len(edges) - 2, bisect_right(edges, note.on) - 1)
    inside = note.on - edges[bar]
    over = max(0, inside - (edges[bar + 1] - edges[bar] - 1))
    step, tick = divmod(inside - over, TICKS_PER_STEP)
    late_ms = over * MINUTE_MS / grid.tempo_map[-1][1] / TICKS_PER_QUARTER if over else 0.0
    if late_ms > OFFSET_MAX_MS:
        raise _bad("a note begins long after its last bar")
    instrument, variant = parts_of(key)
    role: Role | None = next((role for role in ROLES if role == note.track), None)
    return Event(
        id=name,
        bar=bar,
        step=step,
        tick=tick,
        offset_ms=late_ms,
        role=role or ROLE_OF[instrument],
        instrument=instrument,
        velocity=round(note.velocity / VELOCITY_MAX, DIGITS),
        duration_steps=min((note.off - note.on) / TICKS_PER_STEP, grid.bars * grid.steps_per_bar),
        pitch=note.pitch,
        variant=variant,
        source="import",
    )
