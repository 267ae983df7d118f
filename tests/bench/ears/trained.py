"""What a training measured on kits that its networks never heard, from the metrics file beside the weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from services.models.registry import Model
from tests.bench.ears.tables import Table

ROOT = Path(__file__).resolve().parents[3]
NOTE = (
    "Written by the training. Kits that were left out are heard by networks that never met them: what to expect of "
    "unknown kits. Kits that were heard are heard by the shipped network, which knows them."
)


def metrics(title: str, model: Model) -> Iterator[Table]:
    """The figures of the metrics file beside a model: a column for each way of judging, a row for each figure."""
    file = (ROOT / model.file).with_suffix(".metrics.json")
    if not file.exists():
        yield Table(title, ("figure",), [], (f"The training left no {file.relative_to(ROOT)}.",))
        return
    doc = json.loads(file.read_text())
    ways = {name: _flat(part) for name, part in doc.items() if isinstance(part, dict)}
    words = [f"{_said(name)}: {', '.join(map(str, part))}." for name, part in doc.items() if isinstance(part, list)]
    rows = dict.fromkeys(name for part in ways.values() for name in part)
    cells = [(row, *(_text(part.get(row)) for part in ways.values())) for row in rows]
    yield Table(title, ("figure", *map(_said, ways)), cells, (NOTE, *words))


def _said(name: str) -> str:
    return name.replace("_", " ")


def _flat(part: Mapping[str, Any], before: str = "") -> dict[str, float]:
    """Numbers by the words that lead to them."""
    found: dict[str, float] = {}
    for name, value in part.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name} ")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[_said(f"{before}{name}")] = float(value)
    return found


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")
