"""A page with as few elements as draw the same: what a converter to PDF takes most of its time for is counting them.

Groups that only name things are dissolved, and each use of a glyph becomes the glyph's path. Lines of one width become
one path, and so do beams: all ink is black, so what is drawn over what does not matter.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from services.notation.page import HREF, SVG

NAMES = {"id", "class", "{http://www.w3.org/XML/1998/namespace}lang"}  # attributes that draw nothing
KEPT = {f"{{{SVG}}}{tag}" for tag in ("path", "rect", "ellipse", "polygon", "polyline", "line", "circle", "style")}
GROUP, USE, INNER, PATH, POLYGON = (f"{{{SVG}}}{tag}" for tag in ("g", "use", "svg", "path", "polygon"))
PEN = "stroke-width"  # what lines may differ in


def flat(drawn: str) -> str:
    """A page of page.py as another SVG that looks the same."""
    root = ET.fromstring(drawn)  # noqa: S314  our own page
    glyphs = {
        f"#{symbol.get('id')}": path
        for symbol in root.iterfind(f"{{{SVG}}}defs/{GROUP}")
        for path in symbol.iterfind(f"{{{SVG}}}path")
    }
    out = ET.Element(root.tag, root.attrib)
    _copy(root, out, glyphs)
    return ET.tostring(out, encoding="unicode")


def _copy(source: ET.Element, target: ET.Element, glyphs: dict[str, ET.Element]) -> None:
    """Append what a source draws to a target, its lines and beams last."""
    lines: dict[str | None, list[str]] = {}
    _gather(source, target, glyphs, lines)
    for width, parts in lines.items():
        pen = {} if width is None else {PEN: width}
        ET.SubElement(target, PATH, {"d": " ".join(parts), **pen})


def _gather(
    source: ET.Element, target: ET.Element, glyphs: dict[str, ET.Element], lines: dict[str | None, list[str]]
) -> None:
    """The same without its lines and beams, which are put aside by their stroke width."""
    for child in source:
        outline = _outline(child)
        if outline is not None:
            lines.setdefault(child.get(PEN), []).append(outline)
        elif child.tag == USE:
            glyph = glyphs[child.get(HREF, "")]
            place = f"{child.get('transform', '')} {glyph.get('transform', '')}".strip()
            ET.SubElement(target, PATH, {"d": glyph.get("d", ""), "transform": place})
        elif child.tag == GROUP and set(child.attrib) <= NAMES:
            _gather(child, target, glyphs, lines)
        elif child.tag in (GROUP, INNER):
            _copy(child, ET.SubElement(target, child.tag, child.attrib), glyphs)
        elif child.tag in KEPT:
            target.append(child)


def _outline(element: ET.Element) -> str | None:
    """What a plain line or a beam draws, as path data; None for everything else."""
    if element.tag == PATH and set(element.attrib) <= {"d", PEN, *NAMES}:
        return element.get("d")
    if element.tag == POLYGON and set(element.attrib) <= {"points", PEN, *NAMES}:
        return f"M{element.get('points')}Z"
    return None
