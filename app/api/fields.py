"""The request schemas that several resources share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from app.bodies import JsonList, JsonObject, Number, Whole, within
from services.analysis.types import BPM_HIGH, BPM_LOW
from services.beats import types as t
from services.errors import FieldError, Invalid

SEED_MAX = 2**53 - 1  # the largest whole number that every JSON reader keeps exact
IDS = JsonList(
    fields.Str(validate=validate.Length(1, 64)), metadata={"description": "Ids of earlier assets or samples"}
)


LOCKS = JsonObject(
    keys=fields.Str(),
    values=fields.Str(validate=validate.OneOf(t.ROLES)),
    load_default=dict,
    validate=validate.Length(max=4 * t.SAMPLES_MAX),
    metadata={"description": "Locks: sample name to role"},
)


class SkeletonFields(Schema):
    """What a beat's grid and events follow from, apart from the sounds."""

    bpm = Number(
        required=True,
        validate=within(t.BPM_MIN, t.BPM_MAX),
        metadata={"description": "Quarter notes per minute"},
    )
    bars = Whole(load_default=4, validate=within(1, t.BARS_MAX))
    style = fields.Str(load_default="auto", validate=validate.Length(1, 40))
    meter = fields.Str(validate=validate.OneOf(tuple(t.METERS)))
    swing = Number(validate=within(0.5, 0.75))
    swing_unit = Whole(validate=validate.OneOf((8, 16)))
    humanize = Number(load_default=0.5, validate=within(0, 1))
    density = Number(validate=within(0, 1))
    shape = Number(
        load_default=0.6,
        validate=within(0, 1),
        metadata={"description": "How far a raw sound is shaped into a drum hit for its role; 0 leaves it untouched"},
    )
    tune = fields.Bool(load_default=True, metadata={"description": "Tonal sounds are tuned to one key"})
    arrange = fields.Bool(load_default=False, metadata={"description": "Sections instead of a flat loop"})
    groove = fields.Str(
        validate=validate.Length(1, 64),
        metadata={"description": "Id of a groove whose swing, lateness and velocities the hits take on"},
    )
    groove_amount = Number(load_default=1.0, validate=within(0, 1))
    seed = Whole(load_default=0, validate=within(0, SEED_MAX))


class BeatFields(SkeletonFields):
    """The fields of `POST /v1/beat`; the files go beside them as `samples`."""

    mode = fields.Str(load_default="oneshot", validate=validate.OneOf(("oneshot", "preprocess")))
    sample_ids = IDS
    roles = LOCKS
    title = fields.Str(load_default="", validate=validate.Length(0, 200))


class HintFields(Schema):
    """What the user knows better about a recording's beat; null or left out: it is found."""

    bpm_min = Number(
        validate=within(BPM_LOW, BPM_HIGH),
        allow_none=True,
        metadata={"description": "The tempo is not below this, in quarter notes per minute"},
    )
    bpm_max = Number(
        validate=within(BPM_LOW, BPM_HIGH), allow_none=True, metadata={"description": "The tempo is not above this"}
    )
    meter = fields.Str(validate=validate.OneOf(tuple(t.METERS)), allow_none=True)
    first_downbeat_s = Number(
        validate=validate.Range(min=0, error="must be 0 or more"),
        allow_none=True,
        metadata={"description": "A second at which a bar begins; not past the end of the recording"},
    )


def check_hints(hints: Mapping[str, Any]) -> None:
    """Raise Invalid when the tempo's range is empty."""
    low, high = hints.get("bpm_min"), hints.get("bpm_max")
    if low is not None and high is not None and low > high:
        message = f"must not be below bpm_min, {low:g}"
        raise Invalid(f"bpm_max {message}", errors=(FieldError("bpm_max", message),))


class VersionQuery(Schema):
    """Which saved state of a beat."""

    version = Whole(
        validate=validate.Range(min=1, error="must be 1 or more"),
        metadata={"description": "An older version instead of the head; 404 when the beat has none of this number"},
    )


class ScoreQuery(Schema):
    """How a score is written."""

    repeats = fields.Str(
        load_default="none",
        validate=validate.OneOf(("none", "simile", "signs")),
        metadata={"description": "Bars that come again: written out, as similes, or in blocks between repeat signs"},
    )


class SheetQuery(ScoreQuery):
    """What its pages are."""

    paper = fields.Str(load_default="a4", validate=validate.OneOf(("a4", "letter")))


class PictureQuery(SheetQuery):
    """Which page."""

    page = Whole(
        load_default=1,
        validate=validate.Range(min=1, error="must be 1 or more"),
        metadata={"description": "Counted from 1; 422 when the score has fewer"},
    )


class PageQuery(Schema):
    """Lists, newest first."""

    limit = Whole(load_default=20, validate=within(1, 100))
    cursor = fields.Str(validate=validate.Length(1, 500))
