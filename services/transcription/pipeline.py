"""Stages of a transcription: listen, pick the hits, find the beat, write them as notes; the last two can run again.

recording -> activations of drums, of the full mix or of its percussive part (network.py, percussive.py)
          -> hits under ids (hits.py, strokes.py), corrected by a person
          -> beats and bars (services/analysis/tempo.py) -> notes on a grid (quantise.py)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.analysis.activations import RhythmActivations
from services.analysis.parts import RHYTHM, Part
from services.analysis.tempo import rhythm
from services.analysis.types import NO_RHYTHM, BeatHints, Rhythm
from services.audio.clip import AudioSource
from services.errors import FieldError, Invalid
from services.models.registry import DRUMS as DRUM_MODEL
from services.transcription.certainty import UncertainBar, uncertain_bars
from services.transcription.document import pack, unpack
from services.transcription.hits import pick
from services.transcription.network import listen
from services.transcription.percussive import Percussive
from services.transcription.quantise import AS_HEARD, Score, Wanted, quantise
from services.transcription.strokes import Correction, Stroke, corrected, named
from services.transcription.types import Activations

NO_DRUMS = "No drums were found in this recording."
NO_BEAT = "No steady beat was found: the grid is 120 bpm from the first hit on. `bpm_min` and `bpm_max` may help."
FEW_HITS = "Fewer than 20 hits were found: tempo and notes are uncertain."
FEW = 20
END_S = 0.02  # of a recording, half a window of the network's spectrum: what is there is the cut
NONE, HPSS = "none", "hpss"  # separators
# The network has learned full mixes, and hears the percussive part alone less well (deploy/training reports both).
AUTO_SEPARATOR = NONE


def separator_of(separate: str) -> str:
    """The separator that answers `separate`: `true` asks for one, `false` for none, `auto` for what hears best."""
    return {"true": HPSS, "false": NONE}.get(separate, AUTO_SEPARATOR)


def _hear(source: AudioSource, report: Callable[[float], None]) -> Activations:
    """Activations as they come out of a cache: so the first answer and every later one are the same."""
    return unpack(pack(listen(source, report)))


def _hear_percussive(source: AudioSource, report: Callable[[float], None]) -> Activations:
    return _hear(Percussive(source), report)


DRUMS = Part("drums", 1.5, _hear, pack, unpack)
PERCUSSION = Part("percussion", 6.0, _hear_percussive, pack, unpack)


def drum_part(separator: str) -> Part:
    """What listens for drums after this separator (no unit)."""
    return PERCUSSION if separator == HPSS else DRUMS


def parts(separator: str) -> tuple[Part, ...]:
    """What listens to a recording for a transcription; the beat is always heard in the full mix."""
    return (drum_part(separator), RHYTHM)


def engines(separator: str) -> dict[str, Any]:
    """What made a transcription, with the hash of every weight file."""
    return {
        "transcriber": {"name": "soundroutine-drums", "sha256": DRUM_MODEL.sha256},
        "separator": separator,
        "tempo": "soundroutine-pulse",
        "quantiser": "soundroutine-grid",
    }


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user wants of a recording, or knows better: note values and swing, the beat, and what single hits are."""

    notes: Wanted = AS_HEARD
    hints: BeatHints = field(default_factory=BeatHints)
    corrections: Mapping[str, Correction] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Transcription:
    """`strokes` as played, in time order, corrected; `score` is None without any. Times in seconds of the recording.

    `uncertain`: the bars of the score to look at first.
    """

    duration_s: float
    strokes: tuple[Stroke, ...]
    rhythm: Rhythm
    score: Score | None
    uncertain: tuple[UncertainBar, ...]
    warnings: tuple[str, ...]


def strokes_of(activations: Activations) -> tuple[Stroke, ...]:
    """The hits of a recording under their ids, in time order (seconds); none in silence.

    The end of a recording that was cut off sounds like a stroke and is none: nobody could hear one that late.
    """
    end_s = (activations.frames - 1) * activations.frame_s - END_S
    return named([hit for hit in pick(activations) if hit.time_s < end_s])


def transcribe(strokes: tuple[Stroke, ...], heard: RhythmActivations, asked: Asked) -> Transcription:
    """Strokes as heard, and the rhythm's activations, to notes. Nothing is listened to again.

    Silence and music without drums have no strokes and no score, and say so. Raises Invalid for a first downbeat past
    the end, and for a swing that the meter cannot have.
    """
    first = asked.hints.first_downbeat_s
    if first is not None and first > heard.duration_s:
        message = f"must not be past the end of the recording, {heard.duration_s:.3f} s"
        raise Invalid(f"first_downbeat_s {message}", errors=(FieldError("first_downbeat_s", message),))
    found = rhythm(heard, asked.hints) if heard.peak > 0 else NO_RHYTHM
    kept = corrected(strokes, asked.corrections)
    score = quantise(kept, found, asked.notes)
    uncertain = () if score is None else uncertain_bars(score, kept, found)
    return Transcription(heard.duration_s, kept, found, score, uncertain, _warnings(kept, found))


def _warnings(strokes: tuple[Stroke, ...], found: Rhythm) -> tuple[str, ...]:
    if not strokes:
        return (NO_DRUMS,)
    few = (FEW_HITS,) if len(strokes) < FEW else ()
    return (*few, NO_BEAT) if found.bpm is None else few
