"""The style table: data only. `STYLES` by name, in the order shown to a person; `find_style` looks one up."""

from __future__ import annotations

import difflib

from services.beats.styles import band, dance, eighths, quarters, street
from services.beats.styles.types import Line, Style
from services.errors import FieldError, Invalid

__all__ = ["STYLES", "Line", "Style", "find_style", "styles_for"]

STYLES: dict[str, Style] = {**dance.STYLES, **street.STYLES, **band.STYLES, **quarters.STYLES, **eighths.STYLES}

NEAR_NAMES = 3  # suggestions for a name that is not in the table


def find_style(name: str) -> Style:
    """The style of that name. Raises Invalid(style) with near names for any other."""
    if name in STYLES:
        return STYLES[name]
    near = difflib.get_close_matches(name.lower(), STYLES, n=NEAR_NAMES, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are auto, {', '.join(STYLES)}"
    raise Invalid("There is no such style.", errors=(FieldError("style", f"there is no style of this name; {hint}"),))


def styles_for(meter: str) -> tuple[Style, ...]:
    """The styles that can be played in a meter, in table order; none for an unknown meter."""
    return tuple(style for style in STYLES.values() if meter in style.meters)
