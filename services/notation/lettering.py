"""Text as outlines: the bundled DejaVu Serif, so that a page looks the same wherever it is opened and text is measured.

A PDF or SVG whose letters are paths needs no font on the machine that draws or shows it. Characters that the font lacks
become its empty box. Font: DejaVu 2.37 (fonts/LICENSE.txt).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTFont

Face = Literal["regular", "bold", "italic"]
Anchor = Literal["start", "middle", "end"]
FONTS = Path(__file__).parent / "fonts"
FILES: dict[Face, str] = {
    "regular": "DejaVuSerif.ttf", "bold": "DejaVuSerif-Bold.ttf", "italic": "DejaVuSerif-Italic.ttf",
}  # fmt: skip
MISSING = ".notdef"
ELLIPSIS = "…"


class _Loaded:
    """A face with what is asked of it: glyph names, advances and outlines in font units."""

    def __init__(self, face: Face) -> None:
        font = TTFont(FONTS / FILES[face], lazy=True)
        self.names: dict[int, str] = font.getBestCmap()
        self.units = float(font["head"].unitsPerEm)
        self.advances = font["hmtx"]
        self.glyphs = font.getGlyphSet()

    def run(self, text: str) -> list[str]:
        """Glyph names of a text."""
        return [self.names.get(ord(c), MISSING) for c in text]


@cache
def _face(face: Face) -> _Loaded:
    return _Loaded(face)


def width(text: str, size: float, face: Face = "regular") -> float:
    """How wide a text is, in the unit of `size` (the height of the em)."""
    loaded = _face(face)
    return float(sum(loaded.advances[name][0] for name in loaded.run(text))) * size / loaded.units


def fitted(text: str, size: float, most: float, face: Face = "regular") -> str:
    """The text, cut with an ellipsis where it is wider than `most`."""
    if width(text, size, face) <= most:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if width(text[:middle].rstrip() + ELLIPSIS, size, face) <= most:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + ELLIPSIS


def outline(text: str, at: tuple[float, float], size: float, face: Face = "regular", anchor: Anchor = "start") -> str:
    """The `d` of an SVG path that draws a text on the baseline that begins, is centred or ends at `at`."""
    loaded = _face(face)
    scale, (x, y) = size / loaded.units, at
    if anchor != "start":
        x -= width(text, size, face) / (2 if anchor == "middle" else 1)
    pen = SVGPathPen(loaded.glyphs, ntos=_short)
    for name in loaded.run(text):
        loaded.glyphs[name].draw(TransformPen(pen, (scale, 0, 0, -scale, x, y)))
        x += loaded.advances[name][0] * scale
    return str(pen.getCommands())


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
