"""A small SFZ player for tests: plays a MIDI file through an SFZ text and its WAV files. It knows nothing of our code.

It reads the opcodes that our kits use as the format's public descriptions give them, and refuses all others, so that
a kit cannot lean on anything that samplers would not find in it. Levels: `volume` in dB, velocity by the default
curve of `amp_veltrack=100`, (velocity / 127) squared. Envelopes are straight lines. Note-offs are handled before
note-ons of the same tick. Frames are exact: ticks and microseconds are added up as whole numbers.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from fractions import Fraction

import mido
import numpy as np
import soundfile as sf

RATE = 44_100
OPCODES = {
    "sample", "key", "volume", "amp_veltrack", "group", "off_by", "off_mode", "off_time", "note_polyphony",
    "note_selfmask", "loop_mode", "loop_start", "loop_end", "ampeg_attack", "ampeg_release",
}  # fmt: skip
LOOP_MODES = {"one_shot", "loop_continuous"}


@dataclass(frozen=True)
class Region:
    """Opcodes of a region with those of its global and control headers, and its sample as float64 (2, n)."""

    opcodes: dict[str, str]
    audio: np.ndarray = field(repr=False)

    def number(self, opcode, default=0.0):
        return float(self.opcodes.get(opcode, default))


@dataclass
class Voice:
    """A region that sounds from frame `on`; frames where it was let go and where another one switched it off."""

    region: Region
    track: str
    velocity: int
    on: int
    released: int | None = None
    off: int | None = None

    def ended(self, frame):
        """Whether nothing of it can sound at a frame any more."""
        if self.region.opcodes["loop_mode"] == "one_shot":
            return frame >= self.on + self.region.audio.shape[1]
        return self.released is not None and frame >= self.released + self.region.number("ampeg_release") * RATE


def parse(text):
    """(control opcodes, region opcodes with the global ones filled in) of an SFZ text."""
    control, shared, regions, now = {}, {}, [], {}
    for line in text.splitlines():
        rest = line.split("//")[0].strip()
        while rest.startswith("<"):
            header, rest = re.match(r"<(\w+)>\s*(.*)", rest).groups()
            if header == "region":
                regions.append(dict(shared))
            now = {"control": control, "global": shared, "region": regions[-1] if regions else None}[header]
        for opcode, value in re.findall(r"(\w+)=(.*?)(?=\s+\w+=|$)", rest):
            assert opcode in OPCODES or (now is control and opcode == "default_path"), opcode
            now[opcode] = value
    return control, regions


def load(text, files):
    """The regions of a kit by key. `files`: name → bytes, as in the kit's archive."""
    control, rows = parse(text)
    keys = {}
    for row in rows:
        assert row["loop_mode"] in LOOP_MODES
        data, rate = sf.read(io.BytesIO(files[control.get("default_path", "") + row["sample"]]), always_2d=True)
        assert (rate, data.shape[1]) == (RATE, 2)
        keys.setdefault(int(row["key"]), []).append(Region(row, np.ascontiguousarray(data.T)))
    return keys


def notes(midi):
    """(frame, kind, order, track name, key, velocity) of every note of a MIDI file in playing order; kind 0 is off."""
    file = mido.MidiFile(file=io.BytesIO(midi), charset="utf-8")
    tempos, rows = [(0, 500_000)], []
    for number, track in enumerate(file.tracks):
        now, name = 0, ""
        for message in track:
            now += message.time
            if message.type == "track_name":
                name = message.name
            elif message.type == "set_tempo":
                tempos.append((now, message.tempo))
            elif message.type in {"note_on", "note_off"}:
                kind = int(message.type == "note_on" and message.velocity > 0)
                rows.append((now, kind, number, len(rows), name, message.note, message.velocity))
    frames = Ticks(tempos, file.ticks_per_beat)
    return [(frames.frame(row[0]), *row[1:]) for row in sorted(rows, key=lambda row: row[:4])]


class Ticks:
    """Frames of ticks along the tempo changes of a file."""

    def __init__(self, tempos, per_quarter):
        self.tempos, self.per_quarter = sorted(tempos, key=lambda row: row[0]), per_quarter

    def frame(self, tick):
        """The nearest frame of a tick."""
        us = Fraction(0)
        for (start, tempo), (end, _) in zip(self.tempos, [*self.tempos[1:], (max(tick, 1 << 40), 0)], strict=True):
            us += Fraction(max(0, min(end, tick) - start) * tempo, self.per_quarter)
        return int(us * RATE / 1_000_000 + Fraction(1, 2))


def play(midi, sfz, files):
    """What a sampler plays: track name → float64 (2, n), one length for all."""
    keys, voices, held = load(sfz, files), [], {}
    for frame, kind, _, _, track, key, velocity in notes(midi):
        if not kind:
            for voice in held.pop(key, []):
                voice.released = frame
            continue
        sounding = [v for v in voices if v.off is None and not v.ended(frame)]
        for region in keys[key]:
            _switch_off(sounding, region, frame)
            voice = Voice(region, track, velocity, frame)
            voices.append(voice)
            held.setdefault(key, []).append(voice)
    pieces = [(v, _audio(v)) for v in voices]
    length = max((v.on + audio.shape[1] for v, audio in pieces), default=0)
    stems = {}
    for voice, audio in pieces:
        stem = stems.setdefault(voice.track, np.zeros((2, length)))
        stem[:, voice.on : voice.on + audio.shape[1]] += audio
    return stems


def _switch_off(sounding, region, frame):
    """A starting region ends those that are off by its group, and earlier voices of its own key beyond its limit."""
    group = region.opcodes.get("group", "0")
    for voice in sounding:
        own = voice.region is region
        if own and region.opcodes.get("note_polyphony") == "1":
            assert region.opcodes["note_selfmask"] == "off"  # else soft notes would leave loud ones ringing
            voice.off = frame
        elif not own and group != "0" and voice.region.opcodes.get("off_by") == group:
            voice.off = frame


def _audio(voice):
    """The samples of a voice with its level and its envelopes."""
    region = voice.region
    gain = 10 ** (region.number("volume") / 20) * (voice.velocity / 127) ** 2
    assert region.number("amp_veltrack", 100) == 100
    if region.opcodes["loop_mode"] == "one_shot":
        audio = region.audio * gain
    else:
        held = voice.released - voice.on
        release = round(region.number("ampeg_release") * RATE)
        attack = round(region.number("ampeg_attack") * RATE)
        first, last = int(region.number("loop_start")), int(region.number("loop_end"))
        at = np.arange(held + release)
        looped = np.where(at <= last, at, first + (at - first) % (last + 1 - first))
        rise = np.minimum(1.0, (at + 0.5) / max(attack, 1))
        level = np.where(at < held, rise, rise[held - 1] * (1 - (at - held + 0.5) / max(release, 1)))
        audio = region.audio[:, looped] * gain * level
    if voice.off is not None:
        assert region.opcodes["off_mode"] == "time"
        fade = round(region.number("off_time") * RATE)
        start = voice.off - voice.on
        audio = audio[:, : start + fade].copy()
        audio[:, start:] *= (1 - (np.arange(fade) + 0.5) / fade)[: audio.shape[1] - start]
    return audio
