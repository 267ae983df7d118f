"""Another take of a part: what changes, what stays to the byte, what is refused."""

from dataclasses import replace

import pytest

from services import canonical
from services.beats.beat_gen import ComposeRequest, compose, recompose
from services.beats.cast import SOUNDS_MAX
from services.beats.document import check_beat, to_doc
from services.beats.edit import apply
from services.errors import Invalid
from tests.composing import FULL, boombap, made, many, sounds

KIT = sounds(**FULL)
ASK = ComposeRequest(bpm=90, bars=4, style="boombap", seed=7, sounds=KIT)


def rows(events):
    return [canonical.dumps(to_doc(e)) for e in events]


def test_only_the_asked_role_changes():
    beat = boombap()
    again = recompose(beat, ASK, frozenset({"MOTION"}))
    for role in ("CORE", "ACCENT", "FILL", "TEXTURE"):
        assert rows(e for e in again.events if e.role == role) == rows(e for e in beat.events if e.role == role)
    assert rows(e for e in again.events if e.role == "MOTION") != rows(e for e in beat.events if e.role == "MOTION")


def test_the_role_is_what_the_seed_would_have_given():
    fresh = compose(ASK)
    again = recompose(boombap(), ASK, frozenset({"MOTION"}))
    assert [e for e in again.events if e.role == "MOTION"] == [e for e in fresh.events if e.role == "MOTION"]


def test_only_the_asked_bars_change():
    beat = boombap(bars=8)
    again = recompose(beat, replace(ASK, bars=8), None, (2, 3))
    assert rows(e for e in again.events if e.bar not in {2, 3}) == rows(e for e in beat.events if e.bar not in {2, 3})
    assert rows(again.events) != rows(beat.events)


def test_kept_events_stay_and_nothing_doubles_them():
    beat = boombap()
    kept = frozenset(e.id for e in beat.events if e.role == "MOTION" and e.bar == 0)
    again = recompose(beat, ASK, frozenset({"MOTION"}), None, kept)
    by_id = {e.id: e for e in again.events}
    assert all(by_id[e.id] == e for e in beat.events if e.id in kept)
    places = [(e.bar, e.step, e.tick, e.sample_id) for e in again.events]
    assert len(set(places)) == len(places)


def test_a_moved_event_keeps_its_id_and_the_new_one_gets_another():
    beat = boombap()
    first = next(e for e in beat.events if e.role == "CORE" and (e.bar, e.step) == (0, 0))
    moved = apply(beat, [{"op": "move", "id": first.id, "bar": 3, "step": 15}])
    again = recompose(moved, ASK, frozenset({"CORE"}), None, frozenset({first.id}))
    check_beat(replace(moved, events=again.events))
    by_id = {e.id: e for e in again.events}
    assert (by_id[first.id].bar, by_id[first.id].step) == (3, 15)
    assert any(e.role == "CORE" and (e.bar, e.step) == (0, 0) and e.id != first.id for e in again.events)


def test_the_grid_and_the_edits_of_the_rest_stay():
    beat = apply(boombap(), [{"op": "bpm", "bpm": 77}, {"op": "swing", "swing": 0.66}])
    again = recompose(beat, ASK, frozenset({"CORE"}))
    assert again.grid == beat.grid
    assert again.sections == beat.sections


def test_auto_means_the_beats_own_style():
    again = recompose(boombap(), replace(ASK, style="auto"), frozenset({"CORE"}))
    assert again.style == "boombap"


def test_all_of_it_is_a_new_beat_in_the_requests_grid():
    again = recompose(boombap(), replace(ASK, bars=8, bpm=94))
    assert again == compose(replace(ASK, bars=8, bpm=94))


def test_benched_is_told_of_the_whole_kit():
    kit = many(30)
    beat = replace(boombap(), events=(), kit={s.sample_id: k for s, k in zip(kit, _samples(kit), strict=True)})
    again = recompose(beat, replace(ASK, sounds=kit), frozenset({"CORE"}))
    playing = {e.sample_id for e in again.events}
    assert set(again.benched) == {s.sample_id for s in kit} - playing


def _samples(kit):
    from tests.composing import sample

    return [sample(s) for s in kit]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((ASK, None, None, frozenset({"nowhere"})), "keep"),
        ((ASK, None, (0, 4)), "bars"),
        ((ASK, None, (2, 1)), "bars"),
        ((ASK, None, (-1, 1)), "bars"),
        ((replace(ASK, sounds=many(50)), frozenset({"CORE"})), "samples"),
        ((replace(ASK, style="nothing"), frozenset({"CORE"})), "style"),
        ((replace(ASK, style="waltz"), frozenset({"CORE"})), "meter"),
    ],
)
def test_what_cannot_be_made_again_is_refused(arguments, named):
    with pytest.raises(Invalid) as error:
        recompose(boombap(), *arguments)
    assert [e.field for e in error.value.errors] == [named]


@pytest.mark.parametrize("style", ["house", "trap", "boombap"])
def test_kept_events_count_among_the_sounds_of_their_bar(style):
    request = ComposeRequest(bpm=100, bars=8, style=style, sounds=sounds(CORE=3, ACCENT=4, MOTION=6), density=1.0)
    beat = made(request)
    for seed in range(1, 6):
        kept = frozenset(e.id for e in beat.events[:: seed + 1])
        after = recompose(beat, replace(request, seed=seed), keep=kept)
        assert {e for e in beat.events if e.id in kept} <= set(after.events)
        for bar in range(8):
            for role, most in SOUNDS_MAX.items():
                assert len({e.sample_id for e in after.events if (e.bar, e.role) == (bar, role)}) <= most
