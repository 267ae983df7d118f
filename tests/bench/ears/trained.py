"""What a training measured on kits that its networks never heard, from the metrics file beside the weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.bench.ears.tables import Table

ROOT = Path(__file__).resolve().parents[3]
NOTE = (
    "Written by the training. Leave one kit out: each kit is judged by networks that never heard it, which is what to "
    "expect of unknown kits; resubstitution: by the shipped network, which knows it."
)


def metrics(title: str, file: Path) -> Iterator[Table]:
    """The figures of a metrics file: a column for each way of judging, a row for each figure."""
    ways = {name: _flat(part) for name, part in json.loads((ROOT / file).read_text()).items() if isinstance(part, dict)}
    rows = dict.fromkeys(name for part in ways.values() for name in part)
    cells = [(row, *(_text(part.get(row)) for part in ways.values())) for row in rows]
    yield Table(title, ("figure", *(name.replace("_", " ") for name in ways)), cells, (NOTE,))


def _flat(part: Mapping[str, Any], before: str = "") -> dict[str, float]:
    """Numbers by the words that lead to them."""
    found: dict[str, float] = {}
    for name, value in part.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name} ")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[f"{before}{name}".replace("_", " ")] = float(value)
    return found


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")
