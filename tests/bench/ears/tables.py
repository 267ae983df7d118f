"""Tables of figures: as Markdown for people, as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tests.bench.ears.intervals import Figure
from tests.bench.ears.peers import Peer

Cell = Figure | str | int


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table; `digits` after the point of its figures, `notes` are sentences below it."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    digits: int = 3

    def text(self) -> str:
        """Markdown."""
        lines = [f"### {self.title}", "", _line(self.columns), _line(["---"] * len(self.columns))]
        lines += [_line([self._cell(c) for c in row]) for row in self.rows]
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)])

    def _cell(self, cell: Cell) -> str:
        return cell.text(self.digits) if isinstance(cell, Figure) else str(cell)

    def document(self) -> dict[str, Any]:
        """JSON: rows as objects by column, a figure as {value, low, high, count}, null where there is none."""
        rows = [{c: _plain(cell) for c, cell in zip(self.columns, row, strict=True)} for row in self.rows]
        return {"title": self.title, "rows": rows, "notes": list(self.notes)}


def _plain(cell: Cell) -> Any:
    if not isinstance(cell, Figure):
        return cell
    return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in asdict(cell).items()}


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def published(what: str, peers: Sequence[Peer]) -> Table:
    """What others publish about the same thing."""
    note = "Other data, other labels, other tolerances: orders of magnitude, not a ranking."
    return Table(f"{what}: published by others", ("system", "figure", "conditions"), [tuple(p) for p in peers], (note,))
