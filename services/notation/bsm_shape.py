"""What a `.bsm` map of version 2 must look like: deploy/bsm.schema.json as values, and what is wrong with a document.

The two say the same (a test holds them together); this one names the field and says why in words. Unknown keys pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.beats.grid import OFFSET_MAX_MS, SWING_MAX, SWING_MIN, SWING_UNITS
from services.beats.types import BPM_MAX, BPM_MIN, METERS, ROLES, TICKS_PER_STEP
from services.notation.bounds import NOTES_READ_MAX, NUMBER_MAX
from services.notation.bsm import COMPONENTS, FORMAT
from services.notation.difficulty import DIFFICULTY_MAX, LEVELS

ARTICULATIONS = ("ghost", "accent", "flam", "roll", "open", "choke")
STEP_MAX = max(METERS.values()) - 1


@dataclass(frozen=True, slots=True)
class Number:
    """A number; `above` is left out of its range, `whole` allows no fraction."""

    low: float = -NUMBER_MAX
    high: float = NUMBER_MAX
    above: float | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A text, not empty where `filled`; `pattern`: all of it."""

    filled: bool = False
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of some values."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """A list."""

    item: Shape
    least: int = 0
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Object:
    """An object with these keys, and perhaps others: `optional` ones, and any of the shape `others`."""

    keys: Mapping[str, Shape]
    optional: frozenset[str] = field(default_factory=frozenset)
    others: Shape | None = None


Shape = Number | Text | OneOf | Rows | Object
COUNT = Number(0, whole=True)
BPM = Number(BPM_MIN, BPM_MAX)
PLACE = Object({
    "bar": COUNT, "step": Number(0, STEP_MAX, whole=True), "tick": Number(0, TICKS_PER_STEP - 1, whole=True),
    "offsetMs": Number(-OFFSET_MAX_MS, OFFSET_MAX_MS),
})  # fmt: skip
HIT = Object({
    "id": Text(filled=True), "time": Number(), "component": OneOf(tuple(COMPONENTS.values())),
    "velocity": Number(0, 1), "confidence": Number(0, 1), "level": Number(0, len(LEVELS) - 1, whole=True),
    "role": OneOf(ROLES), "articulation": OneOf((*ARTICULATIONS, None)), "duration": Number(above=0), "place": PLACE,
})  # fmt: skip
TIMING = Object({
    "bpm": BPM, "timeSignature": OneOf(tuple(METERS)), "offset": Number(), "duration": Number(above=0),
    "bars": Number(1, whole=True), "pickupSteps": Number(0, STEP_MAX, whole=True),
    "swing": Number(SWING_MIN, SWING_MAX), "swingUnit": OneOf(SWING_UNITS),
    "tempoMap": Rows(Object({"bar": COUNT, "time": Number(), "bpm": BPM}), least=1),
})  # fmt: skip
METADATA = Object(
    {
        "title": Text(), "artist": Text(), "creator": Text(), "beatmapId": Text(), "generator": Text(),
        "difficulty": Number(0, DIFFICULTY_MAX),
    },
    frozenset({"generator"}),
)  # fmt: skip
MAP = Object({
    "format": OneOf((FORMAT,)), "version": Text(pattern=r"2\.[0-9]+\.[0-9]+"), "metadata": METADATA, "timing": TIMING,
    "drumKit": Object({"components": Rows(Text(), distinct=True)}),
    "sections": Rows(Object({"name": Text(), "firstBar": COUNT, "bars": Number(1, whole=True)})),
    "difficulties": Object(dict.fromkeys(LEVELS, COUNT), others=COUNT), "hitObjects": Rows(HIT),
})  # fmt: skip


def faults(value: Any, shape: Shape = MAP, path: str = "") -> Iterator[tuple[str, str]]:
    """(field, what is wrong) of a JSON value, in the order of the shape; the whole value is the field ""."""
    match shape:
        case Number():
            message = _number_fault(value, shape)
        case Text():
            message = _text_fault(value, shape)
        case OneOf():
            good = any(type(value) is type(one) and value == one for one in shape.values) or (
                isinstance(value, float) and value in shape.values
            )
            shown = ", ".join("null" if one is None else str(one) for one in shape.values)
            message = None if good else f"is one of {shown}" if len(shape.values) > 1 else f"is {shown}"
        case Rows():
            yield from _row_faults(value, shape, path)
            return
        case Object():
            yield from _key_faults(value, shape, path)
            return
    if message:
        yield path, message


def _number_fault(value: Any, shape: Number) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= NUMBER_MAX:
        return "is a whole number" if shape.whole else "is a number"
    if shape.whole and value != int(value):
        return "is a whole number"
    if shape.above is not None:
        return None if value > shape.above else f"is above {shape.above:g}"
    if shape.low <= value <= shape.high:
        return None
    return f"is {shape.low:g} to {shape.high:g}" if shape.high < NUMBER_MAX else f"is {shape.low:g} or more"


def _text_fault(value: Any, shape: Text) -> str | None:
    if not isinstance(value, str):
        return "is a text"
    if shape.filled and not value:
        return "is empty"
    if shape.pattern is not None and not re.fullmatch(shape.pattern, value):
        return "is a version such as 2.0.0"
    return None


def _row_faults(value: Any, shape: Rows, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, list):
        yield path, "is a list"
        return
    if len(value) < shape.least:
        yield path, f"has at least {shape.least} entry"
    if len(value) > NOTES_READ_MAX:
        yield path, f"has more than {NOTES_READ_MAX} entries"
        return
    if shape.distinct and len({str(one) for one in value}) < len(value):
        yield path, "holds an entry twice"
    for i, one in enumerate(value):
        yield from faults(one, shape.item, f"{path}[{i}]")


def _key_faults(value: Any, shape: Object, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        yield path, "is an object"
        return
    dot = f"{path}." if path else ""
    for name, inner in shape.keys.items():
        if name in value:
            yield from faults(value[name], inner, f"{dot}{name}")
        elif name not in shape.optional:
            yield f"{dot}{name}", "is missing"
    if shape.others is not None:
        for name in value:
            if name not in shape.keys:
                yield from faults(value[name], shape.others, f"{dot}{name}")
