"""The pads as a client meets them: the MIDI file, the kit and the reference stems of one beat fit together."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import soundfile as sf

from tests import sfz_reader
from tests.kits import kit_wavs
from tests.live import Live


def opened(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_sampler_plays_the_downloaded_files_as_the_reference(live: Live) -> None:
    answer = live.beat(kit_wavs(21), style="house", bpm=124, bars=2, title="Pads")
    assert answer.status_code == 200, answer.text
    links = answer.json()["links"]
    kit = opened(live.get(links["kit.zip"]).content)
    midi = live.get(f"{links['beat.mid']}?map=pads").content
    reference = live.get(f"{links['stems.zip']}?map=pads&bits=32f")
    assert "pads.zip" in reference.headers["Content-Disposition"]
    played = sfz_reader.play(midi, kit["kit.sfz"].decode(), kit)
    stems = {
        name.rsplit(" - ", 1)[1].removesuffix(".wav").upper(): sf.read(io.BytesIO(data), always_2d=True)[0].T
        for name, data in opened(reference.content).items()
    }
    length = max(x.shape[1] for x in (*stems.values(), *played.values()))
    wanted, got = (
        sum(np.pad(x, ((0, 0), (0, length - x.shape[1]))) for x in part.values()) for part in (stems, played)
    )
    assert np.square(wanted).sum() > 0
    assert np.square(wanted - got).sum() < 1e-6 * np.square(wanted).sum()
    music = opened(live.get(links["stems.zip"]).content)
    assert len(music) == len(stems)
    assert live.get(f"{links['stems.zip']}?map=drums").status_code == 422


def test_the_kit_holds_the_stored_cuts(live: Live) -> None:
    beat = live.beat(kit_wavs(21), style="house", bpm=124, bars=2).json()
    kit = opened(live.get(beat["links"]["kit.zip"]).content)
    raw = {data for name, data in kit.items() if name.startswith("raw/")}
    stored = {
        live.get(f"/v1/beat/{beat['job_id']}/samples/{s['sample_id']}.wav").content for s in beat["meta"]["samples"]
    }
    assert raw == stored
