"""The groove of a MIDI file: its notes as strokes of roles on the bars of its meter.

A track that is named as a role (`CORE`, as in our own exports, in either map) is that role's. Else General MIDI's drum
notes say the role: those on channel 10 where there are any, else those of any channel. Bars follow the file's time
signatures; the meter that lasts longest is the groove's, and bars in another do not count.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from services.beats.ticks import US_PER_MINUTE, VELOCITY_MAX
from services.beats.types import METERS, ROLES, STEPS_PER_QUARTER, Role
from services.errors import FieldError, Invalid
from services.grooves.midi_file import MidiFile, Note, read_midi
from services.grooves.template import REACH, Stroke, no_groove, template
from services.grooves.types import Read

DRUM_CHANNEL = 9  # counted from 0: MIDI's channel 10
TEMPO_US = 500_000  # of a quarter, where the file says nothing: 120 bpm
BPM_RANGE = (20.0, 400.0)  # a tempo that a file may claim
BPM_DIGITS = 3
STROKES_MAX = 10_000  # of a file, from its start: an hour of drums; more says nothing new and takes half a minute

# General MIDI percussion, levels 1 and 2. What is not named here (voices, scratches, whistles) plays no role.
_GM: dict[Role, tuple[int, ...]] = {
    "CORE": (35, 36),
    "ACCENT": (31, 37, 38, 39, 40),
    "MOTION": (42, 44, 46, 49, 51, 52, 53, 54, 55, 57, 59, 69, 70, 80, 81, 82, 83),
    "FILL": (41, 43, 45, 47, 48, 50, 56, 58, 60, 61, 62, 63, 64, 65, 66, 67, 68, 75, 76, 77, 78, 79),
}
ROLE_OF_NOTE: dict[int, Role] = {note: role for role, notes in _GM.items() for note in notes}
FIRST_METER = "4/4"  # until a file says another
EARLY_QUARTERS = REACH / STEPS_PER_QUARTER
_Run = tuple[float, float, str]  # from and to in quarters, meter


def groove_of_midi(data: bytes, *, bpm: float | None = None, meter: str | None = None) -> Read:
    """The groove in the bytes of a MIDI file, with its tempo (quarter notes per minute) and meter.

    `bpm` stands for the file's own tempos, `meter` (then bars run from the start) for its time signatures; 4/4 where
    neither says one. Velocity is v/127. Raises NotAudio `not_midi` and TooLarge as `read_midi`; Invalid `no_groove` for
    a file without drum notes, Invalid(meter) for a meter we do not know, Invalid(bpm) where the file has no tempo that
    a beat could have.
    """
    file = read_midi(data)
    notes = _drums(file.notes)
    if not notes:
        raise no_groove("holds no drum notes")
    clock = _Clock(file, bpm)
    last = clock.quarters(notes[-1][1].at)
    runs = _runs(file, clock, last, meter)
    usual = _usual(runs)
    if usual not in METERS:
        message = f"{usual} is not one of {', '.join(METERS)}"
        raise Invalid(f"The meter {message}: send the meter to count in.", errors=(FieldError("meter", message),))
    strokes = _strokes(notes, clock, runs, usual)
    return Read(template(strokes, usual), round(clock.usual_bpm(last), BPM_DIGITS))


def _drums(notes: Sequence[Note]) -> list[tuple[Role, Note]]:
    """The notes that play a role, at most the first `STROKES_MAX` of them."""
    by_name: dict[str, Role] = {role: role for role in ROLES}
    named = [(by_name[n.track.upper()], n) for n in notes if n.track.upper() in by_name]
    if not named:
        own = [n for n in notes if n.channel == DRUM_CHANNEL] or notes
        named = [(ROLE_OF_NOTE[n.pitch], n) for n in own if n.pitch in ROLE_OF_NOTE]
    return named[:STROKES_MAX]


class _Clock:
    """Ticks to quarters, and how long a step lasts there."""

    def __init__(self, file: MidiFile, bpm: float | None) -> None:
        self._file = file
        self._fixed_us = None if bpm is None else US_PER_MINUTE / bpm
        self._tempos = file.tempos or ((0, TEMPO_US),)
        self._at = [tick for tick, _ in self._tempos]
        if file.quarter_ticks is None and bpm is None:
            message = "is needed: this file counts seconds, not beats"
            raise Invalid(f"bpm {message}.", errors=(FieldError("bpm", message),))

    def quarters(self, tick: int) -> float:
        if self._file.quarter_ticks is not None:
            return tick / self._file.quarter_ticks
        return tick / (self._file.second_ticks or 1.0) * 1e6 / (self._fixed_us or TEMPO_US)

    def quarter_us(self, tick: int) -> float:
        if self._fixed_us is not None:
            return self._fixed_us
        return float(self._tempos[max(0, bisect_right(self._at, tick) - 1)][1])

    def usual_bpm(self, last: float) -> float:
        """The tempo that lasts longest. Raises Invalid(bpm) where no beat could have it."""
        if self._fixed_us is not None:
            return US_PER_MINUTE / self._fixed_us
        ends = [*(self.quarters(t) for t in self._at[1:]), last + STEPS_PER_QUARTER]
        spans = [(end - self.quarters(t), us) for (t, us), end in zip(self._tempos, ends, strict=True)]
        bpm = US_PER_MINUTE / max(spans)[1]
        if not BPM_RANGE[0] <= bpm <= BPM_RANGE[1]:
            message = f"is needed: the file's own tempo, {bpm:.4g}, is none that a beat has"
            raise Invalid(f"bpm {message}.", errors=(FieldError("bpm", message),))
        return bpm


def _runs(file: MidiFile, clock: _Clock, last: float, meter: str | None) -> list[_Run]:
    """The file as runs of bars in one meter."""
    if meter is not None or not file.meters:
        return [(0.0, last, meter or FIRST_METER)]
    marks = [(clock.quarters(tick), f"{over}/{under}") for tick, over, under in file.meters]
    if marks[0][0] > 0:
        marks.insert(0, (0.0, FIRST_METER))
    ends = [start for start, _ in marks[1:]] + [max(last, marks[-1][0]) + 1.0]
    return [(start, end, name) for (start, name), end in zip(marks, ends, strict=True) if end > start]


def _usual(runs: Sequence[_Run]) -> str:
    """The meter that lasts longest; the earlier one of two."""
    lasts: dict[str, float] = {}
    for start, end, name in runs:
        lasts[name] = lasts.get(name, 0.0) + end - start
    return max(lasts, key=lambda name: lasts[name])


def _strokes(notes: Sequence[tuple[Role, Note]], clock: _Clock, runs: Sequence[_Run], meter: str) -> list[Stroke]:
    """The notes in bars of the meter. One that comes a little before a run's first bar line is early for it."""
    starts = [start for start, _, _ in runs]
    found = []
    for role, note in notes:
        at = clock.quarters(note.at)
        start, _, name = runs[max(0, bisect_right(starts, at + EARLY_QUARTERS) - 1)]
        if name == meter:
            step_ms = clock.quarter_us(note.at) / 1000.0 / STEPS_PER_QUARTER
            place = (at - start) * STEPS_PER_QUARTER
            found.append(Stroke(role, place, step_ms, note.velocity / VELOCITY_MAX, cut=note.at == 0))
    return found
