"""Another take: what it may change, what it leaves, and what it refuses rather than ignores."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from services.beats import pipeline
from services.beats.document import check_beat
from services.beats.edit import apply
from services.beats.request import BeatRequest
from services.beats.styles import STYLES
from services.beats.types import Beat, Sample
from services.errors import Invalid
from services.grooves.types import Groove
from tests.composing import judged, sounds


def heard() -> list[Sample]:
    return [judged(s) for s in sounds(CORE=2, ACCENT=2, MOTION=2, FILL=1, TEXTURE=1)]


@cache
def made(style: str = "boombap", bars: int = 4) -> Beat:
    return pipeline.make_beat(BeatRequest(96, bars=bars, style=style, seed=11), heard(), pipeline.Inputs())


def take(before: Beat, stage: str = "beat", **fields: Any) -> Beat:
    after = pipeline.regenerate(before, heard(), pipeline.Change(stage, fields))
    check_beat(after)
    return after


SLOWED = apply(made(), [{"op": "bpm", "bpm": 140, "bar": 2}])


@pytest.mark.parametrize("stage", ["beat", "roles", "preprocess"])
def test_tempo_changes_outlive_another_take(stage: str) -> None:
    after = take(SLOWED, stage, seed=7)
    assert after.grid.tempo_map == ((0, 96.0), (2, 140.0))
    assert after.events != SLOWED.events


def test_a_sent_bpm_is_the_tempo_of_the_whole_beat() -> None:
    assert take(SLOWED, bpm=120.0).grid.tempo_map == ((0, 120.0),)


def test_a_shorter_beat_loses_the_tempo_changes_past_its_end() -> None:
    assert take(SLOWED, bars_total=2).grid.tempo_map == ((0, 96.0),)
    assert take(SLOWED, bars_total=3).grid.tempo_map == ((0, 96.0), (2, 140.0))


GRID = [("bpm", 120.0), ("meter", "4/4"), ("swing", 0.6), ("swing_unit", 8), ("bars_total", 2)]


@pytest.mark.parametrize(("name", "value"), GRID)
@pytest.mark.parametrize("bound", [{"roles": ["MOTION"]}, {"bars": [0, 1]}, {"keep": [made().events[0].id]}])
def test_a_part_cannot_change_the_grid(name: str, value: Any, bound: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        take(made(), **{name: value}, **bound)
    assert [e.field for e in caught.value.errors] == [name]
    assert caught.value.message.startswith(name)


def test_every_field_that_would_be_ignored_is_named() -> None:
    with pytest.raises(Invalid) as caught:
        take(made(), roles=["MOTION"], **dict(GRID))
    assert {e.field for e in caught.value.errors} == {name for name, _ in GRID}


def test_keeping_nothing_bounds_nothing() -> None:
    assert take(made(), keep=[], bpm=120.0).grid.bpm == 120.0


FIELDS = [*GRID, ("style", "house"), ("humanize", 0.1), ("density", 0.3), ("seed", 3), ("roles", ["CORE"]),
          ("bars", [0, 0]), ("keep", [])]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), FIELDS)
def test_making_the_files_anew_takes_no_field(name: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        take(made(), "render", **{name: value})
    assert [e.field for e in caught.value.errors] == [name]


def test_making_the_files_anew_plays_the_same() -> None:
    after = take(made(), "render")
    assert (after.grid, after.events, after.kit) == (made().grid, made().events, made().kit)


def test_a_new_style_brings_its_meter_and_swing() -> None:
    after = take(made(), style="waltz")
    assert (after.grid.meter, after.grid.swing, after.grid.swing_unit) == ("3/4", 0.6, 8)
    assert after.meta["style"] == "waltz"
    again = take(after, seed=12)
    assert (again.grid.meter, again.meta["style"]) == ("3/4", "waltz")


def test_a_new_style_of_the_same_meter_keeps_it() -> None:
    waltz = take(made(), style="waltz")
    assert take(waltz, style="jazz_waltz").grid.meter == "3/4"
    assert take(made(), style="house").grid.swing == STYLES["house"].swing


def test_a_swing_set_by_hand_outlives_a_new_style() -> None:
    swung = apply(made(), [{"op": "swing", "swing": 0.7}])
    assert take(swung, style="house").grid.swing == 0.7


def test_a_part_cannot_take_a_style_of_another_meter() -> None:
    with pytest.raises(Invalid) as caught:
        take(made(), style="waltz", roles=["MOTION"])
    assert [e.field for e in caught.value.errors] == ["style"]


def test_auto_stays_in_the_meter() -> None:
    assert take(take(made(), style="waltz"), style="auto").grid.meter == "3/4"


@pytest.mark.parametrize("stage", ["beat", "roles", "preprocess"])
def test_a_role_set_by_hand_outlives_another_take(stage: str) -> None:
    before = apply(
        made(),
        [
            {"op": "role", "sample_id": "motion0", "role": "FILL"},
            {"op": "gain", "sample_id": "motion1", "gain_db": -3},
            {"op": "pan", "sample_id": "motion1", "pan": 0.25},
            {"op": "trim", "sample_id": "motion1", "start_s": 0.1},
        ],
    )
    after = take(before, stage, seed=5)
    assert (after.kit["motion0"].pool_role, after.kit["motion0"].locked) == ("FILL", True)
    assert {e.role for e in after.events if e.sample_id == "motion0"} <= {"FILL"}
    one = after.kit["motion1"]
    assert (one.gain_db, one.pan, one.trim) == (-3.0, 0.25, before.kit["motion1"].trim)


@pytest.mark.parametrize("stage", ["beat", "roles", "preprocess"])
def test_a_lock_on_a_sound_sent_twice_outlives_another_take(stage: str) -> None:
    both = [*heard(), replace(heard()[0], name="again.wav")]
    request = BeatRequest(96, bars=1, style="boombap", roles={"again": "FILL"})
    before = pipeline.make_beat(request, both, pipeline.Inputs())
    after = pipeline.regenerate(before, both, pipeline.Change(stage, {"seed": 2}))
    assert after.kit["core0"].pool_role == "FILL"
    assert not any("lock on" in w for w in after.meta["warnings"])


def test_kept_events_keep_their_sounds_when_these_are_not_heard_again() -> None:
    gone = next(e.sample_id for e in made().events if e.role == "CORE")
    anew = [s for s in heard() if s.sample_id != gone]
    after = pipeline.regenerate(made(), anew, pipeline.Change("preprocess", {"seed": 2, "roles": ["MOTION"]}))
    check_beat(after)
    assert gone in after.kit
    assert [e for e in after.events if e.role == "CORE"] == [e for e in made().events if e.role == "CORE"]


def test_swing_set_by_hand_outlives_an_amount_without_a_groove() -> None:
    by_hand = apply(made(), [{"op": "swing", "swing": 0.65, "swing_unit": 8}])
    after = take(by_hand, groove_amount=0.5)
    assert (after.grid.swing, after.grid.swing_unit) == (0.65, 8)
    grooved = pipeline.make_beat(
        BeatRequest(96, style="boombap", seed=11, groove="g"), heard(), pipeline.Inputs(groove=Groove("4/4", 0.7, 16))
    )
    assert grooved.grid.swing == 0.7
    own = STYLES["boombap"].swing
    assert take(grooved, groove_amount=0.5).grid.swing == pytest.approx((own + 0.7) / 2)
    assert take(grooved, groove=None).grid.swing == own
