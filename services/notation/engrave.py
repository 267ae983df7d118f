"""Pages of a drum score: MusicXML through Verovio to SVG, and through CairoSVG to one PDF.

Verovio draws the staves, page.py makes each page whole. The same beat gives the same bytes. Sources: Verovio
(https://www.verovio.org, LGPL-3.0), CairoSVG (LGPL-3.0).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pypdf
import verovio

from services.beats.types import Beat
from services.errors import Unavailable
from services.notation.drumset import PLACES, key_of
from services.notation.flat import flat
from services.notation.musicxml import Repeats, Style, beat_musicxml, note_id, short_title
from services.notation.page import BOTTOM, MARGIN, MUSIC_FONT, TOP, Frame, split_similes, whole

Paper = Literal["a4", "letter"]
SIZES: dict[Paper, tuple[int, int]] = {"a4": (2100, 2970), "letter": (2159, 2794)}  # tenths of a millimetre
MM_PER_INCH, TENTHS = 25.4, 10
UNTITLED = "Drum score"
LAYOUTS = 8  # of a score whose similes lie badly
SPLITS_MAX = 16  # similes that were split, after which none of two bars is left
OPTIONS = {
    "adjustPageHeight": False, "breaks": "auto", "font": MUSIC_FONT, "footer": "none", "header": "none", "scale": 100,
    "pageMarginLeft": MARGIN, "pageMarginRight": MARGIN, "pageMarginTop": TOP, "pageMarginBottom": BOTTOM,
    "xmlIdSeed": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sheet:
    """What pages are made for. `repeats`: see musicxml.Style."""

    paper: Paper = "a4"
    repeats: Repeats = "none"


def pages(beat: Beat, sheet: Sheet | None = None) -> list[str]:
    """The pages of a score as SVG, at least one, in tenths of a millimetre. Raises Unavailable where Verovio fails."""
    sheet = sheet or Sheet()
    size = SIZES[sheet.paper]
    drawn = _drawn(beat, sheet, size)
    heard = [e for e in beat.events if not e.muted]
    used = tuple(sorted({key_of(e) for e in heard}, key=lambda key: -PLACES[key].rank))
    circled = [note_id(e.id) for e in heard if key_of(e) == "hat_open"]
    title = short_title(beat) or UNTITLED
    frames = [Frame(title, used, size, number, len(drawn)) for number in range(1, len(drawn) + 1)]
    return [whole(svg, frame, circled) for svg, frame in zip(drawn, frames, strict=True)]


def _drawn(beat: Beat, sheet: Sheet, size: tuple[int, int]) -> list[str]:
    """Verovio's pages, laid out again until no simile of two bars is split over two lines."""
    toolkit = verovio.toolkit()
    toolkit.setOptions({**OPTIONS, "pageWidth": size[0], "pageHeight": size[1]})
    apart: frozenset[int] = frozenset()
    for _ in range(LAYOUTS):
        if not toolkit.loadData(beat_musicxml(beat, Style(sheet.repeats, engraved=True, apart=apart)).decode()):
            raise Unavailable("This score could not be engraved.", code="not_engraved")
        drawn = [toolkit.renderToSVG(number) for number in range(1, toolkit.getPageCount() + 1)]
        found = {bar for svg in drawn for bar in split_similes(svg)} if sheet.repeats == "simile" else set()
        if not found - apart:
            break
        # The bars are laid out anew, so lines may begin elsewhere: in the end no pair is left that could be split.
        apart = frozenset(range(beat.grid.bars)) if len(apart) > SPLITS_MAX else apart | found
    return drawn


def pdf(svgs: Sequence[str]) -> bytes:
    """Pages as one PDF of true size; the same pages give the same bytes. Raises Unavailable without libcairo2."""
    try:
        import cairosvg  # loads a system library, which may be missing where nobody wants a PDF
    except (OSError, ImportError) as problem:
        raise Unavailable(
            "This server cannot draw PDF: the library libcairo2 is missing. SVG and MusicXML work.", code="no_pdf"
        ) from problem
    writer = pypdf.PdfWriter()
    for svg in svgs:
        drawn = cairosvg.svg2pdf(bytestring=flat(svg).encode(), dpi=96, scale=96 / (MM_PER_INCH * TENTHS))
        writer.append(io.BytesIO(drawn))
    writer.metadata = None
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
