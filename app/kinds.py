"""Every kind of job: what runs it, on which queue, how long it may take, and what it costs.

`run` is a dotted path `module:function`, loaded by the worker alone; it takes a `app.tasks.JobContext` and returns a
`services.jobs.types.Outcome`. `reuse` (optional) turns the result of an equal job into this job's own, in the web
process: `reuse(deps, job, original) -> Outcome`; without it the result is copied.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.config import Settings

CPU = "cpu"
LEAST_S = 30.0  # a cold cache, a busy machine
FILE_S = 60.0  # making one file of a beat that is not long
FILE_FACTOR = 0.5  # more for each second of it


def by_audio(factor: float) -> Callable[[float], float]:
    """A time limit of LEAST_S plus `factor` seconds for each second of audio."""
    return lambda audio_s: LEAST_S + factor * audio_s


USUAL = by_audio(0.5)
LISTENING = by_audio(0.2)  # twenty times what analysing takes on an idle machine


@dataclass(frozen=True, slots=True)
class Kind:
    """`timeout_s` maps the seconds of audio to the seconds that the work may take; `cost` is in credits."""

    run: str
    queue: str = CPU
    timeout_s: Callable[[float], float] = USUAL
    cost: float = 0.0
    reuse: str | None = None


KINDS: dict[str, Kind] = {
    "beat": Kind("app.runs.beats:beat", reuse="app.reuse:beat"),
    "import": Kind("app.runs.imports:imported", reuse="app.reuse:beat"),
    "regenerate": Kind("app.runs.beats:regenerate"),
    "slices": Kind("app.runs.rungs:slices"),
    "roles": Kind("app.runs.rungs:roles"),
    "skeleton": Kind("app.runs.rungs:skeleton"),
    "groove": Kind("app.runs.grooves:groove", reuse="app.reuse:groove"),
    "transcription": Kind("app.runs.transcriptions:transcription", reuse="app.reuse:transcription"),
    "retranscription": Kind("app.runs.transcriptions:retranscription"),
    "transcription_file": Kind("app.runs.transcriptions:file"),
    "transcription_stem": Kind("app.runs.transcriptions:stem"),
    "analysis": Kind("app.runs.analyses:analysis", timeout_s=LISTENING, reuse="app.reuse:analysis"),
    "reanalysis": Kind("app.runs.analyses:reanalysis", timeout_s=LISTENING),
    "asset": Kind("app.runs.rungs:asset"),
    "export": Kind("app.runs.export:export", timeout_s=lambda audio_s: FILE_S + FILE_FACTOR * audio_s),
}

# Imported (`module`) or called (`module:function`) in the worker before it forks, so that no job pays for it.
PRELOAD: tuple[str, ...] = (
    "numpy", "scipy.signal", "scipy.fft", "scipy.optimize", "soundfile", "av", "soxr", "app.runs.beats",
    "app.runs.rungs", "app.runs.analyses", "app.runs.grooves", "app.runs.transcriptions", "app.runs.export",
    "app.runs.imports", "services.audio.decode:preload", "services.version:code_version",
)  # fmt: skip


def kinds(settings: Settings) -> Mapping[str, Kind]:
    """The table of kinds; tests add theirs by a module's name in JOB_KINDS_EXTRA, which APP_ENV=test alone honours."""
    if settings.app_env != "test" or not settings.job_kinds_extra:
        return KINDS
    return {**KINDS, **importlib.import_module(settings.job_kinds_extra).KINDS}


def load(path: str) -> Callable[..., Any]:
    """The function that a dotted path `module:function` names."""
    module, _, name = path.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


def preload() -> None:
    """Import what jobs need."""
    for path in PRELOAD:
        if ":" in path:
            load(path)()
        else:
            importlib.import_module(path)
