"""`auto`: a style for these sounds at this tempo, and why.

Every style of the meter whose bpm range holds the tempo is a candidate, weighted by how near its middle the tempo lies
and by the materials that speak for it; the seed draws one, so that another seed may answer differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.beats.compose_types import Sound
from services.beats.streams import stream
from services.beats.styles import styles_for
from services.beats.styles.types import Style
from services.errors import FieldError, Invalid

LONG_LOW_S = 0.45  # a CORE sound that rings longer is an 808, not a kick
BRIGHT = 0.35  # share of energy above 4 kHz of a bright tick
TICK_S = 0.15  # a tick is shorter
MANY, FEW = 10, 5  # sounds from which, and up to which, a kit is large or small
LIKE_WEIGHT = 1.0  # a material that speaks for a style doubles its chance
CENTRE_WEIGHT = 0.6  # at the end of its range a style has .4 of its chance
DRUM_NAMES = ("kick", "snare", "tom", "hat_closed", "hat_open", "ride", "crash")
DEFAULT_METER = "4/4"

SPOKEN = {
    "long_low": "long low sounds", "short_low": "short low hits", "bright": "bright ticks", "texture": "a bed of noise",
    "vocal": "voices", "many": "a large kit", "few": "a small kit", "drums": "drum sounds",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """A style and a sentence that says why."""

    style: Style
    why: str


def materials(sounds: Sequence[Sound]) -> tuple[str, ...]:
    """What a kit is made of, as keys of `SPOKEN` in that order; nothing for no sounds."""
    if not sounds:
        return ()
    core = [s for s in sounds if s.pool_role == "CORE"]
    motion = [s for s in sounds if s.pool_role == "MOTION"]
    long_low = any(s.length_s >= LONG_LOW_S for s in core)
    holds = {
        "long_low": long_low,
        "short_low": bool(core) and not long_low,
        "bright": any(s.brightness >= BRIGHT and s.length_s <= TICK_S for s in motion),
        "texture": any(s.pool_role == "TEXTURE" for s in sounds),
        "vocal": any(s.instrument == "vocal" for s in sounds),
        "many": len(sounds) >= MANY,
        "few": len(sounds) <= FEW,
        "drums": 2 * sum(s.instrument in DRUM_NAMES for s in sounds) >= len(sounds),
    }
    return tuple(name for name, true in holds.items() if true)


def choose_style(bpm: float, meter: str | None, sounds: Sequence[Sound], seed: int) -> Choice:
    """The style for a tempo (quarter notes per minute), a meter (4/4 when None) and a kit. Raises Invalid(meter) when
    the table has no style in that meter.
    """
    rows = styles_for(meter or DEFAULT_METER)
    if not rows:
        raise Invalid("No style knows this meter.", errors=(FieldError("meter", "no style knows it"),))
    found = materials(sounds)
    home = [style for style in rows if style.bpm_range[0] <= bpm <= style.bpm_range[1]]
    if not home:
        return _nearest(bpm, meter or DEFAULT_METER, rows)
    weights = [_weight(style, bpm, found) for style in home]
    dice = stream(seed, "auto", "style").random() * sum(weights)
    chosen = home[-1]
    for style, weight in zip(home, weights, strict=True):
        dice -= weight
        if dice < 0:
            chosen = style
            break
    others = [style.title for style in home if style is not chosen]
    reasons = [SPOKEN[name] for name in found if name in chosen.likes]
    why = f"{bpm:g} bpm in {meter or DEFAULT_METER} suits {chosen.title}"
    why += f" (for it: {', '.join(reasons)})" if reasons else ""
    why += f"; {', '.join(others)} would do too, seed {seed} chose" if others else "; no other style lives there"
    return Choice(chosen, why)


def _weight(style: Style, bpm: float, found: Sequence[str]) -> float:
    low, high = style.bpm_range
    off = abs(2 * bpm - low - high) / max(1.0, high - low)
    return style.common * (1 - CENTRE_WEIGHT * off) * (1 + LIKE_WEIGHT * sum(name in style.likes for name in found))


def _nearest(bpm: float, meter: str, rows: Sequence[Style]) -> Choice:
    """Where no style is at home, the one whose range is nearest in ratio."""

    def away(style: Style) -> float:
        low, high = style.bpm_range
        return low / bpm if bpm < low else bpm / high

    style = min(rows, key=lambda row: (away(row), row.name))
    return Choice(style, f"no style in {meter} is at home at {bpm:g} bpm; {style.title} lies nearest")
