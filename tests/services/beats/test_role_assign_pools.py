"""Promises about pools, over any set of sounds."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.beats.role_assign import REQUIRED, Candidate, Judgement, assign_pools
from services.beats.types import ROLES, Role


def candidate(place: int, shares: tuple[float, ...], locked: Role | None = None) -> Candidate:
    total = sum(shares)
    roles = {role: v / total for role, v in zip(ROLES, shares, strict=True)}
    best = max(ROLES, key=lambda r: roles[r])
    heard = Judgement(best, roles, "perc", {"perc": 1.0}, roles[best], {})
    return Candidate(f"{place:016x}", f"sound {place}", heard, locked)


def sure(place: int, role: Role, second: Role | None = None, locked: Role | None = None) -> Candidate:
    shares = tuple(0.7 if r == role else 0.2 if r == second else 0.1 / 3 for r in ROLES)
    return candidate(place, shares, locked)


share = st.tuples(*[st.floats(0.001, 1.0) for _ in ROLES])
lock = st.one_of(st.none(), st.none(), st.sampled_from(ROLES))
sounds = st.lists(st.tuples(share, lock), min_size=1, max_size=12).map(
    lambda rows: [candidate(i, s, locked) for i, (s, locked) in enumerate(rows)]
)
free_sounds = st.lists(share, min_size=3, max_size=12).map(lambda rows: [candidate(i, s) for i, s in enumerate(rows)])


@settings(max_examples=150, deadline=None)
@given(sounds)
def test_every_sound_has_a_place_and_locks_win(group: list[Candidate]) -> None:
    plan = assign_pools(group)
    assert tuple(plan.pools) == ROLES
    assert set(plan.pool_role) == set(plan.reason) == {c.sample_id for c in group}
    for c in group:
        assert c.sample_id in plan.pools[plan.pool_role[c.sample_id]]
        holding = [role for role in ROLES if c.sample_id in plan.pools[role]]
        if c.locked:
            assert holding == [c.locked]
            assert plan.pool_role[c.sample_id] == c.locked
        if len(group) >= 3:
            assert len(holding) == 1
    for ids in plan.pools.values():
        assert list(ids) == sorted(set(ids))


@settings(max_examples=150, deadline=None)
@given(free_sounds)
def test_three_free_sounds_always_make_pulse_backbeat_and_motion(group: list[Candidate]) -> None:
    plan = assign_pools(group)
    assert all(plan.pools[role] for role in REQUIRED)
    assert plan.warnings == ()


@settings(max_examples=100, deadline=None)
@given(sounds, st.randoms(use_true_random=False))
def test_the_order_of_upload_does_not_matter(group: list[Candidate], chance) -> None:
    mixed = list(group)
    chance.shuffle(mixed)
    assert assign_pools(group) == assign_pools(mixed)


@settings(max_examples=60, deadline=None)
@given(st.lists(share, min_size=3, max_size=4).map(lambda rows: [candidate(i, s) for i, s in enumerate(rows)]))
def test_promotions_lose_as_little_as_possible(group: list[Candidate]) -> None:
    plan = assign_pools(group)

    def loss(c: Candidate, role: Role) -> float:
        return float(np.log(c.judgement.roles[c.judgement.role] / c.judgement.roles[role]))

    spent = sum(loss(c, plan.pool_role[c.sample_id]) for c in group)
    best = min(sum(loss(c, r) for c, r in zip(three, REQUIRED, strict=True)) for three in permutations(group, 3))
    assert spent == pytest.approx(best, abs=1e-5)


def test_roles_that_cover_everything_are_left_alone() -> None:
    group = [sure(i, role) for i, role in enumerate(ROLES)]
    plan = assign_pools(group)
    assert all(plan.pool_role[c.sample_id] == c.judgement.role for c in group)
    assert not any("promoted" in reason for reason in plan.reason.values())


def test_a_promotion_says_where_from_and_keeps_the_judgement() -> None:
    group = [sure(0, "TEXTURE", "CORE"), sure(1, "TEXTURE"), sure(2, "ACCENT"), sure(3, "MOTION")]
    plan = assign_pools(group)
    assert plan.pool_role[group[0].sample_id] == "CORE"
    assert plan.reason[group[0].sample_id].startswith("promoted from TEXTURE: ")
    assert group[0].judgement.role == "TEXTURE"
    assert plan.pools["TEXTURE"] == (group[1].sample_id,)


def test_the_best_pulse_is_promoted_and_not_the_least_certain_sound() -> None:
    boom = candidate(0, (0.20, 0.04, 0.01, 0.70, 0.05))
    mush = candidate(1, (0.06, 0.21, 0.21, 0.28, 0.24))
    rest = [sure(2, "ACCENT"), sure(3, "MOTION"), sure(4, "TEXTURE"), sure(5, "FILL")]
    assert assign_pools([boom, mush, *rest]).pools["CORE"] == (boom.sample_id,)


def test_the_only_sound_of_a_needed_role_is_not_taken_from_it() -> None:
    group = [sure(0, "CORE", "ACCENT"), sure(1, "MOTION"), sure(2, "MOTION")]
    plan = assign_pools(group)
    assert plan.pools["CORE"] == (group[0].sample_id,)
    assert {len(plan.pools[role]) for role in REQUIRED} == {1}


def test_locks_that_leave_no_core_are_obeyed_and_said() -> None:
    group = [sure(i, "CORE", locked="MOTION") for i in range(3)]
    plan = assign_pools(group)
    assert plan.pools["MOTION"] == tuple(c.sample_id for c in group)
    assert plan.pools["CORE"] == ()
    assert [w.split(":")[0] for w in plan.warnings] == ["No sound is left for CORE", "No sound is left for ACCENT"]
    assert plan.reason[group[0].sample_id] == "locked to MOTION"


def test_five_uncertain_sounds_fill_all_five_pools() -> None:
    rng = np.random.default_rng(5)
    group = [candidate(i, tuple(0.1 + rng.random(5) * 0.2 + np.array([0, 0, 0, 0.2, 0]))) for i in range(5)]
    assert all(assign_pools(group).pools.values())


def test_a_kit_of_certain_drums_is_not_bent_into_a_texture() -> None:
    drums = [
        tuple(0.985 if r == role else 0.00375 for r in ROLES)
        for role in ("CORE", "CORE", "ACCENT", "ACCENT", "MOTION", "FILL")
    ]
    plan = assign_pools([candidate(i, s) for i, s in enumerate(drums)])
    assert plan.pools["TEXTURE"] == ()
    assert not any("promoted" in reason for reason in plan.reason.values())


def test_a_lone_sound_plays_pulse_backbeat_and_itself() -> None:
    only = sure(0, "MOTION")
    plan = assign_pools([only])
    assert plan.pool_role == {only.sample_id: "CORE"}
    assert [role for role in ROLES if plan.pools[role]] == ["CORE", "ACCENT", "MOTION"]


def test_two_sounds_play_pulse_and_backbeat_and_themselves() -> None:
    kick, hat = sure(0, "CORE", "ACCENT"), sure(1, "MOTION")
    plan = assign_pools([kick, hat])
    assert plan.pools["CORE"] == (kick.sample_id,)
    assert plan.pools["ACCENT"] == plan.pools["MOTION"] == (hat.sample_id,)


def test_a_lone_locked_sound_stays_where_it_is() -> None:
    plan = assign_pools([sure(0, "CORE", locked="TEXTURE")])
    assert [role for role in ROLES if plan.pools[role]] == ["TEXTURE"]
    assert len(plan.warnings) == 1


def test_no_sounds_make_empty_pools() -> None:
    plan = assign_pools([])
    assert not any(plan.pools.values())
    assert plan.warnings == ()
