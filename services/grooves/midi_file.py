"""A Standard MIDI File as the few things a groove needs: notes, tempos, meters. Bounded, for files from anybody.

Bytes are walked once; every length is checked against what is there, and a count of events bounds the time. What the
standard allows but nothing here needs (controllers, system messages, unknown chunks and metas) is stepped over.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.errors import NotAudio, TooLarge

HEAD = b"MThd"
BYTES_MAX = 4 * 1024 * 1024  # an hour of dense drums is a few hundred kilobytes
EVENTS_MAX = 200_000  # two hours of busy drums, a second and a half of work
TRACKS_MAX = 1_000
TICKS_MAX = 1 << 40  # far beyond any music, and still exact as a float
NAME_MAX = 200

DAMAGED = "The file is not a MIDI file that can be read."
_NOTE_OFF, _NOTE_ON, _PROGRAM, _PRESSURE = 0x8, 0x9, 0xC, 0xD
_SYSEX = (0xF0, 0xF7)
_META, _META_NAME, _META_END, _META_TEMPO, _META_METER = 0xFF, 0x03, 0x2F, 0x51, 0x58


@dataclass(frozen=True, slots=True)
class Note:
    """A struck note: `at` in ticks from the start, `channel` 0..15, `pitch` 0..127, `velocity` 1..127."""

    at: int
    channel: int
    pitch: int
    velocity: int
    track: str


@dataclass(frozen=True, slots=True)
class MidiFile:
    """A file's music. `quarter_ticks` is None where ticks are parts of a second (`second_ticks` of them).

    `tempos`: (tick, microseconds a quarter); `meters`: (tick, numerator, denominator); all in order of time.
    """

    quarter_ticks: int | None
    second_ticks: float | None
    notes: tuple[Note, ...]
    tempos: tuple[tuple[int, int], ...]
    meters: tuple[tuple[int, int, int], ...]


class _Walk:
    """Reads one track. Raises NotAudio where its bytes end too early or say what cannot be."""

    def __init__(self, data: bytes, budget: list[int]) -> None:
        self.data, self.at, self.budget = data, 0, budget
        self.ticks, self.status, self.name = 0, 0, ""
        self.notes: list[tuple[int, int, int, int]] = []
        self.tempos: list[tuple[int, int]] = []
        self.meters: list[tuple[int, int, int]] = []

    def byte(self) -> int:
        if self.at >= len(self.data):
            raise damaged()
        self.at += 1
        return self.data[self.at - 1]

    def number(self) -> int:
        """A variable-length quantity: at most four bytes."""
        value = 0
        for _ in range(4):
            byte = self.byte()
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
        raise damaged()

    def block(self) -> bytes:
        size = self.number()
        if size > len(self.data) - self.at:
            raise damaged()
        self.at += size
        return self.data[self.at - size : self.at]

    def walk(self) -> None:
        """All events, up to the end of the track or of its bytes."""
        while self.at < len(self.data):
            self.budget[0] -= 1
            if self.budget[0] < 0:
                raise TooLarge(f"This MIDI file holds more than {EVENTS_MAX:,} events.")
            self.ticks = min(TICKS_MAX, self.ticks + self.number())
            first = self.byte()
            if first == _META:
                kind, content = self.byte(), self.block()
                if kind == _META_END:
                    return
                self.meta(kind, content)
            elif first in _SYSEX:
                self.status = 0
                self.block()
            else:
                self.message(first)

    def message(self, first: int) -> None:
        if first >= 0x80:
            if first > 0xEF:
                raise damaged()
            self.status = first
            first = self.byte()
        if not self.status or first > 0x7F:
            raise damaged()
        kind, channel = self.status >> 4, self.status & 0xF
        if kind in {_PROGRAM, _PRESSURE}:
            return
        second = self.byte()
        if second > 0x7F:
            raise damaged()
        if kind == _NOTE_ON and second:
            self.notes.append((self.ticks, channel, first, second))

    def meta(self, kind: int, content: bytes) -> None:
        if kind == _META_NAME and not self.name:
            self.name = content[:NAME_MAX].decode("utf-8", "replace").strip()
        elif kind == _META_TEMPO and len(content) == 3:
            self.tempos.append((self.ticks, int.from_bytes(content)))
        elif kind == _META_METER and len(content) >= 2 and content[0] and content[1] <= 6:
            self.meters.append((self.ticks, content[0], 1 << content[1]))


def damaged() -> NotAudio:
    """The refusal of bytes that are no MIDI file."""
    return NotAudio(DAMAGED, code="not_midi")


def read_midi(data: bytes) -> MidiFile:
    """The notes, tempos and meters of a file of format 0 or 1 (2 is read as 1), in order of time.

    Raises NotAudio `not_midi` for anything else, a file that was cut off among it, TooLarge past 4 MB, 1,000 tracks or
    200,000 events. A file without notes has none.
    """
    if len(data) > BYTES_MAX:
        raise TooLarge(f"A MIDI file may have {BYTES_MAX // 2**20} MB.")
    if len(data) < 14 or data[:4] != HEAD or int.from_bytes(data[4:8]) < 6:
        raise damaged()
    division = int.from_bytes(data[12:14])
    walks: list[_Walk] = []
    budget = [EVENTS_MAX]
    at = 8 + int.from_bytes(data[4:8])
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8])
        if data[at : at + 4] == b"MTrk":
            if at + 8 + size > len(data):
                raise damaged()
            if len(walks) >= TRACKS_MAX:
                raise TooLarge(f"This MIDI file holds more than {TRACKS_MAX:,} tracks.")
            walks.append(_Walk(data[at + 8 : at + 8 + size], budget))
            walks[-1].walk()
        at += 8 + size
    if not walks:
        raise damaged()
    quarter, second = _division(division)
    notes = sorted((Note(*n, w.name) for w in walks for n in w.notes), key=lambda n: (n.at, n.channel, n.pitch))
    tempos = sorted((t for w in walks for t in w.tempos if t[1] > 0), key=lambda t: t[0])
    meters = sorted((m for w in walks for m in w.meters), key=lambda m: m[0])
    return MidiFile(quarter, second, tuple(notes), tuple(tempos), tuple(meters))


def _division(division: int) -> tuple[int | None, float | None]:
    """Ticks a quarter, or ticks a second (frames a second as a negative byte, ticks a frame). Raises NotAudio."""
    if not division & 0x8000:
        if division == 0:
            raise damaged()
        return division, None
    frames, ticks = 256 - (division >> 8), division & 0xFF
    if frames not in {24, 25, 29, 30} or ticks == 0:
        raise damaged()
    return None, (30_000 / 1_001 if frames == 29 else float(frames)) * ticks
