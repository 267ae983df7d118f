"""A `.bsm` map as a beat: version 2 exactly, the older drafts (1.x, either case) as far as they say anything.

An older map has times but no places: its hits are put on the grid of its tempo, and what the grid does not explain is
their offset. Raises Invalid (code `broken_map`) with the path of what is wrong.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from services.beats.document import check_beat
from services.beats.grid import OFFSET_MAX_MS, in_order
from services.beats.types import BPM_MIN, METERS, ROLES, STEPS_PER_QUARTER, TICKS_PER_STEP, Beat, Event, Grid, Section
from services.errors import FieldError, Invalid
from services.notation.bsm import COMPONENTS
from services.notation.drumset import PLACES, ROLE_OF, parts_of

SIZE_MAX = 16 << 20  # bytes
HITS_MAX = 50_000
NUMBER_MAX = 1e9  # beyond, a number is a mistake
DEPTH_MAX = 16  # of objects in objects
VELOCITY = 0.8  # of an older map's hit that says nothing
ARTICULATIONS = ("ghost", "accent", "flam", "roll", "open", "choke")
# Rows of drumset.PLACES by component, with the names that older maps use; anything else is percussion.
ROWS = {name: row for row, name in COMPONENTS.items()} | {
    "hihat": "hat_closed", "hihatpedal": "hat_closed", "hihathalf": "hat_open", "rimshot": "snare", "crash1": "crash",
    "crash2": "crash", "splash": "crash", "china": "crash", "ridebell": "ride", "ridebow": "ride", "rideedge": "ride",
    "snarecenter": "snare", "snarerimshot": "snare", "snarecrossstick": "rim", "tambourine": "shaker",
    "cowbell": "perc", "auxpercussion": "perc",
}  # fmt: skip
_ROWS = {name.replace("_", ""): row for name, row in ROWS.items()}


def read_bsm(data: bytes) -> Beat:
    """The beat of a map. Raises Invalid for what is no map, another major version, or a beat outside the contract."""
    if len(data) > SIZE_MAX:
        raise _bad("", "is larger than 16 MB")
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise _bad("", "is not JSON") from problem
    if not isinstance(said, dict):
        raise _bad("", "is not an object")
    version = str(said.get("version", said.get("Version", "")))
    major = version.partition(".")[0]
    if major == "2":
        return _second(said)
    if major == "1":
        return _first(_lowered(said))
    raise _bad("version", f"is {version[:20] or 'missing'}; versions 1 and 2 are read")


def _bad(field: str, message: str) -> Invalid:
    where = field or "the map"
    return Invalid(
        f"The map cannot be read: {where} {message}.", errors=(FieldError(where, message),), code="broken_map"
    )


def _second(said: Mapping[str, Any]) -> Beat:
    timing = _object(said, "timing")
    tempo_map = tuple(
        (_whole(row, "bar", f"timing.tempoMap[{i}]"), _number(row, "bpm", f"timing.tempoMap[{i}]"))
        for i, row in enumerate(_rows(timing, "tempoMap", "timing."))
    )
    grid = Grid(
        tempo_map,
        str(timing.get("timeSignature")),
        _whole(timing, "bars", "timing"),
        _number(timing, "swing", "timing"),
        _whole(timing, "swingUnit", "timing"),
        _whole(timing, "pickupSteps", "timing"),
    )
    events = [_event(row, f"hitObjects[{i}]") for i, row in enumerate(_rows(said, "hitObjects"))]
    sections = tuple(
        Section(str(s.get("name", "")), _whole(s, "firstBar", "sections"), _whole(s, "bars", "sections"))
        for s in _rows(said, "sections")
    )
    return _checked(grid, events, sections, _object(said, "metadata"))


def _event(row: Mapping[str, Any], path: str) -> Event:
    place = _object(row, "place", f"{path}.")
    key = _row(str(row.get("component", "")))
    role, articulation = row.get("role"), row.get("articulation")
    if role not in ROLES:
        raise _bad(f"{path}.role", f"is one of {', '.join(ROLES)}")
    if articulation is not None and articulation not in ARTICULATIONS:
        raise _bad(f"{path}.articulation", f"is one of {', '.join(ARTICULATIONS)}, or null")
    instrument, variant = parts_of(key)
    return Event(
        id=str(row.get("id", "")),
        bar=_whole(place, "bar", path),
        step=_whole(place, "step", path),
        tick=_whole(place, "tick", path),
        offset_ms=_number(place, "offsetMs", path),
        role=role,
        instrument=instrument,
        velocity=_number(row, "velocity", path),
        duration_steps=_number(row, "duration", path),
        pitch=PLACES[key].note,
        articulation=articulation,
        variant=variant,
        source="import",
        confidence=_number(row, "confidence", path),
    )


def _row(component: str) -> str:
    return _ROWS.get(component.lower().replace("_", "").replace("-", ""), "perc")


def _first(said: Mapping[str, Any]) -> Beat:
    """A map of an older draft: times in whole milliseconds, keys in lower case by now."""
    timing = _object(said, "timing")
    bpm, meter = _number(timing, "bpm", "timing"), str(timing.get("timesignature", "4/4"))
    if meter not in METERS or bpm < BPM_MIN:
        raise _bad("timing", f"needs a bpm and a timeSignature of {', '.join(METERS)}")
    offset_ms = _number(timing, "offset", "timing") if "offset" in timing else 0.0
    tick_ms = 60_000.0 / bpm / STEPS_PER_QUARTER / TICKS_PER_STEP
    rows = [(_number(row, "time", f"hitObjects[{i}]"), row) for i, row in enumerate(_rows(said, "hitobjects"))]
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
    grid = Grid(((0, bpm),), meter, last + 1)
    return _checked(grid, events, (), said.get("metadata") if isinstance(said.get("metadata"), dict) else {})


def _checked(grid: Grid, events: list[Event], sections: tuple[Section, ...], meta: Any) -> Beat:
    title = " ".join(str(meta.get("title") or "").split())
    beat = Beat(grid, tuple(events), {}, sections, {}, {"title": title} if title else {})
    check_beat(beat)
    return Beat(grid, in_order(grid, events), {}, sections, {}, beat.meta)


def _lowered(said: Any, depth: int = 0) -> Any:
    """The same with every key in lower case."""
    if depth > DEPTH_MAX:
        raise _bad("", "is nested too deeply")
    if isinstance(said, dict):
        return {str(k).lower(): _lowered(v, depth + 1) for k, v in said.items()}
    return [_lowered(v, depth + 1) for v in said] if isinstance(said, list) else said


def _object(said: Mapping[str, Any], name: str, path: str = "") -> Mapping[str, Any]:
    value = said.get(name)
    if not isinstance(value, dict):
        raise _bad(f"{path}{name}", "is an object")
    return value


def _rows(said: Mapping[str, Any], name: str, path: str = "") -> list[Mapping[str, Any]]:
    value = said.get(name)
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise _bad(f"{path}{name}", "is a list of objects")
    if len(value) > HITS_MAX:
        raise _bad(f"{path}{name}", f"has more than {HITS_MAX} entries")
    return value


def _number(said: Mapping[str, Any], name: str, path: str) -> float:
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= NUMBER_MAX:
        raise _bad(f"{path}.{name}", "is a number")
    return value


def _whole(said: Mapping[str, Any], name: str, path: str) -> int:
    value = _number(said, name, path)
    if value != int(value):
        raise _bad(f"{path}.{name}", "is a whole number")
    return int(value)
