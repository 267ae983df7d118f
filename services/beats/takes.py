"""What another take of a beat may change, and the request that it comes to. Pure rules, nothing is composed here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from services.beats.request import BeatRequest
from services.beats.styles import STYLES, find_style
from services.beats.types import Beat, Grid
from services.errors import FieldError, Invalid
from services.grooves.types import Groove

# They move every event, so they bound nothing.
GRID_FIELDS = ("bpm", "meter", "swing", "swing_unit", "groove", "groove_amount", "bars_total")
UNSAID = {"shape": 0.0, "tune": False}  # of a beat that was made before sounds were dressed
SOUND_FIELDS = ("shape", "tune", "arrange")  # of all sounds, of all bars: they change what a bound would keep
LAYOUT_FIELDS = ("arrange", "seed", "bars_total", "takes")  # what a new layout of the same material can heed
TAKES_MAX = 8  # of one request: as many as anybody compares
BOUNDS = ("roles", "bars", "keep")  # each leaves a part of the beat as it is


@dataclass(frozen=True, slots=True)
class Change:
    """A regenerate: from which stage, which fields change (`roles`, `bars`, `keep` bound it), and earlier warnings.

    `groove`: the template that the field of this name means.
    """

    from_stage: str
    fields: dict[str, Any]
    warnings: tuple[str, ...] = ()
    groove: Groove | None = None


def bounded(fields: Mapping[str, Any]) -> bool:
    """Whether a part of the beat stays as it is: a list that names nothing bounds nothing."""
    return any(fields.get(name) for name in BOUNDS)


def check_change(from_stage: str, fields: Mapping[str, Any]) -> None:
    """Raise Invalid, naming each field, for fields that this change could only ignore.

    Fields of the grid, of all sounds or of the sections beside `roles`, `bars` or `keep`: what stays is in them as it
    is. From `arrange` on all but `arrange`, `seed`, `bars_total` and `takes`: the material stays. Any field from
    `render` on: that stage makes the files anew and composes nothing.
    """
    if from_stage == "render":
        _refuse(sorted(fields), "changes what is played, and from_stage=render makes only the files anew")
    if from_stage == "arrange":
        other = [name for name in sorted(fields) if name not in LAYOUT_FIELDS]
        _refuse(other, "changes the material, and from_stage=arrange only lays it out anew: use from_stage=beat")
    if bounded(fields):
        held = ", ".join(name for name in BOUNDS if fields.get(name))
        whole = [name for name in (*GRID_FIELDS, *SOUND_FIELDS) if name in fields]
        _refuse(whole, f"changes the whole beat, and {held} keeps a part")


def _refuse(names: Collection[str], message: str) -> None:
    if names:
        errors = tuple(FieldError(name, message) for name in names)
        raise Invalid(f"{errors[0].field} {message}.", errors=errors)


def asked(before: Beat, change: Change) -> BeatRequest:
    """The request of another take: the beat's own as edits have left it, with the changed fields.

    A tempo or swing set by hand is not undone, unless a groove is sent, or an amount of the one it has: a groove brings
    its own swing. A new style brings its own swing where the old one's was played, and its own meter where it is not
    played in the present one. Raises Invalid(style) where a part of the beat stays in a meter that the new style lacks.
    """
    fields = {name: value for name, value in change.fields.items() if name not in BOUNDS}
    if "bars_total" in fields:
        fields["bars"] = fields.pop("bars_total")
    fields |= _layout(before, change)
    played = {**UNSAID, **before.meta["parameters"], **_played(before)}
    style = fields.get("style", played["style"])
    if style not in (played["style"], "auto"):
        played |= _of_style(before, style, bounded(change.fields))
    if "groove" in fields or ("groove_amount" in fields and before.meta.get("groove") is not None):
        played |= {"swing": None, "swing_unit": None}
    return BeatRequest.from_params(played).changed(fields)


def _layout(before: Beat, change: Change) -> dict[str, Any]:
    """The seeds of another take: a new one of its layout alone, or of all of it; what stays has its layout."""
    if change.from_stage == "arrange":
        own = int(before.meta["parameters"].get("seed", 0))
        laid = int(change.fields.get("seed", layout_seed(before)))
        return {"arrange": change.fields.get("arrange", True), "seed": own, "arrange_seed": laid}
    if bounded(change.fields) or "seed" not in change.fields:
        return {"arrange_seed": layout_seed(before)}
    return {"arrange_seed": None}


def layout_seed(beat: Beat) -> int:
    """The seed of a beat's layout: its own, unless it was laid out anew."""
    asked = beat.meta.get("parameters", {})
    laid = asked.get("arrange_seed")
    return int(asked.get("seed", 0)) if laid is None else int(laid)


def _played(before: Beat) -> dict[str, Any]:
    return {
        "bpm": before.grid.bpm,
        "bars": before.grid.bars,
        "meter": before.grid.meter,
        "swing": before.grid.swing,
        "swing_unit": before.grid.swing_unit,
        "style": before.meta["style"] if before.meta["style"] in STYLES else "auto",
    }


def _of_style(before: Beat, name: str, part: bool) -> dict[str, Any]:
    """What a new style decides anew: None for its own."""
    style, grid = find_style(name), before.grid
    found: dict[str, Any] = {}
    if grid.meter not in style.meters:
        if part:
            message = f"is played in {' or '.join(style.meters)}, and what stays of this beat is in {grid.meter}"
            raise Invalid(f"{style.title} {message}.", errors=(FieldError("style", message),))
        found["meter"] = None
    old = STYLES.get(str(before.meta["style"]))
    if not part and old is not None and (grid.swing, grid.swing_unit) == (old.swing, old.swing_unit):
        found |= {"swing": None, "swing_unit": None}
    return found


def tempo_kept(before: Grid, after: Grid, fields: Mapping[str, Any]) -> Grid:
    """The new grid with the old one's tempo changes, those that still lie in it, unless `bpm` was among the fields."""
    if "bpm" in fields:
        return after
    kept = tuple((bar, bpm) for bar, bpm in before.tempo_map if bar < after.bars)
    return Grid(kept, after.meter, after.bars, after.swing, after.swing_unit, after.pickup_steps)
