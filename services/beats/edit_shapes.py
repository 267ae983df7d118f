"""The JSON shape of every edit operation, as data: the validator and the OpenAPI document read the same table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from services.beats.grid import OFFSET_MAX_MS, SWING_MAX, SWING_MIN
from services.beats.types import (
    BARS_HELD_MAX,
    BARS_MAX,
    BPM_MAX,
    BPM_MIN,
    INSTRUMENTS,
    METERS,
    ROLES,
    TICKS_PER_STEP,
    Articulation,
)
from services.errors import FieldError, Invalid

OPS_MAX = 2000  # operations in one request
EVENTS_MAX = 20_000  # of a beat: 64 bars of 24 steps with every step taken a dozen times, or a song of five minutes
ADDED_VELOCITY = 0.8  # of an event added without one
GAIN_MIN_DB, GAIN_MAX_DB = -60.0, 24.0  # silence for every purpose, and more than any sound needs
TEXT_MAX = 200  # characters of an id
NAME_MAX = 40  # characters of a section's name: what a page shows above its bars
LOW_PASS_MIN_HZ, LOW_PASS_MAX_HZ = 100.0, 20_000.0  # below, hats are gone; above, nobody hears it
STEP_MAX = max(METERS.values()) - 1  # of the longest bar; the beat's own meter is checked when the op is applied
DURATION_MAX_STEPS = float(BARS_HELD_MAX * max(METERS.values()))
COPIES_MAX = BARS_MAX - 1

Kind = Literal["int", "number", "text", "bool", "bars", "sections"]


@dataclass(frozen=True, slots=True)
class Shape:
    """One field of an operation: its JSON type, whether it must be there, its range or its choices, and what it means.

    `bars` is a pair [first, last], 0-based, both included; `sections` a list of objects of the shapes `SECTION`.
    """

    kind: Kind
    meaning: str
    required: bool = False
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    nullable: bool = False
    longest: int = TEXT_MAX


def _need(shape: Shape) -> Shape:
    return replace(shape, required=True)


_ID = Shape("text", "an event of this beat")
_SAMPLE = Shape("text", "a sound of this beat's kit")
_BAR = Shape("int", "bar, 0-based", low=0, high=BARS_HELD_MAX - 1)
_STEP = Shape("int", "sixteenth in the bar, 0-based", low=0, high=STEP_MAX)
_TICK = Shape("int", "1/240 of a step", low=0, high=TICKS_PER_STEP - 1)
_ROLE = Shape("text", "a role", choices=ROLES)
_VELOCITY = Shape("number", "how hard, 0..1", low=0, high=1)
_OFFSET = Shape("number", "lateness against the swung grid, ms", low=-OFFSET_MAX_MS, high=OFFSET_MAX_MS)
_DURATION = Shape("number", "written length, steps", low=1 / TICKS_PER_STEP, high=DURATION_MAX_STEPS)
_PROBABILITY = Shape("number", "how likely it sounds, 0..1", low=0, high=1)
_ARTICULATION = Shape("text", "how it is played", choices=get_args(Articulation), nullable=True)
_INSTRUMENT = Shape("text", "an instrument", choices=INSTRUMENTS)
_PITCH = Shape("int", "MIDI note, instead of a sound", low=0, high=127)
_MUTED = Shape("bool", "true by default")
_SECONDS = Shape("number", "seconds in the stored sound", low=0, high=7200)
_GAIN = Shape("number", "dB", required=True, low=GAIN_MIN_DB, high=GAIN_MAX_DB)
_PAN = Shape("number", "-1 left to 1 right", required=True, low=-1, high=1)

SECTION: dict[str, Shape] = {
    "name": Shape("text", "what it is called", required=True, longest=NAME_MAX),
    "first_bar": _need(_BAR),
    "bars": Shape("int", "how many bars", required=True, low=1, high=BARS_HELD_MAX),
    "low_pass_hz": Shape(
        "number", "where MOTION and TEXTURE end in it", low=LOW_PASS_MIN_HZ, high=LOW_PASS_MAX_HZ, nullable=True
    ),
}

# `one_of`: exactly one of these fields; `some_of`: at least one of these.
OPS: dict[str, dict[str, Shape]] = {
    "add": {
        "bar": _need(_BAR), "step": _need(_STEP), "role": _need(_ROLE), "sample_id": _SAMPLE, "pitch": _PITCH,
        "tick": _TICK, "velocity": _VELOCITY, "offset_ms": _OFFSET, "duration_steps": _DURATION,
        "instrument": _INSTRUMENT, "articulation": _ARTICULATION, "probability": _PROBABILITY, "muted": _MUTED,
    },
    "move": {"id": _need(_ID), "bar": _BAR, "step": _STEP, "tick": _TICK},
    "delete": {"id": _need(_ID)},
    "set": {
        "id": _need(_ID), "velocity": _VELOCITY, "offset_ms": _OFFSET, "duration_steps": _DURATION,
        "probability": _PROBABILITY, "articulation": _ARTICULATION, "instrument": _INSTRUMENT, "sample_id": _SAMPLE,
        "pitch": _PITCH, "muted": _MUTED,
    },
    "mute": {"id": _ID, "sample_id": _SAMPLE, "role": _ROLE, "muted": _MUTED},
    "role": {"sample_id": _need(_SAMPLE), "role": _need(_ROLE)},
    "replace_sample": {
        "sample_id": _need(_SAMPLE), "with": _need(_SAMPLE), "role": _ROLE,
        "bars": Shape("bars", "only in these bars", low=0, high=BARS_HELD_MAX - 1),
    },
    "trim": {"sample_id": _need(_SAMPLE), "start_s": _SECONDS, "end_s": _SECONDS},
    "gain": {"sample_id": _SAMPLE, "role": _ROLE, "gain_db": _GAIN},
    "pan": {"sample_id": _SAMPLE, "role": _ROLE, "pan": _PAN},
    "duplicate_bars": {
        "bars": Shape("bars", "what is copied", required=True, low=0, high=BARS_HELD_MAX - 1),
        "count": Shape("int", "how many copies, 1 by default", low=1, high=COPIES_MAX),
    },
    "bpm": {
        "bpm": Shape("number", "quarter notes per minute", required=True, low=BPM_MIN, high=BPM_MAX),
        "bar": Shape("int", "from this bar on; the whole beat when missing", low=0, high=BARS_HELD_MAX - 1),
    },
    "swing": {
        "swing": Shape("number", "place of a pair's second note", low=SWING_MIN, high=SWING_MAX),
        "swing_unit": Shape("int", "note value of a pair's halves", choices=(8, 16)),
    },
    "sections": {"sections": Shape("sections", "all of them in the order of the beat, in place of the old", True)},
}  # fmt: skip

ONE_OF: dict[str, tuple[str, ...]] = {
    "add": ("sample_id", "pitch"),
    "mute": ("id", "sample_id", "role"),
    "gain": ("sample_id", "role"),
    "pan": ("sample_id", "role"),
}
SOME_OF: dict[str, tuple[str, ...]] = {
    "move": ("bar", "step", "tick"),
    "set": tuple(name for name in OPS["set"] if name != "id"),
    "trim": ("start_s", "end_s"),
    "swing": ("swing", "swing_unit"),
}

_JSON_TYPES = {"int": "integer", "number": "number", "text": "string", "bool": "boolean"}


def json_schema(op: str) -> dict[str, Any]:
    """The JSON schema of one operation. Raises KeyError for an unknown one."""
    properties: dict[str, Any] = {"op": {"type": "string", "enum": [op]}}
    properties |= {name: _field_schema(shape) for name, shape in OPS[op].items()}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "required": ["op", *(name for name, shape in OPS[op].items() if shape.required)],
        "additionalProperties": False,
    }
    if op in ONE_OF:
        schema["oneOf"] = [{"required": [name]} for name in ONE_OF[op]]
    if op in SOME_OF:
        schema["anyOf"] = [{"required": [name]} for name in SOME_OF[op]]
    return schema


def _field_schema(shape: Shape) -> dict[str, Any]:
    bounds = {k: v for k, v in (("minimum", shape.low), ("maximum", shape.high)) if v is not None}
    if shape.kind == "bars":
        item = {"type": "integer", **bounds}
        return {"type": "array", "items": item, "minItems": 2, "maxItems": 2, "description": shape.meaning}
    if shape.kind == "sections":
        item = {
            "type": "object",
            "properties": {name: _field_schema(field) for name, field in SECTION.items()},
            "required": [name for name, field in SECTION.items() if field.required],
            "additionalProperties": False,
        }
        return {"type": "array", "items": item, "maxItems": BARS_MAX, "description": shape.meaning}
    kind = _JSON_TYPES[shape.kind]
    schema: dict[str, Any] = {"type": [kind, "null"] if shape.nullable else kind, "description": shape.meaning}
    if shape.kind == "text" and not shape.choices:
        schema["maxLength"] = shape.longest
    if shape.choices:
        schema["enum"] = [*shape.choices, None] if shape.nullable else list(shape.choices)
    return {**schema, **bounds}


OP_SHAPES: dict[str, dict[str, Any]] = {op: json_schema(op) for op in OPS}


def check_shapes(ops: Sequence[Any]) -> None:
    """Raises Invalid naming every `ops[i].field` that is unknown, missing, of another type or out of range."""
    if not isinstance(ops, (list, tuple)) or not 1 <= len(ops) <= OPS_MAX:
        raise Invalid("There is nothing to edit.", errors=(FieldError("ops", f"are 1 to {OPS_MAX} operations"),))
    errors: list[FieldError] = []
    for i, op in enumerate(ops):
        errors.extend(FieldError(f"ops[{i}].{e.field}" if e.field else f"ops[{i}]", e.message) for e in _op_errors(op))
    if errors:
        raise Invalid("An edit cannot be read.", errors=tuple(errors))


def _op_errors(op: Any) -> list[FieldError]:
    if not isinstance(op, Mapping):
        return [FieldError("", "is no object")]
    name = op.get("op")
    if not isinstance(name, str) or name not in OPS:
        return [FieldError("op", f"is one of {', '.join(OPS)}")]
    errors = _object_errors({field: value for field, value in op.items() if field != "op"}, OPS[name], name)
    one, some = ONE_OF.get(name, ()), SOME_OF.get(name, ())
    if one and sum(field in op for field in one) != 1:
        errors.append(FieldError(one[0], f"exactly one of {', '.join(one)} is needed"))
    if some and not any(field in op for field in some):
        errors.append(FieldError(some[0], f"one of {', '.join(some)} is needed"))
    return errors


def _object_errors(value: Mapping[str, Any], shapes: Mapping[str, Shape], name: str) -> list[FieldError]:
    """What is wrong with the fields of an object that should have these shapes."""
    errors = [FieldError(str(field), f"is unknown in {name}") for field in value if field not in shapes]
    for field, shape in shapes.items():
        if field not in value:
            errors += [FieldError(field, "is missing")] if shape.required else []
        elif shape.kind == "sections":
            errors += _sections_errors(field, value[field])
        elif message := _field_error(shape, value[field]):
            errors.append(FieldError(field, message))
    return errors


def _sections_errors(field: str, value: Any) -> list[FieldError]:
    if not isinstance(value, (list, tuple)) or len(value) > BARS_MAX:
        return [FieldError(field, f"is a list of at most {BARS_MAX} sections")]
    errors: list[FieldError] = []
    for i, one in enumerate(value):
        if not isinstance(one, Mapping):
            errors.append(FieldError(f"{field}[{i}]", "is no object"))
            continue
        errors += [FieldError(f"{field}[{i}].{e.field}", e.message) for e in _object_errors(one, SECTION, "a section")]
    return errors


def _field_error(shape: Shape, value: Any) -> str | None:
    """Why a value does not fit its shape, or None."""
    if value is None:
        return None if shape.nullable else "is null"
    if shape.kind == "bars":
        return _bars_error(shape, value)
    if shape.kind == "bool":
        return None if isinstance(value, bool) else "is neither true nor false"
    if shape.kind == "text":
        if not isinstance(value, str):
            return "is no text"
        if shape.choices and value not in shape.choices:
            return f"is one of {', '.join(shape.choices)}"
        return None if 0 < len(value) <= shape.longest else f"has 1 to {shape.longest} characters"
    return _number_error(shape, value)


def _number_error(shape: Shape, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "is no number"
    if isinstance(value, float) and not math.isfinite(value):  # a whole number may be too large to be a float
        return "is no number"
    if shape.kind == "int" and not isinstance(value, int):
        return "is no whole number"
    if shape.choices and value not in shape.choices:
        return f"is one of {', '.join(str(c) for c in shape.choices)}"
    if (shape.low is not None and value < shape.low) or (shape.high is not None and value > shape.high):
        return f"is {shape.low:g} to {shape.high:g}"
    return None


def _bars_error(shape: Shape, value: Any) -> str | None:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        return "is [first, last]"
    for bar in value:
        message = _number_error(Shape("int", "", low=shape.low, high=shape.high), bar)
        if message:
            return message
    return None if value[0] <= value[1] else "first is not after last"
