"""Sections of pieces whose form is known, with bar lines and without; what does not change has one, silence none."""

import mir_eval
import numpy as np
import pytest

from services.analysis.harmony import FRAME_S, listen_harmony
from services.analysis.sections import SHORTEST_S, sections_of
from services.audio.clip import Clip, ClipSource
from tests import chords, forms, sounds

RATE = 44_100
FORMS = {letters: forms.form(letters, seed) for letters, seed in (("AABA", 101), ("ABABCB", 102), ("ABAC", 103))}


def found(clip, bars_s=()):
    return sections_of(listen_harmony(ClipSource(clip)), bars_s, clip.duration_s)


def agreement(form, sections):
    """F of the boundaries at 0.5 s and at 3 s, and of the pairs of moments with one label."""
    truth = np.array(list(zip(form.starts_s, [*form.starts_s[1:], form.end_s], strict=True)))
    heard = np.array([(s.start_s, s.end_s) for s in sections])
    heard[-1, 1] = form.end_s
    near, far = (mir_eval.segment.detection(truth, heard, window=w, trim=True)[2] for w in (0.5, 3.0))
    return near, far, mir_eval.segment.pairwise(truth, list(form.labels), heard, [s.label for s in sections])[2]


@pytest.mark.parametrize("letters", FORMS)
def test_forms_with_bar_lines(letters):
    form = FORMS[letters]
    sections = found(form.clip, form.bars_s)
    near, far, alike = agreement(form, sections)
    assert near >= 0.6
    assert far >= 0.8
    assert alike >= 0.85
    for s in sections[1:]:
        assert min(abs(s.start_s - bar) for bar in form.bars_s) < 0.002


@pytest.mark.parametrize("letters", FORMS)
def test_forms_without_bar_lines(letters):
    form = FORMS[letters]
    _, far, alike = agreement(form, found(form.clip))
    assert far >= 0.8
    assert alike >= 0.8


def test_sections_fill_the_recording():
    form = FORMS["ABAC"]
    sections = found(form.clip, form.bars_s)
    assert sections[0].start_s == 0
    assert sections[-1].end_s == pytest.approx(form.clip.duration_s, abs=0.001)
    assert [s.start_s for s in sections[1:]] == [s.end_s for s in sections[:-1]]
    assert all(s.end_s - s.start_s >= SHORTEST_S - 0.01 for s in sections)
    assert all(0 <= s.confidence <= 1 for s in sections)
    assert sections[0].label == "A"


def test_a_bar_line_at_the_upbeat_s_end_and_a_gap_do_not_move_the_others():
    """Downbeats from the second bar on, two of them missed."""
    form = FORMS["ABAC"]
    kept = [b for i, b in enumerate(form.bars_s) if i not in {0, 5, 13}]
    assert [s.start_s for s in found(form.clip, kept)] == [s.start_s for s in found(form.clip, form.bars_s)]


@pytest.mark.parametrize("bars", [False, True])
def test_what_does_not_change_is_one_section(bars):
    seconds = 40.0
    same = chords.in_key("C major", seconds)
    for clip in (same, sounds.beat(seconds), sounds.noise(seconds)):
        sections = found(clip, tuple(np.arange(0, seconds, 2.4)) if bars else ())
        assert [(s.start_s, s.end_s, s.label) for s in sections] == [(0.0, seconds, "A")]


def test_short_recordings_are_one_section():
    for clip in (sounds.knock(), sounds.beat(4.0), FORMS["ABAC"].clip.cut(0, 11.9)):
        (only,) = found(clip)
        assert (only.start_s, only.label, only.confidence) == (0.0, "A", 1.0)
        assert only.end_s == pytest.approx(clip.duration_s, abs=0.001)


@pytest.mark.parametrize("frames", [0, 1, 40 * RATE])
def test_silence_has_no_sections(frames):
    assert found(Clip(np.zeros((1, frames), np.float32), RATE)) == ()


def test_one_sample_is_one_section():
    (only,) = found(Clip(np.ones((1, 1), np.float32), RATE))
    assert only.label == "A"


def test_another_instrument_is_another_section():
    """The same chords, first as a hum, then as a harpsichord: the boundary is where the sound changes."""
    parts = [chords.in_key("C major", 24.0, partials=p).samples[0] for p in (1, 15)]
    first, second = found(sounds.mono(np.concatenate(parts)))
    assert first.end_s == pytest.approx(24.0, abs=0.75)
    assert (first.label, second.label) == ("A", "B")
    assert second.confidence > 0.4


def test_a_very_long_recording_keeps_to_its_bound():
    """Two hours of harmony: twelve seconds over and over, in three keys for forty minutes each."""
    frames = round(7_200 / FRAME_S)
    once = listen_harmony(ClipSource(chords.in_key("C major", 12.0)))
    picks = np.arange(frames) % once.frames
    third = np.arange(frames) * 3 // frames
    turned = np.stack([np.roll(once.chroma[:, p], 3 * t) for p, t in zip(picks, third, strict=True)], axis=1)
    low = np.stack([np.roll(once.bass[:, p], 3 * t) for p, t in zip(picks, third, strict=True)], axis=1)
    long = type(once)(turned, low, once.tonal[picks], once.level_db[picks], once.timbre[:, picks], 0.0, 1.0)
    sections = sections_of(long, (), 7_200.0)
    assert [s.start_s for s in sections] == pytest.approx([0, 2_400, 4_800], abs=5)


def test_the_same_piece_has_the_same_sections():
    form = FORMS["AABA"]
    assert found(form.clip, form.bars_s) == found(form.clip, form.bars_s)
