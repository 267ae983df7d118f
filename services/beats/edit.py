"""Edits: a list of operations makes a new beat, all of them or none.

| op | fields (? optional) | what it does |
| --- | --- | --- |
| add | bar step role, sample_id or pitch, tick? velocity? .8 offset_ms? duration_steps? 1 instrument? articulation? probability? muted? | a new event; its id is derived from its place |
| move | id, and bar? step? tick? (one at least; a new step without a tick goes to tick 0) | another place, the same id |
| delete | id | |
| set | id, and velocity? offset_ms? duration_steps? probability? articulation? instrument? sample_id? pitch? muted? | |
| mute | id or sample_id or role, muted? true | an event; the events of a sound; a role's strip in the mix |
| role | sample_id role | locks a sound to a role, its events move with it |
| replace_sample | sample_id with, role? bars? [first, last] | another sound of the kit plays these events |
| trim | sample_id, start_s? end_s? | the part of the stored sound that is heard, seconds |
| gain | sample_id or role, gain_db -60..24 | |
| pan | sample_id or role, pan -1..1 | |
| duplicate_bars | bars [first, last], count? 1 | copies after `last`; what followed moves back |
| bpm | bpm 40..300, bar? | the whole beat, or from this bar on |
| swing | swing? .50..0.75 swing_unit? 8, 16 | |
| sections | sections [{name first_bar bars low_pass_hz?}] | all sections anew, in order, none over another |

Bars are 0-based. Operations apply in order, each to what the one before left. `undo` and `redo` belong to the history
and are not known here. `OP_SHAPES` holds the same table as JSON schemas.
"""  # noqa: E501  (a table row is one line)

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.beats.document import check_beat, event_errors
from services.beats.edit_shapes import ADDED_VELOCITY, EVENTS_MAX, OP_SHAPES, check_shapes
from services.beats.edit_time import duplicate_bars, set_bpm, set_sections, set_swing
from services.beats.event_ids import free_id
from services.beats.fitting import fitted
from services.beats.grid import in_order
from services.beats.types import Beat, Event, Role, Sample, Trim
from services.errors import FieldError, Invalid

__all__ = ["OP_SHAPES", "apply"]

ADDED_SOURCE = "edit"
TRIM_MIN_S = 0.005  # shorter is a click
TRIM_SLACK_S = 0.001  # rounding of a sound's written length
LOCKED_REASON = "set by hand"

Op = Mapping[str, Any]


def apply(beat: Beat, ops: Sequence[Op]) -> Beat:
    """The beat after all operations; the given one is left alone.

    Raises Invalid naming `ops[i].field` for an unknown operation or field, a value of another type or out of range, an
    event or sound that is not in the beat, a place outside the grid; then nothing has happened. Events come back sorted
    as they sound.
    """
    check_shapes(ops)
    for i, op in enumerate(ops):
        try:
            beat = _APPLY[op["op"]](beat, op)
        except Invalid as error:
            errors = tuple(FieldError(f"ops[{i}].{e.field}", e.message) for e in error.errors)
            raise Invalid("An edit does not fit this beat.", errors=errors) from error
    check_beat(beat)
    return fitted(replace(beat, events=in_order(beat.grid, beat.events)))


def _bad(field: str, message: str) -> Invalid:
    return Invalid(message, errors=(FieldError(field, message),))


def _event(beat: Beat, op: Op) -> Event:
    for event in beat.events:
        if event.id == op["id"]:
            return event
    raise _bad("id", "is no event of this beat")


def _sample(beat: Beat, op: Op, field: str = "sample_id") -> Sample:
    if op[field] not in beat.kit:
        raise _bad(field, "is not in this beat's kit")
    return beat.kit[op[field]]


def _with_event(beat: Beat, event: Event) -> Beat:
    """The beat with an event in place of the one of the same id; Invalid when it does not fit."""
    errors = event_errors(beat, event)
    if errors:
        raise Invalid("The event does not fit.", errors=tuple(errors))
    return replace(beat, events=tuple(event if e.id == event.id else e for e in beat.events))


def _with_sample(beat: Beat, sample: Sample) -> Beat:
    return replace(beat, kit={**beat.kit, sample.sample_id: sample})


def _add(beat: Beat, op: Op) -> Beat:
    if len(beat.events) >= EVENTS_MAX:
        raise _bad("op", f"a beat holds at most {EVENTS_MAX} events")
    place = (op["bar"], op["step"], op.get("tick", 0))
    sample = _sample(beat, op) if "sample_id" in op else None
    event = Event(
        id=free_id(place, op["role"], {e.id for e in beat.events}),
        bar=place[0],
        step=place[1],
        tick=place[2],
        role=op["role"],
        instrument=op.get("instrument") or (sample.instrument if sample else "perc"),
        velocity=float(op.get("velocity", ADDED_VELOCITY)),
        offset_ms=float(op.get("offset_ms", 0.0)),
        duration_steps=float(op.get("duration_steps", 1.0)),
        sample_id=op.get("sample_id"),
        pitch=op.get("pitch"),
        probability=float(op.get("probability", 1.0)),
        articulation=op.get("articulation"),
        muted=op.get("muted", False),
        source=ADDED_SOURCE,
    )
    errors = event_errors(beat, event)
    if errors:
        raise Invalid("The event does not fit.", errors=tuple(errors))
    added = replace(beat, events=(*beat.events, event))
    return _heard(added, op["sample_id"]) if sample else added


