"""The kit: samples, SFZ and JSON in one deterministic ZIP."""

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from services.audio.clip import Clip
from services.audio.wavfile import read_wav, write_wav
from services.beats.pads import pad_notes
from services.beats.render import render_mix
from services.beats.types import Trim
from services.errors import NotFound
from services.notation.archive import zip_bytes
from services.notation.kit import kit_zip
from tests.beat_material import RATE, event, full_beat, hit, one, sample


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


def test_every_sound_has_files_a_pad_and_a_row():
    beat, clips = full_beat()
    files = opened(kit_zip(beat, clips))
    rows = json.loads(files["kit.json"])["samples"]
    pads = regions(files["kit.sfz"].decode())
    assert {(r["sample_id"], r["role"], r["variant"] or ""): r["note"] for r in rows} == pad_notes(beat)
    assert {f"samples/{p['sample']}" for p in pads} == {r["file"] for r in rows}
    assert {r["file"] for r in rows} | {r["raw"] for r in rows} == {n for n in files if n.endswith("wav")}
    assert [int(p["key"]) for p in pads] == [r["note"] for r in rows] == list(range(36, 45))
    assert {r["sample_id"] for r in rows[:8]} == set(beat.kit)
    assert rows[0]["file"] == "samples/036 core - kick.wav"
    assert rows[8]["file"] == "samples/044 motion - hat_open open.wav"
    assert rows[8]["raw"] == next(r["raw"] for r in rows[:8] if r["sample_id"] == "hat_open")


def test_the_stored_cuts_are_in_it_untouched():
    beat, clips = one(hit(200, 0.05, 0.05), [event("s", 0, 0)], attack_s=0.05, trim=Trim(0.01, 0.3))
    files = opened(kit_zip(beat, clips))
    assert files["raw/036 s.wav"] == write_wav(clips["s"], 24)


def test_benched_sounds_are_in_it():
    beat, clips = full_beat()
    bench = replace(beat.kit["tom"], benched="one tom is enough")
    beat = replace(beat, kit={**beat.kit, "tom": bench}, events=tuple(e for e in beat.events if e.sample_id != "tom"))
    rows = json.loads(opened(kit_zip(beat, clips))["kit.json"])["samples"]
    assert next(r for r in rows if r["sample_id"] == "tom")["benched"] == "one tom is enough"


def test_a_pad_begins_shortly_before_its_attack_at_one_peak():
    beat, clips = one(hit(200, 0.05, 0.05), [event("s", 0, 0)], attack_s=0.05, trim=Trim(0.01, 0.3))
    files = opened(kit_zip(beat, clips))
    clip = read_wav(files["samples/036 core - s.wav"])
    assert clip.channels == 2
    assert np.abs(clip.samples).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)
    assert json.loads(files["kit.json"])["samples"][0]["attack_s"] == pytest.approx(0.005, abs=1e-4)
    assert clip.samples[0].argmax() == pytest.approx(round(0.005 * RATE), abs=2)
    assert np.abs(clip.samples[:, 0]).max() < 0.01


def test_a_pad_is_as_loud_and_stands_where_the_sound_does_in_the_mix():
    beat, clips = one(hit(400, 0.05, 0.002), [event("s", 0, 4)], attack_s=0.002, pan=0.5)
    files = opened(kit_zip(beat, clips))
    pad = regions(files["kit.sfz"].decode())[0]
    played = np.abs(read_wav(files[f"samples/{pad['sample']}"]).samples).max(axis=1) * 10 ** (float(pad["volume"]) / 20)
    assert played == pytest.approx(np.abs(render_mix(beat, clips, pads=True).mix.samples).max(axis=1), rel=0.001)
    assert played[1] > 1.2 * played[0]


def test_pads_share_a_note_when_the_keyboard_ends():
    samples = {f"s{i:02d}": sample(f"s{i:02d}", hit(length_s=0.02), "FILL", "tom") for i in range(64)}
    events = [event(i, 0, 0, "FILL", "tom", variant="low") for i in samples]
    beat = replace(one(hit(), events)[0], kit=samples)
    files = opened(kit_zip(beat, {i: hit(length_s=0.02) for i in samples}))
    rows = json.loads(files["kit.json"])["samples"]
    assert [r["note"] for r in rows] == list(range(36, 128))
    assert rows[0]["shared"] == []
    assert rows[63]["shared"] == [{"role": "FILL", "variant": "low"}]
    assert sum(len(r["shared"]) for r in rows) == 64 - 28


def test_volumes_stay_inside_the_format():
    beat, clips = full_beat()
    loud = replace(beat, kit={**beat.kit, "kick": replace(beat.kit["kick"], gain_db=40.0)})
    soft, hard = (regions(opened(kit_zip(b, clips))["kit.sfz"].decode()) for b in (beat, loud))
    assert float(hard[0]["volume"]) == 24.0
    lowered = float(soft[0]["volume"]) + 40.0 - 24.0
    assert lowered > 0.0
    for before, after in zip(soft[1:], hard[1:], strict=True):
        assert float(after["volume"]) == pytest.approx(float(before["volume"]) - lowered, abs=0.001)
    silent, clips = one(Clip(np.zeros((1, 100), np.float32), RATE), [])
    volume = float(regions(opened(kit_zip(silent, clips))["kit.sfz"].decode())[0]["volume"])
    assert -144.0 <= volume <= 24.0


def test_hats_cut_each_other_and_beds_loop():
    beat, clips = full_beat()
    sfz = regions(opened(kit_zip(beat, clips))["kit.sfz"].decode())
    names = ("kick", "clap", "snare", "closed", "open_closed", "crash", "tom", "texture", "open")
    pads = dict(zip(names, sfz, strict=True))
    assert pads["closed"]["group"] == pads["open"]["group"] == pads["open"]["off_by"] == "1"
    assert pads["kick"]["group"] != pads["snare"]["group"]
    assert pads["kick"]["note_polyphony"] == "1"
    assert pads["texture"]["loop_mode"] == "loop_continuous"
    assert "group" not in pads["texture"]
    assert pads["kick"]["loop_mode"] == "one_shot"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b\\c.wav", "Tür = zu #1.flac", "\u202egnp.wav", "", "....", "x" * 300]
)
def test_names_of_users_make_safe_paths(name):
    beat, clips = one(hit(), [event("s", 0, 0)])
    beat = replace(beat, kit={"s": replace(beat.kit["s"], name=name)})
    files = opened(kit_zip(beat, clips))
    raw, dressed = sorted(n for n in files if n.endswith(".wav"))
    assert raw.startswith("raw/036 ")
    assert dressed.startswith("samples/036 core - ")
    for path in (raw.removeprefix("raw/"), dressed.removeprefix("samples/")):
        assert not set(path) & set('/\\:*?"<>|=#$\u202e\0')
        assert len(path.encode()) < 200


def test_equal_names_stay_apart():
    beat, clips = full_beat()
    beat = replace(beat, kit={k: replace(s, name="knock.wav") for k, s in beat.kit.items()})
    names = [n for n in opened(kit_zip(beat, clips)) if n.endswith("wav")]
    assert len(names) == len(set(names)) == 8 + 9


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
