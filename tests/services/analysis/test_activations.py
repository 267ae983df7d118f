"""What speaks of rhythm: onsets in bands and notes, the same however loud, stored or read in pieces."""

import numpy as np
import pytest

from services.analysis.activations import BLOCK_FRAMES, HOP, RhythmActivations, listen_rhythm
from services.audio.clip import Clip, ClipSource
from tests.services.analysis.rhythms import RATE, ROCK, heard, played, steady

TRACK = played(ROCK, 4, bars=4, when=steady(110))


def test_softer_music_gives_the_same_values():
    loud, soft = heard(TRACK.audio), heard(TRACK.audio * 0.01)
    assert loud.onsets.max() > 1.0
    assert np.allclose(loud.onsets, soft.onsets, atol=2e-3)
    assert soft.peak == pytest.approx(loud.peak * 0.01, rel=1e-3)


def test_bands_hear_their_drums():
    """Kicks on 1 and 3, hats on 2 and 4: the low bands hear the ones, the highest band the others."""
    found = heard(played([(0, "K"), (2, "K"), (1, "H"), (3, "H")], 4, bars=4, when=steady(120)).audio).onsets
    kicks, hats = (
        np.mean([found[:, max(0, k - 3) : k + 4].max(axis=1) for k in range(first, 800, 100)], axis=0)
        for first in (0, 50)
    )
    assert (kicks[:3] > 5 * hats[:3]).all()
    assert hats[5] > 2 * kicks[5]


def test_onsets_lie_where_strokes_are():
    found = heard(TRACK.audio).onsets.sum(axis=0)
    for beat in TRACK.beats_s:
        k = round(beat * 100)
        assert found[max(0, k - 3) : k + 4].max() > 5 * np.median(found)


def test_a_stored_copy_is_the_same():
    found = heard(TRACK.audio)
    again = RhythmActivations.from_bytes(found.to_bytes())
    assert np.array_equal(again.onsets, found.onsets)
    assert np.array_equal(again.chroma, found.chroma)
    assert (again.peak, again.duration_s) == (found.peak, found.duration_s)
    assert again.to_bytes() == found.to_bytes()


@pytest.mark.parametrize("data", [b"", b"{}\n", b'{"kind": "other"}\n', b"\xff\xfe", b'["rhythm-1"]\n'])
def test_other_bytes_are_refused(data):
    with pytest.raises(ValueError):
        RhythmActivations.from_bytes(data)


def test_a_cut_copy_is_refused():
    with pytest.raises(ValueError):
        RhythmActivations.from_bytes(heard(TRACK.audio).to_bytes()[:-10])


class Counting(ClipSource):
    """Remembers how much was asked for at once."""

    most = 0

    def read(self, start, count):
        Counting.most = max(Counting.most, count)
        return super().read(start, count)


def test_memory_is_bounded_and_blocks_leave_no_seam():
    """A stroke at the seam of two blocks is heard like the same stroke elsewhere."""
    seam = BLOCK_FRAMES * HOP
    x = np.zeros(seam * 2 + RATE, np.float32)
    burst = np.random.default_rng(0).standard_normal(2_000) * np.exp(-np.arange(2_000) / 400)
    places = [seam - 300_300 // HOP * HOP, seam - 8 * HOP, seam - HOP, seam, seam + HOP * 20]
    for at in places:
        x[at : at + 2_000] += burst.astype(np.float32)
    found = listen_rhythm(Counting(Clip(x[None], RATE)))
    assert Counting.most <= (BLOCK_FRAMES + 10) * HOP + 8192
    alone = found.onsets[:, places[0] // HOP - 3 : places[0] // HOP + 1]
    at_seam = found.onsets[:, seam // HOP + 20 - 3 : seam // HOP + 20 + 1]
    assert np.allclose(alone, at_seam, atol=0.02)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_number_of_channels(channels):
    x = np.repeat(TRACK.audio.astype(np.float32)[None], channels, axis=0)
    found = listen_rhythm(ClipSource(Clip(x, RATE)))
    assert np.allclose(found.onsets, heard(TRACK.audio).onsets, atol=0.01)


@pytest.mark.parametrize("frames", [0, 1, 441, 44_100])
def test_silence_has_no_onsets(frames):
    found = heard(np.zeros(frames))
    assert found.peak == 0.0
    assert not found.onsets.any()
    assert found.duration_s == frames / RATE


def test_opposite_channels_are_not_silence():
    x = TRACK.audio.astype(np.float32)
    found = listen_rhythm(ClipSource(Clip(np.stack([x, -x]), RATE)))
    assert found.onsets.max() > 1.0


def test_it_reports_and_can_be_stopped():
    class Stop(Exception):
        pass

    shares = []
    listen_rhythm(ClipSource(Clip(TRACK.audio.astype(np.float32)[None], RATE)), shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0

    def stop(share):
        if share > 0.1:
            raise Stop

    with pytest.raises(Stop):
        listen_rhythm(ClipSource(Clip(TRACK.audio.astype(np.float32)[None], RATE)), stop)
