"""Stage 3: sounds, a style and a seed become a grid with events.

    request -> style (auto.py) -> bars of hits (grammar.py, fills.py) -> sounds (cast.py) -> feel (feel.py) -> events

All of it is made at density 1; `density` then keeps the events whose rank does not exceed it. So a denser beat holds
the sparser one exactly: the same ids, steps, velocities and offsets. The same request gives the same composition in
every process. Event ids say where an event was born (`b0s4t0-ACCENT-0`: bar, step, tick, role, ordinal there).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from services.beats.auto import choose_style
from services.beats.cast import Chooser, chooser, instrument_of
from services.beats.compose_types import ComposeRequest, Composition, Sound, sound_of
from services.beats.feel import feel_of
from services.beats.grammar import Hit, Material, Phrase, phrases, role_bar
from services.beats.grid import SWING_MAX, SWING_MIN, SWING_UNITS, in_order
from services.beats.styles import Style, find_style
from services.beats.types import (
    BARS_MAX,
    BPM_MAX,
    BPM_MIN,
    METERS,
    ROLES,
    SAMPLES_MAX,
    TICKS_PER_STEP,
    Event,
    Grid,
    Role,
    Section,
)
from services.errors import FieldError, Invalid

__all__ = ["ComposeRequest", "Composition", "Sound", "compose", "event_id", "sound_of"]

OPEN_MAX_STEPS = 4.0  # an open hat rings at most a quarter before it counts as closed
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


class _Ranked(NamedTuple):
    """An event and the density from which it plays."""

    rank: float
    event: Event


def compose(request: ComposeRequest) -> Composition:
    """The beat of a request.

    Raises Invalid with the fields that are out of range, for an unknown style (with near names) and for a meter that
    the style lacks. A bpm outside the style's range and a role without a sound are warnings. A request without sounds
    gives a skeleton: events with General MIDI pitches instead of samples.
    """
    _check(request)
    plan = _plan(request)
    ranked = _full_set(plan)
    events = in_order(plan.grid, _dense(ranked, plan.density))
    spans = tuple(Section(p.letter, p.first_bar, p.bars) for p in phrases(plan.grid.bars))
    warnings = (*_tempo_warning(plan), *_missing_warnings(request.sounds))
    benched = _benched(plan, ranked, events)
    return Composition(plan.grid, events, spans, plan.style.name, plan.why, warnings, benched)


def event_id(bar: int, step: int, tick: int, role: Role, ordinal: int) -> str:
    """The id of the ordinal-th event that is born at a place in a role."""
    return f"b{bar}s{step}t{tick}-{role}-{ordinal}"


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


def _full_set(plan: _Plan) -> list[_Ranked]:
    """Every event that the beat has at density 1, with its rank; unsorted across roles."""
    request, grid = plan.request, plan.grid
    present = frozenset(s.pool_role for s in request.sounds) or frozenset(ROLES)
    material = Material(plan.style, grid.meter, request.seed, present, grid.bars)
    spans = phrases(grid.bars)
    found: list[_Ranked] = []
    for role in ROLES:
        if role in present:
            sounds = [s for s in request.sounds if s.pool_role == role]
            choose = chooser(role, sounds, spans, request.seed, crash=plan.style.answer == "crash")
            found.extend(_role_events(plan, material, role, choose))
    floor = min((r.rank for r in found), default=0.0)
    # A kit without CORE and backbeat still has a skeleton: whatever it would play first.
    return [r._replace(rank=0.0) if r.rank == floor else r for r in found]


def _role_events(plan: _Plan, material: Material, role: Role, choose: Chooser) -> list[_Ranked]:
    """The events of one role, bar by bar."""
    feel = feel_of(plan.style, role, plan.grid.meter, plan.grid.bars, (plan.request.seed, plan.request.humanize))
    bars: dict[tuple[str, int, int], list[Hit]] = {}
    found: list[_Ranked] = []
    for phrase in phrases(plan.grid.bars):
        for place in range(phrase.bars):
            key = (phrase.key, phrase.bars, place)
            if key not in bars:
                bars[key] = role_bar(material, role, phrase, place)
            bar = phrase.first_bar + place
            for ordinal, sound, hit in _distinct(bars[key], choose, phrase, place):
                found.append(
                    _Ranked(
                        hit.rank,
                        Event(
                            id=event_id(bar, hit.step, hit.tick, role, ordinal),
                            bar=bar,
                            step=hit.step,
                            role=role,
                            instrument=instrument_of(sound, hit),
                            velocity=feel.velocity_at(bar, hit.step, hit.velocity, hit.articulation),
                            tick=hit.tick,
                            offset_ms=feel.offset_at(bar, hit.step),
                            duration_steps=hit.duration_steps,
                            sample_id=sound.sample_id if sound else None,
                            pitch=None if sound else _pitch(hit),
                            articulation=hit.articulation,
                        ),
                    )
                )
    return _choked(found, material) if role == "MOTION" else found


def _distinct(
    hits: Sequence[Hit], choose: Chooser, phrase: Phrase, place: int
) -> Iterable[tuple[int, Sound | None, Hit]]:
    """Hits with their sounds and their ordinal at the place; a sound that would hit twice at once hits once, at the
    lower rank.
    """
    best: dict[tuple[int, int, object], tuple[Sound | None, Hit]] = {}
    for hit in hits:
        sound = choose(phrase, place, hit)
        key = (hit.step, hit.tick, sound.sample_id if sound else hit.instrument)
        if key not in best or hit.rank < best[key][1].rank:
            best[key] = (sound, hit)
    ordinals: dict[tuple[int, int], int] = {}
    for sound, hit in sorted(best.values(), key=lambda pair: (pair[1].step, pair[1].tick, pair[1].rank, pair[1].voice)):
        ordinal = ordinals.get((hit.step, hit.tick), 0)
        ordinals[hit.step, hit.tick] = ordinal + 1
        yield ordinal, sound, hit


def _pitch(hit: Hit) -> int:
    if hit.role == "FILL":
        return HEIGHT_PITCHES[min(len(HEIGHT_PITCHES) - 1, round(hit.height * (len(HEIGHT_PITCHES) - 1)))]
    return GM_PITCH[hit.instrument]


def _choked(ranked: list[_Ranked], material: Material) -> list[_Ranked]:
    """Open hats last until the next closed one, which is marked as choking them; the beat is heard as a loop."""
    steps = METERS[material.meter]
    total = float(material.bars * steps)
    found = list(ranked)
    closed = [(i, r.event) for i, r in enumerate(found) if r.event.articulation != "open"]
    if not closed:
        return found
    at = [e.bar * steps + e.step + e.tick / TICKS_PER_STEP for _, e in closed]
    following = 0
    for i, r in enumerate(ranked):
        if r.event.articulation != "open":
            continue
        here = r.event.bar * steps + r.event.step + r.event.tick / TICKS_PER_STEP
        while following < len(at) and at[following] <= here:
            following += 1
        gap = at[following] - here if following < len(at) else at[0] + total - here
        if gap > OPEN_MAX_STEPS:
            found[i] = r._replace(event=replace(r.event, duration_steps=OPEN_MAX_STEPS))
            continue
        found[i] = r._replace(event=replace(r.event, duration_steps=gap))
        index, choker = closed[following % len(closed)]
        if choker.articulation is None:
            found[index] = found[index]._replace(event=replace(choker, articulation="choke"))
    return found


def _dense(ranked: Sequence[_Ranked], density: float) -> list[Event]:
    return [r.event for r in ranked if r.rank <= density]


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


def _benched(plan: _Plan, ranked: Sequence[_Ranked], events: Sequence[Event]) -> dict[str, str]:
    """Why each sound that plays nothing plays nothing, by sample id, in the order of the request."""
    playing = {e.sample_id for e in events}
    first: dict[str | None, float] = {}
    for rank, event in ranked:
        first[event.sample_id] = min(rank, first.get(event.sample_id, 1.0))
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
