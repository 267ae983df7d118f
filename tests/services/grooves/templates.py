"""Known templates: straight with pushes, heavy swing, a laid-back snare."""

from __future__ import annotations

from services.beats.grid import swung_steps
from services.beats.types import Grid, Role
from services.grooves.types import Groove

STRAIGHT = Groove(
    "4/4", 0.5, 16,
    {"CORE": {0: 0.0, 3: 8.0, 7: 8.0, 8: -5.0, 10: 6.0}, "ACCENT": {4: 0.0, 12: 3.0},
     "MOTION": {s: (-4.0 if s % 4 == 2 else 0.0) for s in range(16)}},
    {"CORE": {0: 0.95, 3: 0.6, 7: 0.7, 8: 0.8, 10: 0.75}, "ACCENT": {4: 0.9, 12: 0.95},
     "MOTION": {s: (0.75, 0.4, 0.55, 0.35)[s % 4] for s in range(16)}},
)  # fmt: skip
SWUNG = Groove(
    "4/4", 0.64, 16,
    {"CORE": dict.fromkeys(range(16), 0.0), "ACCENT": {4: 6.0, 12: 6.0}, "MOTION": dict.fromkeys(range(16), 3.0)},
    {"CORE": dict.fromkeys(range(16), 0.9), "ACCENT": {4: 0.9, 12: 0.85},
     "MOTION": {s: (0.8, 0.3, 0.6, 0.3)[s % 4] for s in range(16)}},
)  # fmt: skip
LAID_BACK = Groove(
    "4/4", 0.5, 16,
    {"CORE": {0: 0.0, 10: 4.0}, "ACCENT": {4: 28.0, 12: 22.0}, "MOTION": dict.fromkeys(range(16), 10.0)},
    {"CORE": {0: 1.0, 10: 0.8}, "ACCENT": {4: 0.8, 12: 0.9}, "MOTION": {s: 0.7 - 0.3 * (s % 2) for s in range(16)}},
)  # fmt: skip


def late_ms(groove: Groove, role: Role, step: int, bpm: float) -> float:
    """Lateness against the straight grid: however it is shared out between swing and offset."""
    grid = Grid(((0, bpm),), groove.meter, 1, groove.swing, groove.swing_unit)
    return (swung_steps(grid, float(step)) - step) * 15_000 / bpm + groove.offset_ms[role][step]
