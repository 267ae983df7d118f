"""Values of the analysis: what is found in a recording, and what its user may know better."""

from __future__ import annotations

from dataclasses import dataclass

BPM_LOW, BPM_HIGH = 30.0, 300.0  # quarter notes per minute that a user may ask for


@dataclass(frozen=True, slots=True)
class BeatHints:
    """What the user knows better: the range of the tempo, the meter, the second of one downbeat; None: find it."""

    bpm_min: float | None = None
    bpm_max: float | None = None
    meter: str | None = None
    first_downbeat_s: float | None = None


@dataclass(frozen=True, slots=True)
class TempoAlternative:
    """Another reading of the tempo, in quarter notes per minute, with its score 0..1 against the best reading's."""

    bpm: float
    score: float


@dataclass(frozen=True, slots=True)
class TempoPoint:
    """From this second on, at this bar (0-based; bars begin at downbeats), quarter notes per minute."""

    time_s: float
    bar: int
    bpm: float


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Tempo and beats. `bpm`: quarter notes per minute, None where nothing beats; confidences and stability 0..1.

    `beats_s`, `downbeats_s`: seconds, rising, where the beat is heard (no latency); a downbeat is one of the beats.
    A beat is a quarter, in 6/8 and 12/8 a dotted quarter, in 7/8 an eighth. `tempo_map` has one point where the tempo
    is constant. `meter` is None where there are no beats.
    """

    bpm: float | None
    bpm_confidence: float
    bpm_alternatives: tuple[TempoAlternative, ...]
    stability: float
    beats_s: tuple[float, ...]
    downbeats_s: tuple[float, ...]
    tempo_map: tuple[TempoPoint, ...]
    meter: str | None
    meter_confidence: float


NO_RHYTHM = Rhythm(None, 0.0, (), 0.0, (), (), (), None, 0.0)


@dataclass(frozen=True, slots=True)
class KeyProbability:
    """A key as the API writes it (`C# minor`) and its probability 0..1."""

    key: str
    probability: float


@dataclass(frozen=True, slots=True)
class KeyEstimate:
    """`key` is None for drums, noise and what is too short; `keys` are the three likeliest, of all 24 summing to 1.

    `tuning_cents`: how far the music lies above A = 440 Hz, -50..50; None where nothing is pitched.
    """

    key: str | None
    confidence: float
    keys: tuple[KeyProbability, ...]
    tuning_cents: float | None


@dataclass(frozen=True, slots=True)
class Loudness:
    """Integrated loudness in LUFS (ITU-R BS.1770-4), range in LU (EBU Tech 3342), true peak in dBTP; None: silence."""

    integrated_lufs: float | None
    range_lu: float | None
    true_peak_db: float | None


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch between two seconds; stretches with the same label sound alike. `confidence` 0..1 of its start."""

    start_s: float
    end_s: float
    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything found in one recording of `duration_s` seconds."""

    duration_s: float
    rhythm: Rhythm
    key: KeyEstimate
    loudness: Loudness
    sections: tuple[Section, ...]
    warnings: tuple[str, ...] = ()
