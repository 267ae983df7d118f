"""Several takes side by side: the next seeds that play something else, and honesty when there is nothing else."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from services.beats import pipeline
from services.beats.document import beat_to_doc, check_beat
from services.beats.edit import apply
from services.beats.request import BeatRequest
from services.beats.retakes import FEEL_ONLY, FEWER, NOTHING_NEW, SEEDS, another, take_seed
from services.beats.styles import STYLES
from services.beats.types import Beat, Sample
from services.errors import Invalid
from tests.composing import judged, sounds

NEW_LINES = 0.9  # of all styles and seeds: the next seed gives another hat line
SEEDS_EACH = 10


@cache
def heard() -> tuple[Sample, ...]:
    return tuple(judged(s) for s in sounds(CORE=2, ACCENT=2, MOTION=2, FILL=1, TEXTURE=1))


@cache
def made(style: str = "boombap", **fields: Any) -> Beat:
    low, high = STYLES[style].bpm_range
    request = BeatRequest((low + high) / 2, style=style, seed=11, **fields)
    return pipeline.make_beat(request, heard(), pipeline.Inputs())


def takes(before: Beat, count: int | None = None, stage: str = "beat", **fields: Any) -> tuple[Beat, ...]:
    found = another(before, heard(), pipeline.Change(stage, fields), count)
    for beat in found:
        check_beat(beat)
    return found


def line(beat: Beat, role: str) -> list[Any]:
    return [(e.bar, e.step, e.tick, e.sample_id, e.articulation) for e in beat.events if e.role == role]


def rest(beat: Beat, role: str) -> dict[str, Any]:
    """All of a beat but a role: its events, its sounds and its strip of the mix."""
    doc = beat_to_doc(beat)
    mix = dict(doc["mix"])
    mix["roles"] = {r: strip for r, strip in mix["roles"].items() if r != role}
    playing = {e["sample_id"] for e in doc["events"] if e["role"] != role}
    return {
        "grid": doc["grid"],
        "sections": doc["sections"],
        "events": [e for e in doc["events"] if e["role"] != role],
        "kit": [s for s in doc["kit"] if s["sample_id"] in playing],
        "mix": mix,
    }


def test_a_press_of_the_button_gives_another_hat_line_in_every_style() -> None:
    new = [style for style in STYLES if line(takes(made(style), roles=["MOTION"])[0], "MOTION") != line(made(style), "MOTION")]  # noqa: E501  # fmt: skip
    assert len(new) >= NEW_LINES * len(STYLES), f"the same line in {sorted(set(STYLES) - set(new))}"


@pytest.mark.parametrize("style", sorted(STYLES))
def test_the_rest_stays_to_the_byte(style: str) -> None:
    (after,) = takes(made(style), roles=["MOTION"])
    assert rest(after, "MOTION") == rest(made(style), "MOTION")


def test_the_next_press_goes_on() -> None:
    beat, lines = made(), [line(made(), "MOTION")]
    seeds = [take_seed(beat, "beat")]
    for _ in range(3):
        (beat,) = takes(beat, roles=["MOTION"])
        lines.append(line(beat, "MOTION"))
        seeds.append(take_seed(beat, "beat"))
    assert seeds == sorted(set(seeds))
    assert all(a != b for a, b in pairwise(lines))


def test_takes_differ_from_the_beat_and_from_each_other() -> None:
    four = takes(made(), 4)
    assert len(four) == 4
    hits = [frozenset((e.bar, e.step, e.tick, e.role, e.sample_id) for e in b.events) for b in (made(), *four)]
    assert len(set(hits)) == 5
    seeds = [take_seed(b, "beat") for b in four]
    assert seeds == sorted(seeds)
    assert seeds[0] > 11


def test_the_first_take_is_what_one_take_gives() -> None:
    one = pipeline.regenerate(made(), heard(), pipeline.Change("beat", {"seed": 40, "roles": ["MOTION"]}))
    assert takes(made(), 3, seed=40, roles=["MOTION"])[0].events == one.events
    assert takes(made(), seed=40, roles=["MOTION"])[0] == one


def test_the_same_takes_every_time() -> None:
    assert takes(made(), 3, seed=7) == takes(made(), 3, seed=7)


def test_a_field_alone_changes_only_what_it_says() -> None:
    (after,) = takes(made(), roles=["MOTION"], density=1.0)
    assert take_seed(after, "beat") == 11
    assert set(line(made(), "MOTION")) <= set(line(after, "MOTION"))


def test_a_seed_that_plays_the_beat_again_is_passed_over() -> None:
    (after,) = takes(made(), 1, seed=11)
    assert take_seed(after, "beat") > 11
    assert after.events != made().events


def test_without_takes_a_sent_seed_is_taken_at_its_word() -> None:
    assert takes(made(), seed=11)[0].events == made().events


def test_after_the_last_seed_comes_the_first() -> None:
    last = replace(made(), meta={**made().meta, "seed": SEEDS - 1})
    (after,) = takes(last, roles=["MOTION"])
    assert 0 <= take_seed(after, "beat") < SEEDS - 1


def test_no_other_take_is_said() -> None:
    bare = tuple(s for s in heard() if s.pool_role == "CORE")
    beat = pipeline.make_beat(BeatRequest(96, bars=1, style="boombap", humanize=0.0), bare, pipeline.Inputs())
    found = another(beat, bare, pipeline.Change("beat", {"roles": ["FILL"]}), 4)
    assert len(found) == 1
    assert NOTHING_NEW in found[0].meta["warnings"]
    assert found[0].events == beat.events


def test_takes_that_differ_in_feel_alone_are_said() -> None:
    only = tuple(s for s in heard() if s.sample_id == "core0")
    beat = pipeline.make_beat(BeatRequest(124, bars=1, style="house", density=0.0), only, pipeline.Inputs())
    found = another(beat, only, pipeline.Change("beat", {"roles": ["CORE"]}), 8)
    lines = {tuple(line(b, "CORE")) for b in found}
    assert len({b.events for b in found}) == len(found)
    warned = {FEEL_ONLY, FEWER} & set(found[0].meta["warnings"])
    assert (len(lines - {tuple(line(beat, "CORE"))}) == 8) or warned


def test_a_new_layout_keeps_the_material() -> None:
    beat = made(bars=8, arrange=True)
    (after,) = takes(beat, stage="arrange", seed=99)
    asked = after.meta["parameters"]
    assert (after.meta["seed"], asked["arrange"], asked["arrange_seed"]) == (11, True, 99)
    assert take_seed(after, "arrange") == 99
    (hats,) = takes(after, roles=["MOTION"])
    assert hats.meta["parameters"]["arrange_seed"] == 99
    assert hats.sections == after.sections
    (anew,) = takes(after, seed=5)
    assert anew.meta["parameters"]["arrange_seed"] is None


def test_a_layout_takes_a_new_length() -> None:
    (after,) = takes(made(), stage="arrange", bars_total=16)
    assert (after.grid.bars, after.meta["parameters"]["arrange"]) == (16, True)
    (flat,) = takes(after, stage="arrange", arrange=False)
    assert flat.meta["parameters"]["arrange"] is False


@pytest.mark.parametrize(("name", "value"), [("bpm", 100.0), ("density", 0.2), ("roles", ["CORE"]), ("style", "house")])
def test_a_layout_heeds_nothing_of_the_material(name: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        takes(made(), stage="arrange", **{name: value})
    assert name in [e.field for e in caught.value.errors]


@pytest.mark.parametrize(("name", "value"), [("shape", 0.1), ("tune", False), ("arrange", True)])
def test_what_all_sounds_share_cannot_change_in_a_part(name: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        takes(made(), roles=["MOTION"], **{name: value})
    assert [e.field for e in caught.value.errors] == [name]


def test_what_is_kept_stays_in_every_take() -> None:
    keep = [e.id for e in made().events if e.role == "ACCENT"][:2]
    for beat in takes(made(), 3, keep=keep):
        assert {e for e in made().events if e.id in keep} <= set(beat.events)
    with pytest.raises(Invalid) as caught:
        takes(made(), 3, keep=["nobody"])
    assert [e.field for e in caught.value.errors] == ["keep"]


def test_an_edited_line_is_not_undone_by_another_take() -> None:
    first = next(e for e in made().events if e.role == "MOTION")
    edited = apply(made(), [{"op": "delete", "id": first.id}])
    (after,) = takes(edited, roles=["MOTION"])
    assert line(after, "MOTION") not in (line(edited, "MOTION"), line(made(), "MOTION"))


def test_the_next_seed_alone_gives_another_hat_line_nine_times_in_ten() -> None:
    """Without passing over any seed: what a client gets that counts seeds up itself."""
    new = total = 0
    for style in STYLES:
        lines = [line(made(style), "MOTION")]
        for seed in range(12, 12 + SEEDS_EACH):
            after = pipeline.regenerate(
                made(style), heard(), pipeline.Change("beat", {"roles": ["MOTION"], "seed": seed})
            )
            lines.append(line(after, "MOTION"))
        new += sum(a != b for a, b in pairwise(lines))
        total += SEEDS_EACH
    assert new >= NEW_LINES * total


@pytest.mark.parametrize("style", ["boombap", "house", "waltz"])
def test_the_rest_of_an_arranged_beat_stays_to_the_byte(style: str) -> None:
    beat = made(style, bars=16, arrange=True)
    for after in takes(beat, 3, roles=["MOTION"]):
        assert rest(after, "MOTION") == rest(beat, "MOTION")


def test_layouts_of_the_same_material_differ() -> None:
    beat = made(bars=32, arrange=True)
    found = takes(beat, 3, stage="arrange")
    warned = {FEEL_ONLY, FEWER, NOTHING_NEW} & set(found[0].meta["warnings"])
    assert len(found) == 3 or warned
    assert len({(b.sections, b.events) for b in (beat, *found)}) == len(found) + (NOTHING_NEW not in warned)
    assert {b.meta["seed"] for b in found} == {11}


def test_an_old_beat_has_no_seed_of_its_layout() -> None:
    asked = {
        k: v for k, v in made().meta["parameters"].items() if k not in ("arrange", "arrange_seed", "shape", "tune")
    }
    old = replace(made(), meta={**made().meta, "parameters": asked})
    (after,) = takes(old, roles=["MOTION"])
    assert (after.meta["parameters"]["shape"], after.meta["parameters"]["arrange_seed"]) == (0.0, 11)
