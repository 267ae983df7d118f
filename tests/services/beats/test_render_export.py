"""The table of files: names, bytes, what the options do, stems that add up."""

import io
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

from services.audio.loudness import integrated, true_peak_db
from services.audio.wavfile import read_wav
from services.beats.dress_audio import Wardrobe
from services.beats.export import EXPORTS, ExportOptions, export, loop_facts
from services.beats.filenames import clean, sound_name
from services.beats.grid import duration_s
from services.beats.render import render_mix
from services.beats.types import ROLES
from services.errors import Invalid, NotFound
from tests.beat_material import RATE, full_beat, grid
from tests.groove_material import drums, everyday, made


@pytest.fixture(scope="module")
def material():
    return full_beat(2)


def chunks(wav):
    found, at = {}, 12
    while at < len(wav):
        name, size = struct.unpack("<4sI", wav[at : at + 8])
        found[name] = wav[at + 8 : at + 8 + size]
        at += 8 + size + (size & 1)
    return found


def test_every_file_of_the_contract_is_in_the_table():
    assert set(EXPORTS) == {
        "audio.wav", "audio.flac", "audio.mp3", "audio.ogg", "beat.mid", "kit.zip", "stems.zip",
        "score.pdf", "score.svg", "score.musicxml", "beat.bsm", "events.csv",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("audio.wav", ExportOptions(), "Küche - rock - 96bpm.wav"),
        ("audio.wav", ExportOptions(loop=True), "Küche - rock - 96bpm - loop.wav"),
        ("beat.mid", ExportOptions(title="Другое"), "Другое - rock - 96bpm.mid"),
        ("beat.mid", ExportOptions(note_map="pads", loop=True), "Küche - rock - 96bpm - pads.mid"),
        ("stems.zip", ExportOptions(), "Küche - rock - 96bpm - stems.zip"),
        ("stems.zip", ExportOptions(note_map="pads"), "Küche - rock - 96bpm - stems - pads.zip"),
        ("kit.zip", ExportOptions(title="../../a\\b\r\nX: y\x00"), "a b X y - rock - 96bpm - kit.zip"),
    ],
)
def test_files_have_the_names_a_person_would_choose(material, name, options, expected):
    assert export(*material, name, options).filename == expected


def test_a_beat_without_title_and_style_has_a_name_too(material):
    beat, clips = material
    plain = replace(beat, meta={}, grid=replace(grid(97.5), bars=2))
    assert export(plain, clips, "beat.mid").filename == "beat - 97.5bpm.mid"


@pytest.mark.parametrize("bits", ["16", "24", "32f"])
def test_wav_in_every_depth_is_the_master(material, bits):
    made = export(*material, "audio.wav", ExportOptions(bits=bits))
    clip = read_wav(made.content)
    assert made.media_type == "audio/wav"
    assert (clip.rate_hz, clip.channels) == (RATE, 2)
    assert sf.info(io.BytesIO(made.content)).subtype == {"16": "PCM_16", "24": "PCM_24", "32f": "FLOAT"}[bits]
    assert integrated(clip) == pytest.approx(-14.0, abs=0.5)
    assert true_peak_db(clip) <= -1.0
    assert clip.frames >= round(5.0 * RATE)


def test_a_loop_says_what_it_is(material):
    parts = chunks(export(*material, "audio.wav", ExportOptions(loop=True)).content)
    frames = len(parts[b"data"]) // 6
    assert frames == round(5.0 * RATE)
    assert struct.unpack("<II", parts[b"smpl"][44:52]) == (0, frames - 1)
    beats, denominator, numerator, tempo = struct.unpack("<IHHf", parts[b"acid"][12:24])
    assert (beats, numerator, denominator) == (8, 4, 4)
    assert tempo == pytest.approx(96.0)


def seam_steps(samples, near=2205):
    """Level and slope steps over a loop's seam, against the largest ones within 50 ms: above 1 it may click."""
    around = np.concatenate([samples[:, -near:], samples[:, :near]], axis=1).astype(float)
    worst = []
    for order in (1, 2):
        steps = np.abs(np.diff(around, n=order, axis=1)).max(axis=0)
        over = slice(near - order, near)
        worst.append(steps[over].max() / max(np.delete(steps, over).max(), 1e-4))
    return max(worst)


@pytest.mark.parametrize("style", ["house", "trap", "lofi", "waltz", "prog7", "afro68"])
@pytest.mark.parametrize("kit", [drums, everyday])
def test_loops_of_every_kind_go_round_without_a_click(kit, style):
    beat, clips = made(kit(), style, bars=2), kit().clips
    frames = round(duration_s(beat.grid) * RATE)
    options = ExportOptions(loop=True)
    wav = export(beat, clips, "audio.wav", options).content
    archive = zipfile.ZipFile(io.BytesIO(export(beat, clips, "stems.zip", options).content))
    for data in (wav, *(archive.read(name) for name in archive.namelist())):
        parts, samples = chunks(data), read_wav(data).samples
        assert samples.shape == (2, frames)
        assert struct.unpack("<II", parts[b"smpl"][44:52]) == (0, frames - 1)
        assert b"acid" in parts
        assert seam_steps(samples) <= 1.0


def test_the_measure_of_the_seam_can_fail():
    t = np.arange(RATE) / RATE
    stepped = np.stack([np.sin(2 * np.pi * 50.4 * t)] * 2)
    bent = np.stack([400 * np.abs(t - 0.5)] * 2)  # falls to the middle, then rises: a corner over the seam, no step
    assert seam_steps(stepped) > 10.0
    assert seam_steps(bent) > 10.0
    assert seam_steps(np.stack([np.sin(2 * np.pi * 50 * t)] * 2)) <= 1.001


