"""An analysis as a JSON object, as the API shows it and the store keeps it; and a user's hints out of one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from services.analysis.types import Analysis, BeatHints, Rhythm

# Digits kept after the point: finer than anybody hears, coarse enough that two hours of beats stay a small document.
TIME_DIGITS = 4  # 0.1 ms; a frame of the activations is 10 ms
BPM_DIGITS = 3
SHARE_DIGITS = 4
LEVEL_DIGITS = 2  # of LUFS, LU and dB
CENTS_DIGITS = 1
HINTS = ("bpm_min", "bpm_max", "meter", "first_downbeat_s")


def analysis_to_doc(made: Analysis) -> dict[str, Any]:
    """A JSON object of plain finite numbers: seconds, quarter notes per minute, probabilities 0..1, LUFS, LU, dBTP.

    What was not found is null or an empty list. A number that is not finite becomes null, too: JSON has none.
    """
    return {
        "duration_s": round(made.duration_s, 6),
        **_rhythm(made.rhythm),
        "key": made.key.key,
        "key_confidence": _share(made.key.confidence),
        "keys": [{"key": k.key, "probability": _share(k.probability)} for k in made.key.keys],
        "tuning_cents": _number(made.key.tuning_cents, CENTS_DIGITS),
        "loudness_lufs": _number(made.loudness.integrated_lufs, LEVEL_DIGITS),
        "loudness_range_lu": _number(made.loudness.range_lu, LEVEL_DIGITS),
        "true_peak_db": _number(made.loudness.true_peak_db, LEVEL_DIGITS),
        "sections": [
            {
                "start_s": round(s.start_s, TIME_DIGITS),
                "end_s": round(s.end_s, TIME_DIGITS),
                "label": s.label,
                "confidence": _share(s.confidence),
            }
            for s in made.sections
        ],
        "warnings": list(made.warnings),
    }


def _rhythm(rhythm: Rhythm) -> dict[str, Any]:
    return {
        "bpm": _number(rhythm.bpm, BPM_DIGITS),
        "bpm_confidence": _share(rhythm.bpm_confidence),
        "bpm_alternatives": [
            {"bpm": round(a.bpm, BPM_DIGITS), "score": _share(a.score)} for a in rhythm.bpm_alternatives
        ],
        "bpm_stability": _share(rhythm.stability),
        "beats_s": _times(rhythm.beats_s),
        "downbeats_s": _times(rhythm.downbeats_s),
        "tempo_map": [
            {"time_s": round(p.time_s, TIME_DIGITS), "bar": p.bar, "bpm": round(p.bpm, BPM_DIGITS)}
            for p in rhythm.tempo_map
        ],
        "meter": rhythm.meter,
        "meter_confidence": _share(rhythm.meter_confidence),
    }


def hints_of(doc: Mapping[str, Any]) -> BeatHints:
    """The hints that a document holds; those that are null or not there are for us to find."""
    return BeatHints(**{name: doc.get(name) for name in HINTS})


def hints_to_doc(hints: Mapping[str, Any]) -> dict[str, Any]:
    """All hints by name, null where the user gave none."""
    return {name: hints.get(name) for name in HINTS}


def _times(seconds: Sequence[float]) -> list[float]:
    return [round(float(s), TIME_DIGITS) for s in seconds]


def _share(value: float) -> float:
    return round(min(1.0, max(0.0, float(value))), SHARE_DIGITS) if math.isfinite(value) else 0.0


def _number(value: float | None, digits: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), digits)
