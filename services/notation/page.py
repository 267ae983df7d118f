"""One engraved page made whole: outlines for its text, the right heads, and what stands around the staves.

Verovio's SVG holds text that a browser would set, and it draws a circled cross as a slash, so it is given plain ones.
Here every text becomes a path, crosses of open hats get their circle, and title, page number and legend are added.
Lengths are tenths of a millimetre.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import verovio

from services.notation.drumset import PLACES
from services.notation.lettering import Anchor, Face, fitted, outline, width
from services.notation.musicxml import SIMILE

MARGIN, TOP, BOTTOM = 130, 300, 410  # around the staves; title above, legend and page number below
TITLE_SIZE, SMALL_SIZE = 60.0, 30.0
TITLE_Y, ARRANGER_Y, NUMBER_UP = 170.0, 235.0, 120.0
ARRANGER = "arr. SoundRoutine"
LEGEND_UP, LEGEND_ROW, LEGEND_COLUMNS = 330.0, 72.0, 6
LINE, LINES_WIDE, LINE_THICK = 9.0, 70.0, 1.2  # between the legend's staff lines; their length
TOP_LINE_RANK = PLACES["ride"].rank  # F5, the top line
HEAD_SCALE = LINE / 250.0  # a font's staff space is 250 units
MUSIC_FONT = "Leipzig"
CROSS, CIRCLE_X = "E0A9", "E0B3"
# SMuFL glyphs of the heads.
GLYPHS = {"normal": "E0A4", "x": CROSS, "circle-x": CIRCLE_X, "diamond": "E0DB", "slash": "E101", "square": "E0B9"}
SIMILES = {1: "E500", 2: "E501"}  # by the bars that they stand for
GLYPH_WIDTHS = {"E500": 508, "E501": 750}  # in a font's units
SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
HREF = f"{{{XLINK}}}href"
NARROWER = 0.86  # of Verovio's sizes, which count on a font that is narrower than ours
_PATH, _GROUP, _USE = f"{{{SVG}}}path", f"{{{SVG}}}g", f"{{{SVG}}}use"

ET.register_namespace("", SVG)
ET.register_namespace("xlink", XLINK)


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the staves of a page. `used`: rows of PLACES that the score plays, for the legend."""

    title: str
    used: tuple[str, ...]
    size: tuple[int, int]
    number: int
    count: int


def whole(drawn: str, frame: Frame, circled: Iterable[str]) -> str:
    """A page of Verovio's made whole. `circled`: ids of the notes whose cross is to be a circled one."""
    root = ET.fromstring(drawn)  # noqa: S314  Verovio's own output
    _circle(root, frozenset(circled))
    _similes(root)
    _set_text(root)
    for path in _around(frame):
        root.append(path)
    return ET.tostring(root, encoding="unicode")


def split_similes(drawn: str) -> set[int]:
    """The bars of Verovio's page that begin a line and end a simile of two bars: its sign stands on no line between."""
    mark = f"{SIMILE}2-"
    if mark not in drawn:
        return set()
    found = set()
    for system in ET.fromstring(drawn).iter(_GROUP):  # noqa: S314  Verovio's own output
        if system.get("class") != "system":
            continue
        first = next((g for g in system.iter(_GROUP) if g.get("class") == "measure"), system)
        names = (g.get("id", "") for g in first.iter(_GROUP))
        found |= {int(name.removeprefix(mark)) for name in names if name.startswith(mark)}
    return found


def _similes(root: ET.Element) -> None:
    """Draw simile signs for the notes that hold their places: amid their bar, or for two bars on the line between."""
    for measure in root.iter(_GROUP):
        if measure.get("class") != "measure":
            continue
        for note in measure.iter(_GROUP):
            name = note.get("id", "")
            if note.get("class") == "note" and name.startswith(SIMILE):
                bars = int(name.removeprefix(SIMILE).split("-")[0])
                left, right = _extent(measure)
                _draw(root, note, SIMILES[bars], (left + right) / 2 if bars == 1 else left)


def _extent(measure: ET.Element) -> tuple[float, float]:
    """Where a bar's staff lines begin and end."""
    line = next(path.get("d", "") for path in measure.iter(_PATH))
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", line)]
    return numbers[0], numbers[2]


def _draw(root: ET.Element, note: ET.Element, code: str, centre: float) -> None:
    """Make a note's head another glyph, centred on `centre`; whatever else the note has goes."""
    use = next(note.iter(_USE))
    _, y, scale, _ = (float(n) for n in re.findall(r"-?[\d.]+", use.get("transform", "")))
    for child in list(note):
        note.remove(child)
    x = centre - GLYPH_WIDTHS[code] / 2 * scale
    place = f"translate({x:.1f}, {y:.0f}) scale({scale}, {scale})"
    ET.SubElement(note, _USE, {HREF: f"#{_own(root, code)}", "transform": place})


def _own(root: ET.Element, code: str) -> str:
    """The id of a glyph among the page's definitions, put there once."""
    name = f"{code}-own"
    definitions = root.find(f"{{{SVG}}}defs")
    if definitions is not None and all(d.get("id") != name for d in definitions):
        symbol = ET.SubElement(definitions, _GROUP, {"id": name})
        ET.SubElement(symbol, _PATH, {"transform": "scale(1,-1)", "d": glyph(code)})
    return name


def _circle(root: ET.Element, ids: frozenset[str]) -> None:
    """Draw circled crosses where open hats have plain ones."""
    for note in root.iter(_GROUP):
        if note.get("class") != "note" or note.get("id") not in ids:
            continue
        for use in note.iter(_USE):
            if use.get(HREF, "").startswith(f"#{CROSS}"):
                use.set(HREF, f"#{_own(root, CIRCLE_X)}")


