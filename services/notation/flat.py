"""A page with as few elements as draw the same: what a converter to PDF takes most of its time for is counting them.

Groups that only name things are dissolved, and each use of a glyph becomes the glyph's path.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from services.notation.page import HREF, SVG

NAMES = {"id", "class", "{http://www.w3.org/XML/1998/namespace}lang"}  # attributes that draw nothing
KEPT = {f"{{{SVG}}}{tag}" for tag in ("path", "rect", "ellipse", "polygon", "polyline", "line", "circle", "style")}
GROUP, USE, INNER = (f"{{{SVG}}}{tag}" for tag in ("g", "use", "svg"))


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
    """Append what a source draws to a target."""
    for child in source:
        if child.tag == USE:
            glyph = glyphs[child.get(HREF, "")]
            place = f"{child.get('transform', '')} {glyph.get('transform', '')}".strip()
            ET.SubElement(target, f"{{{SVG}}}path", {"d": glyph.get("d", ""), "transform": place})
        elif child.tag == GROUP and set(child.attrib) <= NAMES:
            _copy(child, target, glyphs)
        elif child.tag in (GROUP, INNER):
            _copy(child, ET.SubElement(target, child.tag, child.attrib), glyphs)
        elif child.tag in KEPT:
            target.append(child)
