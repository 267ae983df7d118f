"""Names of hits, and what a person says of them."""

from __future__ import annotations

from services.transcription.strokes import Correction, corrected, named
from services.transcription.types import Alternative, Hit

HITS = (
    Hit(0.5, "snare", "ghost", 0.2, 0.4, (Alternative("rim", 0.3),)),
    Hit(0.5, "kick", None, 0.9, 0.9),
    Hit(0.50001, "snare", None, 0.9, 0.9),
    Hit(1.25, "tom", "low", 0.7, 0.6),
)


def test_ids_say_when_and_what_and_differ() -> None:
    assert [s.id for s in named(HITS)] == ["t500-snare-0", "t500-kick-0", "t500-snare-1", "t1250-tom-0"]
    assert named(HITS) == named(HITS)
    assert named(()) == ()


def test_another_instrument_is_certain_and_keeps_id_time_and_velocity() -> None:
    ghost = corrected(named(HITS), {"t500-snare-0": Correction("clap")})[0]
    assert (ghost.id, ghost.corrected) == ("t500-snare-0", True)
    assert ghost.hit == Hit(0.5, "clap", None, 0.2, 1.0)


def test_the_same_instrument_again_keeps_its_variant() -> None:
    assert corrected(named(HITS), {"t1250-tom-0": Correction("tom")})[3].hit == Hit(1.25, "tom", "low", 0.7, 1.0)


def test_deleted_strokes_are_gone_and_unknown_ids_change_nothing() -> None:
    kept = corrected(named(HITS), {"t500-kick-0": Correction(deleted=True), "t9-kick-0": Correction("tom")})
    assert [s.id for s in kept] == ["t500-snare-0", "t500-snare-1", "t1250-tom-0"]
    assert not any(s.corrected for s in kept)
