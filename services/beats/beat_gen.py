"""Stage 3: sounds, a style and a seed become a grid with events.

    request -> style (auto.py) -> bars of hits (grammar.py, fills.py) -> sounds (cast.py, score.py)
            -> feel (feel.py) -> events

All of it is made at density 1; `density` then keeps the events whose rank does not exceed it. So a denser beat holds
the sparser one exactly: the same ids, steps, velocities and offsets. The same request gives the same composition in
every process. Event ids say where an event was born (`b0s4t0-ACCENT-0`: bar, step, tick, role, ordinal there).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.beats.arrange import ARRANGED_BARS, arranged, layout, section_phrases
from services.beats.cast import SOUNDS_MAX
from services.beats.compose_types import ComposeRequest, Composition, Sound, sound_of
from services.beats.event_ids import event_id, free_id
from services.beats.feel import feels_of
from services.beats.fills import GROUP, TURN
from services.beats.grid import in_order, outside
from services.beats.material import Hit, phrases
from services.beats.plan import Plan, make_plan
from services.beats.score import Note, score
from services.beats.styles import STYLES
from services.beats.types import ROLES, SAMPLES_MAX, Beat, Event, Role, Section
from services.errors import FieldError, Invalid
from services.grooves.apply import grooved

__all__ = ["ComposeRequest", "Composition", "Sound", "compose", "recompose", "sound_of"]

HEIGHTS = ("high", "mid", "low")  # versions of a FILL sound by the height of a hit
HEIGHT_PITCHES = (50, 47, 45)  # GM toms, high to low, for skeleton fills
GM_PITCH = {
    "kick": 36, "snare": 38, "rim": 37, "clap": 39, "tom": 47, "hat_closed": 42, "hat_open": 46, "ride": 51,
    "crash": 49, "shaker": 82, "perc": 76, "texture": 70,
}  # fmt: skip  # GM drum notes of a skeleton, which has no sounds yet


def compose(request: ComposeRequest) -> Composition:
    """The beat of a request.

    Raises Invalid with the fields that are out of range, for an unknown style (with near names) and for a meter that
    the style lacks. A bpm outside the style's range and a role without a sound are warnings. A request without sounds
    gives a skeleton: events with General MIDI pitches instead of samples.
    """
    plan = make_plan(request)
    sections, notes = _laid_out(plan)
    played = _events(plan, notes)
    if request.groove is not None:
        played = grooved(plan.grid, played, request.groove, request.groove_amount)
    events = in_order(plan.grid, played)
    warnings = (*_tempo_warning(plan), *_missing_warnings(request.sounds), *_short_warning(request))
    benched = _benched(plan, notes, events)
    return Composition(plan.grid, events, sections, plan.style.name, plan.why, warnings, benched)


def _laid_out(plan: Plan) -> tuple[tuple[Section, ...], list[Note]]:
    """The sections of a beat and all its notes: phrases in a flat loop, or sections that leave parts of them out."""
    request, grid = plan.request, plan.grid
    if not request.arrange or grid.bars < ARRANGED_BARS:
        spans = phrases(grid.bars)
        flat = tuple(Section(p.letter, p.first_bar, p.bars) for p in spans)
        return flat, score(plan.style, grid, request.sounds, request.seed, spans)
    seed = request.seed if request.arrange_seed is None else request.arrange_seed
    sections = layout(grid.bars, seed)
    notes = score(plan.style, grid, request.sounds, request.seed, section_phrases(sections))
    return sections, arranged(notes, sections, request.sounds, grid.meter, seed)


def recompose(
    beat: Beat,
    request: ComposeRequest,
    roles: frozenset[Role] | None = None,
    bars: tuple[int, int] | None = None,
    keep: frozenset[str] = frozenset(),
) -> Composition:
    """Another take of a part of a beat: only these roles (None: all) in these bars (first, last; None: all) change.

    Everything else, and the events named in `keep`, comes back as it was, to the byte. The beat's own grid stays,
    whatever the request says of bpm, bars, meter and swing, unless all of it is made anew; a style of `auto` then means
    the beat's style. Raises Invalid for unknown `keep` ids, bars outside the beat, sounds that its kit lacks, and as
    `compose` does.
    """
    _check_part(beat, request, bars, keep)
    if roles is None and bars is None and not keep:
        return compose(request)
    fresh = compose(_in_grid_of(beat, request))
    first, last = bars or (0, beat.grid.bars - 1)

    def changes(event: Event) -> bool:
        return (roles is None or event.role in roles) and first <= event.bar <= last

    kept = [e for e in beat.events if e.id in keep or not changes(e)]
    new = [e for e in fresh.events if changes(e) and outside(beat.grid, e) is None]
    events = in_order(beat.grid, [*kept, *_beside(kept, _seated(kept, new))])
    playing = {e.sample_id for e in events}
    benched = {
        s.sample_id: fresh.benched.get(
            s.sample_id, s.benched or "what it played has been replaced; another take may use it"
        )
        for s in beat.kit.values()
        if s.sample_id not in playing
    }
    return replace(
        fresh,
        grid=beat.grid,
        events=events,
        sections=beat.sections,
        benched=benched,
    )


def _check_part(beat: Beat, request: ComposeRequest, bars: tuple[int, int] | None, keep: frozenset[str]) -> None:
    errors: list[FieldError] = []
    unknown = sorted(keep - {e.id for e in beat.events})
    if unknown:
        errors.append(FieldError("keep", f"{', '.join(unknown[:3])} is no event of this beat"))
    if bars is not None and not 0 <= bars[0] <= bars[1] < beat.grid.bars:
        errors.append(FieldError("bars", f"are [first, last] within 0 to {beat.grid.bars - 1}"))
    if any(s.sample_id not in beat.kit for s in request.sounds):
        errors.append(FieldError("samples", "are not all in this beat's kit"))
    if errors:
        raise Invalid("This part cannot be made again.", errors=tuple(errors))


def _in_grid_of(beat: Beat, request: ComposeRequest) -> ComposeRequest:
    """The request in the grid that stays."""
    grid = beat.grid
    style = str(beat.meta.get("style", "auto")) if request.style == "auto" else request.style
    if request.style == "auto" and (style not in STYLES or grid.meter not in STYLES[style].meters):
        style = "auto"
    return replace(
        request, bpm=grid.bpm, bars=grid.bars, meter=grid.meter, swing=grid.swing, swing_unit=grid.swing_unit,
        style=style,
    )  # fmt: skip


def _seated(kept: Sequence[Event], new: Sequence[Event]) -> list[Event]:
    """New events in bars where kept ones may have taken a role's seats: then a sound that sits there plays them."""
    seats: dict[tuple[int, Role], dict[str, Event]] = {}
    for event in kept:
        if event.sample_id is not None:
            seats.setdefault((event.bar, event.role), {}).setdefault(event.sample_id, event)
    found: list[Event] = []
    for event in new:
        here = seats.setdefault((event.bar, event.role), {})
        full = len(here) >= SOUNDS_MAX.get(event.role, SAMPLES_MAX)
        if event.sample_id is None or event.sample_id in here:
            found.append(event)
        elif full:
            sitting = next(iter(here.values()))
            found.append(replace(event, sample_id=sitting.sample_id, instrument=sitting.instrument))
        else:
            here[event.sample_id] = event
            found.append(event)
    return found


