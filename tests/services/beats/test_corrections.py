"""What a person said of one sound and how far it carries: to its copies, not to its neighbours in the kit."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import permutations

import numpy as np
import pytest
import soxr

from services.audio.clip import Clip
from services.audio.wavfile import read_wav
from services.beats.corrections import LEAST, WOBBLE, Said, because, corrected, judged
from services.beats.document import sample_from_doc, to_doc
from services.beats.kit import locked, make_kit
from services.beats.likeness import AXES
from services.beats.role_assign import judge
from services.beats.types import INSTRUMENTS, ROLES, Correction, Role, Sample
from tests.beat_material import sample
from tests.kits import kit_wavs

NAMES = tuple(sorted(kit_wavs(1)))
RATE = 44_100


@cache
def clips() -> dict[str, Clip]:
    return {name: read_wav(wav) for name, wav in kit_wavs(1).items()}


def heard(clip: Clip, sample_id: str = "new") -> Sample:
    """The sound as Stage 2 leaves it."""
    found = judge(clip)
    return replace(
        sample(sample_id, clip, found.role, found.instrument), roles=found.roles, instruments=found.instruments,
        confidence=found.confidence, features=found.features,
    )  # fmt: skip


@cache
def kit() -> dict[str, Sample]:
    return {name: heard(clip, name) for name, clip in clips().items()}


def said(of: Sample, role: Role | None = None, instrument: str | None = None, name: str = "door knock") -> Correction:
    return Correction(of.sample_id, name, role, instrument, of.features)


def another(role: Role) -> Role:
    return ROLES[(ROLES.index(role) + 2) % len(ROLES)]


def damaged(clip: Clip, how: str) -> Clip:
    x = clip.samples[0]
    noise = np.random.Generator(np.random.PCG64(5)).standard_normal(x.size + RATE // 5)
    if how == "quiet":
        x = 0.1 * x
    elif how == "up":
        x = soxr.resample(x, RATE, round(RATE / 2 ** (1 / 12)))
    elif how == "noise":  # 30 dB under the loudest 0.1 s
        x = np.pad(x, (RATE // 10, RATE // 10)) + 10**-1.5 * np.sqrt(np.mean(x[: RATE // 10] ** 2)) * noise
    elif how == "room":
        tail = noise[: RATE // 8] * np.exp(-np.arange(RATE // 8) / RATE / 0.03)
        wet = np.convolve(x, tail)
        x = np.pad(x, (0, wet.size - x.size)) + 0.1 * np.abs(x).max() / np.abs(wet).max() * wet
    return Clip(np.asarray(x, np.float32)[None], RATE)


def test_a_wobble_is_known_for_every_axis() -> None:
    assert set(WOBBLE) == {axis.name for axis in AXES}
    assert min(WOBBLE.values()) > 0


@pytest.mark.parametrize("name", NAMES)
def test_nothing_said_changes_nothing(name: str) -> None:
    one = kit()[name]
    assert corrected(one, Said.of([])) == one
    assert because(one) == ""


@pytest.mark.parametrize("name", NAMES)
def test_the_sound_itself_gets_what_was_said_of_it(name: str) -> None:
    one = kit()[name]
    role = another(one.role)
    got = corrected(one, Said.of([said(one, role, "clap")]))
    assert (got.role, got.instrument) == (role, "clap")
    assert got.roles[role] == pytest.approx(1) and got.instruments["clap"] == pytest.approx(1)
    assert got.heard == judged(one)
    assert [c.similarity for c in got.corrected_by] == [1.0]
    assert because(got).endswith("because you corrected it")


@pytest.mark.parametrize("how", ["quiet", "up", "noise", "room"])
@pytest.mark.parametrize("name", sorted(set(NAMES) - {"rain.wav"}))
def test_the_same_sound_recorded_again_follows(name: str, how: str) -> None:
    one = kit()[name]
    role = another(one.role)
    got = corrected(heard(damaged(clips()[name], how)), Said.of([said(one, role)]))
    assert got.role == role
    assert got.corrected_by[0].sample_id == one.sample_id
    assert 0.5 < got.corrected_by[0].similarity <= 1
    if got.heard is not None and got.heard.role != role:
        assert f"moved to {role} because you corrected ‘door knock’, which sounds alike (" in because(got)


def test_a_correction_leaves_the_other_sounds_of_a_kit_alone() -> None:
    for a, b in permutations(("stomp.wav", "slap.wav", "spray.wav", "rain.wav"), 2):
        got = corrected(kit()[b], Said.of([said(kit()[a], another(kit()[b].role), "crash")]))
        assert got == kit()[b], (a, b)


def test_probabilities_stay_probabilities_and_confidence_is_one_of_them() -> None:
    one = kit()["knock.wav"]
    many = [said(heard(damaged(clips()["knock.wav"], how), how), another(one.role), "rim") for how in ("up", "room")]
    got = corrected(one, Said.of(many))
    assert sum(got.roles.values()) == pytest.approx(1) and sum(got.instruments.values()) == pytest.approx(1)
    assert set(got.roles) == set(ROLES) and set(got.instruments) == set(INSTRUMENTS)
    assert got.confidence == got.roles[got.role] == max(got.roles.values())
    assert all(c.similarity >= LEAST for c in got.corrected_by)


def test_of_two_that_contradict_the_nearer_wins_and_its_own_word_wins_over_all() -> None:
    one = kit()["knock.wav"]
    near, far = heard(damaged(clips()["knock.wav"], "quiet"), "near"), heard(damaged(clips()["knock.wav"], "up"), "far")
    first, second = another(one.role), another(another(one.role))
    assert corrected(one, Said.of([said(near, first), said(far, second)])).role == first
    assert corrected(one, Said.of([said(near, second), said(far, first)])).role == second
    both = [said(near, second), said(far, second), said(one, first)]
    assert corrected(one, Said.of(both)).role == first


def test_two_that_are_equally_far_share_the_vote() -> None:
    one, far = kit()["knock.wav"], heard(damaged(clips()["knock.wav"], "up"))
    first, second = another(one.role), another(another(one.role))
    got = corrected(one, Said.of([said(replace(far, sample_id=i), r) for i, r in (("a", first), ("b", second))]))
    assert got.roles[first] > 0.2 and got.roles[second] > 0.2
    assert len(got.corrected_by) == 2


def test_of_one_sound_in_two_files_the_newest_word_counts() -> None:
    one = kit()["knock.wav"]
    copies = [heard(Clip(np.float32(gain) * clips()["knock.wav"].samples, RATE), f"at {gain}") for gain in (0.5, 0.25)]
    first, second = another(one.role), another(another(one.role))
    newest_first = [said(copies[0], first), said(copies[1], second)]
    assert corrected(one, Said.of(newest_first)).role == first
    assert corrected(one, Said.of(newest_first[::-1])).role == second


def test_the_order_of_corrections_does_not_matter() -> None:
    one = kit()["knock.wav"]
    rows = [said(heard(damaged(clips()["knock.wav"], how), how), role)
            for how, role in zip(("up", "room", "noise", "quiet"), ROLES, strict=False)]  # fmt: skip
    assert len({repr(corrected(one, Said.of(list(order)))) for order in permutations(rows)}) == 1


def test_a_corrected_sound_is_corrected_anew_from_what_was_heard() -> None:
    one = kit()["knock.wav"]
    once = corrected(one, Said.of([said(one, another(one.role))]))
    assert corrected(once, Said.of([])) == one
    assert corrected(once, Said.of([said(one, "FILL")])) == corrected(one, Said.of([said(one, "FILL")]))
    assert sample_from_doc(to_doc(once)) == once


def test_an_instrument_alone_brings_its_role() -> None:
    one = kit()["rain.wav"]
    got = corrected(one, Said.of([said(one, instrument="kick")]))
    assert (got.instrument, got.role) == ("kick", "CORE")


def test_a_role_alone_leaves_the_instrument() -> None:
    one = kit()["knock.wav"]
    got = corrected(one, Said.of([said(one, another(one.role))]))
    assert (got.instrument, got.instruments) == (one.instrument, one.instruments)


def test_silence_is_like_nothing() -> None:
    silent = replace(kit()["knock.wav"], features={})
    assert corrected(silent, Said.of([said(kit()["knock.wav"], "FILL"), said(silent, "CORE")])) == silent
    assert Said.of([said(silent, "CORE")]).corrections == ()


def test_a_lock_of_the_request_wins() -> None:
    one = replace(corrected(kit()["knock.wav"], Said.of([said(kit()["knock.wav"], "FILL")])), name="knock.wav")
    mine = locked([one], {"knock": "CORE"})[0]
    assert (mine.role, mine.locked, because(mine)) == ("CORE", True, "")
    assert corrected(replace(kit()["knock.wav"], locked=True), Said.of([said(kit()["knock.wav"], "FILL")])).role == (
        kit()["knock.wav"].role
    )


def test_a_beats_kit_says_why() -> None:
    one = kit()["slap.wav"]
    role = another(one.role)
    near = corrected(heard(damaged(clips()["slap.wav"], "up")), Said.of([said(one, role)]))
    made = make_kit([near, kit()["stomp.wav"], kit()["spray.wav"], kit()["knock.wav"]], {})
    found = next(s for s in made.samples if s.sample_id == near.sample_id)
    assert found.role == role
    assert found.reason == because(near) if found.pool_role == role else found.reason.startswith("promoted")
    assert "you corrected" in because(near)
