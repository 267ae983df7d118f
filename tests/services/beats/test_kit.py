"""The kit of a beat: each sound once, locks on any of its names, and what a new hearing keeps of the user's word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.beats.kit import Kit, distinct, make_kit, names_of, renew_kit
from services.beats.types import SAMPLES_MAX, Sample, Trim
from services.errors import Invalid
from tests.composing import judged, sounds


def heard() -> list[Sample]:
    """Five sounds, one of each role."""
    return [judged(s) for s in sounds(CORE=1, ACCENT=1, MOTION=1, FILL=1, TEXTURE=1)]


def one(kit: Kit, name: str) -> Sample:
    (found,) = [s for s in kit.samples if s.name == name]
    return found


def twice() -> list[Sample]:
    """The same bytes under two names, and the others."""
    first, *others = heard()
    return [replace(first, name="one.wav"), *others, replace(first, name="two.wav")]


def test_the_same_sound_twice_is_kept_under_its_first_name_and_said() -> None:
    kit = make_kit(twice(), {})
    assert kit.samples[0].name == "one.wav"
    assert len(kit.samples) == 5
    assert kit.warnings == ("two.wav is the same sound as one.wav and is in the kit once.",)


@pytest.mark.parametrize("name", ["one.wav", "one", "two.wav", "two"])
def test_a_lock_on_either_name_of_a_sound_counts(name: str) -> None:
    found = one(make_kit(twice(), {name: "FILL"}), "one.wav")
    assert (found.role, found.pool_role, found.locked) == ("FILL", "FILL", True)


def test_locks_on_two_names_of_a_sound_may_agree_but_not_differ() -> None:
    assert one(make_kit(twice(), {"one": "FILL", "two": "FILL"}), "one.wav").role == "FILL"
    with pytest.raises(Invalid) as caught:
        make_kit(twice(), {"one": "FILL", "two": "CORE"})
    assert [e.field for e in caught.value.errors] == ["roles.two.wav"]


def test_the_same_sound_under_the_same_name_is_no_news() -> None:
    first = heard()[0]
    assert distinct([first, first]) == Kit((first,))


def test_a_kit_holds_at_most_64_sounds() -> None:
    many = [replace(heard()[0], sample_id=str(i)) for i in range(SAMPLES_MAX + 3)]
    assert [s.sample_id for s in distinct(many).samples] == [str(i) for i in range(SAMPLES_MAX)]


def test_a_name_without_an_ending_has_one_name() -> None:
    assert (names_of("kick.wav"), names_of("kick"), names_of(".wav")) == (("kick.wav", "kick"), ("kick",), (".wav",))


def test_an_empty_name_locks_nothing() -> None:
    with pytest.raises(Invalid):
        make_kit([replace(heard()[0], name="kick")], {"": "CORE"})


def test_a_new_hearing_keeps_what_was_set_by_hand() -> None:
    before = list(make_kit(heard(), {}).samples)
    before[2] = replace(before[2], role="FILL", locked=True, gain_db=-6.0, pan=0.5, trim=Trim(0.1, 0.4))
    kit = renew_kit(before, heard(), {})
    found = one(kit, "motion0.wav")
    assert (found.role, found.pool_role, found.locked) == ("FILL", "FILL", True)
    assert (found.gain_db, found.pan, found.trim) == (-6.0, 0.5, Trim(0.1, 0.4))
    assert kit.warnings == ()


def test_a_sound_cut_anew_keeps_its_role_by_name_but_not_its_trim() -> None:
    before = [replace(s, role="FILL", locked=True, trim=Trim(0.1, 0.4), pan=1.0) for s in heard()[:1]]
    after = [replace(s, sample_id="another") if s.name == before[0].name else s for s in heard()]
    found = one(renew_kit(before, after, {}), before[0].name)
    assert (found.role, found.locked, found.trim, found.pan) == ("FILL", True, heard()[0].trim, 0.0)


def test_a_role_set_by_hand_outlives_the_lock_of_the_request() -> None:
    before = make_kit(heard(), {"motion0": "FILL"}).samples
    by_hand = [replace(s, role="TEXTURE") if s.name == "motion0.wav" else s for s in before]
    assert one(renew_kit(by_hand, heard(), {"motion0": "FILL"}), "motion0.wav").role == "TEXTURE"


def test_a_lock_whose_sound_is_gone_is_said() -> None:
    kit = renew_kit(heard(), heard()[1:], {"core0": "FILL", "fill0": "CORE"})
    assert kit.warnings == ("The lock on core0 names no sound of this beat any more.",)
    assert one(kit, "fill0.wav").role == "CORE"
