"""The kit: samples, SFZ and JSON in one deterministic ZIP."""

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from services.audio.clip import Clip
from services.audio.wavfile import read_wav
from services.beats.types import Trim
from services.errors import NotFound
from services.notation.archive import zip_bytes
from services.notation.kit import kit_zip
from services.notation.midi import pad_notes
from tests.beat_material import RATE, event, full_beat, hit, one


def opened(data):
    archive = zipfile.ZipFile(io.BytesIO(data))
    return {name: archive.read(name) for name in archive.namelist()}


def regions(sfz):
    """Opcodes of each region."""
    found = []
    for line in sfz.splitlines():
        if line == "<region>":
            found.append({})
        elif "=" in line and found:
            key, _, value = line.partition("=")
            found[-1][key] = value
    return found


def test_every_sound_has_a_file_a_pad_and_a_row():
    beat, clips = full_beat()
    files = opened(kit_zip(beat, clips))
    rows = json.loads(files["kit.json"])["samples"]
    pads = regions(files["kit.sfz"].decode())
    assert len(rows) == len(pads) == len(beat.kit) == sum(name.endswith(".wav") for name in files)
    assert {r["sample_id"]: r["note"] for r in rows} == pad_notes(beat)
    assert (
        {f"samples/{p['sample']}" for p in pads} == {r["file"] for r in rows} == {n for n in files if n.endswith("wav")}
    )
    assert [int(p["key"]) for p in pads] == [r["note"] for r in rows] == list(range(36, 44))
    assert rows[0]["file"] == "samples/036 core - kick.wav"


def test_samples_hold_what_sounds_at_one_peak():
    beat, clips = one(hit(200, 0.05, 0.05), [event("s", 0, 0)], attack_s=0.05, trim=Trim(0.01, 0.3))
    files = opened(kit_zip(beat, clips))
    clip = read_wav(files["samples/036 core - s.wav"])
    assert clip.frames == round(0.29 * RATE)
    assert np.abs(clip.samples).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)
    assert json.loads(files["kit.json"])["samples"][0]["attack_s"] == pytest.approx(0.04, abs=1e-4)


def test_a_pad_sounds_when_it_is_struck():
    beat, clips = one(hit(200, 0.05, 0.1), [event("s", 0, 0)], attack_s=0.1)
    pad = regions(opened(kit_zip(beat, clips))["kit.sfz"].decode())[0]
    assert int(pad["offset"]) == round(0.1 * RATE) - round(0.005 * RATE)


def test_a_pad_is_as_loud_as_the_sound_in_the_mix():
    from services.beats.render import render_mix

    beat, clips = one(hit(200, 0.05, 0.002), [event("s", 0, 4)], attack_s=0.002)
    files = opened(kit_zip(beat, clips))
    pad = regions(files["kit.sfz"].decode())[0]
    wav = read_wav(files[f"samples/{pad['sample']}"]).samples
    played = np.abs(wav).max() * 10 ** (float(pad["volume"]) / 20) * np.sqrt(0.5)
    assert played == pytest.approx(np.abs(render_mix(beat, clips).mix.samples).max(), rel=0.01)


def test_volumes_stay_inside_the_format():
    beat, clips = one(hit(), [event("s", 0, 0)], gain_db=40.0)
    assert float(regions(opened(kit_zip(beat, clips))["kit.sfz"].decode())[0]["volume"]) == 6.0
    silent, clips = one(Clip(np.zeros((1, 100), np.float32), RATE), [])
    volume = float(regions(opened(kit_zip(silent, clips))["kit.sfz"].decode())[0]["volume"])
    assert -144.0 <= volume <= 6.0


def test_hats_cut_each_other_and_beds_loop():
    beat, clips = full_beat()
    sfz = regions(opened(kit_zip(beat, clips))["kit.sfz"].decode())
    pads = dict(zip(("kick", "clap", "snare", "closed", "open", "crash", "tom", "texture"), sfz, strict=True))
    assert pads["closed"]["group"] == pads["open"]["group"] == pads["open"]["off_by"] == "1"
    assert pads["kick"]["group"] != pads["snare"]["group"]
    assert pads["texture"]["loop_mode"] == "loop_continuous"
    assert pads["kick"]["loop_mode"] == "one_shot"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b\\c.wav", "Tür = zu #1.flac", "\u202egnp.wav", "", "....", "x" * 300]
)
def test_names_of_users_make_safe_paths(name):
    beat, clips = one(hit(), [event("s", 0, 0)])
    beat = replace(beat, kit={"s": replace(beat.kit["s"], name=name)})
    files = opened(kit_zip(beat, clips))
    path = next(n for n in files if n.endswith(".wav"))
    inner = path.removeprefix("samples/")
    assert path.startswith("samples/036 core - ")
    assert not set(inner) & set('/\\:*?"<>|=#$\u202e\0')
    assert len(path.encode()) < 200


def test_equal_names_stay_apart():
    beat, clips = full_beat()
    beat = replace(beat, kit={k: replace(s, name="knock.wav") for k, s in beat.kit.items()})
    assert sum(n.endswith("wav") for n in opened(kit_zip(beat, clips))) == 8


def test_the_same_kit_gives_the_same_bytes():
    beat, clips = full_beat()
    turned = replace(beat, kit=dict(reversed(beat.kit.items())))
    assert kit_zip(beat, clips) == kit_zip(turned, clips)


def test_a_lost_sound_is_named():
    beat, clips = full_beat()
    with pytest.raises(NotFound, match="snare"):
        kit_zip(beat, {k: c for k, c in clips.items() if k != "snare"})


def test_a_zip_carries_no_date_and_packs_silence():
    data = zip_bytes([("b.wav", bytes(1_000_000)), ("a.txt", b"hello")])
    infos = zipfile.ZipFile(io.BytesIO(data)).infolist()
    assert [i.date_time for i in infos] == [(1980, 1, 1, 0, 0, 0)] * 2
    assert len(data) < 20_000
    assert data == zip_bytes(iter([("b.wav", bytes(1_000_000)), ("a.txt", b"hello")]))
