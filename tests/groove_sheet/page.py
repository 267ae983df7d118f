"""The pages of the groove sheet: HTML that needs nothing but itself and its WAV files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

from services.beats.styles.types import Style
from services.beats.types import ROLES, Beat
from tests.groove_figures import Figures
from tests.groove_material import Take
from tests.groove_sheet.picture import COLOURS, picture

STYLE_SHEET = """
body{font:14px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:1120px;padding:0 1rem;color:#1c1c1c}
h1{margin:.2rem 0}h2{margin:1.6rem 0 .4rem;border-top:1px solid #ccc;padding-top:.8rem}
nav{display:flex;flex-wrap:wrap;gap:0 .7rem}td.w{max-width:24rem;white-space:normal}
table{border-collapse:collapse;margin:.6rem 0}
td,th{padding:.15rem .6rem;text-align:left;white-space:nowrap}
th{border-bottom:1px solid #999}
td.n{text-align:right;font-variant-numeric:tabular-nums}.bad{color:#b00020;font-weight:600}
.pair{display:flex;gap:2rem;flex-wrap:wrap}figure{margin:0}figcaption{color:#555}svg{max-width:100%;height:auto}
.key span{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1em}
.two{display:flex;gap:2rem;align-items:flex-start}
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A style on a kit: the beat, its audio and figures, those of the flat one, and its WAV files by `beat`, `flat`."""

    style: str
    kit: str
    beat: Beat
    take: Take | None
    figures: Figures
    flat: Figures
    files: Mapping[str, str]

    def light(self) -> Entry:
        """The entry without its audio, for the index."""
        return replace(self, take=None)


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE_SHEET}</style></head><body>{body}</body></html>\n"
    )


def style_page(style: Style, entries: Sequence[Entry], names: Sequence[str]) -> str:
    """The page of a style: per kit the picture, the two beats to hear, the figures and the sounds."""
    links = "".join(f'<a href="{name}.html">{name}</a>' for name in names)
    key = "".join(f'<span style="background:{COLOURS[role]}"></span>{role}' for role in ROLES)
    head = (
        f'<nav><a href="index.html">all styles</a>{links}</nav><h1>{escape(style.title)}</h1>'
        f"<p>{escape(style.description)}. {style.bpm_range[0]:g}-{style.bpm_range[1]:g} bpm, swing {style.swing:g} on "
        f"{style.swing_unit}ths, {_lateness(style)}, jitter {style.jitter_ms:g} ms.</p>"
        f'<p class="key">{key}; a bar as tall as its velocity, placed where it sounds; hollow: open or ringing</p>'
    )
    return _page(f"{style.title}: groove sheet", head + "".join(_kit(style, e) for e in entries))


def _lateness(style: Style) -> str:
    late = ", ".join(f"{role} {ms:+g} ms" for role, ms in style.offset_ms.items() if ms)
    return late or "no role late"


def _kit(style: Style, e: Entry) -> str:
    take = e.take
    assert take is not None
    bpm = e.beat.grid.bpm
    players = "".join(
        f"<figure><figcaption>{said}</figcaption>"
        f'<audio controls preload="none" src="{escape(e.files[which])}"></audio></figure>'
        for which, said in (("beat", "shaped, with feel"), ("flat", "quantised flat, raw sounds"))
    )
    return (
        f"<h2>{escape(e.kit)}, {bpm:g} bpm</h2>{picture(e.beat, take)}"
        f'<div class="pair">{players}</div><div class="two">{_figures(style, e)}{_sounds(e)}</div>'
    )


def _figures(style: Style, e: Entry) -> str:
    flat = {b.name: b.value for b in e.flat.bounds(style.name)}
    rows = "".join(
        f'<tr{"" if b.kept else " class=bad"}><td>{escape(b.name)}</td><td class="n">{_number(b.value)}</td>'
        f'<td class="n">{_range(b.low, b.high)}</td><td class="n">{_number(flat.get(b.name))}</td></tr>'
        for b in e.figures.bounds(style.name)
    )
    return f"<table><tr><th>figure</th><th>beat</th><th>wanted</th><th>flat, raw</th></tr>{rows}</table>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, int) else f"{value:.2f}"


def _range(low: float, high: float) -> str:
    return f"{low:.3g}" if low == high else f"{low:.3g} … {high:.3g}"


def _sounds(e: Entry) -> str:
    played: dict[str | None, int] = {}
    for event in e.beat.events:
        played[event.sample_id] = played.get(event.sample_id, 0) + 1
    rows = "".join(
        f"<tr><td>{escape(s.name[:40])}</td><td>{s.pool_role}</td><td>{escape(s.instrument)}</td>"
        f'<td class="n">{played.get(s.sample_id, 0)}</td><td class="w">{escape(s.benched or "")}</td></tr>'
        for s in sorted(e.beat.kit.values(), key=lambda s: ROLES.index(s.pool_role))
    )
    return f"<table><tr><th>sound</th><th>role</th><th>heard as</th><th>hits</th><th>benched</th></tr>{rows}</table>"


def index_page(entries: Sequence[Entry], notes: Sequence[str]) -> str:
    """The table of all styles: what is out of bounds, and the figures that say most."""
    said = "".join(f'<p class="bad">{escape(note)}</p>' for note in notes)
    rows = "".join(_row(e) for e in entries)
    return _page(
        "Groove sheet",
        f"<h1>Groove sheet</h1><p>Each style at its home tempo, four bars, seed 0. Levels in LU against CORE.</p>{said}"
        "<table><tr><th>style</th><th>kit</th><th>events</th><th>swing</th><th>ACCENT</th><th>MOTION</th><th>FILL</th>"
        f"<th>TEXTURE</th><th>duck dB</th><th>squash dB</th><th>out of bounds</th></tr>{rows}</table>",
    )


def _row(e: Entry) -> str:
    levels = "".join(
        f'<td class="n">{_number(e.figures.balance_lu.get(role))}</td>'
        for role in ("ACCENT", "MOTION", "FILL", "TEXTURE")
    )
    return (
        f'<tr><td><a href="{e.style}.html">{e.style}</a></td><td>{escape(e.kit)}</td>'
        f'<td class="n">{len(e.beat.events)}</td><td class="n">{_number(e.figures.swing)}</td>{levels}'
        f'<td class="n">{_number(e.figures.duck_db)}</td><td class="n">{_number(e.figures.squash_db)}</td>'
        f'<td class="bad">{escape("; ".join(e.figures.faults(e.style)))}</td></tr>'
    )
