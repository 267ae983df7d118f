"""The stem of a recording: its percussive part as a file, the same however long, and honest about silence."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from services.audio.clip import Clip, ClipSource
from services.transcription.percussive import BLOCK, Percussive
from services.transcription.stem import stem_bytes, write_stem
from tests.sounds import RATE


def source(samples: np.ndarray) -> ClipSource:
    return ClipSource(Clip(np.atleast_2d(samples).astype(np.float32), RATE))


def written(samples: np.ndarray, path: Path) -> tuple[np.ndarray, list[float], str]:
    """What was written, what was reported, the hash."""
    said: list[float] = []
    sha = write_stem(source(samples), str(path), said.append)
    return sf.read(path, dtype="float32")[0], said, sha


def test_clicks_stay_and_a_tone_goes(tmp_path: Path) -> None:
    t = np.arange(3 * BLOCK // 2) / RATE
    clicks = np.zeros(t.size)
    clicks[RATE // 2 :: RATE] = 0.8
    tone = 0.3 * np.sin(2 * np.pi * 330 * t)
    made, said, sha = written(np.stack([clicks + tone, clicks + tone]), tmp_path / "stem.wav")
    info = sf.info(tmp_path / "stem.wav")
    assert (info.samplerate, info.channels, info.subtype, info.frames) == (RATE, 1, "PCM_24", t.size)
    at = np.flatnonzero(clicks)
    assert np.abs(made[at]).min() > 0.6
    between = made[at[0] + RATE // 4 : at[0] + 3 * RATE // 4]
    assert np.sqrt(np.mean(between**2)) < 0.05 * np.sqrt(np.mean(tone**2))
    assert said == sorted(said)
    assert said[-1] == 1.0
    assert sha == hashlib.sha256((tmp_path / "stem.wav").read_bytes()).hexdigest()
    assert (tmp_path / "stem.wav").stat().st_size <= stem_bytes(source(clicks))


def test_it_is_what_the_network_listens_to(tmp_path: Path) -> None:
    x = np.random.default_rng(1).standard_normal(BLOCK + 1000) * 0.1
    made, _, _ = written(x, tmp_path / "stem.wav")
    heard = Percussive(source(x)).read(0, x.size)[0]
    assert np.abs(made - heard).max() < 2**-22


def test_too_loud_is_held_and_silence_is_silent(tmp_path: Path) -> None:
    loud = np.zeros(RATE)
    loud[RATE // 2] = 3.0
    made, _, _ = written(loud, tmp_path / "loud.wav")
    assert np.abs(made).max() == pytest.approx(1.0, abs=1e-6)
    quiet, _, _ = written(np.zeros(RATE), tmp_path / "quiet.wav")
    assert quiet.size == RATE
    assert not quiet.any()
    none, said, _ = written(np.zeros((1, 0)), tmp_path / "none.wav")
    assert (none.size, said) == (0, [])


def test_a_cancel_stops_it(tmp_path: Path) -> None:
    def stop(done: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        write_stem(source(np.zeros(3 * BLOCK)), str(tmp_path / "stem.wav"), stop)
