"""Stages of the analysis in order: listen once to a recording, then derive everything else from what was heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.analysis.activations import RhythmActivations
from services.analysis.harmony import Harmony
from services.analysis.key import key_of
from services.analysis.level import Level
from services.analysis.loudness import NO_LOUDNESS
from services.analysis.parts import HARMONY, LEVEL, RHYTHM, hear_parts
from services.analysis.sections import sections_of
from services.analysis.tempo import rhythm
from services.analysis.types import NO_RHYTHM, Analysis, BeatHints, KeyEstimate
from services.audio.clip import AudioSource
from services.errors import FieldError, Invalid
from services.jobs.types import Report
from services.models.registry import KEY as KEY_MODEL
from services.models.registry import RHYTHM as RHYTHM_MODEL

PARTS = (RHYTHM, HARMONY, LEVEL)
NO_KEY = KeyEstimate(None, 0.0, (), None)
SILENT = "The recording is silent: there is nothing to analyse."
NO_BEAT = "No steady beat was found: tempo, beats and meter are left out."
UNSURE_BEAT = "The tempo is uncertain: half or double of it may be as right; bpm_min and bpm_max narrow the search."
NO_KEY_FOUND = "No key was found: drums, noise and speech have none."
SURE_ENOUGH = 0.5  # of the tempo's confidence: below, another reading is as likely


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in one recording, before any question was asked; hints do not change it."""

    rhythm: RhythmActivations
    harmony: Harmony
    level: Level

    @staticmethod
    def of(found: Mapping[str, Any]) -> Heard:
        """The parts by their names, as `hear_parts` finds them (no unit of their own)."""
        return Heard(found[RHYTHM.name], found[HARMONY.name], found[LEVEL.name])


def listen(source: AudioSource, report: Report) -> Heard:
    """Hear a recording at 44.1 kHz of any length, in blocks. `report` hears the stage and the share done, 0..1."""
    return Heard.of(hear_parts(source, PARTS, report))


def derive(heard: Heard, hints: BeatHints) -> Analysis:
    """Tempo, beats, key, loudness and sections of what was heard; times in seconds.

    Silence has none of them, and says so. Raises Invalid for a first downbeat past the end.
    """
    level = heard.level
    if hints.first_downbeat_s is not None and hints.first_downbeat_s > level.duration_s:
        message = f"must not be past the end of the recording, {level.duration_s:.3f} s"
        raise Invalid(f"first_downbeat_s {message}", errors=(FieldError("first_downbeat_s", message),))
    if level.silent:
        return Analysis(level.duration_s, NO_RHYTHM, NO_KEY, NO_LOUDNESS, (), (SILENT,))
    beats = rhythm(heard.rhythm, hints)
    key = key_of(heard.harmony)
    sections = sections_of(heard.harmony, beats.downbeats_s, level.duration_s)
    warnings = []
    if beats.bpm is None:
        warnings.append(NO_BEAT)
    elif beats.bpm_confidence < SURE_ENOUGH and hints == BeatHints():
        warnings.append(UNSURE_BEAT)
    if key.key is None:
        warnings.append(NO_KEY_FOUND)
    return Analysis(level.duration_s, beats, key, level.loudness, sections, tuple(warnings))


def engines() -> dict[str, Any]:
    """What made an analysis, by what it answers, with the hash of every weight file (names, no unit)."""
    return {
        "tempo": {"name": "soundroutine-pulse", "sha256": RHYTHM_MODEL.sha256},
        "key": {"name": "soundroutine-chroma", "sha256": KEY_MODEL.sha256},
        "loudness": "bs.1770-4",
        "sections": "soundroutine-novelty",
    }
