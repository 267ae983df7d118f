"""Engraved pages: ink where it belongs, the intended heads, whole staves, text that fits and overlaps nothing."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from itertools import combinations, pairwise
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt
import pypdf
import pytest
from PIL import Image

from services.beats.types import METERS, Beat, Event, Grid, Section
from services.errors import Unavailable
from services.notation.drumset import PLACES, key_of
from services.notation.engrave import SIZES, Sheet, pages, pdf
from services.notation.flat import flat
from services.notation.lettering import fitted, outline, width
from services.notation.musicxml import note_id
from services.notation.page import GLYPHS, MARGIN
from tests.services.notation.grooves import groove

cairosvg = pytest.importorskip("cairosvg", exc_type=OSError, reason="libcairo2 is not installed")
SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
WIDE = 1050  # pixels of a rendered page: two tenths of a millimetre each
FAINT = 225  # of 255: a staff line is thinner than a pixel
EDGE = 0.05  # of the page's width: nothing is drawn nearer to its edges


def picture(svg: str) -> npt.NDArray[np.bool_]:
    """Where a page has ink."""
    png = cairosvg.svg2png(bytestring=svg.encode(), output_width=WIDE, background_color="white")
    return np.asarray(Image.open(io.BytesIO(png)).convert("L")) < FAINT


def head_glyphs(svg: str) -> dict[str, set[str]]:
    """The glyphs of each note's heads by note id."""
    found: dict[str, set[str]] = {}
    for note in ET.fromstring(svg).iter(f"{SVG}g"):
        if note.get("class") == "note":
            heads = [g for g in note.iter(f"{SVG}g") if g.get("class") == "notehead"]
            found[note.get("id", "")] = {u.get(HREF, "")[1:5] for g in heads for u in g.iter(f"{SVG}use")}
    return found


@pytest.mark.parametrize("meter", sorted(METERS))
def test_a_page_has_whole_staves_and_ink_inside_its_margins(meter: str) -> None:
    (svg,) = pages(groove(meter, bars=8))
    ink = picture(svg)
    edge = round(EDGE * WIDE)
    assert not ink[:edge].any()
    assert not ink[-edge:].any()
    assert not ink[:, :edge].any()
    assert not ink[:, -edge:].any()
    root = ET.fromstring(svg)
    staves = [g for g in root.iter(f"{SVG}g") if g.get("class") == "staff"]
    assert len(staves) == 8
    assert all(len([p for p in staff if p.tag == f"{SVG}path"]) == 5 for staff in staves)
    systems = [g for g in root.iter(f"{SVG}g") if g.get("class", "").split(" ")[0] == "system"]
    lines = [row for row in range(ink.shape[0]) if ink[row].mean() > 0.25]
    runs = 1 + sum(b - a > 1 for a, b in pairwise(lines))
    assert runs >= 5 * (len(systems) - 1) + 1  # the last system may be short


@pytest.mark.parametrize("meter", ["4/4", "7/8", "12/8", "3/4"])
def test_every_head_is_the_intended_one(meter: str) -> None:
    beat = groove(meter, bars=4)
    found = head_glyphs("".join(pages(beat)[:1]))
    for event in beat.events:
        around = {"E26A", "E26B"} if event.articulation == "ghost" else set()
        assert found[note_id(event.id)] == {GLYPHS[PLACES[key_of(event)].head]} | around, event


