"""Notes from a file as a beat: every drum gets a sound, of the user's or of the built-in kit, and plays at once.

What was read keeps its places, instruments, roles, velocities and ids. A beat holds up to 64 bars, or up to 256 of at
most 300 s, and 20,000 events; of a longer file `bars` are taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.audio.mastering import TARGET_LUFS
from services.beats.balance import balanced
from services.beats.builtin import built_in, sound_for
from services.beats.document import check_beat
from services.beats.edit_shapes import EVENTS_MAX
from services.beats.filenames import one_line, shortened, title_of
from services.beats.fitting import fitted
from services.beats.grid import bar_bpms, duration_s, in_order, is_held
from services.beats.kit import make_kit
from services.beats.request import BeatRequest
from services.beats.settle import settled
from services.beats.sounds import Cut
from services.beats.types import BARS_HELD_MAX, BARS_MAX, HELD_MAX_S, ROLES, Beat, Event, Grid, Role, Sample, Section
from services.errors import FieldError, Invalid, TooLarge
from services.models.registry import ROLES as ROLE_MODEL
from services.version import code_version

STYLE = "imported"
BUILT_IN, SAMPLES = "built-in", "samples"  # what plays
ID_MAX = 64  # characters of an event's id
TITLE_MAX = 200
PLAYS = "No sounds were sent: the built-in kit plays."


@dataclass(frozen=True, slots=True)
class Import:
    """What an import is of and asks for. `kind`: midi, musicxml or bsm; `name`: the file's; `bars`: [first, last] of
    the file, from 0; `bpm`: instead of its tempos; `unit`: ticks of a grid that notes are put on, None where they stay;
    `inputs`: hashes of the file and the sounds."""

    kind: str
    name: str
    bars: tuple[int, int] | None = None
    bpm: float | None = None
    unit: int | None = None
    roles: dict[str, Role] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """The beat, and the built-in sounds that it plays, to be stored."""

    beat: Beat
    cuts: tuple[Cut, ...] = ()


def imported_beat(read: Beat, heard: Sequence[Sample], asked: Import) -> Imported:
    """A beat of what was read, played by the sounds that were `heard`, or without any by the built-in kit.

    Raises TooLarge for more than a beat holds, Invalid for `bars` outside the file, for no event in it, and for locks
    that name no sound.
    """
    read = _part(read, asked.bars)
    if asked.bpm is not None:
        read = replace(read, grid=replace(read.grid, tempo_map=((0, asked.bpm),)))
    _refuse_long(read)
    if asked.unit is not None:
        read = settled(read, asked.unit)
    if not read.events:
        raise Invalid("There are no drums in these bars.", code="no_drums", errors=(FieldError("bars", "have none"),))
    cuts: tuple[Cut, ...] = ()
    if heard:
        kit = make_kit(heard, asked.roles)
        samples, warnings, events = kit.samples, kit.warnings, _cast(read.events, kit.samples)
    elif asked.roles:
        raise Invalid("roles lock sounds, and none were sent.", errors=(FieldError("roles", "name no sound"),))
    else:
        events, cuts = _played_by_built_in(read.events)
        samples, warnings = tuple(cut.sample for cut in cuts), (PLAYS,)
    meta = _meta(read, samples, replace(asked, warnings=(*warnings, *asked.warnings)), own=bool(heard))
    mix = {"roles": {role: {"gain_db": 0.0, "pan": 0.0, "muted": False} for role in ROLES}, "target_lufs": TARGET_LUFS}
    kit_of = {s.sample_id: s for s in samples}
    beat = Beat(read.grid, in_order(read.grid, _named(events)), kit_of, read.sections, mix, meta)
    check_beat(beat)
    beat = fitted(_benched(beat))
    return Imported(replace(beat, mix=balanced(beat)), cuts)


def title_of_import(read: Beat, asked: str, name: str) -> str:
    """The title that was asked for, else the file's own on one line, else its name; at most 200 characters."""
    return shortened(asked or one_line(title_of(read)) or name.rpartition(".")[0] or name, TITLE_MAX)


def _part(read: Beat, bars: tuple[int, int] | None) -> Beat:
    """Some bars of what was read, from the first to the last, counted from 0."""
    if bars is None:
        return read
    first, last = bars
    if last >= read.grid.bars:
        message = f"are within 0 to {read.grid.bars - 1} in this file"
        raise Invalid(f"bars {message}.", errors=(FieldError("bars", message),))
    count, bpms = last - first + 1, bar_bpms(read.grid)
    tempo_map = [(0, bpms[first])]
    tempo_map += [(bar - first, bpms[bar]) for bar in range(first + 1, last + 1) if bpms[bar] != bpms[bar - 1]]
    grid = replace(
        read.grid, tempo_map=tuple(tempo_map), bars=count, pickup_steps=0 if first else read.grid.pickup_steps
    )
    events = [replace(e, bar=e.bar - first) for e in read.events if first <= e.bar <= last]
    longest = float(grid.bars * grid.steps_per_bar)
    events = [replace(e, duration_steps=min(e.duration_steps, longest)) for e in events]
    sections = [_clipped(s, first, last) for s in read.sections if s.first_bar <= last and s.first_bar + s.bars > first]
    return replace(read, grid=grid, events=tuple(events), sections=tuple(sections))


