"""Another take of a beat, or several side by side: each from its own seed, each with something else to hear."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.beats import pipeline
from services.beats.takes import BOUNDS, Change, bounded, layout_seed
from services.beats.types import Beat, Sample

SEEDS = 2**53  # every seed is below it, so that all JSON readers keep it exact; after the last comes 0
TRIES = 24  # seeds looked at beyond the takes asked for: lines with four options differ after that many for sure

NOTHING_NEW = "No other take was found: this part of the style has nothing else to play with these sounds."
FEEL_ONLY = "Some takes play the same hits with another feel: this part of the style has no more lines."
FEWER = "There are fewer takes than asked for: no others differ."


def another(before: Beat, heard: Sequence[Sample], change: Change, count: int | None = None) -> tuple[Beat, ...]:
    """`count` takes of a beat (1..8; None: one), never none, and no two of them the same.

    The first is what `pipeline.regenerate` gives for the seed of the change. Without one it is the beat's own; where
    nothing else is asked (only `roles`, `bars`, `keep` or a `count`), it is the next seed. From there the seeds are
    gone through in order. With a `count`, or where the seed was left out, a seed is passed over when it plays what the
    beat or an earlier take plays; takes that differ in feel alone come last, and a warning says that, or that there is
    nothing else. Raises Invalid as `regenerate` does.
    """
    if change.from_stage == "render" or not _searches(change, count):
        return (pipeline.regenerate(before, heard, change),)
    first, fixed = _first_seed(before, change)
    search = _Search(before, count or 1)
    for seed in _seeds(first, search.count + TRIES):
        made = pipeline.regenerate(before, heard, replace(change, fields={**change.fields, "seed": seed}))
        search.look_at(made, as_asked=fixed and seed == first)
        if len(search.found) == search.count:
            break
    return search.result()


def take_seed(beat: Beat, from_stage: str) -> int:
    """The seed that a take was made from: that of its layout when only this was made anew."""
    return layout_seed(beat) if from_stage == "arrange" else int(beat.meta.get("seed", 0))


def _searches(change: Change, count: int | None) -> bool:
    if count is not None:
        return True
    return "seed" not in change.fields and (bounded(change.fields) or change.from_stage == "arrange")


def _first_seed(before: Beat, change: Change) -> tuple[int, bool]:
    """The seed to begin with, and whether its take is what was asked for by name, so that new feel alone is enough."""
    if "seed" in change.fields:
        return int(change.fields["seed"]), True
    own = take_seed(before, change.from_stage)
    if any(name not in BOUNDS for name in change.fields):
        return own, True
    return (own + 1) % SEEDS, False


def _seeds(first: int, count: int) -> Iterator[int]:
    return ((first + n) % SEEDS for n in range(count))


def _hits(beat: Beat) -> Any:
    """What a beat plays, its feel left out."""
    events = frozenset(
        (e.bar, e.step, e.tick, e.role, e.sample_id, e.pitch, e.articulation, e.variant, e.muted) for e in beat.events
    )
    return beat.grid, beat.sections, events


def _played(beat: Beat) -> Any:
    """All that sounds of a beat's events."""
    return beat.grid, beat.sections, beat.events


@dataclass(slots=True)
class _Search:
    """The takes found so far; `spare`: those that differ in feel alone; `same`: the first that does not differ."""

    before: Beat
    count: int
    found: list[Beat] = field(default_factory=list)
    spare: list[Beat] = field(default_factory=list)
    same: Beat | None = None

    def look_at(self, made: Beat, *, as_asked: bool) -> None:
        """Put a take where it belongs."""
        others = [self.before, *self.found]
        if any(_played(made) == _played(one) for one in (*others, *self.spare)):
            self.same = self.same or made
        elif as_asked or all(_hits(made) != _hits(one) for one in others):
            self.found.append(made)
        else:
            self.spare.append(made)

    def result(self) -> tuple[Beat, ...]:
        """As many takes as were asked for, if there are, those with new hits first; the first one says what is odd."""
        takes = [*self.found, *self.spare][: self.count]
        if not takes and self.same is not None:
            return (_warned(self.same, NOTHING_NEW),)
        odd = [FEEL_ONLY] if len(takes) > len(self.found) else []
        odd += [FEWER] if len(takes) < self.count else []
        return (_warned(takes[0], *odd), *takes[1:])


def _warned(beat: Beat, *warnings: str) -> Beat:
    return replace(beat, meta={**beat.meta, "warnings": [*beat.meta["warnings"], *warnings]})
