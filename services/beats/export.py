"""The files of a beat: a table from file name to its maker. Bytes out, with a media type and a name for a person.

With the same beat, clips, options and code every file but the lossy ones has the same bytes. Audio is mastered;
stems are not: their sum is the mix before the master.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from services.audio.clip import Clip
from services.audio.encode import Tags, encode
from services.audio.wavfile import Acid, Loop, write_wav
from services.beats.dress_audio import Wardrobe
from services.beats.filenames import stem_name, title_of
from services.beats.grid import bar_steps, duration_s
from services.beats.render import master_mix, render_mix
from services.beats.tame import peak_db
from services.beats.types import ROLES, STEPS_PER_QUARTER, Beat
from services.errors import FieldError, Invalid, NotFound
from services.notation.archive import zip_bytes
from services.notation.bsm import beat_bsm
from services.notation.engrave import SIZES, Paper, Sheet
from services.notation.kit import kit_zip
from services.notation.kit_maps import NOTE_MAPS, NoteMap
from services.notation.midi import beat_midi
from services.notation.musicxml import REPEATS, Repeats
from services.notation.score import events_csv, score_musicxml, score_pdf, score_svg

Bits = Literal["16", "24", "32f"]
BITS: dict[Bits, int] = {"16": 16, "24": 24, "32f": 32}


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What a request may choose. `title` names the file; a file heeds the others where its maker lists them."""

    title: str = ""
    bits: Bits = "24"
    loop: bool = False
    note_map: NoteMap = "gm"
    paper: Paper = "a4"
    repeats: Repeats = "none"
    page: int = 1  # of an SVG


@dataclass(frozen=True, slots=True)
class Sounds:
    """What a beat sounds with. `clips`: sample id → the whole stored cut, 44.1 kHz; `wardrobe`: the dressed ones."""

    clips: Mapping[str, Clip]
    wardrobe: Wardrobe


@dataclass(frozen=True, slots=True)
class File:
    """A finished file. `filename` may hold any letter; it has no path separators and no control characters."""

    content: bytes
    media_type: str
    filename: str


@dataclass(frozen=True, slots=True)
class Maker:
    """How a file is made. `label`: what its name says beyond title, style and tempo; `options`: the fields it heeds."""

    make: Callable[[Beat, Sounds, ExportOptions], bytes]
    media_type: str
    label: str = ""
    options: frozenset[str] = frozenset()


def export(
    beat: Beat,
    clips: Mapping[str, Clip],
    name: str,
    options: ExportOptions | None = None,
    wardrobe: Wardrobe | None = None,
) -> File:
    """The file `name` (a key of `EXPORTS`) of a beat. `clips`: sample id → stored cut, 44.1 kHz.

    `wardrobe`: keeps dressed sounds, so that the next file of a beat costs less; it changes no file. Raises NotFound
    for an unknown name, Invalid for options out of range, NotFound `sample_missing` for a lost sound.
    """
    maker = EXPORTS.get(name)
    if maker is None:
        raise NotFound(f"A beat has no file called {name}.")
    options = options or ExportOptions()
    _check(options)
    titled = replace(beat, meta={**beat.meta, "title": options.title}) if options.title else beat
    content = maker.make(titled, Sounds(clips, wardrobe or Wardrobe()), options)
    return File(content, maker.media_type, file_name(titled, name, options))


def file_name(beat: Beat, name: str, options: ExportOptions) -> str:
    """`title - style - 96bpm - label.ext`."""
    maker = EXPORTS[name]
    labels = [maker.label] if maker.label else []
    if "loop" in maker.options and options.loop:
        labels.append("loop")
    if "note_map" in maker.options and options.note_map != "gm":
        labels.append(options.note_map)
    return f"{stem_name(beat, *labels)}.{name.rpartition('.')[2]}"


def _check(options: ExportOptions) -> None:
    errors = []
    if options.bits not in BITS:
        errors.append(FieldError("bits", f"is one of {', '.join(BITS)}"))
    if options.note_map not in NOTE_MAPS:
        errors.append(FieldError("map", f"is one of {', '.join(NOTE_MAPS)}"))
    if options.paper not in SIZES:
        errors.append(FieldError("paper", f"is one of {', '.join(SIZES)}"))
    if options.repeats not in REPEATS:
        errors.append(FieldError("repeats", f"is one of {', '.join(REPEATS)}"))
    if errors:
        raise Invalid("This file cannot be written like that.", errors=tuple(errors))


def _mastered(beat: Beat, sounds: Sounds, loop: bool = False) -> Clip:
    return master_mix(render_mix(beat, sounds.clips, loop=loop, stems=False, wardrobe=sounds.wardrobe))


