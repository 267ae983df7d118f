"""Bootstrap intervals: the same in every process, narrower with more recordings, around the value."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.ears.intervals import figure, mean, ratio
from tests.bench.ears.tables import Table


def rows(right: int, of: int) -> list[np.ndarray]:
    return [np.array([i < right, 1.0]) for i in range(of)]


def test_a_share_and_its_interval_are_what_the_binomial_says():
    found = figure(rows(80, 100), ratio)
    assert found.value == 0.8
    assert found.low == pytest.approx(0.8 - 1.96 * 0.04, abs=0.015)
    assert found.high == pytest.approx(0.8 + 1.96 * 0.04, abs=0.015)
    assert found.count == 100


def test_the_same_rows_give_the_same_interval():
    assert figure(rows(7, 9), ratio) == figure(rows(7, 9), ratio)


def test_more_recordings_narrow_it():
    few, many = figure(rows(8, 10), ratio), figure(rows(800, 1000), ratio)
    assert many.high - many.low < (few.high - few.low) / 4


def test_certainty_has_no_width_and_nothing_has_no_value():
    assert (figure(rows(5, 5), ratio).low, figure(rows(5, 5), ratio).high) == (1.0, 1.0)
    assert np.isnan(figure([], ratio).value)
    assert np.isnan(mean([float("nan")]).value)
    assert mean([1.0, float("nan"), 3.0]).value == 2.0


def test_a_table_in_both_forms():
    table = Table("Title", ("name", "share"), [("all", figure(rows(5, 5), ratio)), ("none", mean([]))], ("Said.",), 2)
    assert table.text().splitlines()[2:] == [
        "| name | share |", "| --- | --- |", "| all | 1.00 [1.00, 1.00] |", "| none | – |", "", "Said.",
    ]  # fmt: skip
    made = table.document()["rows"]
    assert made[0]["share"] == {"value": 1.0, "low": 1.0, "high": 1.0, "count": 5}
    assert made[1]["share"]["value"] is None
