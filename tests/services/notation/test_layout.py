"""How beats are laid out: values that fill their bars, beams, rests, tuplets, and human timing written plainly."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from services.beats.types import Beat, Event, Grid
from services.notation.drumset import FEET, HANDS
from services.notation.layout import bars_of
from tests.services.notation.random_beats import beats


def written(*places: tuple[int, int], meter: str = "4/4", instrument: str = "hat_closed") -> list[tuple[object, ...]]:
    """The signs of one bar with strokes at (step, tick): kind, dots, whether it is a rest, beams, lateness."""
    events = [Event(f"e{i}", 0, s, "MOTION", instrument, 0.8, t, pitch=42) for i, (s, t) in enumerate(places)]
    (bar,) = bars_of(Beat(Grid(((0, 100.0),), meter, 1), tuple(events), {}))
    (signs,) = bar.voices.values()
    return [(s.value.kind, s.value.dots, not s.heads, s.beams, *[h.late_ticks for h in s.heads]) for s in signs]


@settings(max_examples=500, deadline=None)
@given(beats())
def test_every_voice_of_every_bar_is_full(beat: Beat) -> None:
    for bar in bars_of(beat):
        for signs in bar.voices.values():
            at = 0
            for sign in signs:
                assert sign.at == at
                at += sign.value.ticks
            assert at == bar.ticks


@settings(max_examples=300, deadline=None)
@given(beats())
def test_no_stroke_is_lost_and_each_lies_where_it_was(beat: Beat) -> None:
    found = {
        h.event.id: (bar.number, s.at + h.late_ticks)
        for bar in bars_of(beat) for signs in bar.voices.values() for s in signs for h in s.heads
    }  # fmt: skip
    assert found == {e.id: (e.bar, e.step * 240 + e.tick) for e in beat.events if not e.muted}


@pytest.mark.parametrize("off", [-10, 0, 10])
def test_a_little_early_or_late_is_written_plainly(off: int) -> None:
    eighths = [(s * 240 + off * (s > 0)) for s in range(0, 16, 2)]
    signs = written(*[divmod(t, 240) for t in eighths])
    assert [row[0] for row in signs] == ["eighth"] * 8
    assert [row[4] for row in signs] == [0] + [off] * 7


def test_beams_join_beats_and_hooks_point_to_their_partner() -> None:
    signs = written((0, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (9, 0))
    assert [row[:2] for row in signs[:2]] == [("eighth", 1), ("16th", 0)]
    assert [row[3] for row in signs[:6]] == [
        ("begin",), ("end", "backward hook"), ("begin", "begin"), ("continue", "continue"), ("continue", "continue"),
        ("end", "end"),
    ]  # fmt: skip


def test_silent_beats_are_joined_where_the_meter_allows_it() -> None:
    assert [row[0] for row in written((0, 0)) if row[2]] == ["quarter", "half"]
    assert [row[0] for row in written((8, 0)) if row[2]] == ["half", "quarter"]
    assert [row[0] for row in written((0, 0), meter="3/4") if row[2]] == ["quarter", "quarter"]


def test_triplets_are_tuplets() -> None:
    signs = written((0, 0), (1, 80), (2, 160))
    assert [row[0] for row in signs[:3]] == ["eighth"] * 3
    (bar,) = bars_of(Beat(Grid(((0, 100.0),), "4/4", 1), (Event("a", 0, 1, "FILL", "tom", 0.5, 80, pitch=47),), {}))
    rest, note = bar.voices[HANDS][:2]
    assert [(s.value.kind, s.value.tuplet, s.edge) for s in (rest, note)] == [
        ("eighth", (3, 2), "start"), ("quarter", (3, 2), "stop"),
    ]  # fmt: skip


def test_feet_have_a_voice_of_their_own() -> None:
    kick = Event("k", 0, 0, "CORE", "kick", 0.9, pitch=36)
    (bar,) = bars_of(Beat(Grid(((0, 100.0),), "4/4", 1), (kick,), {}))
    assert set(bar.voices) == {FEET}


def kinds(beat: Beat, bar: int = 0) -> list[tuple[object, ...]]:
    """Of the hands in a bar: kind, dots, tuplet, edge, and whether it is a rest."""
    return [(s.value.kind, s.value.dots, s.value.tuplet, s.edge, not s.heads) for s in bars_of(beat)[bar].voices[HANDS]]


def hats(*places: tuple[int, int], bar: int = 0) -> tuple[Event, ...]:
    return tuple(Event(f"e{i}", bar, s, "MOTION", "hat_closed", 0.8, t, pitch=42) for i, (s, t) in enumerate(places))


def test_a_dotted_beat_holds_triplets() -> None:
    """6/8: an eighth, then sixteenth triplets over the last two eighths; no 64ths."""
    triplets = [divmod(480 + 160 * i, 240) for i in range(6)]
    found = kinds(Beat(Grid(((0, 90.0),), "6/8", 1), hats((0, 0), *triplets), {}))
    assert found[:7] == [
        ("eighth", 0, None, None, False),
        *[("16th", 0, (3, 2), edge, False) for edge in ("start", None, "stop") * 2],
    ]
    assert found[7:] == [("quarter", 1, None, None, True)]


def test_an_upbeat_inside_a_beat_holds_triplets() -> None:
    """An eighth as upbeat with the last two notes of a triplet of sixteenths."""
    grid = Grid(((0, 90.0),), "4/4", 2, pickup_steps=2)
    assert kinds(Beat(grid, hats((0, 160), (1, 80)), {})) == [
        ("16th", 0, (3, 2), "start", True), ("16th", 0, (3, 2), None, False), ("16th", 0, (3, 2), "stop", False),
    ]  # fmt: skip


def test_an_upbeat_of_one_sixteenth_holds_triplets_of_32nds() -> None:
    grid = Grid(((0, 90.0),), "3/4", 2, pickup_steps=1)
    assert [row[:3] for row in kinds(Beat(grid, hats((0, 0), (0, 80), (0, 160)), {}))] == [("32nd", 0, (3, 2))] * 3


def test_a_beat_of_two_kinds_has_both() -> None:
    """Two sixteenths, then a triplet of sixteenths in one quarter."""
    triplet = [divmod(480 + 160 * i, 240) for i in range(3)]
    found = kinds(Beat(Grid(((0, 90.0),), "2/4", 1), hats((0, 0), (1, 0), *triplet), {}))
    assert [row[:3] for row in found[:5]] == [("16th", 0, None)] * 2 + [("16th", 0, (3, 2))] * 3


def test_silence_before_a_triplet_is_one_rest() -> None:
    triplet = [divmod(960 + 160 * i, 240) for i in range(3)]
    found = kinds(Beat(Grid(((0, 90.0),), "12/8", 1), hats(*triplet), {}))
    assert found[0] == ("quarter", 0, None, None, True)
    assert [row[:3] for row in found[1:4]] == [("16th", 0, (3, 2))] * 3
