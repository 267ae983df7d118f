"""The score files of a beat: pages as PDF and SVG, MusicXML, the map, and a table of events. Bytes out.

What plays nothing is written too: a score of empty bars, a map and a table without rows.
"""

from __future__ import annotations

import csv
import io

from services.beats.grid import placed
from services.beats.types import Beat
from services.errors import FieldError, Invalid
from services.notation.engrave import Sheet, pages, pdf
from services.notation.musicxml import Style, beat_musicxml

COLUMNS = (
    "id", "time_s", "bar", "step", "tick", "offset_ms", "duration_steps", "role", "instrument", "variant", "velocity",
    "articulation", "probability", "muted", "source", "confidence", "sample_id", "pitch",
)  # fmt: skip
TIME_DIGITS = 6


def score_pdf(beat: Beat, sheet: Sheet) -> bytes:
    """All pages."""
    return pdf(pages(beat, sheet))


def score_svg(beat: Beat, sheet: Sheet, page: int) -> bytes:
    """One page, counted from 1. Raises Invalid where there is none."""
    drawn = pages(beat, sheet)
    if not 1 <= page <= len(drawn):
        message = f"is 1 to {len(drawn)} for this score"
        raise Invalid(f"The page {message}.", errors=(FieldError("page", message),))
    return drawn[page - 1].encode()


def score_musicxml(beat: Beat, sheet: Sheet) -> bytes:
    """The score for other programs."""
    return beat_musicxml(beat, Style(sheet.repeats))


def events_csv(beat: Beat) -> bytes:
    """A row for each event, muted ones too, by time, with a head line; seconds, shares 0..1, milliseconds."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(COLUMNS)
    for time_s, event in placed(beat.grid, beat.events):
        row = {name: getattr(event, name) for name in COLUMNS if name != "time_s"}
        row |= {"time_s": round(time_s, TIME_DIGITS), "muted": str(event.muted).lower()}
        table.writerow(["" if row[name] is None else row[name] for name in COLUMNS])
    return text.getvalue().encode("utf-8", "replace")
