"""The groove of a recording of drums: strokes heard in bands, a steady pulse, and the template of its bar.

recording -> hits in bands (hits.py) -> strokes of roles (parts.py) -> tempo and bar line (pulse.py)
          -> only what comes back bar by bar -> template (template.py)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from services.audio.clip import HOUSE_RATE_HZ, AudioSource
from services.beats.softness import LAYERS
from services.beats.types import METERS, Role
from services.grooves.parts import USUAL_PEAK, Heard, heard
from services.grooves.pulse import Pulse, pulse
from services.grooves.template import STROKES_MIN, Stroke, nearest, no_groove, template
from services.grooves.types import Groove, Read

ANALYSED_S = 120.0  # of a recording: 40 to 60 bars of one groove
SHARE_OF_BARS = 0.4  # a step counts that is heard in so many of the bars: fills and slips do not
AGREE_STEPS = 0.08  # from the median of its step: a stroke further off is another sound
REGULAR_MIN = 0.6  # of the strokes must come back bar by bar; speech and noises do so for less than half
SCATTER_MAX = 0.1  # of a step: strokes anywhere scatter by a quarter
VELOCITY_SLOPE_DB = 40.0  # the gain of a hit is 40 log10(velocity) dB
VELOCITY_MIN = 0.02
# A stroke within so many steps of one so many times louder is its echo. The short half of a swung pair is no shorter,
# and what follows it is the louder one.
ECHO_STEPS, ECHO_SHARE = 0.68, 1.8
AT_START_S = 0.0005  # of the file: a stroke so near may have been cut
NO_PULSE = "has no steady pulse: a groove needs drums in one tempo for two bars or more"


def _nobody(_: float) -> None:
    """For a caller that does not ask how far the work is."""


def groove_of_audio(
    source: AudioSource,
    *,
    bpm: float | None = None,
    meter: str | None = None,
    report: Callable[[float], None] = _nobody,
) -> Read:
    """The groove in the first two minutes of a recording at 44.1 kHz, with its tempo (quarter notes per minute).

    `bpm` is found (60 to 200, constant) when left out; `meter` is 4/4 then. Roles are CORE, ACCENT and MOTION; hats
    under a snare, ghosts and toms are left out. Velocity: the loudest step of a role counts as its usual peak (.9, .9,
    .75), the others by 40 dB a decade. `report` hears the share done, 0..1. Raises Invalid `no_groove` for silence, a
    drone, and what has no steady pulse.
    """
    frames = min(source.frames, round(ANALYSED_S * HOUSE_RATE_HZ))
    mono = source.read(0, frames).mean(axis=0, dtype=np.float32)
    strokes = heard(mono)
    report(0.7)
    if len(strokes) < STROKES_MIN:
        raise no_groove(NO_PULSE)
    usual = meter or "4/4"
    at = pulse(strokes, source.frames / HOUSE_RATE_HZ, usual, bpm)
    report(0.9)
    return Read(_scaled(template(_regular(strokes, at, usual), usual)), at.bpm)


def _regular(strokes: Sequence[Heard], at: Pulse, meter: str) -> list[Stroke]:
    """The strokes that come back in enough bars, each role's levels as velocities against its loudest stroke.

    Raises Invalid `no_groove` where most do not come back.
    """
    steps = METERS[meter]
    edges = np.arange(steps + 1, dtype=np.float64)
    strokes = _without_echoes(strokes, at.step_s)
    rows: dict[tuple[Role, int], dict[int, Stroke]] = {}
    top: dict[Role, float] = {}
    for s in strokes:
        top[s.role] = max(top.get(s.role, 0.0), s.level)
    for s in strokes:
        place = (s.time_s - at.start_s) / at.step_s
        step, _ = nearest(edges, np.array([place]))
        velocity = (s.level / top[s.role]) ** (20.0 / VELOCITY_SLOPE_DB)
        stroke = Stroke(s.role, place, at.step_s * 1000.0, velocity, cut=s.time_s < AT_START_S)
        row, bar = rows.setdefault((s.role, int(step[0])), {}), round((place - step[0]) / steps)
        if bar not in row or row[bar].velocity < velocity:
            row[bar] = stroke
    places = [(s.time_s - at.start_s) / at.step_s for s in strokes]
    bars = max(1, math.ceil((max(places) - min(places)) / steps))
    agreed = {key: _agreeing(list(row.values())) for key, row in rows.items()}
    often = {key: row for key, row in agreed.items() if len(row) >= SHARE_OF_BARS * bars}
    kept = [row for (role, step), row in often.items() if role != "ACCENT" or ("CORE", step) not in often]
    count = sum(len(row) for row in kept)
    if bars < 2 or count < max(STROKES_MIN, REGULAR_MIN * len(strokes)) or _scatter(kept) > SCATTER_MAX:
        raise no_groove(NO_PULSE)
    return [stroke for row in kept for stroke in row]


def _without_echoes(strokes: Sequence[Heard], step_s: float) -> list[Heard]:
    """The strokes without those that follow a much louder one of their role too soon: a sound's own second bounce."""
    found: list[Heard] = []
    last: dict[Role, Heard] = {}
    for s in strokes:
        before = last.get(s.role)
        if before and s.time_s - before.time_s < ECHO_STEPS * step_s and s.level * ECHO_SHARE < before.level:
            continue
        last[s.role] = s
        found.append(s)
    return found


def _agreeing(row: Sequence[Stroke]) -> list[Stroke]:
    """The strokes of one step that lie where the others do."""
    return [s for s, by in zip(row, _around([s.place for s in row]), strict=True) if abs(by) <= AGREE_STEPS]


def _scatter(rows: Sequence[Sequence[Stroke]]) -> float:
    """How far strokes of one role and step lie from each other over the bars: the mean distance from their median."""
    apart = [abs(v) for row in rows if len(row) > 1 for v in _around([s.place for s in row])]
    return float(np.mean(apart)) if apart else math.inf


def _around(places: Sequence[float]) -> list[float]:
    inside = np.mod(np.array(places) + 0.5, 1.0)
    return list(inside - np.median(inside))


def _struck(heard_as: float) -> float:
    """The velocity of a hat whose treble says `heard_as`: soft hits lose more of it than of their level."""
    top = 1.0
    for layer in LAYERS:
        velocity = heard_as * 10 ** (-layer.shelf_db / VELOCITY_SLOPE_DB)
        if velocity >= layer.least:
            return min(velocity, top)
        top = layer.least
    return heard_as


def _scaled(groove: Groove) -> Groove:
    """Velocities such that each role's loudest step has its usual peak."""
    velocity: dict[Role, dict[int, float]] = {}
    for role, row in groove.velocity.items():
        by = USUAL_PEAK[role] / max(row.values())
        heard_as = _struck if role == "MOTION" else float
        velocity[role] = {step: round(min(1.0, max(VELOCITY_MIN, heard_as(v * by))), 3) for step, v in row.items()}
    return Groove(groove.meter, groove.swing, groove.swing_unit, groove.offset_ms, velocity)
