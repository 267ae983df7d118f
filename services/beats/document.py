"""Beats as documents: every value of `types.py` as plain JSON and back, without loss.

`beat_from_doc(beat_to_doc(beat)) == beat`, also after a trip through canonical JSON when floats are rounded to 1e-6
already. Reading is strict: an unknown field, a missing one or one of the wrong type raises Invalid with its path. The
kit is a list, so that its order (the order of the upload) outlives stores that sort keys.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from functools import lru_cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from services.beats.grid import check_grid, outside
from services.beats.types import BARS_HELD_MAX, Beat, Event, Grid, Sample, Section, SourceRef, Trim
from services.errors import FieldError, Invalid

T = TypeVar("T")
Reader = Callable[[Any, str], Any]

BEAT_FIELDS = ("grid", "events", "kit", "sections", "mix", "meta")
_VALUES = (Event, Grid, Sample, Section, SourceRef, Trim)


def beat_to_doc(beat: Beat) -> dict[str, Any]:
    """A beat as plain JSON: `{grid, events [], kit [], sections [], mix, meta}`; nothing is shared with the beat."""
    return {
        "grid": to_doc(beat.grid),
        "events": [to_doc(e) for e in beat.events],
        "kit": [to_doc(s) for s in beat.kit.values()],
        "sections": [to_doc(s) for s in beat.sections],
        "mix": _plain(beat.mix),
        "meta": _plain(beat.meta),
    }


def beat_from_doc(doc: Mapping[str, Any]) -> Beat:
    """The beat of a document. Raises Invalid, naming the path, for a document that no beat could have written: fields
    unknown, missing or of another type, events outside the grid, sounds that the kit lacks, ids that appear twice.
    """
    _exact(doc, BEAT_FIELDS, "")
    kit = [_read(Sample, d, f"kit[{i}]") for i, d in enumerate(_list(doc["kit"], "kit"))]
    beat = Beat(
        grid=_read(Grid, doc["grid"], "grid"),
        events=tuple(_read(Event, d, f"events[{i}]") for i, d in enumerate(_list(doc["events"], "events"))),
        kit={s.sample_id: s for s in kit},
        sections=tuple(_read(Section, d, f"sections[{i}]") for i, d in enumerate(_list(doc["sections"], "sections"))),
        mix=_json_object(doc["mix"], "mix"),
        meta=_json_object(doc["meta"], "meta"),
    )
    if len(beat.kit) != len(kit):
        raise _bad("kit", "holds the same sound twice")
    check_beat(beat)
    return beat


def check_beat(beat: Beat, bars_max: int = BARS_HELD_MAX) -> None:
    """Raises Invalid (fields `events[i].x`, `kit`, …) unless the beat is whole: grid in range, events inside it and
    unique, velocities and probabilities 0..1, every sound in the kit, exactly one of sample and pitch.

    `bars_max`: see check_grid.
    """
    check_grid(beat.grid, bars_max)
    errors: list[FieldError] = []
    seen: set[str] = set()
    for i, event in enumerate(beat.events):
        errors.extend(FieldError(f"events[{i}].{e.field}", e.message) for e in event_errors(beat, event))
        if event.id in seen:
            errors.append(FieldError(f"events[{i}].id", "appears twice"))
        seen.add(event.id)
    for key, sample in beat.kit.items():
        if key != sample.sample_id:
            errors.append(FieldError("kit", f"{key} holds another sound"))
    for i, section in enumerate(beat.sections):
        if not (section.first_bar >= 0 and section.bars >= 1 and section.first_bar + section.bars <= beat.grid.bars):
            errors.append(FieldError(f"sections[{i}]", "lies outside the beat"))
    if errors:
        raise Invalid("The beat does not hold together.", errors=tuple(errors))


def event_errors(beat: Beat, event: Event) -> list[FieldError]:
    """What is wrong with one event in a beat; empty for a good one."""
    errors: list[FieldError] = []
    place = outside(beat.grid, event)
    if place is not None:
        errors.append(place)
    if not 0.0 <= event.velocity <= 1.0:
        errors.append(FieldError("velocity", "is 0 to 1"))
    if not 0.0 <= event.probability <= 1.0:
        errors.append(FieldError("probability", "is 0 to 1"))
    if (event.sample_id is None) == (event.pitch is None):
        errors.append(FieldError("sample_id", "an event has a sound or a pitch, one of them"))
    elif event.sample_id is not None and event.sample_id not in beat.kit:
        errors.append(FieldError("sample_id", "is not in this beat's kit"))
    elif event.pitch is not None and not 0 <= event.pitch <= 127:
        errors.append(FieldError("pitch", "is 0 to 127"))
    return errors


def to_doc(value: Any) -> dict[str, Any]:
    """One value of the beats room (Grid, Event, Sample, Section, Trim, SourceRef) as a JSON object."""
    return {name: _plain(getattr(value, name)) for name in _names(cast("Any", type(value)))}


def event_from_doc(doc: Mapping[str, Any], path: str = "event") -> Event:
    """The event of a JSON object. Raises Invalid with the path of what is wrong."""
    return _read(Event, doc, path)


def sample_from_doc(doc: Mapping[str, Any], path: str = "sample") -> Sample:
    """The sample of a JSON object. Raises Invalid with the path of what is wrong."""
    return _read(Sample, doc, path)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return to_doc(value)


@lru_cache(maxsize=len(_VALUES))
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind))


def _bad(path: str, message: str) -> Invalid:
    return Invalid("The document is no beat.", errors=(FieldError(path, message),))


def _exact(doc: Any, names: tuple[str, ...], path: str, optional: frozenset[str] = frozenset()) -> None:
    """Raises unless doc is an object with these fields and no others."""
    if not isinstance(doc, Mapping):
        raise _bad(path or "beat", "is no object")
    dot = f"{path}." if path else ""
    for name in doc:
        if name not in names:
            raise _bad(f"{dot}{name}", "is unknown")
    for name in names:
        if name not in doc and name not in optional:
            raise _bad(f"{dot}{name}", "is missing")


def _list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise _bad(path, "is no list")
    return value


def _json_object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _bad(path, "is no object")
    return {str(k): _plain(v) for k, v in value.items()}


def _read(kind: type[T], doc: Any, path: str) -> T:
    """A dataclass from its JSON object; a field that has a default may be missing (documents of older code)."""
    readers = _readers(cast("Any", kind))
    _exact(doc, tuple(readers), path, _optional(cast("Any", kind)))
    return kind(**{name: readers[name](doc[name], f"{path}.{name}") for name in doc})


@lru_cache(maxsize=len(_VALUES))
def _optional(kind: Any) -> frozenset[str]:
    return frozenset(f.name for f in fields(kind) if _has_default(f))


def _has_default(f: Field[Any]) -> bool:
    return f.default is not MISSING or f.default_factory is not MISSING


@lru_cache(maxsize=len(_VALUES))
def _readers(kind: Any) -> dict[str, Reader]:
    """A reader per field, made of its annotation."""
    hints = get_type_hints(kind)
    return {f.name: _reader(hints[f.name]) for f in fields(kind)}


def _reader(hint: Any) -> Reader:
    origin, args = get_origin(hint), get_args(hint)
    if hint in _SCALARS:
        return _SCALARS[hint]
    if hint is Any:
        return lambda value, _path: _plain(value)
    if origin is Literal:
        return _one_of(args)
    if origin in {Union, types.UnionType}:
        inner = _reader(next(a for a in args if a is not type(None)))
        return lambda value, path: None if value is None else inner(value, path)
    if origin is tuple:
        return _tuple_of(args)
    if origin is dict:
        return _dict_of(_reader(args[1]))
    return lambda value, path: _read(hint, value, path)


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise _bad(path, "is no text")
    return value


def _flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise _bad(path, "is neither true nor false")
    return value


def _whole(value: Any, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _bad(path, "is no whole number")
    return value


def _number(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _bad(path, "is no number")
    return float(value)


_SCALARS: dict[Any, Reader] = {str: _text, bool: _flag, int: _whole, float: _number}


def _one_of(allowed: tuple[Any, ...]) -> Reader:
    def read(value: Any, path: str) -> Any:
        if not isinstance(value, str) or value not in allowed:
            raise _bad(path, f"is one of {', '.join(allowed)}")
        return value

    return read


def _tuple_of(args: tuple[Any, ...]) -> Reader:
    """`tuple[X, ...]` or a fixed `tuple[X, Y]`, from a list."""
    if len(args) == 2 and args[1] is Ellipsis:
        item = _reader(args[0])
        return lambda value, path: tuple(item(v, f"{path}[{i}]") for i, v in enumerate(_list(value, path)))
    items = [_reader(a) for a in args]

    def read(value: Any, path: str) -> Any:
        found = _list(value, path)
        if len(found) != len(items):
            raise _bad(path, f"has {len(found)} entries instead of {len(items)}")
        return tuple(r(v, f"{path}[{i}]") for i, (r, v) in enumerate(zip(items, found, strict=True)))

    return read


def _dict_of(item: Reader) -> Reader:
    def read(value: Any, path: str) -> Any:
        if not isinstance(value, Mapping):
            raise _bad(path, "is no object")
        return {_text(k, path): item(v, f"{path}.{k}") for k, v in value.items()}

    return read
