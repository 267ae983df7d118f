"""A beat's sounds as a kit to play elsewhere: samples as WAV, `kit.sfz` for samplers, `kit.json` for programs.

Pads lie on the notes of `pad_notes`, the same as in the MIDI file's `pads` map: one per sound from 36 upward, benched
ones too, then one for each further version that plays (an open hat, a high tom). `samples/` holds what a pad plays,
exactly as the render does: dressed, gated, faded and placed between the speakers, 24 bit at a peak of -1 dBFS; the
SFZ's `volume` brings it to its level in the beat. So the MIDI file played through the kit is the beat's pads
reference. `raw/` holds the stored cuts, untouched.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from services import canonical
from services.audio.clip import HOUSE_RATE_HZ, Clip
from services.audio.wavfile import Loop, write_wav
from services.beats.dress import steps_of
from services.beats.dress_audio import Wardrobe
from services.beats.filenames import bpm_text, clean, sound_name, title_of
from services.beats.mixdown import CUT_S
from services.beats.pads import pad_notes, plain_key
from services.beats.strikes import Rack
from services.beats.types import Beat, Sample
from services.beats.voices import BED_FADE_S, HATS, PAD_LEAD_S, VoiceKey, cut_group, hat_keys, pad_voice
from services.notation.archive import zip_bytes

WAV_BITS = 24
WAV_PEAK = 10 ** (-1 / 20)  # -1 dBFS: loud enough to hear in any browser of samples, with room for resampling
# dB. The first description of SFZ ends at 6, its first players at 24, later ones far above: faint sounds that are only
# struck softly need more than 6.
SFZ_VOLUME = (-144.0, 24.0)
HAT_GROUP = 1  # hats cut one another; every other pad only cuts itself
OWN_GROUP = 100
HAT_INSTRUMENTS = frozenset({"hat_closed", "hat_open"})


@dataclass(frozen=True, slots=True)
class Pad:
    """A pad ready to be written. `clip`: its WAV, stereo; `attack`: frame of it where the hit is; `shared`: versions of
    the sound that found no note of their own and are played by this pad.
    """

    note: int
    key: VoiceKey
    sample: Sample
    clip: Clip
    attack: int
    loops: bool
    hat: bool
    volume_db: float
    shared: tuple[VoiceKey, ...] = ()

    @property
    def file(self) -> str:
        """Its WAV's name in `samples/`: `038 motion - keys.wav`, `045 motion - keys open.wav`."""
        first = self.key == plain_key(self.sample)
        version = "" if first or not self.key.variant else f" {self.key.variant}"
        return f"{self.note:03d} {self.key.role.lower()} - {sound_name(self.sample.name)}{version}.wav"


def kit_zip(beat: Beat, clips: Mapping[str, Clip], wardrobe: Wardrobe | None = None) -> bytes:
    """The kit as a ZIP; the same beat and clips give the same bytes. `clips`: sample id → stored cut, 44.1 kHz.

    `wardrobe`: keeps dressed sounds for the beat's other files. Raises NotFound `sample_missing` when a sound of the
    kit has no clip.
    """
    return zip_bytes(_files(beat, clips, kit_pads(beat, clips, wardrobe)))


def kit_pads(beat: Beat, clips: Mapping[str, Clip], wardrobe: Wardrobe | None = None) -> list[Pad]:
    """Every pad by its note, benched sounds too. Raises NotFound `sample_missing`.

    Where a level of the beat lies above what players of SFZ can do, all pads are lowered alike.
    """
    rack, hats, notes = Rack(beat, clips, wardrobe or Wardrobe()), hat_keys(beat), pad_notes(beat)
    first = {note: key for key, note in reversed(notes.items())}  # the plainest version comes first
    pads = [_pad(beat.kit[key.sample_id], key, rack, _is_hat(beat, key, hats)) for key in first.values()]
    over_db = max([0.0, *(pad.volume_db - SFZ_VOLUME[1] for pad in pads)])
    return [
        replace(
            pad,
            note=note,
            volume_db=max(SFZ_VOLUME[0], pad.volume_db - over_db),
            shared=tuple(key for key, other in notes.items() if other == note and key != pad.key),
        )
        for note, pad in sorted(zip(first, pads, strict=True), key=lambda row: row[0])
    ]