def _wav(beat: Beat, sounds: Sounds, options: ExportOptions) -> bytes:
    clip = _mastered(beat, sounds, options.loop)
    if not options.loop:
        return write_wav(clip, BITS[options.bits])
    return write_wav(clip, BITS[options.bits], Loop(0, clip.frames), loop_facts(beat))


def _encoded(kind: str) -> Callable[[Beat, Sounds, ExportOptions], bytes]:
    def make(beat: Beat, sounds: Sounds, options: ExportOptions) -> bytes:
        return encode(_mastered(beat, sounds), kind, tags=Tags(title_of(beat)))

    return make


def _midi(beat: Beat, sounds: Sounds, options: ExportOptions) -> bytes:
    return beat_midi(beat, options.note_map)


def _pdf(beat: Beat, sounds: Sounds, options: ExportOptions) -> bytes:
    return score_pdf(beat, Sheet(options.paper, options.repeats))


def _svg(beat: Beat, sounds: Sounds, options: ExportOptions) -> bytes:
    return score_svg(beat, Sheet(options.paper, options.repeats), options.page)


def _musicxml(beat: Beat, sounds: Sounds, options: ExportOptions) -> bytes:
    return score_musicxml(beat, Sheet(options.paper, options.repeats))


def _map(beat: Beat, sounds: Sounds, options: ExportOptions) -> bytes:
    return beat_bsm(beat)


def _table(beat: Beat, sounds: Sounds, options: ExportOptions) -> bytes:
    return events_csv(beat)


def _kit(beat: Beat, sounds: Sounds, options: ExportOptions) -> bytes:
    return kit_zip(beat, sounds.clips, sounds.wardrobe)


def _stems(beat: Beat, sounds: Sounds, options: ExportOptions) -> bytes:
    return zip_bytes(_stem_files(beat, sounds, options))


def _stem_files(beat: Beat, sounds: Sounds, options: ExportOptions) -> Iterator[tuple[str, bytes]]:
    """A WAV per role, silent roles too, so that every beat's stems line up; a stem is let go once it is written.

    With the map `pads` they are what a sampler makes of `beat.mid` in that map played through `kit.sfz`; as floats
    always at its levels, as integers lowered alike where one of them would clip.
    """
    pads = options.note_map == "pads"
    stems = dict(render_mix(beat, sounds.clips, loop=options.loop, pads=pads, wardrobe=sounds.wardrobe).stems)
    if options.bits != "32f":
        over_db = max(0.0, *(peak_db(clip.samples) for clip in stems.values()))
        stems = {role: _lowered(clip, over_db) for role, clip in stems.items()} if over_db else stems
    for role in sorted(ROLES):
        clip = stems.pop(role)
        loop = Loop(0, clip.frames) if options.loop else None
        facts = loop_facts(beat) if options.loop else None
        yield f"{stem_name(beat, role.lower())}.wav", write_wav(clip, BITS[options.bits], loop, facts)


def _lowered(clip: Clip, by_db: float) -> Clip:
    return Clip(clip.samples * np.float32(10.0 ** (-by_db / 20.0)), clip.rate_hz)


def loop_facts(beat: Beat) -> Acid:
    """The tempo and length of a loop for a sequencer: in quarters, or in eighths where the quarters do not come out."""
    grid = beat.grid
    steps = sum(bar_steps(grid, bar) for bar in range(grid.bars))
    per_beat = STEPS_PER_QUARTER
    while steps % per_beat:
        per_beat //= 2
    beats = steps // per_beat
    numerator, denominator = (int(part) for part in grid.meter.split("/"))
    return Acid(beats * 60.0 / duration_s(grid), beats, (numerator, denominator))


EXPORTS: dict[str, Maker] = {
    "audio.wav": Maker(_wav, "audio/wav", options=frozenset({"bits", "loop"})),
    "audio.flac": Maker(_encoded("flac"), "audio/flac"),
    "audio.mp3": Maker(_encoded("mp3"), "audio/mpeg"),
    "audio.ogg": Maker(_encoded("ogg"), "audio/ogg"),
    "beat.mid": Maker(_midi, "audio/midi", options=frozenset({"note_map"})),
    "beat.bsm": Maker(_map, "application/json"),
    "events.csv": Maker(_table, "text/csv", "events"),
    "score.pdf": Maker(_pdf, "application/pdf", "score"),
    "score.svg": Maker(_svg, "image/svg+xml", "score"),
    "score.musicxml": Maker(_musicxml, "application/vnd.recordare.musicxml+xml", "score"),
    "kit.zip": Maker(_kit, "application/zip", "kit"),
    "stems.zip": Maker(_stems, "application/zip", "stems", frozenset({"bits", "loop", "note_map"})),
}
