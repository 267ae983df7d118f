"""The whole analysis: heard once, derived as often as asked, alike from what was just heard and what was kept."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pytest

from services.analysis.document import analysis_to_doc
from services.analysis.pipeline import PARTS, Heard, derive, engines, listen
from services.analysis.types import NO_RHYTHM, Analysis, BeatHints
from services.audio.clip import Clip, ClipSource, Samples
from services.errors import Canceled, Invalid
from tests.song import song
from tests.sounds import RATE, knocks, noise, silence, tone

MEMORY_S = 60.0  # of audio that may be read at once


def heard(clip: Clip) -> Heard:
    return listen(ClipSource(clip), lambda stage, share: None)


def analysed(clip: Clip, hints: BeatHints | None = None) -> Analysis:
    return derive(heard(clip), hints or BeatHints())


@pytest.fixture(scope="module")
def known() -> Heard:
    return heard(song(20.0, 104.0, tonic=7))


def test_a_song_has_everything(known: Heard) -> None:
    made = derive(known, BeatHints())
    assert made.duration_s == 20.0
    assert made.rhythm.bpm == pytest.approx(104.0, rel=0.02)
    assert (made.rhythm.meter, made.key.key) == ("4/4", "G major")
    assert made.loudness.integrated_lufs is not None
    assert (made.sections[0].start_s, made.sections[-1].end_s) == (0.0, pytest.approx(20.0))
    assert made.warnings == ()


def test_what_was_kept_answers_as_what_was_just_heard(known: Heard) -> None:
    found = {"rhythm": known.rhythm, "harmony": known.harmony, "loudness": known.level}
    kept = Heard.of({p.name: p.unpack(p.pack(found[p.name])) for p in PARTS})
    for hints in (BeatHints(), BeatHints(meter="3/4"), BeatHints(bpm_max=80.0), BeatHints(first_downbeat_s=1.0)):
        assert analysis_to_doc(derive(kept, hints)) == analysis_to_doc(derive(known, hints))
    assert [p.pack(p.unpack(p.pack(found[p.name]))) for p in PARTS] == [p.pack(found[p.name]) for p in PARTS]


def test_hints_are_heeded_and_leave_key_and_loudness(known: Heard) -> None:
    free, slow = derive(known, BeatHints()), derive(known, BeatHints(bpm_max=70.0))
    assert slow.rhythm.bpm is not None
    assert slow.rhythm.bpm <= 70.0
    assert derive(known, BeatHints(meter="3/4")).rhythm.meter == "3/4"
    first = derive(known, BeatHints(first_downbeat_s=free.rhythm.beats_s[2])).rhythm.downbeats_s
    assert min(abs(t - free.rhythm.beats_s[2]) for t in first) < 0.03
    assert (slow.key, slow.loudness) == (free.key, free.loudness)


def test_a_downbeat_past_the_end_is_refused(known: Heard) -> None:
    with pytest.raises(Invalid) as refused:
        derive(known, BeatHints(first_downbeat_s=20.5))
    assert refused.value.errors[0].field == "first_downbeat_s"


@pytest.mark.parametrize("clip", [silence(2.0, 2), Clip(np.full((1, RATE), 0.7, np.float32), RATE)])
def test_silence_is_answered_as_silence(clip: Clip) -> None:
    made = analysed(clip)
    assert (made.rhythm, made.key.key, made.key.keys, made.sections) == (NO_RHYTHM, None, (), ())
    assert made.loudness.true_peak_db is None
    assert "silent" in made.warnings[0]


@pytest.mark.parametrize(
    "clip",
    [noise(0.01), tone(seconds=0.02), noise(10.0), tone(seconds=10.0), knocks(), silence(0.0)],
    ids=["10 ms of noise", "20 ms of a tone", "noise", "a tone", "knocks", "nothing"],
)  # fmt: skip
def test_nothing_is_invented(clip: Clip) -> None:
    made = analysed(clip)
    json.dumps(analysis_to_doc(made), allow_nan=False)
    assert made.rhythm.bpm is None or made.rhythm.bpm_confidence < 0.5
    assert made.warnings


@dataclass
class Watched:
    """A long source that is made while it is read, and what was asked of it."""

    seconds: float
    rate_hz: int = RATE
    channels: int = 2
    most: int = 0
    tile: Samples = field(default_factory=lambda: song(16.0, 120.0).samples)

    @property
    def frames(self) -> int:
        return round(self.seconds * self.rate_hz)

    def read(self, start: int, count: int) -> Samples:
        at = np.arange(max(0, start), min(start + count, self.frames)) % self.tile.shape[1]
        self.most = max(self.most, len(at))
        return self.tile[:, at]


def test_a_long_recording_never_lies_in_memory_and_says_how_far_it_is() -> None:
    source, said = Watched(300.0), []
    listen(source, lambda stage, share: said.append((stage, share)))
    assert source.most <= MEMORY_S * RATE
    shares = [share for _, share in said]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert list(dict.fromkeys(stage for stage, _ in said)) == [p.name for p in PARTS]
    assert max(np.diff([0.0, *shares])) < 0.1


@pytest.mark.parametrize("part", [p.name for p in PARTS])
def test_a_cancel_stops_every_part(part: str) -> None:
    def stop(stage: str, share: float) -> None:
        if stage == part:
            raise Canceled("The job was canceled.")

    with pytest.raises(Canceled):
        listen(ClipSource(song(8.0)), stop)


def test_every_engine_is_named() -> None:
    assert set(engines()) == {"tempo", "key", "loudness", "sections"}