def kit_sfz(beat: Beat, pads: list[Pad]) -> str:
    """The SFZ text: one region per pad, velocity by the format's own 40·log10 curve, which is the mix's too.

    A struck pad ends its own last stroke: `note_polyphony` says so to players in which a group does not cut itself.
    """
    lines = [f"// {clean(title_of(beat))}", "<control>", "default_path=samples/", "<global>", "amp_veltrack=100"]
    lines += ["off_mode=time", f"off_time={CUT_S}"]
    for pad in pads:
        lines += ["", f"// {pad.key.role} {pad.sample.instrument} {pad.key.variant}".rstrip(), "<region>"]
        lines += [f"sample={pad.file}", f"key={pad.note}", f"volume={pad.volume_db:.4f}", *_playback(pad)]
    return "\n".join(lines) + "\n"


def kit_json(beat: Beat, pads: list[Pad]) -> dict[str, object]:
    """What the kit is: a JSON object with the beat's title and tempo and a row per pad; seconds are of its WAV."""
    plain = {pad.sample.sample_id: pad.note for pad in pads if pad.key == plain_key(pad.sample)}
    rows = [
        {
            "note": pad.note, "file": f"samples/{pad.file}", "raw": _raw_name(pad.sample, plain[pad.sample.sample_id]),
            "sample_id": pad.sample.sample_id, "name": pad.sample.name, "role": pad.key.role,
            "variant": pad.key.variant or None, "instrument": pad.sample.instrument,
            "volume_db": round(pad.volume_db, 4), "attack_s": pad.attack / HOUSE_RATE_HZ,
            "duration_s": pad.clip.duration_s, "loops": pad.loops, "benched": pad.sample.benched,
            "processing": steps_of(pad.sample, pad.key.role, pad.key.variant),
            "shared": [{"role": key.role, "variant": key.variant or None} for key in pad.shared],
            "source": {"start_s": pad.sample.source.start_s, "end_s": pad.sample.source.end_s},
        }
        for pad in pads
    ]  # fmt: skip
    return {"title": title_of(beat), "tempo": bpm_text(beat.grid.bpm), "bpm": beat.grid.bpm, "samples": rows}


def _files(beat: Beat, clips: Mapping[str, Clip], pads: list[Pad]) -> Iterator[tuple[str, bytes]]:
    yield "kit.json", canonical.dumps(kit_json(beat, pads))
    yield "kit.sfz", kit_sfz(beat, pads).encode()
    for pad in pads:
        if pad.key == plain_key(pad.sample):
            yield _raw_name(pad.sample, pad.note), write_wav(clips[pad.sample.sample_id], WAV_BITS)
    for pad in pads:
        loop = Loop(0, pad.clip.frames) if pad.loops else None
        yield f"samples/{pad.file}", write_wav(pad.clip, WAV_BITS, loop)


def _raw_name(sample: Sample, note: int) -> str:
    return f"raw/{note:03d} {sound_name(sample.name)}.wav"


def _pad(sample: Sample, key: VoiceKey, rack: Rack, hat: bool) -> Pad:
    voice = rack.voice(key)
    struck = pad_voice(voice)
    samples = struck.samples if struck.samples.shape[1] else np.zeros((2, 1), np.float32)  # no player takes less
    peak = float(np.abs(samples).max())
    scale = WAV_PEAK / peak if peak > 0.0 else 1.0
    attack = 0 if voice.loops else min(voice.attack, round(PAD_LEAD_S * HOUSE_RATE_HZ))
    clip = Clip(samples * np.float32(scale), HOUSE_RATE_HZ)
    return Pad(0, key, sample, clip, attack, voice.loops, hat, -20.0 * math.log10(scale))


def _is_hat(beat: Beat, key: VoiceKey, hats: frozenset[VoiceKey]) -> bool:
    """Whether a pad is cut by hats: as it plays in the beat, and where it does not, by what it sounds like."""
    if cut_group(key, hats) == HATS:
        return True
    idle = not any(e.sample_id == key.sample_id for e in beat.events)
    return idle and key.role == "MOTION" and beat.kit[key.sample_id].instrument in HAT_INSTRUMENTS


def _playback(pad: Pad) -> list[str]:
    """How a pad starts, ends and is cut."""
    if pad.loops:
        span = ["loop_mode=loop_continuous", "loop_start=0", f"loop_end={pad.clip.frames - 1}"]
        return [*span, f"ampeg_attack={BED_FADE_S}", f"ampeg_release={BED_FADE_S}"]
    group = HAT_GROUP if pad.hat else OWN_GROUP + pad.note
    return ["loop_mode=one_shot", f"group={group}", f"off_by={group}", "note_polyphony=1", "note_selfmask=off"]
