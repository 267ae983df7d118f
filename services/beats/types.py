"""The values of the beats room: a grid with events on it, and a kit of sounds.

Every producer returns a `Beat`, every exporter takes one. Values are frozen; a stage returns a new one. Times are
seconds, velocity and probability 0..1, levels dB; a step is a sixteenth note, a tick 1/240 of a step (960 a quarter).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["CORE", "ACCENT", "MOTION", "FILL", "TEXTURE"]
ROLES: tuple[Role, ...] = ("CORE", "ACCENT", "MOTION", "FILL", "TEXTURE")
INSTRUMENTS: tuple[str, ...] = (
    "kick", "snare", "rim", "clap", "tom", "hat_closed", "hat_open", "ride", "crash", "shaker", "perc", "bass",
    "tonal", "vocal", "texture",
)  # fmt: skip

# Steps per bar, and the steps of a beat (what a conductor would beat): 6/8 and 12/8 beat dotted quarters.
METERS: dict[str, int] = {"4/4": 16, "3/4": 12, "2/4": 8, "5/4": 20, "7/8": 14, "6/8": 12, "12/8": 24}
BEAT_STEPS: dict[str, int] = {"4/4": 4, "3/4": 4, "2/4": 4, "5/4": 4, "7/8": 4, "6/8": 6, "12/8": 6}

TICKS_PER_STEP = 240
STEPS_PER_QUARTER = 4

BPM_MIN, BPM_MAX = 40.0, 300.0
BARS_MAX = 64  # of a beat that is composed
BARS_HELD_MAX = 256  # of any beat: an imported song has more bars than anybody composes at once
HELD_MAX_S = 300.0  # of a beat of more than BARS_MAX bars: so long a mix is rendered while its listener waits
SAMPLES_MAX = 64
ONESHOT_MAX_S = 30.0

Articulation = Literal["ghost", "accent", "flam", "roll", "open", "choke"]


@dataclass(frozen=True, slots=True)
class Grid:
    """Where bars and steps lie in time. `tempo_map`: ((bar, bpm), …), first bar 0; bpm counts quarter notes."""

    tempo_map: tuple[tuple[int, float], ...]
    meter: str = "4/4"
    bars: int = 4
    swing: float = 0.5  # place of the second note of a pair: 0.5 straight, 0.667 triplet
    swing_unit: int = 16  # note value of the pair's halves: 8 or 16
    pickup_steps: int = 0

    @property
    def steps_per_bar(self) -> int:
        return METERS[self.meter]

    @property
    def bpm(self) -> float:
        return self.tempo_map[0][1]


@dataclass(frozen=True, slots=True)
class Event:
    """One hit. Exactly one of `sample_id` and `pitch` (MIDI note) is set."""

    id: str
    bar: int
    step: int
    role: Role
    instrument: str
    velocity: float
    tick: int = 0
    offset_ms: float = 0.0  # feel only: lateness against the swung grid
    duration_steps: float = 1.0
    sample_id: str | None = None
    pitch: int | None = None
    probability: float = 1.0
    articulation: Articulation | None = None
    variant: str | None = None  # which version of its sound: low, mid or high of a pitched set
    muted: bool = False
    source: str = "skeleton"
    confidence: float = 1.0
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trim:
    """The part of a stored sample that sounds, seconds from the stored sample's start."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SourceRef:
    """Where a sample comes from: seconds in an asset."""

    asset_id: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Judged:
    """What the classifier alone took a sound for; the words are those of a sample."""

    role: Role
    roles: dict[str, float]
    instrument: str
    instruments: dict[str, float]
    confidence: float


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person said of one sound: its role, its instrument or both, and the features by which others are alike."""

    sample_id: str
    name: str
    role: Role | None
    instrument: str | None
    features: dict[str, float]


@dataclass(frozen=True, slots=True)
class CorrectedBy:
    """A correction that had a vote: of another sound, or of this very one. `similarity`: 0..1, 1 without difference."""

    sample_id: str
    name: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One sound of a kit. `blob` is the SHA-256 of its stored cut (WAV, 44.1 kHz, 24 bit)."""

    sample_id: str
    asset_id: str
    name: str
    blob: str
    role: Role
    roles: dict[str, float]
    instrument: str
    instruments: dict[str, float]
    confidence: float
    pool_role: Role
    reason: str
    source: SourceRef
    trim: Trim
    onset_s: float  # of the stored cut: where the sound physically begins
    attack_s: float  # of the stored cut: the first strong peak, placed on an event's time
    gain_db: float = 0.0
    pan: float = 0.0  # -1 left .. 1 right, added to the role's place
    loudness_db: float = 0.0  # relative to the loudest sample of the same source
    quality: float = 1.0
    features: dict[str, float] = field(default_factory=dict)
    processing: tuple[dict[str, Any], ...] = ()
    alternatives: tuple[Trim, ...] = ()  # other hits found in a one-shot upload
    benched: str | None = None  # why it plays no event
    locked: bool = False
    tags: tuple[str, ...] = ()
    heard: Judged | None = None  # the classifier's own answer, where a person's word has changed it
    corrected_by: tuple[CorrectedBy, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A named run of bars: `first_bar` .. `first_bar + bars - 1`. `low_pass_hz`: where MOTION and TEXTURE end in it."""

    name: str
    first_bar: int
    bars: int
    low_pass_hz: float | None = None


@dataclass(frozen=True, slots=True)
class Beat:
    """A grid, its events and the kit they play: the value that five systems share."""

    grid: Grid
    events: tuple[Event, ...]
    kit: dict[str, Sample]
    sections: tuple[Section, ...] = ()
    mix: dict[str, Any] = field(default_factory=dict)  # {roles: {ROLE: {gain_db, pan, muted}}, target_lufs}
    meta: dict[str, Any] = field(default_factory=dict)
