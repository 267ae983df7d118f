"""What a request comes to: checked, its style chosen, nothing left open."""

from __future__ import annotations

import math
from dataclasses import dataclass

from services.beats.auto import choose_style
from services.beats.compose_types import ComposeRequest
from services.beats.grid import SWING_MAX, SWING_MIN, SWING_UNITS
from services.beats.styles import Style, find_style
from services.beats.types import BARS_MAX, BPM_MAX, BPM_MIN, METERS, ROLES, SAMPLES_MAX, Grid
from services.errors import FieldError, Invalid

SEED_MAX = 2**63 - 1  # what every store can hold


@dataclass(frozen=True, slots=True)
class Plan:
    """A request with nothing left open: `density` 0..1, `why` a sentence about the style."""

    style: Style
    why: str
    grid: Grid
    request: ComposeRequest
    density: float


def _check(request: ComposeRequest) -> None:
    seats = [(s.sample_id, s.pool_role) for s in request.sounds]
    rules: tuple[tuple[str, bool, str], ...] = (
        ("bpm", math.isfinite(request.bpm) and BPM_MIN <= request.bpm <= BPM_MAX, f"is {BPM_MIN:g} to {BPM_MAX:g}"),
        ("bars", 1 <= request.bars <= BARS_MAX, f"is 1 to {BARS_MAX}"),
        ("meter", request.meter is None or request.meter in METERS, f"is one of {', '.join(METERS)}"),
        ("swing", _within(request.swing, SWING_MIN, SWING_MAX), f"is {SWING_MIN:.2f} to {SWING_MAX:.2f}"),
        ("swing_unit", request.swing_unit in {None, *SWING_UNITS}, "is 8 or 16"),
        ("humanize", _within(request.humanize, 0.0, 1.0), "is 0 to 1"),
        ("density", _within(request.density, 0.0, 1.0), "is 0 to 1"),
        ("seed", 0 <= request.seed <= SEED_MAX, f"is 0 to {SEED_MAX}"),
        ("samples", len({i for i, _ in seats}) <= SAMPLES_MAX, f"are at most {SAMPLES_MAX}"),
        ("samples", len(set(seats)) == len(seats), "hold the same sound twice in one role"),
        ("roles", all(s.pool_role in ROLES for s in request.sounds), f"are of {', '.join(ROLES)}"),
    )
    errors = tuple(FieldError(field, message) for field, good, message in rules if not good)
    if errors:
        raise Invalid("The beat cannot be made as asked.", errors=errors)


def _within(value: float | None, low: float, high: float) -> bool:
    return value is None or low <= value <= high


def make_plan(request: ComposeRequest) -> Plan:
    """The style of a request, and the grid with what the request leaves to the style.

    Raises Invalid with every field out of range, for an unknown style (with near names) and for a meter that the style
    lacks. bpm counts quarter notes. Where style and meter are both left open, a groove says the meter.
    """
    _check(request)
    asked = request.meter
    if request.style == "auto":
        if asked is None and request.groove is not None:
            asked = request.groove.meter
        choice = choose_style(request.bpm, asked, request.sounds, request.seed)
        style, why = choice.style, choice.why
    else:
        style, why = find_style(request.style), "asked for"
    meter = asked or style.meters[0]
    if meter not in style.meters:
        known = " and ".join(style.meters)
        raise Invalid("The style lacks this meter.", errors=(FieldError("meter", f"{style.name} is in {known} only"),))
    grid = Grid(
        tempo_map=((0, float(request.bpm)),),
        meter=meter,
        bars=request.bars,
        swing=_swing(request, style),
        swing_unit=_swing_unit(request, style),
    )
    return Plan(style, why, grid, request, style.density if request.density is None else request.density)


def _swing(request: ComposeRequest, style: Style) -> float:
    """What the request says, else the groove's by its amount, else the style's."""
    if request.swing is not None:
        return request.swing
    if request.groove is None:
        return style.swing
    own = style.swing if style.swing_unit == request.groove.swing_unit else SWING_MIN
    return round(own + (request.groove.swing - own) * request.groove_amount, 6)


def _swing_unit(request: ComposeRequest, style: Style) -> int:
    if request.swing_unit is not None:
        return request.swing_unit
    return style.swing_unit if request.groove is None else request.groove.swing_unit
