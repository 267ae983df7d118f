"""The scorer of `make bench-ears` itself: perfect answers score 1, known mistakes what a hand computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.beats.types import INSTRUMENTS
from services.transcription.types import Hit
from tests.bench.ears import score_drums, score_music, score_roles
from tests.bench.ears.labels import KEYS, Shot, Track

PATH = Path("a.wav")
TIMES = (0.5, 0.5, 1.0, 1.5, 1.5, 2.0)
DRUMS = ("kick", "hihat", "snare", "kick", "cymbal", "tom")
NINE = ("kick", "hat_closed", "rim", "kick", "ride", "tom")


def track(times=TIMES, drums=DRUMS, nine=NINE, velocity=None) -> Track:
    return Track(
        PATH, "solo", "a kit", tuple(times), tuple(drums), velocity, nine, 120.0, False, None, None, None, None
    )  # fmt: skip


def hits(times=TIMES, nine=NINE, velocity=None) -> list[Hit]:
    levels = velocity or [0.8] * len(times)
    return [Hit(t, d, None, v, 0.9) for t, d, v in zip(times, nine, levels, strict=True)]


def scored(truth: Track, heard: list[Hit]) -> score_drums.Score:
    return score_drums.score(truth, heard, 0.5, 10.0)


class TestDrums:
    def test_the_truth_itself_scores_one_everywhere(self):
        some = [scored(track(), hits())]
        for tolerance in (0, 1):
            assert score_drums.micro(some, tolerance).value == 1.0
            assert {score_drums.of_class(some, drum, tolerance).value for drum in DRUMS} == {1.0}
        assert score_drums.instruments(some).value == 1.0
        assert score_drums.loss(some).value == 0.0

    def test_thirty_milliseconds_late_is_right_at_fifty_and_wrong_at_twenty(self):
        some = [scored(track(), hits([t + 0.03 for t in TIMES]))]
        assert score_drums.micro(some, 0).value == 1.0
        assert score_drums.micro(some, 1).value == 0.0
        assert score_drums.loss(some).value == 1.0

    def test_missed_and_invented_hits_are_counted_by_hand(self):
        heard = [*hits()[:4], Hit(3.0, "kick", None, 0.5, 0.5), Hit(3.5, "snare", None, 0.5, 0.5)]
        some = [scored(track(), heard)]
        assert score_drums.micro(some, 0).value == pytest.approx(2 * 4 / (2 * 4 + 2 + 2))
        assert score_drums.precision(some, 0).value == pytest.approx(4 / 6)
        assert score_drums.recall(some, 0).value == pytest.approx(4 / 6)
        assert score_drums.of_class(some, "kick", 0).value == pytest.approx(2 * 2 / (2 * 2 + 1))
        assert score_drums.of_class(some, "tom", 0).value == 0.0

    def test_one_hit_pays_for_one_stroke_only(self):
        truth = track((1.0, 1.04), ("kick", "kick"), ("kick", "kick"))
        some = [scored(truth, [Hit(1.02, "kick", None, 0.5, 0.9)])]
        assert score_drums.micro(some, 0).value == pytest.approx(2 / 3)

    def test_a_sibling_counts_for_the_class_but_not_for_the_instrument(self):
        heard = hits(nine=("kick", "hat_open", "snare", "kick", "crash", "tom"))
        some = [scored(track(), heard)]
        assert score_drums.micro(some, 0).value == 1.0
        assert score_drums.instruments(some).value == pytest.approx(3 / 6)

    def test_the_order_of_events_and_hits_does_not_matter(self):
        back = track(TIMES[::-1], DRUMS[::-1], NINE[::-1])
        assert score_drums.micro([scored(back, hits()[::-1])], 0).value == 1.0

    def test_velocity_is_a_rank_correlation(self):
        times, levels = np.arange(10) / 2.0, np.linspace(0.1, 1.0, 10)
        truth = track(times, ["kick"] * 10, ["kick"] * 10, tuple(levels))
        squared = [scored(truth, hits(times, ["kick"] * 10, list(levels**2)))]
        backwards = [scored(truth, hits(times, ["kick"] * 10, list(levels[::-1])))]
        alike = [scored(truth, hits(times, ["kick"] * 10, [0.5] * 10))]
        for of in (score_drums.velocity, score_drums.velocity_within):
            assert of(squared, "kick").value == pytest.approx(1.0)
        assert score_drums.velocity(backwards, "kick").value == pytest.approx(-1.0)
        assert score_drums.velocity(alike, "kick").value == 0.0
        assert score_drums.velocity(squared, "snare").count == 0

    def test_two_tracks_that_are_right_within_may_be_wrong_together(self):
        """Each rises as it should, but the louder track is heard as the softer one."""
        times = np.arange(10) / 2.0
        low, high = np.linspace(0.1, 0.5, 10), np.linspace(0.6, 1.0, 10)
        some = [
            scored(track(times, ["kick"] * 10, ["kick"] * 10, tuple(truth)), hits(times, ["kick"] * 10, list(heard)))
            for truth, heard in ((low, high), (high, low))
        ]
        assert score_drums.velocity_within(some, "kick").value == pytest.approx(1.0)
        assert score_drums.velocity(some, "kick").value == pytest.approx(1 - 6 * 20 * 100 / (20 * 399))

    def test_strokes_that_are_all_alike_ask_nothing_of_a_track(self):
        times = np.arange(10) / 2.0
        some = [
            scored(
                track(times, ["kick"] * 10, ["kick"] * 10, tuple(np.linspace(0.8, 1.0, 10))), hits(times, ["kick"] * 10)
            )
        ]
        assert score_drums.velocity_within(some, "kick").count == 0

    def test_a_velocity_follows_its_own_stroke_when_labels_are_not_in_order(self):
        times, levels = np.arange(10)[::-1] / 2.0, np.linspace(0.1, 1.0, 10)
        truth = track(times, ["snare"] * 10, ["snare"] * 10, tuple(levels))
        some = [scored(truth, hits(times, ["snare"] * 10, list(levels)))]
        assert score_drums.velocity(some, "snare").value == pytest.approx(1.0)

    def test_instruments_that_are_no_drums_are_not_counted(self):
        heard = [*hits(), Hit(0.7, "shaker", None, 0.5, 0.9)]
        assert score_drums.micro([scored(track(), heard)], 0).value == 1.0

    def test_nothing_heard_in_nothing_is_no_figure_and_invented_hits_are_a_rate(self):
        assert np.isnan(score_drums.micro([scored(track((), (), ()), [])], 0).value)
        assert score_drums.invented([(0, 30.0), (3, 60.0)]).value == pytest.approx(2.0)

    def test_speed_is_seconds_per_second(self):
        assert score_drums.speed([scored(track(), hits())]).value == pytest.approx(0.05)


def answer(instrument: str, sure: float, role: str = "CORE") -> score_roles.Answer:
    rest = (1 - sure) / (len(INSTRUMENTS) - 1)
    return score_roles.Answer(instrument, dict.fromkeys(INSTRUMENTS, rest) | {instrument: sure}, role, 0.002)


def sound(truth: str, heard: str, sure: float = 1.0, role: str = "CORE") -> score_roles.Score:
    return score_roles.Score(Shot(PATH, truth, "a kit"), answer(heard, sure, role))


class TestRoles:
    def test_perfect_answers(self):
        some = [sound("kick", "kick"), sound("snare", "snare", role="ACCENT"), sound("ride", "ride", role="MOTION")]
        assert score_roles.accuracy(some).value == 1.0
        assert score_roles.macro_f1(some).value == 1.0
        assert score_roles.ece(some).value == 0.0
        assert score_roles.role_accuracy(some).value == 1.0
        assert score_roles.role_accuracy(some).count == 2, "the role of a ride is open"
        assert score_roles.speed_ms(some).value == pytest.approx(2.0)

    def test_macro_f1_by_hand(self):
        some = [sound("kick", "kick"), sound("kick", "kick"), sound("kick", "tom"), sound("tom", "tom")]
        assert score_roles.accuracy(some).value == pytest.approx(3 / 4)
        assert score_roles.macro_f1(some).value == pytest.approx((4 / 5 + 2 / 3) / 2)
        assert score_roles.confusions(some) == [("kick", "tom", 1)]
        recall, precision = score_roles.of_class(some, "tom")
        assert (recall.value, precision.value) == (1.0, 0.5)

    def test_an_answer_that_nobody_asked_for_lowers_no_class_of_its_own(self):
        assert score_roles.macro_f1([sound("kick", "kick"), sound("kick", "clap")]).value == pytest.approx(2 / 3)

    def test_calibration_by_hand(self):
        """Four at .9 of which two are right, and one at .3 that is right: (|3.6 - 2| + |.3 - 1|) / 5."""
        some = [sound("kick", "kick", 0.9)] * 2 + [sound("kick", "tom", 0.9)] * 2 + [sound("kick", "kick", 0.3)]
        assert score_roles.ece(some).value == pytest.approx((1.6 + 0.7) / 5)

    def test_a_wrong_role_counts(self):
        assert (
            score_roles.role_accuracy([sound("kick", "kick", role="FILL"), sound("tom", "tom", role="FILL")]).value
            == 0.5
        )


class TestMusic:
    @pytest.mark.parametrize(
        ("heard", "half_time", "one", "two"),
        [
            (120.0, False, True, True),
            (124.0, False, True, True),
            (126.0, False, False, False),
            (60.0, False, False, True),
            (60.0, True, True, True),
            (240.0, True, False, True),
            (360.0, False, False, True),
            (40.0, False, False, True),
            (180.0, False, False, False),
            (None, False, False, False),
        ],
    )
    def test_tempo(self, heard, half_time, one, two):
        assert score_music.tempo(120.0, half_time, heard) == score_music.Tempo(one, two)

    def test_beats(self):
        truth = [0.5 * i for i in range(20)]
        assert score_music.beat_f(truth, truth) == 1.0
        assert score_music.beat_f(truth, [t + 0.06 for t in truth]) == 1.0
        assert score_music.beat_f(truth, [t + 0.08 for t in truth]) == 0.0
        assert score_music.beat_f(truth, truth[::2]) == pytest.approx(2 * 10 / 30)
        assert score_music.beat_f(truth, []) == 0.0
        assert score_music.beat_f([], []) == 1.0

    @pytest.mark.parametrize(
        ("truth", "heard", "points"),
        [
            ("C major", "C major", 1.0),
            ("C major", "G major", 0.5),
            ("C major", "F major", 0.5),
            ("C major", "A minor", 0.3),
            ("A minor", "C major", 0.3),
            ("C major", "C minor", 0.2),
            ("C major", "D major", 0.0),
            ("C major", "E minor", 0.0),
            ("A minor", "E minor", 0.5),
            ("C major", None, 0.0),
        ],
    )
    def test_keys(self, truth, heard, points):
        assert score_music.key_points(truth, heard) == points

    @pytest.mark.parametrize("key", KEYS)
    def test_every_key_is_worth_the_same_from_every_side(self, key):
        worth = sorted(score_music.key_points(key, other) for other in KEYS)
        assert worth == [0.0] * 19 + [0.2, 0.3, 0.5, 0.5, 1.0]

    def test_boundaries(self):
        truth = [(0.0, 10.0, "A"), (10.0, 20.0, "B"), (20.0, 30.0, "A")]
        assert score_music.boundary_f(truth, truth, 0.5) == 1.0
        moved = [(0.0, 11.0, "A"), (11.0, 20.2, "B"), (20.2, 30.0, "C")]
        assert score_music.boundary_f(truth, moved, 0.5) == 0.5
        assert score_music.boundary_f(truth, moved, 3.0) == 1.0
        assert score_music.boundary_f(truth, [(0.0, 30.0, "A")], 3.0) == 0.0
        assert score_music.boundary_f([(0.0, 30.0, "A")], [(0.0, 30.0, "A")], 3.0) == 1.0
