"""The labelled material: scores from the product's own styles, strokes where their labels say, music in its key."""

from __future__ import annotations

import numpy as np
import pytest

from services.beats.styles import STYLES
from services.beats.types import BEAT_STEPS, METERS
from services.transcription.types import DRUMS
from tests.bench.ears import build, chords, drum_audio, drum_score, no_drums
from tests.bench.ears.drum_score import FIRST_SEED, Score, Stroke
from tests.bench.ears.labels import KEYS, NOTES

RATE = drum_audio.RATE


def click() -> np.ndarray:
    """A sound that begins after 400 silent samples and dies away quickly."""
    return np.concatenate([np.zeros(400), np.exp(-np.arange(800) / 60.0) * np.cos(np.arange(800))]).astype(np.float32)


def plain(strokes: list[Stroke], end_s: float = 3.0) -> Score:
    return Score("house", "4/4", 120.0, tuple(strokes), (0.0,), (0.0,), end_s, half_time=False)


@pytest.fixture(scope="module", params=list(STYLES))
def made(request) -> Score:
    return drum_score.score(request.param, FIRST_SEED + list(STYLES).index(request.param))


def test_a_score_is_whole(made):
    assert made.strokes, made.style
    assert {s.drum for s in made.strokes} <= set(DRUMS)
    assert all(0 < s.velocity <= 1 and 0 <= s.time_s < made.end_s + 0.5 for s in made.strokes)
    assert [s.time_s for s in made.strokes] == sorted(s.time_s for s in made.strokes)
    assert 8.0 < made.end_s < 36.0


def test_beats_divide_bars_as_analyses_count_them(made):
    every = 2 if made.meter == "7/8" else BEAT_STEPS[made.meter]
    assert len(made.beats_s) == len(made.downbeats_s) * METERS[made.meter] // every
    assert set(made.downbeats_s) <= set(made.beats_s)
    if made.bpm is not None:
        apart = np.diff(made.beats_s)
        assert apart == pytest.approx(np.full(len(apart), every * 15.0 / made.bpm), abs=2e-4)


def test_the_same_seed_is_the_same_score_and_another_is_not(made):
    seed = FIRST_SEED + list(STYLES).index(made.style)
    assert drum_score.score(made.style, seed) == made
    assert drum_score.score(made.style, seed + 100).strokes != made.strokes


def test_enough_scores_have_each_ornament():
    every = list(drum_score.scores(2))
    drums = [s.drum for score in every for s in score.strokes]
    assert len(every) == 2 * len(STYLES)
    assert all(drums.count(drum) >= 40 for drum in DRUMS), {drum: drums.count(drum) for drum in DRUMS}
    assert any(s.grace for score in every for s in score.strokes)
    assert 2 <= sum(score.bpm is None for score in every) <= len(every) // 3
    assert 2 <= sum(score.half_time for score in every) <= len(every) // 2
    assert any(score.downbeats_s[0] > 0.1 for score in every)


def test_sounds_begin_where_labels_say_whatever_silence_their_files_begin_with():
    kit = {"kick": [[click()]], "snare": [[click()]]}
    score = plain([Stroke(0.5, "kick", 1.0), Stroke(1.25, "snare", 0.8), Stroke(2.0, "kick", 0.4)])
    for seed in range(8):
        audio, truth = drum_audio.render(score, kit, np.random.default_rng(seed))
        assert truth.times_s == (0.5, 1.25, 2.0)
        assert truth.five == ("kick", "snare", "kick")
        loud = np.abs(audio).max(axis=0)
        for time_s in truth.times_s:
            at = round(time_s * RATE)
            peak = loud[at - 30 : at + 300].max()
            first = at - 30 + int(np.argmax(loud[at - 30 : at + 300] > 0.3 * peak))
            assert abs(first - at) <= 3, (seed, time_s)
        assert loud.max() == pytest.approx(drum_audio.PEAK, rel=1e-5)


