"""Notes by pitch class, tuning, timbre: what is heard of chords whose notes are known, and that pieces do not show."""

import numpy as np
import pytest

from services.analysis.harmony import BLOCK_FRAMES, FRAME_S, HOUSE_HOP, Harmony, listen_harmony
from services.audio.clip import Clip, ClipSource
from tests import chords, sounds

RATE = 44_100


def heard(clip):
    return listen_harmony(ClipSource(clip))


def held(pitches, seconds=3.0, **timbre):
    return sounds.mono(0.1 * sum(chords.note(p, seconds, **timbre) for p in pitches))


@pytest.mark.parametrize("partials", [1, 4, 12])
@pytest.mark.parametrize("pitches", [(60, 64, 67), (57, 60, 64), (62, 65, 69, 72), (70, 74, 77), (66, 69, 73)])
def test_the_notes_of_a_chord_and_no_others(pitches, partials):
    """Overtones of a triad reach other classes: they are explained, not heard as notes."""
    chroma = heard(held(pitches, partials=partials)).chroma.mean(axis=1)
    notes = {p % 12 for p in pitches}
    inside = min(chroma[c] for c in notes)
    outside = max(chroma[c] for c in range(12) if c not in notes)
    assert outside < 0.35 * inside


def test_the_bass_is_heard_apart():
    found = heard(held((36, 76, 79)))
    assert found.bass.mean(axis=1).argmax() == 0
    assert found.bass.mean(axis=1)[[4, 7]].max() < 0.2 * found.bass.mean(axis=1)[0]
    assert set(np.argsort(found.chroma.mean(axis=1))[-2:]) == {4, 7}


@pytest.mark.parametrize("cents", [-45, -30, -10, 0, 10, 30, 45])
def test_tuning(cents):
    found = heard(chords.in_key("G major", 10.0, cents=cents))
    assert found.tuning_cents == pytest.approx(cents, abs=4)
    assert found.in_tune > 0.6


def test_noise_and_drums_have_few_tones():
    for clip in (sounds.noise(8.0), sounds.beat(8.0)):
        found = heard(clip)
        assert np.median(found.tonal) < 0.4
        assert found.in_tune < 0.45
    assert np.median(heard(chords.in_key("C major", 8.0)).tonal) > 0.6


def test_silence_has_no_notes():
    found = heard(sounds.silence(5.0))
    assert found.frames == 27
    assert not found.chroma.any()
    assert not found.bass.any()
    assert (found.level_db < -99.9).all()
    assert (found.tuning_cents, found.in_tune) == (0.0, 0.0)


@pytest.mark.parametrize("frames", [0, 1, 440, HOUSE_HOP, HOUSE_HOP + 1])
def test_what_is_very_short(frames):
    found = heard(Clip(chords.in_key("C major", 2.0).samples[:, :frames], RATE))
    assert found.frames == -(-frames // HOUSE_HOP)
    assert all(np.isfinite(row).all() for row in (found.chroma, found.bass, found.tonal, found.level_db, found.timbre))


def test_a_chord_is_heard_where_it_sounds():
    """C major, then F sharp major, across the seam of two blocks: no frame is late."""
    seam_s = BLOCK_FRAMES * FRAME_S
    parts = [(seam_s - 2.0, held((60, 64, 67), 2.0)), (seam_s, held((66, 70, 73), 2.0))]
    found = heard(sounds.placed(parts, seam_s + 3.0))
    before, after = (
        found.chroma[:, BLOCK_FRAMES - 4 : BLOCK_FRAMES - 1],
        found.chroma[:, BLOCK_FRAMES + 1 : BLOCK_FRAMES + 4],
    )
    assert set(np.argsort(before.mean(axis=1))[-3:]) == {0, 4, 7}
    assert set(np.argsort(after.mean(axis=1))[-3:]) == {6, 10, 1}


def test_seams_do_not_show():
    """The same bars heard from another place in the blocks are the same."""
    clip = chords.in_key("D minor", 40.0)
    later = 7 * HOUSE_HOP
    whole, tail = heard(clip), heard(Clip(clip.samples[:, later:], RATE))
    a, b = whole.chroma[:, 10:200], tail.chroma[:, 3:193]
    assert np.abs(a / a.max() - b / b.max()).max() < 0.02
    assert np.allclose(whole.timbre[:, 10:200], tail.timbre[:, 3:193], atol=1e-2)


def test_channels_are_heard_as_their_mean():
    clip = chords.in_key("E major", 5.0)
    assert np.allclose(heard(sounds.stereo(clip)).chroma, heard(clip).chroma, atol=1e-3)
    six = Clip(np.repeat(clip.samples, 6, axis=0), RATE)
    assert np.allclose(heard(six).bass, heard(clip).bass, atol=1e-3)


def test_bytes_and_back():
    found = heard(chords.in_key("A minor", 6.0))
    data = found.to_bytes()
    assert data == heard(chords.in_key("A minor", 6.0)).to_bytes()
    back = Harmony.from_bytes(data)
    assert np.allclose(back.chroma, found.chroma, atol=1e-3)
    assert np.allclose(back.timbre, found.timbre, rtol=1e-3, atol=0.1)
    assert back.tuning_cents == pytest.approx(found.tuning_cents, abs=1e-3)
    assert back.to_bytes() == data


def test_other_rates_are_refused():
    with pytest.raises(ValueError, match="44100"):
        listen_harmony(ClipSource(Clip(np.zeros((1, 8_000), np.float32), 8_000)))


def test_progress_rises_to_the_whole_and_may_cancel():
    source, told = ClipSource(sounds.noise(40.0)), []
    listen_harmony(source, told.append)
    assert told == sorted(told)
    assert len(told) == 3
    assert told[-1] == 1.0

    def stop(share):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        listen_harmony(source, stop)
