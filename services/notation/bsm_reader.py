"""A `.bsm` map as a beat: version 2 exactly, the older drafts (1.x, either case) as far as they say anything.

An older map has times but no places: its hits are put on the grid of its tempo, and what the grid does not explain is
their offset. Raises Invalid (code `broken_map`) with the map's own name of the field that is wrong.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from services.beats.document import check_beat
from services.beats.grid import OFFSET_MAX_MS, in_order
from services.beats.types import BPM_MIN, METERS, STEPS_PER_QUARTER, TICKS_PER_STEP, Beat, Event, Grid, Section
from services.errors import FieldError, Invalid
from services.notation.bounds import BARS_READ_MAX, NOTES_READ_MAX
from services.notation.bsm import COMPONENTS
from services.notation.bsm_shape import Number, faults
from services.notation.containers import BSM, SIZES_MAX
from services.notation.drumset import PLACES, ROLE_OF, parts_of

SIZE_MAX = SIZES_MAX[BSM]
DEPTH_MAX = 16  # of objects in objects
VELOCITY = 0.8  # of an older map's hit that says nothing
# Rows of drumset.PLACES by component, with the names that older maps use; anything else of theirs is percussion.
ROWS = {name: row for row, name in COMPONENTS.items()} | {
    "hihat": "hat_closed", "hihatpedal": "hat_closed", "hihathalf": "hat_open", "rimshot": "snare", "crash1": "crash",
    "crash2": "crash", "splash": "crash", "china": "crash", "ridebell": "ride", "ridebow": "ride", "rideedge": "ride",
    "snarecenter": "snare", "snarerimshot": "snare", "snarecrossstick": "rim", "tambourine": "shaker",
    "cowbell": "perc", "auxpercussion": "perc",
}  # fmt: skip
_ROWS = {name.replace("_", ""): row for name, row in ROWS.items()}
# What a map calls the fields of a beat: those of its grid, and those of a hit.
_TIMING = {
    "meter": "timeSignature", "bars": "bars", "swing": "swing", "swing_unit": "swingUnit", "tempo_map": "tempoMap",
    "bpm": "tempoMap", "pickup_steps": "pickupSteps",
}  # fmt: skip
_HIT = {
    "bar": "place.bar", "step": "place.step", "tick": "place.tick", "offset_ms": "place.offsetMs",
    "duration_steps": "duration", "velocity": "velocity", "id": "id",
}  # fmt: skip
_EVENT = re.compile(r"events\[(\d+)\]\.(\w+)")


def read_bsm(data: bytes) -> Beat:
    """The beat of a map. Raises Invalid for what is no map, another major version, or a beat outside the contract."""
    if len(data) > SIZE_MAX:
        raise _bad("", f"is larger than {SIZE_MAX >> 20} MB")
    try:
        said = json.loads(data, parse_constant=_no_constant)
        if b"\\ud" in data.lower():
            json.dumps(said, ensure_ascii=False).encode()
    except UnicodeEncodeError as problem:  # half a surrogate pair: no store and no file can hold it
        raise _bad("", "holds half a character") from problem
    except (ValueError, RecursionError) as problem:
        raise _bad("", "is not JSON") from problem
    if not isinstance(said, dict):
        raise _bad("", "is not an object")
    version = said.get("version", said.get("Version", ""))
    version = version if isinstance(version, str) else "no text"
    major = version.partition(".")[0]
    if major == "2":
        return _second(said)
    if major == "1":
        return _first(_lowered(said))
    raise _bad("version", f"is {version[:20] or 'missing'}; versions 1 and 2 are read")


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _bad(field: str, message: str) -> Invalid:
    where = field or "the map"
    return Invalid(
        f"The map cannot be read: {where} {message}.", errors=(FieldError(where, message),), code="broken_map"
    )


def _second(said: Mapping[str, Any]) -> Beat:
    for path, message in faults(said):
        raise _bad(path, message)
    timing = said["timing"]
    tempo_map = tuple((int(row["bar"]), float(row["bpm"])) for row in timing["tempoMap"])
    grid = Grid(
        tempo_map, timing["timeSignature"], int(timing["bars"]), float(timing["swing"]), int(timing["swingUnit"]),
        int(timing["pickupSteps"]),
    )  # fmt: skip
    sections = tuple(Section(s["name"], int(s["firstBar"]), int(s["bars"])) for s in said["sections"])
    return _checked(grid, [_event(row) for row in said["hitObjects"]], sections, said["metadata"])


def _event(row: Mapping[str, Any]) -> Event:
    place, key = row["place"], ROWS[row["component"]]
    instrument, variant = parts_of(key)
    return Event(
        id=row["id"],
        bar=int(place["bar"]),
        step=int(place["step"]),
        tick=int(place["tick"]),
        offset_ms=float(place["offsetMs"]),
        role=row["role"],
        instrument=instrument,
        velocity=float(row["velocity"]),
        duration_steps=float(row["duration"]),
        pitch=PLACES[key].note,
        articulation=row["articulation"],
        variant=variant,
        source="import",
        confidence=float(row["confidence"]),
    )


def _first(said: Mapping[str, Any]) -> Beat:
    """A map of an older draft: times in whole milliseconds, keys in lower case by now."""
    timing = _taken(said, "timing")
    bpm, meter = _number(timing, "bpm", "timing"), str(timing.get("timesignature", "4/4"))
    if meter not in METERS or bpm < BPM_MIN:
        raise _bad("timing", f"needs a bpm and a timeSignature of {', '.join(METERS)}")
    offset_ms = _number(timing, "offset", "timing") if "offset" in timing else 0.0
    tick_ms = 60_000.0 / bpm / STEPS_PER_QUARTER / TICKS_PER_STEP
    rows = [(_number(row, "time", f"hitObjects[{i}]"), row) for i, row in enumerate(_rows(said))]
    bar_ms = METERS[meter] * TICKS_PER_STEP * tick_ms
    early_ms = offset_ms - min((time for time, _ in rows), default=offset_ms)
    offset_ms -= bar_ms * max(0, math.ceil(early_ms / bar_ms))
    events, last = [], 0
    for i, (time, row) in enumerate(rows):
        exact = (time - offset_ms) / tick_ms
        step = round(exact / TICKS_PER_STEP)
        late_ms = (exact - step * TICKS_PER_STEP) * tick_ms
        key = _row(str(row.get("component", "")))
        instrument, variant = parts_of(key)
        last = max(last, step // METERS[meter])
        velocity = _number(row, "velocity", f"hitObjects[{i}]") if row.get("velocity") is not None else VELOCITY
        events.append(
            Event(
                id=f"h{i}",
                bar=step // METERS[meter],
                step=step % METERS[meter],
                offset_ms=round(max(-OFFSET_MAX_MS, min(OFFSET_MAX_MS, late_ms)), 3),
                role=ROLE_OF[instrument],
                instrument=instrument,
                velocity=velocity,
                pitch=PLACES[key].note,
                variant=variant,
                source="import",
            )
        )
    meta = said.get("metadata")
    return _checked(Grid(((0, bpm),), meter, last + 1), events, (), meta if isinstance(meta, dict) else {})


def _row(component: str) -> str:
    return _ROWS.get(component.lower().replace("_", "").replace("-", ""), "perc")


def _checked(grid: Grid, events: list[Event], sections: tuple[Section, ...], meta: Mapping[str, Any]) -> Beat:
    title = " ".join(str(meta.get("title") or "").split())
    beat = Beat(grid, tuple(events), {}, sections, {}, {"title": title} if title else {})
    try:
        check_beat(beat, BARS_READ_MAX)
    except Invalid as refused:
        errors = tuple(FieldError(_own_name(e.field), e.message) for e in refused.errors)
        raise Invalid(
            f"The map cannot be read: {errors[0].field} {errors[0].message}.", errors=errors, code="broken_map"
        ) from refused
    return Beat(grid, in_order(grid, events), {}, sections, {}, beat.meta)


def _own_name(field: str) -> str:
    """What a map calls a field of a beat."""
    hit = _EVENT.fullmatch(field)
    if hit:
        return f"hitObjects[{hit[1]}].{_HIT.get(hit[2], hit[2])}"
    return f"timing.{_TIMING[field]}" if field in _TIMING else field


def _lowered(said: Any, depth: int = 0) -> Any:
    """The same with every key in lower case."""
    if depth > DEPTH_MAX:
        raise _bad("", "is nested too deeply")
    if isinstance(said, dict):
        return {str(k).lower(): _lowered(v, depth + 1) for k, v in said.items()}
    return [_lowered(v, depth + 1) for v in said] if isinstance(said, list) else said


def _taken(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = said.get(name)
    if not isinstance(value, dict):
        raise _bad(name, "is an object")
    return value


def _rows(said: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    value = said.get("hitobjects")
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise _bad("hitObjects", "is a list of objects")
    if len(value) > NOTES_READ_MAX:
        raise _bad("hitObjects", f"has more than {NOTES_READ_MAX} entries")
    return value


def _number(said: Mapping[str, Any], name: str, path: str) -> float:
    for where, message in faults(said.get(name), Number(), f"{path}.{name}"):
        raise _bad(where, message)
    return float(said[name])
