"""A beat as a Standard MIDI File, format 1: tempo map and meter in the first track, then a named track per role.

960 ticks a quarter, the same tick as the document's. Every note lies where its event sounds (swing, ticks and
`offset_ms` included), so a DAW plays what the audio plays. Drums are on channel 10: with the map `gm` by instrument
(General MIDI level 1 percussion), with another of `kit_maps.py` as that kit numbers them, with `pads` the notes of
`kit.sfz`: one per sample from 36 upward, then one for each further version of a sample that plays.
Events with a pitch are notes of that pitch on a melodic channel per role, or on channel 10 where it is the General MIDI
note of their drum, as in a transcription or a skeleton. Muted events are left out.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import mido

from services.beats.filenames import title_of
from services.beats.pads import pad_notes
from services.beats.perform import Hit, perform
from services.beats.placing import kit_order
from services.beats.ticks import TICKS_PER_QUARTER, TickClock, length_ticks, midi_velocity
from services.beats.types import BEAT_STEPS, INSTRUMENTS, ROLES, Beat, Event, Grid, Role
from services.beats.voices import VoiceKey, hat_keys, is_open, key_of
from services.notation import drumset
from services.notation.drumset import BY_NOTE, HEIGHTS, PLACES, parts_of
from services.notation.kit_maps import KIT_MAPS, KitMap, NoteMap

DRUM_CHANNEL = 9  # counted from 0: MIDI's channel 10
MIDI_CLOCKS_PER_STEP = 6  # 24 MIDI clocks a quarter
UNTITLED = "SoundRoutine"
# General MIDI 1 percussion. Where it has no such sound (bass, tonal, vocal, texture), one that is seldom used.
GM_NOTES = {instrument: PLACES[instrument].note for instrument in INSTRUMENTS}
DRUM_NAMES = frozenset(GM_NOTES) - {"bass", "tonal", "vocal", "texture"}
TOMS = tuple(f"tom/{height}" for height in HEIGHTS)  # the toms of a kit in turn


@dataclass(frozen=True, slots=True)
class Note:
    """A note of a track in ticks from the start of the file; `velocity` 1..127."""

    channel: int
    pitch: int
    velocity: int
    on: int
    off: int


@dataclass(frozen=True, slots=True)
class _Notes:
    """Which note an event gets: by its pad, or by its part, toms by their sound."""

    pads: Mapping[VoiceKey, int]
    toms: Mapping[str, str]
    kit: KitMap | None  # None: pads


def beat_midi(beat: Beat, note_map: NoteMap = "gm") -> bytes:
    """The bytes of the MIDI file of a beat, always the same for it. A beat without hits has empty tracks."""
    hits = perform(beat)
    clock = TickClock(beat.grid)
    notes = _Notes(pad_notes(beat), _tom_rows(beat), None if note_map == "pads" else KIT_MAPS[note_map])
    hats = frozenset(notes.pads[key] for key in hat_keys(beat) if key in notes.pads)
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER, charset="utf-8")
    file.tracks.append(_conductor(beat, clock))
    for role in ROLES:
        own = [hit for hit in hits if hit.event.role == role]
        played = [_note(hit, clock, notes) for hit in own]
        file.tracks.append(_track(role, _trimmed(_once(played, hats) if note_map == "pads" else played), clock.end))
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def _conductor(beat: Beat, clock: TickClock) -> mido.MidiTrack:
    """The first track: title, meter (an upbeat is a bar of its own, counted in sixteenths) and tempo map."""
    grid = beat.grid
    meter = (int(grid.meter.split("/")[0]), int(grid.meter.split("/")[1]))
    metas = [(0, 0, mido.MetaMessage("track_name", name=_text(title_of(beat)) or UNTITLED))]
    if grid.pickup_steps:
        metas.append((0, 1, _meter_meta(grid, (grid.pickup_steps, 16))))
    metas.append((clock.bar_ticks[1] if grid.pickup_steps else 0, 1, _meter_meta(grid, meter)))
    for bar, _ in grid.tempo_map:
        metas.append((clock.bar_ticks[bar], 2, mido.MetaMessage("set_tempo", tempo=clock.tempos_us[bar])))
    metas.append((clock.end, 3, mido.MetaMessage("end_of_track")))
    track, last = mido.MidiTrack(), 0
    for at, _, meta in sorted(metas, key=lambda row: row[:2]):
        track.append(meta.copy(time=at - last))
        last = at
    return track


def _text(said: str) -> str:
    """A text that UTF-8 can hold."""
    return said.encode("utf-8", "replace").decode()


def _meter_meta(grid: Grid, meter: tuple[int, int]) -> mido.MetaMessage:
    clocks = BEAT_STEPS[grid.meter] * MIDI_CLOCKS_PER_STEP
    return mido.MetaMessage("time_signature", numerator=meter[0], denominator=meter[1], clocks_per_click=clocks)


def _note(hit: Hit, clock: TickClock, notes: _Notes) -> Note:
    event = hit.event
    key = key_of(event)
    if key is None and _is_drum_note(event):
        channel, pitch = DRUM_CHANNEL, _drum_note(event, notes.kit)
    elif key is None:
        channel, pitch = ROLES.index(event.role), event.pitch or 0
    elif notes.kit is None:
        channel, pitch = DRUM_CHANNEL, notes.pads[key]
    else:
        channel, pitch = DRUM_CHANNEL, notes.kit.note_of(_row(event, notes.toms))
    on = clock.ticks(hit.time_s)
    return Note(channel, pitch, midi_velocity(event.velocity), on, on + length_ticks(event))


def _is_drum_note(event: Event) -> bool:
    """Whether an event without a sound has a percussion note of its instrument."""
    if event.instrument not in DRUM_NAMES or event.pitch is None:
        return False
    return parts_of(BY_NOTE.get(event.pitch, "perc"))[0] == event.instrument


def _drum_note(event: Event, kit: KitMap | None) -> int:
    """The note of a drum without a sound: the very one it has in General MIDI, else that of its part."""
    if kit is None or kit is KIT_MAPS["gm"]:
        return event.pitch or 0
    return kit.note_of(drumset.key_of(event))


def _row(event: Event, toms: Mapping[str, str]) -> str:
    """The row of PLACES of the part that an event plays; a tom without a height by its place among the kit's toms."""
    if event.instrument == "tom" and event.variant not in HEIGHTS:
        return toms[event.sample_id or ""]
    if event.instrument == "hat_closed" and is_open(event):
        return "hat_open"
    return drumset.key_of(event)


