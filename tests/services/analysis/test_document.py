"""An analysis as JSON: every field, finite numbers only; hints there and back."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from services.analysis.document import HINTS, analysis_to_doc, hints_of, hints_to_doc
from services.analysis.types import (
    NO_RHYTHM,
    Analysis,
    BeatHints,
    KeyEstimate,
    KeyProbability,
    Loudness,
    Rhythm,
    Section,
    TempoAlternative,
    TempoPoint,
)

FULL = Analysis(
    12.3456789,
    Rhythm(
        120.00049,
        0.9,
        (TempoAlternative(60.0002, 0.51239),),
        1.0,
        (0.50004, 1.0),
        (0.50004,),
        (TempoPoint(0.50004, 0, 120.00049),),
        "4/4",
        0.8,
    ),
    KeyEstimate("C# minor", 0.7, (KeyProbability("C# minor", 0.70001),), -12.34),
    Loudness(-14.004, 3.2, -1.0),
    (Section(0.0, 12.3456789, "A", 1.0),),
    ("A word.",),
)
NOTHING = Analysis(1.0, NO_RHYTHM, KeyEstimate(None, 0.0, (), None), Loudness(None, None, None), ())


def test_every_field_of_the_contract_is_there() -> None:
    assert analysis_to_doc(FULL) == {
        "duration_s": 12.345679,
        "bpm": 120.0,
        "bpm_confidence": 0.9,
        "bpm_alternatives": [{"bpm": 60.0, "score": 0.5124}],
        "bpm_stability": 1.0,
        "beats_s": [0.5, 1.0],
        "downbeats_s": [0.5],
        "tempo_map": [{"time_s": 0.5, "bar": 0, "bpm": 120.0}],
        "meter": "4/4",
        "meter_confidence": 0.8,
        "key": "C# minor",
        "key_confidence": 0.7,
        "keys": [{"key": "C# minor", "probability": 0.7}],
        "tuning_cents": -12.3,
        "loudness_lufs": -14.0,
        "loudness_range_lu": 3.2,
        "true_peak_db": -1.0,
        "sections": [{"start_s": 0.0, "end_s": 12.3457, "label": "A", "confidence": 1.0}],
        "warnings": ["A word."],
    }


def test_what_was_not_found_is_null_or_empty() -> None:
    doc = analysis_to_doc(NOTHING)
    missing = ("bpm", "meter", "key", "tuning_cents", "loudness_lufs", "loudness_range_lu", "true_peak_db")
    assert [doc[name] for name in missing] == [None] * len(missing)
    lists = ("bpm_alternatives", "beats_s", "downbeats_s", "tempo_map", "keys", "sections", "warnings")
    assert [doc[name] for name in lists] == [[]] * len(lists)
    assert (doc["bpm_confidence"], doc["meter_confidence"], doc["key_confidence"]) == (0.0, 0.0, 0.0)


@given(st.floats(), st.floats(), st.floats())
def test_no_number_that_json_lacks_gets_out(level: float, share: float, cents: float) -> None:
    made = Analysis(1.0, NO_RHYTHM, KeyEstimate(None, share, (), cents), Loudness(level, level, level), ())
    doc = analysis_to_doc(made)
    json.dumps(doc, allow_nan=False)
    assert 0 <= doc["key_confidence"] <= 1
    assert (doc["loudness_lufs"] is None) == (not math.isfinite(level))


def test_hints_are_all_named_and_come_back() -> None:
    doc = hints_to_doc({"meter": "3/4", "bpm_max": 90.0, "sources": []})
    assert doc == {"bpm_min": None, "bpm_max": 90.0, "meter": "3/4", "first_downbeat_s": None}
    assert set(doc) == set(HINTS)
    assert hints_of(doc) == BeatHints(None, 90.0, "3/4", None)
    assert hints_of({}) == BeatHints()