@pytest.mark.parametrize(
    ("meter", "bars", "beats", "tempo"), [("4/4", 4, 16, 96), ("7/8", 2, 7, 96), ("7/8", 1, 7, 192), ("12/8", 1, 6, 96)]
)
def test_the_acid_chunk_counts_whole_beats(meter, bars, beats, tempo):
    facts = loop_facts(replace(full_beat(1)[0], grid=grid(96.0, bars, meter)))
    assert facts.beats == beats
    assert facts.tempo_bpm == pytest.approx(tempo)


@pytest.mark.parametrize("name", ["audio.flac", "audio.mp3", "audio.ogg"])
def test_other_formats_hold_the_same_master(material, name):
    made = export(*material, name)
    data, rate = sf.read(io.BytesIO(made.content), dtype="float32", always_2d=True)
    wav = read_wav(export(*material, "audio.wav").content).samples.T
    assert rate == RATE
    n = min(len(data), len(wav))
    assert abs(len(data) - len(wav)) < 3000
    assert np.corrcoef(data[:n, 0], wav[:n, 0])[0, 1] > (0.9999 if name == "audio.flac" else 0.9)


def stems_of(data):
    archive = zipfile.ZipFile(io.BytesIO(data))
    return {name: read_wav(archive.read(name)) for name in archive.namelist()}


@pytest.mark.parametrize("bits", ["24", "32f"])
@pytest.mark.parametrize("loop", [False, True])
def test_the_stems_in_the_zip_add_up_to_the_mix(material, bits, loop):
    stems = stems_of(export(*material, "stems.zip", ExportOptions(bits=bits, loop=loop)).content)
    assert set(stems) == {f"Küche - rock - 96bpm - {role.lower()}.wav" for role in ROLES}
    mix = render_mix(*material, loop=loop).mix.samples
    assert {stem.samples.shape for stem in stems.values()} == {mix.shape}
    total = sum(stem.samples.astype(np.float64) for stem in stems.values())
    assert np.abs(total - mix).max() < (5 * 2**-24 + 1e-7 if bits == "24" else 1e-6)


@pytest.mark.parametrize("bits", ["24", "32f"])
def test_no_stem_of_the_pads_clips(material, bits):
    """A kick raised by 24 dB: as floats at its own level, as integers lowered together with all others."""
    beat, clips = material
    loud = replace(beat, kit={**beat.kit, "kick": replace(beat.kit["kick"], gain_db=24.0)})
    plain, raised = (
        stems_of(export(b, clips, "stems.zip", ExportOptions(bits=bits, note_map="pads")).content) for b in (beat, loud)
    )
    core, accent = (f"Küche - rock - 96bpm - {role}.wav" for role in ("core", "accent"))
    peaks = [float(np.abs(stems[name].samples).max()) for name in (core, accent) for stems in (plain, raised)]
    assert peaks[1] * peaks[2] / peaks[0] / peaks[3] == pytest.approx(10 ** (24 / 20), rel=1e-3)
    assert (peaks[1] > 1.5) if bits == "32f" else peaks[1] == pytest.approx(1.0, abs=1e-3)


def test_a_silent_role_has_a_silent_stem(material):
    beat, clips = material
    quiet = replace(beat, mix={"roles": {"FILL": {"muted": True}}})
    stems = stems_of(export(quiet, clips, "stems.zip").content)
    assert len(stems) == 5
    assert not stems["Küche - rock - 96bpm - fill.wav"].samples.any()


@pytest.mark.parametrize("name", ["audio.wav", "audio.flac", "beat.mid", "kit.zip", "stems.zip"])
def test_the_same_beat_gives_the_same_bytes(material, name):
    beat, clips = material
    turned = replace(beat, kit=dict(reversed(beat.kit.items())))
    assert export(beat, clips, name).content == export(turned, dict(reversed(clips.items())), name).content


@pytest.mark.parametrize("name", ["audio.wav", "kit.zip", "stems.zip"])
def test_a_wardrobe_changes_no_file(name):
    """Sounds dressed for another file, and for another beat of the same sounds, are those that it would make."""
    kit, wardrobe = drums(), Wardrobe()
    beat = made(kit, "trap", bars=1)
    alone = export(beat, kit.clips, name).content
    for style in ("house", "trap"):
        export(made(kit, style, bars=1), kit.clips, "stems.zip", None, wardrobe)
    assert export(beat, kit.clips, name, None, wardrobe).content == alone


def test_what_does_not_exist_is_said(material):
    with pytest.raises(NotFound):
        export(*material, "audio.xyz")
    with pytest.raises(Invalid) as caught:
        export(*material, "audio.wav", ExportOptions(bits="12", note_map="drums"))
    assert [e.field for e in caught.value.errors] == ["bits", "map"]


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Früh  am\tMorgen", "Früh am Morgen"),
        ("a\u202eb\u0000c\x1b", "abc"),
        ("  ..hidden. ", "hidden"),
        ("", "beat"),
        ("///", "beat"),
        ("名前" * 100, "名前" * 60),
        ("e\u0301", "é"),
    ],
)
def test_names_are_cleaned(raw, name):
    assert clean(raw) == name


def test_a_sounds_name_loses_its_extension_only():
    assert sound_name("door.slam.wav") == "door.slam"
    assert sound_name("no extension") == "no extension"
    assert sound_name("v1.the knock") == "v1.the knock"
