"""The labels of a folder of recordings, read and checked.

A folder holds any of five folders, each with recordings of any format that the product reads and a `labels.json`:
an object from file name to what is true of that file. Times are seconds from the file's start, `?` may be missing.

    roles/     {"instrument": one of the product's 15, "kit"?: where it comes from}
    adt/       {"events": [[s, drum], …], "mix": "solo" | "mix", "bpm"?, "half_time"?, "kit"?, "velocity"?,
                "instruments"?, "beats"?, "downbeats"?, "meter"?, "key"?}
    key/       {"key": "C# minor", "bpm"?, "cents"?}
    others/    {"kind": a word such as "silence", "noise" or "speech"}: nothing here is a drum
    sections/  {"sections": [[start_s, end_s, label], …]}

`drum` is one of the five classes (kick, snare, tom, hihat, cymbal) or an instrument that folds into one. Parallel to
`events`: `velocity` 0..1, and `instruments`, the nine names that the five classes fold. `bpm` counts quarter notes;
without it (or null) the file's tempo is not scored. `half_time`: it may as well be heard at half the tempo. `beats`
are quarters, dotted quarters in 6/8 and 12/8, eighths in 7/8. `cents`: how far the music lies above A = 440 Hz.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.beats.types import INSTRUMENTS
from services.transcription.types import FAMILIES

FIVE = tuple(FAMILIES)
FOLD = {drum: five for five, drums in FAMILIES.items() for drum in (five, *drums)}
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
KEYS = tuple(f"{note} {mode}" for note in NOTES for mode in ("major", "minor"))


class BadLabels(ValueError):
    """A labels file that does not say what it should, with the file and the key."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A one-shot and its instrument."""

    path: Path
    instrument: str
    kit: str


@dataclass(frozen=True, slots=True)
class Track:
    """A recording with drums. `times` (s), `drums` (of five) and, where given, `velocity` and `nine` go together."""

    path: Path
    mix: str
    kit: str
    times: tuple[float, ...]
    drums: tuple[str, ...]
    velocity: tuple[float, ...] | None
    nine: tuple[str, ...] | None
    bpm: float | None
    half_time: bool
    beats: tuple[float, ...] | None
    downbeats: tuple[float, ...] | None
    meter: str | None
    key: str | None


@dataclass(frozen=True, slots=True)
class Song:
    """A recording in a key, without drums."""

    path: Path
    key: str
    bpm: float | None
    cents: float | None


@dataclass(frozen=True, slots=True)
class Other:
    """A recording without drums, and without anything that has a key."""

    path: Path
    kind: str


@dataclass(frozen=True, slots=True)
class Form:
    """A recording and its sections: (start_s, end_s, label) in order."""

    path: Path
    sections: tuple[tuple[float, float, str], ...]


def rows_of(folder: Path, limit: int | None = None) -> list[tuple[Path, dict[str, Any]]]:
    """The first `limit` files and labels of a folder, in the order of its labels file; none without such a file."""
    file = folder / "labels.json"
    if not file.exists():
        return []
    try:
        labels = json.loads(file.read_text())
    except ValueError as error:
        raise BadLabels(f"{file} is not JSON: {error}") from error
    if not isinstance(labels, dict) or not all(isinstance(row, dict) for row in labels.values()):
        raise BadLabels(f"{file} is not an object from file names to objects")
    missing = [name for name in labels if not (folder / name).exists()]
    if missing:
        raise BadLabels(f"{file} names {missing[0]}, which is not there")
    return [(folder / name, row) for name, row in list(labels.items())[:limit]]


def shots(data: Path, limit: int | None = None) -> list[Shot]:
    """The one-shots of `data`/roles."""
    return [
        Shot(path, _one_of(path, row, "instrument", INSTRUMENTS), str(row.get("kit", "")))
        for path, row in rows_of(data / "roles", limit)
    ]


def tracks(data: Path, limit: int | None = None) -> list[Track]:
    """The drum tracks of `data`/adt."""
    return [_track(path, row) for path, row in rows_of(data / "adt", limit)]


def songs(data: Path, limit: int | None = None) -> list[Song]:
    """The chord music of `data`/key."""
    return [
        Song(path, _one_of(path, row, "key", KEYS), _number(path, row, "bpm"), _number(path, row, "cents"))
        for path, row in rows_of(data / "key", limit)
    ]


def others(data: Path, limit: int | None = None) -> list[Other]:
    """The recordings of `data`/others."""
    return [Other(path, str(_needed(path, row, "kind"))) for path, row in rows_of(data / "others", limit)]


def forms(data: Path, limit: int | None = None) -> list[Form]:
    """The recordings of `data`/sections."""
    found = []
    for path, row in rows_of(data / "sections", limit):
        try:
            parts = tuple((float(a), float(b), str(name)) for a, b, name in _needed(path, row, "sections"))
        except (TypeError, ValueError) as error:
            raise BadLabels(f"{path}: `sections` is a list of [start_s, end_s, label]") from error
        found.append(Form(path, parts))
    return found


def _track(path: Path, row: Mapping[str, Any]) -> Track:
    try:
        hits = [(float(s), str(drum)) for s, drum in _needed(path, row, "events")]
    except (TypeError, ValueError) as error:
        raise BadLabels(f"{path}: `events` is a list of [s, drum]") from error
    unknown = sorted({drum for _, drum in hits} - set(FOLD))
    if unknown:
        raise BadLabels(f"{path}: `events` has {unknown[0]}, which is none of {', '.join(FOLD)}")
    velocity, nine = _beside(path, row, "velocity", len(hits)), _beside(path, row, "instruments", len(hits))
    return Track(
        path=path,
        mix=str(row.get("mix", "mix")),
        kit=str(row.get("kit", "")),
        times=tuple(s for s, _ in hits),
        drums=tuple(FOLD[drum] for _, drum in hits),
        velocity=velocity and tuple(float(v) for v in velocity),
        nine=nine and tuple(str(name) for name in nine),
        bpm=_number(path, row, "bpm"),
        half_time=bool(row.get("half_time", False)),
        beats=_times(path, row, "beats"),
        downbeats=_times(path, row, "downbeats"),
        meter=row.get("meter"),
        key=None if row.get("key") is None else _one_of(path, row, "key", KEYS),
    )


def _needed(path: Path, row: Mapping[str, Any], name: str) -> Any:
    if name not in row:
        raise BadLabels(f"{path} has no `{name}`")
    return row[name]


def _one_of(path: Path, row: Mapping[str, Any], name: str, known: tuple[str, ...]) -> str:
    value = _needed(path, row, name)
    if value not in known:
        raise BadLabels(f"{path}: `{name}` is {value!r}, which is none of {', '.join(known)}")
    return str(value)


def _number(path: Path, row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise BadLabels(f"{path}: `{name}` is {value!r}, not a number")
    return None if value is None else float(value)


def _times(path: Path, row: Mapping[str, Any], name: str) -> tuple[float, ...] | None:
    if row.get(name) is None:
        return None
    try:
        return tuple(sorted(float(s) for s in row[name]))
    except (TypeError, ValueError) as error:
        raise BadLabels(f"{path}: `{name}` is a list of seconds") from error


def _beside(path: Path, row: Mapping[str, Any], name: str, count: int) -> tuple[Any, ...] | None:
    """A list that goes with the events."""
    values = row.get(name)
    if values is not None and (not isinstance(values, list) or len(values) != count):
        raise BadLabels(f"{path}: `{name}` has not one entry for each of {count} events")
    return None if values is None else tuple(values)