def _clipped(section: Section, first: int, last: int) -> Section:
    begin, end = max(section.first_bar, first), min(section.first_bar + section.bars, last + 1)
    return replace(section, first_bar=begin - first, bars=end - begin)


def _refuse_long(read: Beat) -> None:
    """Raise TooLarge, saying what would do, for more than a beat holds."""
    grid, length_s = read.grid, duration_s(read.grid)
    if is_held(grid) and len(read.events) <= EVENTS_MAX:
        return
    most = f"{BARS_MAX} bars, or up to {BARS_HELD_MAX} that last at most {HELD_MAX_S:g} s, with {EVENTS_MAX} notes"
    has = f"has {grid.bars} bars of {length_s:.0f} s and {len(read.events)} notes; a beat holds {most}"
    last = _last_that_fits(grid)
    raise TooLarge(
        f"The file {has}. Import a part of it: bars [0, {last}], then the next ones.",
        code="too_long",
        errors=(FieldError("file", f"{has}: send bars, such as [0, {last}]"),),
    )


def _last_that_fits(grid: Grid) -> int:
    """The last bar of the longest beginning that a beat holds."""
    bars = min(grid.bars, BARS_HELD_MAX)
    while not is_held(_beginning(grid, bars)):
        bars -= 1
    return bars - 1


def _beginning(grid: Grid, bars: int) -> Grid:
    return replace(grid, bars=bars, tempo_map=tuple(row for row in grid.tempo_map if row[0] < bars))


def _cast(events: Sequence[Event], samples: Sequence[Sample]) -> list[Event]:
    """Events played by the user's sounds: each part (a role and an instrument) by the sound that suits it best and
    plays least else, the parts with most notes first."""
    counts: dict[tuple[Role, str], int] = {}
    for event in events:
        part = (event.role, _family(event.instrument))
        counts[part] = counts.get(part, 0) + 1
    taken: dict[str, int] = {}
    chosen: dict[tuple[Role, str], str] = {}
    for part in sorted(counts, key=lambda p: (-counts[p], ROLES.index(p[0]), p[1])):
        best = max(samples, key=lambda s: (_suits(s, part, taken.get(s.sample_id, 0)), s.sample_id))
        taken[best.sample_id] = taken.get(best.sample_id, 0) + 1
        chosen[part] = best.sample_id
    return [replace(e, sample_id=chosen[e.role, _family(e.instrument)], pitch=None) for e in events]


def _family(instrument: str) -> str:
    """Open and closed hats are one sound, played two ways."""
    return "hat_closed" if instrument == "hat_open" else instrument


def _suits(sample: Sample, part: tuple[Role, str], taken: int) -> float:
    """How well a sound suits a part: its pool first, then what it was heard as."""
    role, instrument = part
    likely = max(sample.instruments.get(instrument, 0.0), sample.instrument == instrument)
    return 2.0 * (sample.pool_role == role) + likely + 0.5 * sample.roles.get(role, 0.0) - 0.6 * taken


def _played_by_built_in(events: Sequence[Event]) -> tuple[list[Event], tuple[Cut, ...]]:
    """Events played by the built-in kit, and its sounds that play, each once."""
    cuts: dict[str, Cut] = {}
    out = []
    for event in events:
        name = sound_for(event.role, event.instrument, event.variant)
        cut = cuts.setdefault(name, built_in(name))
        out.append(replace(event, sample_id=cut.sample.sample_id, pitch=None))
    return out, tuple(cuts[name] for name in sorted(cuts))


def _named(events: Sequence[Event]) -> list[Event]:
    """Events with ids that an edit can name: plain, not too long, each once."""
    taken: set[str] = set()
    out = []
    for number, event in enumerate(events):
        good = 0 < len(event.id) <= ID_MAX and event.id.isprintable() and event.id not in taken
        name = event.id if good else f"i{number}"
        while name in taken:
            name = f"i{name}"
        taken.add(name)
        out.append(event if name == event.id else replace(event, id=name))
    return out


def _benched(beat: Beat) -> Beat:
    """The beat with a reason for every sound that plays no event."""
    playing = {e.sample_id for e in beat.events}
    kit = {k: s if k in playing else replace(s, benched="no note of the file asks for it") for k, s in beat.kit.items()}
    return replace(beat, kit=kit)


def _meta(read: Beat, samples: Sequence[Sample], asked: Import, *, own: bool) -> dict[str, Any]:
    """What the beat was made of; `parameters` are what a later take composes with."""
    grid = read.grid
    request = BeatRequest(
        grid.bpm, grid.bars, meter=grid.meter, swing=grid.swing, swing_unit=grid.swing_unit, roles=asked.roles
    )
    if not own:
        request = request.changed({"shape": 0.0, "tune": False})  # made as drums: nothing is to be shaped
    said: Mapping[str, Any] = read.meta
    roles = {"roles": {"name": "soundroutine-roles", "sha256": ROLE_MODEL.sha256}} if own else {}
    return {
        "style": STYLE,
        "why": f"read from {asked.name}",
        "seed": 0,
        "parameters": {k: v for k, v in request.to_params().items() if k != "title"},
        "engines": {"importer": asked.kind, "sounds": SAMPLES if own else BUILT_IN, **roles},
        "code_version": code_version(),
        "inputs": list(asked.inputs),
        "pools": {role: [s.sample_id for s in samples if s.pool_role == role] for role in ROLES},
        "warnings": [*said.get("warnings", ()), *asked.warnings],
    }
