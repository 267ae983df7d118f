"""The step picture: a lane per sound, a bar per hit where it sounds, as tall as its velocity; grid lines behind."""

from __future__ import annotations

from html import escape

from services.beats.types import BEAT_STEPS, ROLES, Beat
from tests.groove_material import Take

COLOURS = {"CORE": "#b3261e", "ACCENT": "#d97706", "MOTION": "#0f766e", "FILL": "#6d28d9", "TEXTURE": "#64748b"}
NAMES_PX, STEP_PX, LANE_PX, HIT_PX = 170, 14, 26, 5
HOLLOW = {"hat_open", "ride", "crash"}


def picture(beat: Beat, take: Take) -> str:
    """The events of a take as SVG."""
    grid = take.grid
    steps = int(grid["steps_per_bar"]) * int(grid["bars"])
    width = NAMES_PX + steps * STEP_PX
    lanes = list(dict.fromkeys((r, e["sample_id"]) for r in ROLES for e in take.of(r)))
    height = len(lanes) * LANE_PX + 16
    scale = steps * STEP_PX / float(grid["duration_s"])
    parts = [_lines(steps, int(grid["steps_per_bar"]), BEAT_STEPS[str(grid["meter"])], height)]
    for row, (role, sample_id) in enumerate(lanes):
        base = (row + 1) * LANE_PX
        name = beat.kit[sample_id].name
        parts.append(f'<text x="0" y="{base - 6}" font-size="11">{escape(name[:26])}</text>')
        parts.append(f'<line x1="{NAMES_PX}" x2="{width}" y1="{base}" y2="{base}" stroke="#ddd"/>')
        for event in take.of(role, sample_id=sample_id):
            parts.append(_hit(role, event, NAMES_PX + event["time_s"] * scale, base))
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="step picture">{"".join(parts)}</svg>'
    )


def _lines(steps: int, bar: int, beat: int, height: int) -> str:
    found = []
    for step in range(steps + 1):
        strong = step % bar == 0
        if strong or (step % bar) % beat == 0:
            x = NAMES_PX + step * STEP_PX
            found.append(
                f'<line x1="{x}" x2="{x}" y1="0" y2="{height - 12}" stroke="{"#888" if strong else "#e3e3e3"}"/>'
            )
        if strong and step < steps:
            found.append(
                f'<text x="{NAMES_PX + step * STEP_PX + 2}" y="{height - 2}" font-size="10">{step // bar + 1}</text>'
            )
    return "".join(found)


def _hit(role: str, event: dict, x: float, base: int) -> str:
    tall = max(2.0, event["velocity"] * (LANE_PX - 4))
    colour = COLOURS[role]
    wide = max(HIT_PX, event["duration_steps"] * STEP_PX - 2) if role == "TEXTURE" else HIT_PX
    hollow = event["instrument"] in HOLLOW or event["articulation"] == "open"
    fill = "white" if hollow else colour
    shade = 0.35 if role == "TEXTURE" else 0.55 if event["articulation"] == "ghost" else 1.0
    title = f"{event['instrument']} {event['velocity']:.2f} {event['offset_ms']:+.1f} ms"
    return (
        f'<rect x="{x:.1f}" y="{base - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}" fill="{fill}" '
        f'stroke="{colour}" opacity="{shade}"><title>{escape(title)}</title></rect>'
    )