@cache
def glyph(code: str) -> str:
    """The outline of a music glyph (SMuFL code point, hexadecimal), y upwards, a staff space 250 units."""
    text = (Path(verovio.__file__).parent / "data" / MUSIC_FONT / f"{code}.xml").read_text()
    found = re.search(r' d="([^"]*)"', text)
    if found is None:
        raise FileNotFoundError(f"no glyph {code} in {MUSIC_FONT}")
    return found.group(1)


def _set_text(root: ET.Element) -> None:
    """Replace every text by its outline where it stood."""
    parents = {child: parent for parent in root.iter() for child in parent}
    for text in list(root.iter(f"{{{SVG}}}text")):
        parent = parents[text]
        place = list(parent).index(text)
        parent.remove(text)
        for path in _outlines(text, _face_of(text, parent)):
            parent.insert(place, path)


def _face_of(text: ET.Element, parent: ET.Element) -> Face:
    """Bold or italic as the text or Verovio's style for its group says."""
    said = {key: e.get(key) for e in text.iter() for key in ("font-weight", "font-style") if e.get(key)}
    group = parent.get("class", "").split(" ")[0]
    if said.get("font-weight") == "bold" or group in ("reh", "tempo"):
        return "bold"
    return "italic" if said.get("font-style") == "italic" or group in ("dir", "mNum", "dynam") else "regular"


def _outlines(text: ET.Element, face: Face) -> list[ET.Element]:
    """Paths for the runs of a text; a run without a place of its own follows the last one."""
    x, y, anchor = float(text.get("x", 0)), float(text.get("y", 0)), _anchor(text.get("text-anchor"))
    runs: list[tuple[str, float]] = []
    for span in text.iter():
        if span.get("x") is not None and span is not text:
            x, y, anchor = float(span.get("x", 0)), float(span.get("y", 0)), _anchor(span.get("text-anchor"))
        size = span.get("font-size", "")
        written = (span.text or "").strip("\n\t ")
        if written and size.endswith("px") and float(size[:-2]) > 0:
            runs.append((written, float(size[:-2]) * NARROWER))
    total = sum(width(written, size, face) for written, size in runs)
    x -= {"start": 0.0, "middle": total / 2, "end": total}[anchor]
    out = []
    for written, high in runs:
        out.append(_letters(written, (x, y), high, face))
        x += width(written, high, face)
    return out


def _anchor(said: str | None) -> Anchor:
    return "middle" if said == "middle" else "end" if said == "end" else "start"


def _letters(
    text: str, at: tuple[float, float], size: float, face: Face = "regular", anchor: Anchor = "start"
) -> ET.Element:
    return ET.Element(_PATH, {"d": outline(text, at, size, face, anchor), "style": "stroke:none"})


def _around(frame: Frame) -> list[ET.Element]:
    """Title, arranger and legend of the first page; the title in small on later ones; the page number."""
    wide, high = frame.size
    room = wide - 2.0 * MARGIN
    number = f"{frame.number} / {frame.count}"
    out = [_letters(number, (wide / 2, high - NUMBER_UP), SMALL_SIZE, anchor="middle")]
    if frame.number > 1:
        title = fitted(frame.title, SMALL_SIZE, room, "italic")
        return [*out, _letters(title, (wide / 2, TITLE_Y), SMALL_SIZE, "italic", "middle")]
    out.append(_letters(fitted(frame.title, TITLE_SIZE, room), (wide / 2, TITLE_Y), TITLE_SIZE, anchor="middle"))
    out.append(_letters(ARRANGER, (wide - MARGIN, ARRANGER_Y), SMALL_SIZE, "italic", "end"))
    return [*out, *_legend(frame)]


def _legend(frame: Frame) -> list[ET.Element]:
    """Each head that the score uses on a small staff, with its name."""
    wide, high = frame.size
    column = (wide - 2.0 * MARGIN) / LEGEND_COLUMNS
    out: list[ET.Element] = []
    for i, key in enumerate(frame.used):
        x = MARGIN + i % LEGEND_COLUMNS * column
        y = high - LEGEND_UP + i // LEGEND_COLUMNS * LEGEND_ROW
        lines = " ".join(f"M{x:.1f} {y + n * LINE:.1f}h{LINES_WIDE}" for n in range(5))
        out.append(ET.Element(_PATH, {"d": lines, "stroke": "currentColor", "stroke-width": str(LINE_THICK)}))
        place = PLACES[key]
        head_y = y + (TOP_LINE_RANK - place.rank) * LINE / 2
        if place.rank > TOP_LINE_RANK + 1:
            ledger = f"M{x + LINES_WIDE / 2 - LINE:.1f} {y - LINE:.1f}h{2.6 * LINE:.1f}"
            out.append(ET.Element(_PATH, {"d": ledger, "stroke": "currentColor", "stroke-width": str(LINE_THICK)}))
        shift = (
            f"translate({x + LINES_WIDE / 2 - LINE * 0.6:.1f},{head_y:.1f}) scale({HEAD_SCALE:.4f},{-HEAD_SCALE:.4f})"
        )
        out.append(ET.Element(_PATH, {"d": glyph(GLYPHS[place.head]), "transform": shift, "style": "stroke:none"}))
        name = fitted(place.name, SMALL_SIZE * 0.8, column - LINES_WIDE - 2 * LINE)
        out.append(_letters(name, (x + LINES_WIDE + LINE, y + 3 * LINE), SMALL_SIZE * 0.8))
    return out
