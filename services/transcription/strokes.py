"""Hits with names: what a user may correct, and what stays the same whatever tempo is read into a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.transcription.types import Hit

MS = 1000.0


@dataclass(frozen=True, slots=True)
class Stroke:
    """A hit under its id. `corrected`: a person has said what it is."""

    id: str
    hit: Hit
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person says of one hit: which instrument it is (None: as heard), or that it is none."""

    instrument: str | None = None
    deleted: bool = False


def named(hits: Sequence[Hit]) -> tuple[Stroke, ...]:
    """Hits under ids of the millisecond at which they begin, the instrument heard and their ordinal there.

    The same hits get the same ids in every process: `t1500-snare-0` is the first snare at 1.5 s. None for none.
    """
    seen: dict[tuple[int, str], int] = {}
    found = []
    for hit in hits:
        place = (round(hit.time_s * MS), hit.instrument)
        ordinal = seen.get(place, 0)
        seen[place] = ordinal + 1
        found.append(Stroke(f"t{place[0]}-{hit.instrument}-{ordinal}", hit))
    return tuple(found)


def corrected(strokes: Sequence[Stroke], corrections: Mapping[str, Correction]) -> tuple[Stroke, ...]:
    """Strokes as a person corrected them, by their ids; those that were deleted are left out.

    A corrected stroke is certain (confidence 1), has no alternatives, and keeps its id, time (seconds) and velocity.
    Corrections of ids that name no stroke change nothing.
    """
    kept = []
    for stroke in strokes:
        said = corrections.get(stroke.id)
        if said is None:
            kept.append(stroke)
        elif not said.deleted:
            kept.append(Stroke(stroke.id, _said(stroke.hit, said.instrument), corrected=True))
    return tuple(kept)


def _said(hit: Hit, instrument: str | None) -> Hit:
    variant = hit.variant if instrument in (None, hit.instrument) else None
    return replace(hit, instrument=instrument or hit.instrument, variant=variant, confidence=1.0, alternatives=())
