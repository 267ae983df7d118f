"""How loud roles are heard against CORE: from events alone, measured on stems."""

from dataclasses import replace

import pytest

from services.beats.balance import BALANCE_MAX_DB, balance, balanced, weighed
from services.beats.edit_shapes import ADDED_VELOCITY
from services.beats.render import render_mix
from services.beats.types import Beat
from services.beats.voices import ROLE_LU
from tests.beat_material import event, full_beat, grid
from tests.groove_figures import balance_lu
from tests.groove_material import drums, everyday, made, taken

AIMS = {"ACCENT": (-1.0, 1.5), "FILL": (-3.0, 1.5), "MOTION": (-9.0, 2.5), "TEXTURE": (-18.0, 2.6)}


@pytest.mark.parametrize("style", ["house", "trap", "funk", "lofi", "waltz", "samba"])
@pytest.mark.parametrize("kit", [drums, everyday])
def test_every_role_is_heard_where_it_belongs(style, kit):
    """Narrower than the promise (±2 and ±3 LU), so that there is room for other sounds."""
    beat = made(kit(), style)
    levels = balance_lu(taken(beat, kit()))
    assert set(levels) >= {"ACCENT", "MOTION"}
    for role, level in levels.items():
        aim, off = AIMS[role]
        assert level == pytest.approx(aim, abs=off), role


def test_it_follows_from_events_alone():
    beat, _ = full_beat()
    again = balance(tuple(reversed(beat.events)), beat.grid, -2.0)
    assert again == balance(beat.events, beat.grid, -2.0)


@pytest.mark.parametrize("role", ["CORE", "ACCENT", "MOTION", "FILL"])
def test_a_role_that_an_edit_brings_in_is_heard_where_it_belongs(role):
    empty = balance((), grid(60.0), -2.0)
    added = balance([event("s", 0, 0, role, "tom", velocity=ADDED_VELOCITY)], grid(60.0), -2.0)
    assert empty[role] == pytest.approx(added[role], abs=0.01)
    assert empty["CORE"] - empty["TEXTURE"] == pytest.approx(-ROLE_LU["TEXTURE"])


def test_one_hit_of_full_velocity_needs_the_target_alone():
    events = [event("s", 0, 4 * i, role, "tom") for i, role in enumerate(("CORE", "ACCENT", "MOTION", "FILL"))]
    found = balance(events, grid(60.0), -2.0)
    assert {role: found[role] for role in ("CORE", "ACCENT", "MOTION", "FILL")} == {
        role: ROLE_LU[role] for role in ("CORE", "ACCENT", "MOTION", "FILL")
    }


def test_soft_lines_are_lifted_and_crowds_lowered():
    loud = balance([event("s", 0, s, "CORE") for s in (0, 8)], grid(60.0), -2.0)["CORE"]
    soft = balance([event("s", 0, s, "CORE", velocity=0.7) for s in (0, 8)], grid(60.0), -2.0)["CORE"]
    crowd = balance([event("s", 0, s, "CORE") for s in range(16)], grid(300.0), -2.0)["CORE"]
    assert soft - loud == pytest.approx(6.2, abs=0.05)
    assert crowd - loud < -6.0


def test_ghosts_are_not_asked_unless_there_is_nothing_else():
    back = [event("s", 0, s, "ACCENT", "snare", velocity=0.9) for s in (4, 12)]
    ghosts = [event("s", 0, s, "ACCENT", "snare", velocity=0.2, articulation="ghost") for s in (1, 3, 7, 9, 11, 15)]
    plain, dressed = (balance(events, grid(60.0), -2.0)["ACCENT"] for events in (back, [*back, *ghosts]))
    assert dressed == pytest.approx(plain, abs=0.1)
    assert balance(ghosts, grid(60.0), -2.0)["ACCENT"] == BALANCE_MAX_DB


def test_muted_events_count_for_nothing():
    loud = event("s", 0, 0, "CORE")
    found = balance([loud, event("s", 0, 4, "CORE", velocity=0.1, muted=True)], grid(60.0), -2.0)
    assert found["CORE"] == 0.0


def test_a_stored_balance_stays_and_an_edit_is_heard():
    beat, clips = full_beat(2)
    beat = replace(beat, mix=balanced(beat))
    softer = replace(beat, events=tuple(replace(e, velocity=0.63) if e.role == "CORE" else e for e in beat.events))
    assert weighed(softer) is softer
    before, after = (abs(render_mix(b, clips).stems["CORE"].samples).max() for b in (beat, softer))
    assert after / before == pytest.approx((0.63 / 0.9) ** 2, rel=0.15)


def test_beats_without_a_balance_get_one_when_they_are_played():
    beat, clips = full_beat(2)
    stored = replace(beat, mix=balanced(beat))
    assert (render_mix(beat, clips).mix.samples == render_mix(stored, clips).mix.samples).all()


def test_only_the_roles_that_are_named_are_set():
    beat, _ = full_beat(2)
    mix = {"target_lufs": -16.0, "roles": {"CORE": {"gain_db": 2.0, "balance_db": 9.0}}}
    found = balanced(replace(beat, mix=mix), ["MOTION"])
    assert found["target_lufs"] == -16.0
    assert found["roles"]["CORE"] == {"gain_db": 2.0, "balance_db": 9.0}
    assert set(found["roles"]["MOTION"]) == {"balance_db"}
    assert mix["roles"] == {"CORE": {"gain_db": 2.0, "balance_db": 9.0}}
    assert isinstance(weighed(Beat(beat.grid, (), {})).mix["roles"]["FILL"]["balance_db"], float)