def _heard(beat: Beat, sample_id: str) -> Beat:
    """The beat whose sound is no longer benched: something plays it now."""
    sample = beat.kit[sample_id]
    return beat if sample.benched is None else _with_sample(beat, replace(sample, benched=None))


def _move(beat: Beat, op: Op) -> Beat:
    event = _event(beat, op)
    tick = op.get("tick", 0 if "step" in op else event.tick)
    return _with_event(beat, replace(event, bar=op.get("bar", event.bar), step=op.get("step", event.step), tick=tick))


def _delete(beat: Beat, op: Op) -> Beat:
    event = _event(beat, op)
    return replace(beat, events=tuple(e for e in beat.events if e.id != event.id))


def _set(beat: Beat, op: Op) -> Beat:
    event = _event(beat, op)
    if "sample_id" in op and "pitch" in op:
        raise _bad("pitch", "an event has a sound or a pitch, one of them")
    fields: dict[str, Any] = {k: v for k, v in op.items() if k not in {"op", "id"}}
    for name in ("velocity", "offset_ms", "duration_steps", "probability"):
        if name in fields:
            fields[name] = float(fields[name])
    if "sample_id" in fields:
        _sample(beat, op)
        fields["pitch"] = None
    elif "pitch" in fields:
        fields["sample_id"] = None
    changed = _with_event(beat, replace(event, **fields))
    return _heard(changed, op["sample_id"]) if "sample_id" in op else changed


def _mute(beat: Beat, op: Op) -> Beat:
    muted = op.get("muted", True)
    if "id" in op:
        return _with_event(beat, replace(_event(beat, op), muted=muted))
    if "role" in op:
        return _strip(beat, op["role"], {"muted": muted})
    sample = _sample(beat, op)
    return replace(
        beat, events=tuple(replace(e, muted=muted) if e.sample_id == sample.sample_id else e for e in beat.events)
    )


def _strip(beat: Beat, role: str, values: Mapping[str, Any]) -> Beat:
    """The beat with values in a role's strip of the mix."""
    roles = dict(beat.mix.get("roles", {}))
    roles[role] = {**roles.get(role, {}), **values}
    return replace(beat, mix={**beat.mix, "roles": roles})


def _role(beat: Beat, op: Op) -> Beat:
    sample = _sample(beat, op)
    role: Role = op["role"]
    changed = _with_sample(beat, replace(sample, role=role, pool_role=role, locked=True, reason=LOCKED_REASON))
    events = tuple(replace(e, role=role) if e.sample_id == sample.sample_id else e for e in beat.events)
    return replace(changed, events=events)


def _replace_sample(beat: Beat, op: Op) -> Beat:
    old, new = _sample(beat, op), _sample(beat, op, "with")
    first, last = op.get("bars", (0, beat.grid.bars - 1))
    if last >= beat.grid.bars:
        raise _bad("bars", f"are 0 to {beat.grid.bars - 1} in this beat")
    role = op.get("role")

    def hit(event: Event) -> bool:
        return event.sample_id == old.sample_id and first <= event.bar <= last and role in {None, event.role}

    if not any(hit(e) for e in beat.events):
        return beat
    events = tuple(replace(e, sample_id=new.sample_id) if hit(e) else e for e in beat.events)
    return _heard(replace(beat, events=events), new.sample_id)


def _trim(beat: Beat, op: Op) -> Beat:
    sample = _sample(beat, op)
    trim = Trim(float(op.get("start_s", sample.trim.start_s)), float(op.get("end_s", sample.trim.end_s)))
    length_s = max(sample.source.end_s - sample.source.start_s, sample.trim.end_s)
    if trim.end_s > length_s + TRIM_SLACK_S:
        raise _bad("end_s", f"is past the sound's end at {length_s:.3f} s")
    if trim.end_s - trim.start_s < TRIM_MIN_S:
        raise _bad("start_s" if "start_s" in op else "end_s", f"leaves less than {TRIM_MIN_S * 1000:g} ms of the sound")
    return _with_sample(beat, replace(sample, trim=trim))


def _gain(beat: Beat, op: Op) -> Beat:
    if "role" in op:
        return _strip(beat, op["role"], {"gain_db": float(op["gain_db"])})
    return _with_sample(beat, replace(_sample(beat, op), gain_db=float(op["gain_db"])))


def _pan(beat: Beat, op: Op) -> Beat:
    if "role" in op:
        return _strip(beat, op["role"], {"pan": float(op["pan"])})
    return _with_sample(beat, replace(_sample(beat, op), pan=float(op["pan"])))


_APPLY: dict[str, Callable[[Beat, Op], Beat]] = {
    "add": _add,
    "move": _move,
    "delete": _delete,
    "set": _set,
    "mute": _mute,
    "role": _role,
    "replace_sample": _replace_sample,
    "trim": _trim,
    "gain": _gain,
    "pan": _pan,
    "duplicate_bars": duplicate_bars,
    "bpm": set_bpm,
    "swing": set_swing,
    "sections": set_sections,
}
