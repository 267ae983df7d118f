"""A beat's sounds as a kit to play elsewhere: the samples as WAV, `kit.sfz` for samplers, `kit.json` for programs.

Pads lie from MIDI note 36 upward in kit order, the same notes as the MIDI file's `pads` map. Each WAV holds the part
of a sample that sounds, 24 bit, at a peak of -1 dBFS; the SFZ's `volume` brings it to the level it has in the beat, and
its `offset` starts just before the attack, so that a pad sounds when it is struck.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from services import canonical
from services.audio.clip import HOUSE_RATE_HZ, Clip
from services.audio.wavfile import write_wav
from services.beats.filenames import bpm_text, clean, sound_name, title_of
from services.beats.types import Beat, Sample
from services.beats.voices import GATES, OPEN_GATE, RINGING, Gate, kit_order, level_sample
from services.errors import NotFound
from services.notation.archive import zip_bytes
from services.notation.midi import pad_notes

WAV_BITS = 24
WAV_PEAK = 10 ** (-1 / 20)  # -1 dBFS: loud enough to hear in any browser of samples, with room for resampling
LEAD_MAX_S = 0.005  # of a sound before its attack that a pad plays: more would be heard as latency
SFZ_VOLUME = (-144.0, 6.0)  # dB, the range of the SFZ format
HAT_GROUP = 1  # hats cut each other; every other pad only cuts itself
OWN_GROUP = 100
CUT_S = 0.008  # fade of a pad that another one cuts, as in the mix
BED_CROSSFADE_S = 0.25


@dataclass(frozen=True, slots=True)
class Pad:
    """A sound of the kit ready to be written: MIDI note, file name in the ZIP, its audio, and its place in the beat."""

    note: int
    file: str
    sample: Sample
    clip: Clip
    attack: int
    volume_db: float
    pan: float


def kit_zip(beat: Beat, clips: Mapping[str, Clip]) -> bytes:
    """The kit as a ZIP; the same beat and clips give the same bytes. `clips`: sample id → stored cut, 44.1 kHz.

    Raises NotFound `sample_missing` when a sound of the kit has no clip.
    """
    pads = kit_pads(beat, clips)
    files = [("kit.json", canonical.dumps(kit_json(beat, pads))), ("kit.sfz", kit_sfz(beat, pads).encode())]
    files += [(f"samples/{pad.file}", write_wav(pad.clip, WAV_BITS)) for pad in pads]
    return zip_bytes(sorted(files))


def kit_pads(beat: Beat, clips: Mapping[str, Clip]) -> list[Pad]:
    """Every sound of the kit as a pad, in kit order, benched ones too."""
    return [
        _pad(beat, sample, note, clips) for sample, note in zip(kit_order(beat), pad_notes(beat).values(), strict=True)
    ]


def kit_sfz(beat: Beat, pads: list[Pad]) -> str:
    """The SFZ text: one region per pad, velocity by the format's own 40·log10 curve, which is the mix's too."""
    title = clean(title_of(beat))
    lines = [f"// {title}", "<control>", "default_path=samples/", "<global>", "amp_veltrack=100", "off_mode=time"]
    lines.append(f"off_time={CUT_S}")
    for pad in pads:
        lines += ["", f"// {pad.sample.pool_role} {pad.sample.instrument}", "<region>", f"sample={pad.file}"]
        lines += [f"key={pad.note}", f"volume={pad.volume_db:.2f}", f"pan={pad.pan * 100:.1f}", *_playback(pad)]
    return "\n".join(lines) + "\n"


def kit_json(beat: Beat, pads: list[Pad]) -> dict[str, object]:
    """What the kit is: a JSON object with the beat's title and tempo and a row per pad; seconds are of the WAV."""
    rows = [
        {
            "note": pad.note, "file": f"samples/{pad.file}", "sample_id": pad.sample.sample_id, "name": pad.sample.name,
            "role": pad.sample.pool_role, "instrument": pad.sample.instrument, "volume_db": round(pad.volume_db, 2),
            "pan": round(pad.pan, 3), "attack_s": pad.attack / HOUSE_RATE_HZ, "duration_s": pad.clip.duration_s,
            "processing": list(pad.sample.processing), "benched": pad.sample.benched,
            "source": {"start_s": pad.sample.source.start_s, "end_s": pad.sample.source.end_s},
        }
        for pad in pads
    ]  # fmt: skip
    return {"title": title_of(beat), "tempo": bpm_text(beat.grid.bpm), "bpm": beat.grid.bpm, "samples": rows}


def _pad(beat: Beat, sample: Sample, note: int, clips: Mapping[str, Clip]) -> Pad:
    clip = clips.get(sample.sample_id)
    if clip is None:
        raise NotFound(f"The sound {sample.name} of this beat is no longer stored.", code="sample_missing")
    levels = level_sample(beat, sample, clip, sample.pool_role)
    peak = float(np.abs(levels.body).max(initial=0.0))
    scale = WAV_PEAK / peak if peak > 0.0 else 1.0
    volume_db = 20.0 * math.log10(max(levels.gain / scale, 1e-9))
    low, high = SFZ_VOLUME
    file = f"{note:03d} {sample.pool_role.lower()} - {sound_name(sample.name)}.wav"
    audio = Clip(levels.body * np.float32(scale), HOUSE_RATE_HZ)
    return Pad(note, file, sample, audio, levels.attack, min(high, max(low, volume_db)), levels.place)


def _playback(pad: Pad) -> list[str]:
    """How a pad starts, holds and ends: the gates of the mix in the words of SFZ."""
    role, instrument = pad.sample.pool_role, pad.sample.instrument
    group = HAT_GROUP if role == "MOTION" and instrument in {"hat_open", "hat_closed"} else OWN_GROUP + pad.note
    lines = [f"group={group}", f"off_by={group}"]
    lead = round(LEAD_MAX_S * HOUSE_RATE_HZ)
    if pad.attack > lead:
        lines.append(f"offset={pad.attack - lead}")
    gate = _pad_gate(pad.sample)
    if role == "TEXTURE":
        end = max(0, pad.clip.frames - 1)
        cross = min(BED_CROSSFADE_S, pad.clip.duration_s / 3)
        loop = ["loop_start=0", f"loop_end={end}", f"loop_crossfade={cross:.3f}"]
        return [*lines, "loop_mode=loop_continuous", *loop, f"ampeg_release={gate.release_s}"]
    lines.append("loop_mode=one_shot")
    if pad.clip.duration_s > gate.hold_s:
        lines += [f"ampeg_hold={gate.hold_s}", f"ampeg_decay={gate.release_s}", "ampeg_sustain=0"]
    return lines


def _pad_gate(sample: Sample) -> Gate:
    if sample.pool_role == "MOTION":
        return OPEN_GATE if sample.instrument == "hat_open" else GATES["MOTION"]
    return (
        GATES["TEXTURE"] if sample.pool_role == "TEXTURE" else RINGING.get(sample.instrument, GATES[sample.pool_role])
    )