def test_velocity_sets_the_level():
    kit = {"kick": [[click()]]}
    hard, soft = (Stroke(t, "kick", v) for t, v in ((0.5, 1.0), (1.5, 0.5)))
    levels = []
    for seed in range(20):
        audio, truth = drum_audio.render(plain([hard, soft]), kit, np.random.default_rng(seed))
        a, b = (np.abs(audio[:, round(t * RATE) : round(t * RATE) + 300]).max() for t in truth.times_s)
        levels.append(20 * np.log10(b / a))
    assert np.median(levels) == pytest.approx(-drum_audio.VELOCITY_DB / 2, abs=2.0)  # a driven track is less even


def test_grace_notes_and_strokes_at_once_are_one_onset_and_what_a_kit_lacks_is_its_neighbour():
    kit = {"snare": [[click()]], "hat_closed": [[click()]]}
    strokes = [
        Stroke(0.98, "snare", 0.3, grace=True), Stroke(1.0, "snare", 0.7), Stroke(1.01, "clap", 0.9),
        Stroke(1.5, "ride", 0.5), Stroke(2.0, "kick", 1.0),
    ]  # fmt: skip
    _, truth = drum_audio.render(plain(strokes), kit, np.random.default_rng(1))
    assert truth.times_s == (1.0, 1.5)
    assert truth.five == ("snare", "hihat")
    assert truth.nine == ("snare", "hat_closed")
    assert truth.velocity == (0.9, 0.5)


def test_an_open_hat_falls_silent_with_the_next_hat():
    ring = np.ones(2 * RATE, np.float32)
    open_hat = {"hat_open": [[ring]], "hat_closed": [[click()]]}
    strokes = [Stroke(0.5, "hat_open", 1.0), Stroke(1.0, "hat_closed", 0.2)]
    audio, _ = drum_audio.render(plain(strokes), open_hat, np.random.default_rng(3))
    level = np.abs(audio).max(axis=0)
    assert level[round(1.2 * RATE)] < 0.1 * level[round(0.9 * RATE)]


@pytest.mark.parametrize("key", KEYS)
def test_music_stays_in_its_key_and_ends_at_home(key):
    name, mode = key.split()
    rng = np.random.default_rng(KEYS.index(key))
    who = chords.Band(33, 0, 73, "quarters")
    bars = build._bars(8, 4, 120.0, 0.0)
    degrees = chords.progression(mode, 8, rng)
    played = chords.notes(key, bars, degrees, who, rng)
    scale = {(NOTES.index(name) + s) % 12 for s in (chords.MAJOR if mode == "major" else chords.MINOR)}
    leading = {(NOTES.index(name) + 11) % 12}
    assert {n.pitch % 12 for n in played} <= scale | leading
    assert degrees[-2:] == [4, 0]
    last = [n for n in played if n.start_s >= bars[-1][0] and n.channel == 0]
    assert last[0].pitch % 12 == NOTES.index(name)


def test_a_mix_has_the_level_that_was_asked():
    rng = np.random.default_rng(1)
    drums, music = 0.1 * rng.standard_normal((2, RATE)), 0.7 * rng.standard_normal((2, RATE))
    for level_db in (-6.0, 0.0, 6.0):
        mixed = build._mixed(drums, music, level_db)
        share = np.corrcoef(mixed.ravel(), music.ravel())[0, 1] / np.corrcoef(mixed.ravel(), drums.ravel())[0, 1]
        assert 20 * np.log10(share) == pytest.approx(level_db, abs=0.3)


def test_recordings_of_nothing_are_of_every_kind_finite_and_not_too_loud():
    found = no_drums.recordings(1, 5)
    assert {kind for kind, _ in found} == {"silence", "noise", "tone", "speech"}
    for kind, audio in found:
        assert audio.shape == (no_drums.N,), kind
        assert np.isfinite(audio).all()
    speech = next(audio for kind, audio in found if kind == "speech")
    assert 0.3 < np.abs(speech).max() <= 1.0
    assert np.array_equal(speech, next(a for k, a in no_drums.recordings(1, 5) if k == "speech"))


def test_made_sounds_are_of_every_kind_that_is_no_drum():
    found = no_drums.sounds(2, 5)
    assert [name for name, _ in found] == ["vocal", "vocal", "bass", "bass", "tonal", "tonal", "texture", "texture"]
    for name, audio in found:
        assert np.abs(audio).max() == pytest.approx(0.7), name
        assert 0.05 * RATE < len(audio) <= 3.5 * RATE, name
    assert not np.array_equal(found[0][1], found[1][1])