def test_every_instrument_has_a_head_of_its_own() -> None:
    instruments = [(key.split("/")[0], key.partition("/")[2] or None) for key in PLACES]
    events = [
        Event(f"e{i}", i // 16, i % 16, "CORE", instrument, 0.8, pitch=36, variant=variant)
        for i, (instrument, variant) in enumerate(instruments)
    ]
    beat = Beat(Grid(((0, 100.0),), "4/4", 2), tuple(events), {})
    found = head_glyphs(pages(beat)[0])
    assert {e.instrument: found[note_id(e.id)] for e in events} == {
        e.instrument: {GLYPHS[PLACES[key_of(e)].head]} for e in events
    }


def boxes(svg: str) -> list[tuple[float, float, float, float]]:
    """Boxes of the words above the staves: tempi, marks of sections, directions."""
    out = []
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        if group.get("class") in ("tempo", "reh", "dir"):
            for path in group.iter(f"{SVG}path"):
                numbers = re.findall(r"([MLQHVC])([^A-Z]*)", path.get("d", ""))
                points = [float(n) for c, rest in numbers if c in "MLQ" for n in re.findall(r"-?[\d.]+", rest)]
                out.append((min(points[::2]), min(points[1::2]), max(points[::2]), max(points[1::2])))
    return out


def test_text_is_outlines_that_do_not_overlap() -> None:
    sections = (Section("Intro", 0, 2), Section("Verse", 2, 2), Section("Chorus with a name", 4, 4))
    tempi = ((0, 112.0), (2, 96.5), (4, 140.0), (5, 60.0))
    (svg,) = pages(replace(groove("4/4", bars=8, tempo_map=tempi, swing=0.6), sections=sections))
    assert "<text" not in svg
    found = boxes(svg)
    assert len(found) == 8
    for a, b in combinations(found, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (a, b)


@pytest.mark.parametrize("paper", sorted(SIZES))
def test_a_pdf_has_pages_of_true_size_and_always_the_same_bytes(paper: str) -> None:
    sheet = Sheet(paper)  # type: ignore[arg-type]
    beat = groove("4/4", bars=64)
    svgs = pages(beat, sheet)
    assert len(svgs) > 1
    data = pdf(svgs)
    assert data == pdf(pages(beat, sheet))
    read = pypdf.PdfReader(io.BytesIO(data))
    assert len(read.pages) == len(svgs)
    for page in read.pages:
        size = (float(page.mediabox.width), float(page.mediabox.height))
        assert size == pytest.approx([n * 72 / 254 for n in SIZES[sheet.paper]], abs=0.5)
    assert all(picture(svg).mean() > 0.003 for svg in svgs)


@pytest.mark.parametrize("repeats", ["none", "simile", "signs"])
def test_the_page_that_becomes_pdf_draws_the_same(repeats: str) -> None:
    for svg in pages(groove("4/4", bars=16, swing=0.6), Sheet(repeats=repeats)):  # type: ignore[arg-type]
        less = flat(svg)
        assert len(list(ET.fromstring(less).iter())) < 0.6 * len(list(ET.fromstring(svg).iter()))
        assert (picture(less) != picture(svg)).mean() < 1e-4


def test_a_long_title_is_cut_where_the_page_ends() -> None:
    beat = replace(groove("4/4", bars=1), meta={"title": "An endless title " * 600})
    (svg,) = pages(beat)
    columns = np.flatnonzero(picture(svg)[: round(0.12 * WIDE)].any(axis=0))
    scale = SIZES["a4"][0] / WIDE
    assert columns[0] * scale >= MARGIN - 5
    assert columns[-1] * scale <= SIZES["a4"][0] - MARGIN + 5


def test_a_beat_without_events_is_a_page_of_empty_bars() -> None:
    (svg,) = pages(Beat(Grid(((0, 90.0),), "3/4", 2), (), {}))
    assert svg.count('class="staff"') == 2


@pytest.mark.parametrize("repeats", ["simile", "signs"])
def test_repeated_bars_take_less_ink(repeats: str) -> None:
    bars = groove("4/4", bars=1).events
    same = [replace(e, id=f"{e.id}-{bar}", bar=bar) for bar in range(8) for e in bars]
    beat = Beat(Grid(((0, 100.0),), "4/4", 8), tuple(same), {})
    full, short = (picture(pages(beat, Sheet(repeats=how))[0]).sum() for how in ("none", repeats))  # type: ignore[arg-type]
    assert short < 0.7 * full


def test_outlines_are_as_wide_as_they_say() -> None:
    text = "Größe 120 \N{QUARTER NOTE} = 96"
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", outline(text, (0.0, 0.0), 100.0).split("Z")[0])]
    assert 0 <= numbers[0] < 100
    assert width(text, 100.0) == pytest.approx(2 * width(text, 50.0))
    cut = fitted(text, 100.0, width(text, 100.0) / 2)
    assert cut.endswith("…")
    assert width(cut, 100.0) <= width(text, 100.0) / 2
    assert fitted(text, 100.0, 1e9) == text


def test_without_the_library_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    svgs = pages(groove("4/4", bars=1))
    monkeypatch.setitem(__import__("sys").modules, "cairosvg", None)
    with pytest.raises(Unavailable):
        pdf(svgs)