def _beside(kept: Sequence[Event], new: Sequence[Event]) -> list[Event]:
    """New events that no kept one already plays, with ids that no kept one has."""
    taken = {e.id for e in kept} | {e.id for e in new}
    used = {e.id for e in kept}
    played = {(e.bar, e.step, e.tick, e.sample_id, e.pitch) for e in kept}
    found: list[Event] = []
    for event in new:
        if (event.bar, event.step, event.tick, event.sample_id, event.pitch) in played:
            continue
        if event.id in used:
            event = replace(event, id=free_id((event.bar, event.step, event.tick), event.role, taken))  # noqa: PLW2901
            taken.add(event.id)
        used.add(event.id)
        found.append(event)
    return found


def _events(plan: Plan, notes: Sequence[Note]) -> list[Event]:
    """The notes that the density lets through, as events with their feel."""
    heard: dict[Role, list[Note]] = {role: [] for role in ROLES}
    for note in notes:
        if note.hit.rank <= plan.density:
            heard[note.hit.role].append(note)
    few = len({s.sample_id for s in plan.request.sounds if s.pool_role == "FILL"}) < GROUP
    feels = feels_of(plan.style, plan.grid.meter, plan.grid.bars, (plan.request.seed, plan.request.humanize))
    found: list[Event] = []
    for role, played in heard.items():
        offsets, velocities = feels[role].on(
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
                    variant=_variant(hit, few) if sound else None,
                )
            )
    return found


def _variant(hit: Hit, few: bool) -> str | None:
    """Which version of its sound a FILL hit plays: with `few` sounds a fill's heights are versions of one sound."""
    if hit.role != "FILL":
        return None
    return HEIGHTS[round(hit.height * (len(HEIGHTS) - 1))] if few and hit.height != TURN else "mid"


def _pitch(hit: Hit) -> int:
    if hit.role == "FILL":
        return HEIGHT_PITCHES[min(len(HEIGHT_PITCHES) - 1, round(max(0.0, hit.height) * (len(HEIGHT_PITCHES) - 1)))]
    return GM_PITCH[hit.instrument]


def _tempo_warning(plan: Plan) -> tuple[str, ...]:
    low, high = plan.style.bpm_range
    if low <= plan.request.bpm <= high:
        return ()
    return (f"{plan.style.title} is at home at {low:g} to {high:g} bpm; {plan.request.bpm:g} is outside.",)


def _short_warning(request: ComposeRequest) -> tuple[str, ...]:
    if not request.arrange or request.bars >= ARRANGED_BARS:
        return ()
    short = "One bar is" if request.bars == 1 else f"{request.bars} bars are"
    return (f"{short} too short for sections, which need {ARRANGED_BARS}: this beat is a flat loop.",)


def _missing_warnings(sounds: Sequence[Sound]) -> tuple[str, ...]:
    present = {s.pool_role for s in sounds}
    if not present:
        return ()
    return tuple(f"There is no sound for {role}: its line is left out." for role in ROLES if role not in present)


def _benched(plan: Plan, notes: Sequence[Note], events: Sequence[Event]) -> dict[str, str]:
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
