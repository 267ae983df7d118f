"""A template on the events of a beat: by amount, step by step, each event by itself."""

from __future__ import annotations

import pytest

from services.beats.beat_gen import ComposeRequest, compose
from services.beats.types import Event
from services.errors import Invalid
from services.grooves.types import Groove
from tests.composing import FULL, sounds

PUSHED = Groove(
    "4/4", 0.5, 16,
    {"CORE": {0: -6.0, 10: 9.0}, "ACCENT": {4: 22.0, 12: 18.0}, "MOTION": {s: 4.0 + s for s in range(16)}},
    {"CORE": {0: 0.95, 10: 0.7}, "ACCENT": {4: 0.9, 12: 0.8}, "MOTION": {s: 0.4 + 0.02 * s for s in range(16)}},
)  # fmt: skip


def played(groove: Groove | None, amount: float = 1.0, **fields: object) -> dict[str, Event]:
    request = ComposeRequest(
        **{"bpm": 90, "style": "boombap", "bars": 4, "seed": 3, "sounds": sounds(**FULL), **fields},
        groove=groove,
        groove_amount=amount,
    )
    return {e.id: e for e in compose(request).events}


def test_at_full_amount_a_hit_has_the_templates_numbers() -> None:
    beat = played(PUSHED)
    seen = set()
    for e in beat.values():
        if e.role in PUSHED.offset_ms and e.step in PUSHED.offset_ms[e.role]:
            assert e.offset_ms == pytest.approx(PUSHED.offset_ms[e.role][e.step])
            if not e.tick:
                assert e.velocity == pytest.approx(PUSHED.velocity[e.role][e.step])
            seen.add(e.role)
    assert seen == {"CORE", "ACCENT", "MOTION"}


def test_half_the_amount_lies_half_way_and_none_changes_nothing() -> None:
    own, half, full = played(None, swing=0.5), played(PUSHED, 0.5, swing=0.5), played(PUSHED, 1.0, swing=0.5)
    assert played(PUSHED, 0.0, swing=0.5) == own
    for one, e in half.items():
        assert e.offset_ms == pytest.approx((own[one].offset_ms + full[one].offset_ms) / 2, abs=0.002)
        assert e.velocity == pytest.approx((own[one].velocity + full[one].velocity) / 2, abs=0.002)


def test_steps_that_the_template_lacks_and_beds_keep_their_own_feel() -> None:
    own, moved = played(None, swing=0.5), played(PUSHED, swing=0.5)
    apart = [one for one, e in own.items() if e.role == "TEXTURE" or (e.role == "CORE" and e.step not in {0, 10})]
    assert {own[one].role for one in apart} == {"TEXTURE", "CORE"}
    assert all(own[one] == moved[one] for one in apart)


def test_a_role_that_the_template_lacks_is_late_as_its_nearest_and_as_loud_as_before() -> None:
    hats_only = Groove("4/4", 0.5, 16, {"MOTION": dict.fromkeys(range(16), 7.0)}, {"MOTION": {0: 0.3}})
    own, moved = played(None, swing=0.5), played(hats_only, swing=0.5)
    for one, e in moved.items():
        if e.role in {"CORE", "ACCENT", "FILL"}:
            assert (e.offset_ms, e.velocity) == (7.0, own[one].velocity)


def test_swing_comes_with_the_template_unless_asked_for() -> None:
    swung = Groove("4/4", 0.62, 16)

    def grid_swing(**fields: object) -> float:
        return compose(ComposeRequest(bpm=90, style="boombap", sounds=sounds(**FULL), **fields)).grid.swing

    assert grid_swing(groove=swung) == 0.62
    assert grid_swing(groove=swung, swing=0.55) == 0.55


def test_density_stays_nested_under_a_template() -> None:
    sparse, dense = played(PUSHED, density=0.2), played(PUSHED, density=0.9)
    assert len(sparse) < len(dense)
    assert all(dense[one] == e for one, e in sparse.items())


def test_a_ghost_that_the_template_lifts_is_a_ghost_no_more() -> None:
    own = played(None, density=1.0, swing=0.5)
    ghosts = {e.step for e in own.values() if e.articulation == "ghost"}
    lifting = Groove("4/4", 0.5, 16, {}, {"ACCENT": dict.fromkeys(ghosts, 0.7)})
    lifted = [e for e in played(lifting, density=1.0, swing=0.5).values() if own[e.id].articulation == "ghost"]
    assert ghosts
    assert {(e.velocity, e.articulation) for e in lifted if e.role == "ACCENT"} == {(0.7, None)}


def test_another_meter_is_read_beat_by_beat_unless_its_beats_differ() -> None:
    waltz = played(PUSHED, style="waltz", bpm=120)
    assert {e.offset_ms for e in waltz.values() if e.role == "CORE" and e.step == 0} == {-6.0}
    with pytest.raises(Invalid) as refused:
        played(PUSHED, style="auto", meter="6/8", bpm=120)
    assert refused.value.errors[0].field == "groove"


def test_a_template_says_the_meter_where_style_and_meter_are_left_open() -> None:
    for meter in ("4/4", "6/8", "7/8"):
        asked = ComposeRequest(bpm=120, sounds=sounds(**FULL), groove=Groove(meter, 0.5, 16))
        assert compose(asked).grid.meter == meter
