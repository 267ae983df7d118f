"""The slices benchmark counts right, and its material begins where its labels say."""

import json

import numpy as np
import pytest
import soundfile

from services.beats.preprocess import Slice
from tests.bench.ears import slices_material, slices_sounds, slices_table


def at(onset_s: float, duplicate_of: int | None = None) -> Slice:
    return Slice(
        start_s=onset_s, end_s=onset_s + 0.1, onset_s=onset_s, attack_s=onset_s, peak_db=-6.0, loudness_db=0.0,
        quality=1.0, snr_db=30.0, clipped=False, rank=0, duplicate_of=duplicate_of, embedding=(),
    )  # fmt: skip


def row(*hits: tuple[float, int]) -> dict[str, object]:
    return {"set": "repeats", "bed": "room", "snr_db": 20.0, "hits": [list(hit) for hit in hits]}


def test_onsets_match_once_each_within_20_ms():
    assert slices_table.matched([1.0, 2.0, 3.0], [1.019, 1.99, 3.021]) == [(0, 0), (1, 1)]
    assert slices_table.matched([1.0], [0.99, 1.01]) == [(0, 0)]
    assert slices_table.matched([1.0, 1.03], [1.015]) == [(0, 0)]
    assert slices_table.matched([], [1.0]) == []


def test_pairs_are_counted_by_who_is_heard():
    hits = row((1.0, 7), (2.0, 7), (3.0, 8), (4.0, 8), (5.0, 7))
    perfect = slices_table.scored("a", hits, [at(1.0), at(2.0, 0), at(3.0), at(4.0, 2), at(5.0, 0)])
    assert (perfect.wanted, perfect.found, len(perfect.errors_s)) == (5, 5, 5)
    assert (perfect.pairs_wanted, perfect.pairs_found, perfect.pairs_right) == (3, 3, 3)
    # one hit missed, one invented that is taken for a repeat, one repeat taken for another sound's
    wrong = slices_table.scored("b", hits, [at(1.001), at(1.5, 0), at(2.0), at(3.0, 0), at(4.0)])
    assert (wrong.wanted, wrong.found, len(wrong.errors_s)) == (5, 5, 4)
    assert (wrong.pairs_wanted, wrong.pairs_found, wrong.pairs_right) == (2, 2, 0)
    assert wrong.errors_s[0] == pytest.approx(0.001)


def test_the_table_gives_shares_over_all_recordings():
    one = slices_table.scored("a", row((1.0, 0), (2.0, 0)) | {"set": "everyday"}, [at(1.0), at(2.0)])
    other = slices_table.scored("b", row((1.0, 0), (2.0, 0)) | {"set": "everyday"}, [at(1.0), at(1.5)])
    text = slices_table.tables([one, other])
    assert "| all, 20 dB | 4 | 0.750 [0.500, 1.000] | 0.750 [0.500, 1.000] |" in text
    assert slices_table.tables([slices_table.scored("c", row((1.0, 0)), [])]).count("–") > 0


def test_a_folder_is_read_by_its_labels(tmp_path):
    x = np.zeros(44_100, np.float32)
    x[22_050:22_150] = 0.5 * np.random.default_rng(0).standard_normal(100)
    soundfile.write(tmp_path / "one.wav", x, 44_100)
    (tmp_path / "labels.json").write_text(json.dumps({"one.wav": row((0.5, 0))}))
    (only,) = slices_table.recordings(tmp_path, "test")
    assert (only.wanted, only.found) == (1, 1)
    assert abs(only.errors_s[0]) < 0.002


@pytest.mark.parametrize("family", slices_sounds.MAKERS)
def test_a_made_sound_begins_at_its_first_sample_and_is_another_each_time(family):
    rng = np.random.default_rng(5)
    one, other = slices_sounds.made(rng, family), slices_sounds.made(rng, family)
    for sound in (one, other):
        assert np.abs(sound.audio).max() == pytest.approx(1)
        assert abs(sound.audio[0]) >= slices_sounds.BEGINS * 0.999
        assert sound.audio.size <= slices_sounds.LONGEST_S * 44_100
    assert not np.array_equal(one.audio[:1000], other.audio[:1000])


def test_hits_lie_at_their_labels_and_their_ratio():
    rng = np.random.default_rng(1)
    have = slices_material.Stock(0, [slices_sounds.made(rng, "perc")], [slices_sounds.made(rng, "clink")], [])
    audio, hits, families = slices_material.everyday(np.random.default_rng(2), have, "room", 20.0)
    quiet, _, _ = slices_material.everyday(np.random.default_rng(2), have, "room", -200.0)
    assert len(hits) == len(families) == slices_material.HITS
    first = round(hits[0][0] * 44_100)
    whole = np.abs(quiet[:, :first]).max() / np.abs(audio[:, :first]).max()  # it is made softer where it would clip
    struck = audio * whole - quiet
    foot = first - round(0.02 * 44_100)  # a sound may swell before it is heard
    assert np.abs(struck[:, :foot]).max() < 1e-9
    assert np.abs(struck[:, first]).max() > 1e-5
    power = np.square(quiet).sum(axis=0).mean()
    louder_db = 10 * np.log10(slices_material.loudest_power(whole * audio[:, : round(hits[1][0] * 44_100)]) / power)
    assert 17 <= louder_db <= 24
