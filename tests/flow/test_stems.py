"""The stems that a client downloads, measured: what the API says of a beat is what it sounds like."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import soundfile as sf

from services.audio.wavfile import write_wav
from services.beats.types import ROLES
from tests.groove_figures import figures
from tests.groove_material import Take, drums
from tests.live import Live


def test_downloaded_stems_and_master_are_what_the_document_says(live: Live) -> None:
    kit = drums()
    sounds = {s.name: write_wav(kit.clips[s.sample_id], 24) for s in kit.samples}
    style = "disco"
    answer = live.beat(sounds, style=style, bpm=118, bars=4, roles=json.dumps(kit.locks))
    assert answer.status_code == 200, answer.text
    beat = answer.json()
    with zipfile.ZipFile(io.BytesIO(live.get(beat["links"]["stems.zip"]).content)) as archive:
        read = {
            name: sf.read(io.BytesIO(archive.read(name)), dtype="float32", always_2d=True)
            for name in archive.namelist()
        }
    assert {rate for _, rate in read.values()} == {44100}
    stems = {name.rsplit(" - ", 1)[1].removesuffix(".wav").upper(): audio.T for name, (audio, _) in read.items()}
    master, _ = sf.read(io.BytesIO(live.get(beat["links"]["audio.wav"]).content), dtype="float32", always_2d=True)
    take = Take(style, beat["grid_json"], tuple(beat["events_json"]), stems, np.ascontiguousarray(master.T))
    found = figures(take)
    assert not found.faults(style)
    assert found.late_ms["ACCENT"] - found.late_ms["MOTION"] > 2.0  # the row says 2 ms late and 3 ms early
    assert {role for role, stem in stems.items() if stem.any()} == set(ROLES)
