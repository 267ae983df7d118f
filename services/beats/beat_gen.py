"""Stage 3: sounds, a style and a seed become a grid with events.

    request -> style (auto.py) -> bars of hits (grammar.py, fills.py) -> sounds (cast.py, score.py)
            -> feel (feel.py) -> events

All of it is made at density 1; `density` then keeps the events whose rank does not exceed it. So a denser beat holds
the sparser one exactly: the same ids, steps, velocities and offsets. The same request gives the same composition in
every process. Event ids say where an event was born (`b0s4t0-ACCENT-0`: bar, step, tick, role, ordinal there).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from services.beats.auto import choose_style
from services.beats.compose_types import ComposeRequest, Composition, Sound, sound_of
from services.beats.event_ids import event_id
from services.beats.feel import Feel, feel_of
from services.beats.grammar import Hit, phrases
from services.beats.grid import SWING_MAX, SWING_MIN, SWING_UNITS, in_order
from services.beats.score import Note, score
from services.beats.styles import Style, find_style
from services.beats.types import (
    BARS_MAX,
    BPM_MAX,
    BPM_MIN,
    METERS,
    ROLES,
    SAMPLES_MAX,
    Event,
    Grid,
    Role,
    Section,
)
from services.errors import FieldError, Invalid

__all__ = ["ComposeRequest", "Composition", "Sound", "compose", "sound_of"]

HEIGHT_PITCHES = (50, 47, 45)  # GM toms, high to low, for skeleton fills
GM_PITCH = {
    "kick": 36, "snare": 38, "rim": 37, "clap": 39, "tom": 47, "hat_closed": 42, "hat_open": 46, "ride": 51,
    "crash": 49, "shaker": 82, "perc": 76, "texture": 70,
}  # fmt: skip  # GM drum notes of a skeleton, which has no sounds yet
SEED_MAX = 2**63 - 1  # what every store can hold


@dataclass(frozen=True, slots=True)
class _Plan:
    """A request with nothing left open."""

    style: Style
    why: str
    grid: Grid
    request: ComposeRequest
    density: float


def compose(request: ComposeRequest) -> Composition:
    """The beat of a request.

    Raises Invalid with the fields that are out of range, for an unknown style (with near names) and for a meter that
    the style lacks. A bpm outside the style's range and a role without a sound are warnings. A request without sounds
    gives a skeleton: events with General MIDI pitches instead of samples.
    """
    _check(request)
    plan = _plan(request)
    notes = score(plan.style, plan.grid, request.sounds, request.seed)
    events = in_order(plan.grid, _events(plan, notes))
    spans = tuple(Section(p.letter, p.first_bar, p.bars) for p in phrases(plan.grid.bars))
    warnings = (*_tempo_warning(plan), *_missing_warnings(request.sounds))
    benched = _benched(plan, notes, events)
    return Composition(plan.grid, events, spans, plan.style.name, plan.why, warnings, benched)


def _check(request: ComposeRequest) -> None:
    ids = [s.sample_id for s in request.sounds]
    rules: tuple[tuple[str, bool, str], ...] = (
        ("bpm", math.isfinite(request.bpm) and BPM_MIN <= request.bpm <= BPM_MAX, f"is {BPM_MIN:g} to {BPM_MAX:g}"),
        ("bars", 1 <= request.bars <= BARS_MAX, f"is 1 to {BARS_MAX}"),
        ("meter", request.meter is None or request.meter in METERS, f"is one of {', '.join(METERS)}"),
        ("swing", _within(request.swing, SWING_MIN, SWING_MAX), f"is {SWING_MIN:.2f} to {SWING_MAX:.2f}"),
        ("swing_unit", request.swing_unit in {None, *SWING_UNITS}, "is 8 or 16"),
        ("humanize", _within(request.humanize, 0.0, 1.0), "is 0 to 1"),
        ("density", _within(request.density, 0.0, 1.0), "is 0 to 1"),
        ("seed", 0 <= request.seed <= SEED_MAX, f"is 0 to {SEED_MAX}"),
        ("samples", len(ids) <= SAMPLES_MAX, f"are at most {SAMPLES_MAX}"),
        ("samples", len(set(ids)) == len(ids), "hold the same sound twice"),
        ("roles", all(s.pool_role in ROLES for s in request.sounds), f"are of {', '.join(ROLES)}"),
    )
    errors = tuple(FieldError(field, message) for field, good, message in rules if not good)
    if errors:
        raise Invalid("The beat cannot be made as asked.", errors=errors)


def _within(value: float | None, low: float, high: float) -> bool:
    return value is None or low <= value <= high


def _plan(request: ComposeRequest) -> _Plan:
    """The style, and the grid with what the request leaves to it."""
    if request.style == "auto":
        choice = choose_style(request.bpm, request.meter, request.sounds, request.seed)
        style, why = choice.style, choice.why
    else:
        style, why = find_style(request.style), "asked for"
    meter = request.meter or style.meters[0]
    if meter not in style.meters:
        known = " and ".join(style.meters)
        raise Invalid("The style lacks this meter.", errors=(FieldError("meter", f"{style.name} is in {known} only"),))
    grid = Grid(
        tempo_map=((0, float(request.bpm)),),
        meter=meter,
        bars=request.bars,
        swing=style.swing if request.swing is None else request.swing,
        swing_unit=request.swing_unit or style.swing_unit,
    )
    return _Plan(style, why, grid, request, style.density if request.density is None else request.density)


def _events(plan: _Plan, notes: Sequence[Note]) -> list[Event]:
    """The notes that the density lets through, as events with their feel."""
    found: list[Event] = []
    for role in ROLES:
        played = [n for n in notes if n.hit.role == role and n.hit.rank <= plan.density]
        offsets, velocities = _feel(plan, role).on(
            [(n.bar, n.hit.step, n.hit.velocity, n.hit.articulation == "ghost") for n in played]
        )
        for (bar, ordinal, sound, hit, instrument), offset_ms, velocity in zip(
            played, offsets, velocities, strict=True
        ):
            found.append(
                Event(
                    event_id(bar, hit.step, hit.tick, role, ordinal),
                    bar,
                    hit.step,
                    role,
                    instrument,
                    velocity,
                    hit.tick,
                    offset_ms,
                    hit.duration_steps,
                    sound.sample_id if sound else None,
                    None if sound else _pitch(hit),
                    articulation=hit.articulation,
                )
            )
    return found


def _feel(plan: _Plan, role: Role) -> Feel:
    return feel_of(plan.style, role, plan.grid.meter, plan.grid.bars, (plan.request.seed, plan.request.humanize))


def _pitch(hit: Hit) -> int:
    if hit.role == "FILL":
        return HEIGHT_PITCHES[min(len(HEIGHT_PITCHES) - 1, round(hit.height * (len(HEIGHT_PITCHES) - 1)))]
    return GM_PITCH[hit.instrument]


def _tempo_warning(plan: _Plan) -> tuple[str, ...]:
    low, high = plan.style.bpm_range
    if low <= plan.request.bpm <= high:
        return ()
    return (f"{plan.style.title} is at home at {low:g} to {high:g} bpm; {plan.request.bpm:g} is outside.",)


def _missing_warnings(sounds: Sequence[Sound]) -> tuple[str, ...]:
    present = {s.pool_role for s in sounds}
    if not present:
        return ()
    return tuple(f"There is no sound for {role}: its line is left out." for role in ROLES if role not in present)


def _benched(plan: _Plan, notes: Sequence[Note], events: Sequence[Event]) -> dict[str, str]:
    """Why each sound that plays nothing plays nothing, by sample id, in the order of the request."""
    playing = {e.sample_id for e in events}
    first: dict[str, float] = {}
    for note in notes:
        if note.sound is not None:
            first[note.sound.sample_id] = min(note.hit.rank, first.get(note.sound.sample_id, 1.0))
    found: dict[str, str] = {}
    for sound in plan.request.sounds:
        if sound.sample_id in playing:
            continue
        if sound.sample_id in first:
            found[sound.sample_id] = (
                f"plays from density {first[sound.sample_id]:.2f} on; this beat has {plan.density:.2f}"
            )
        elif sound.pool_role == "FILL" and plan.grid.bars == 1:
            found[sound.sample_id] = "a single bar has no phrase end to fill; it plays from two bars on"
        else:
            found[sound.sample_id] = (
                f"no free place in {plan.grid.bars} bars; it comes in with more bars, another take or a lock"
            )
    return found