def _tom_rows(beat: Beat) -> dict[str, str]:
    """Several toms of one kit lie low, mid and high."""
    playing = {e.sample_id for e in beat.events if e.instrument == "tom"}
    toms = [s.sample_id for s in kit_order(beat) if s.sample_id in playing]
    rows = TOMS if len(toms) > 1 else ("tom",)
    return {sample_id: rows[i % len(rows)] for i, sample_id in enumerate(toms)}


def _once(notes: Sequence[Note], hats: frozenset[int]) -> list[Note]:
    """Of notes of one pad on one tick the loudest, of `hats` that of the highest pad, as the render plays them."""
    best: dict[tuple[int, int, int], Note] = {}
    for note in notes:
        place = (note.channel, -1 if note.pitch in hats else note.pitch, note.on)
        if place not in best or (note.pitch, note.velocity) > (best[place].pitch, best[place].velocity):
            best[place] = note
    return list(best.values())


def _trimmed(notes: Sequence[Note]) -> list[Note]:
    """Notes cut where the same key is struck again, so that no note-off ends a later note."""
    strikes: dict[tuple[int, int], list[int]] = {}
    for note in sorted(notes, key=lambda n: n.on):
        strikes.setdefault((note.channel, note.pitch), []).append(note.on)
    out = []
    for note in notes:
        ons = strikes[note.channel, note.pitch]
        later = bisect_right(ons, note.on)
        cut = later < len(ons) and ons[later] < note.off
        out.append(Note(note.channel, note.pitch, note.velocity, note.on, ons[later]) if cut else note)
    return out


def _track(role: Role, notes: Sequence[Note], end: int) -> mido.MidiTrack:
    """A role's track. At one tick note-offs come before note-ons, else a repeated note would be silenced."""
    timed = [(n.off, 0, n.channel, n.pitch, 0) for n in notes] + [
        (n.on, 1, n.channel, n.pitch, n.velocity) for n in notes
    ]
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("track_name", name=role, time=0))
    last = 0
    for at, kind, channel, pitch, velocity in sorted(timed):
        name = "note_on" if kind else "note_off"
        # unchecked: the numbers were made here, and checks take half of the time
        track.append(mido.Message(name, True, channel=channel, note=pitch, velocity=velocity, time=at - last))
        last = at
    track.append(mido.MetaMessage("end_of_track", time=max(0, end - last)))
    return track
