"""The files of a transcription, out of its stored body: a table of hits, and MIDI as played or quantised."""

from __future__ import annotations

import csv
import io
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.beats.export import File
from services.beats.filenames import bpm_text, clean
from services.beats.grid import in_order
from services.beats.types import Beat, Event, Grid
from services.errors import NotFound
from services.notation.bsm import beat_bsm
from services.notation.engrave import Sheet
from services.notation.midi import beat_midi
from services.notation.score import score_musicxml, score_pdf, score_svg
from services.transcription.tighten import tightened

MS = 1000.0
COLUMNS = (
    "id", "time_s", "instrument", "variant", "velocity", "confidence", "alternative", "alternative_probability",
    "corrected", "bar", "step", "tick", "offset_ms", "articulation",
)  # fmt: skip
PLACE = ("bar", "step", "tick", "offset_ms", "articulation")
NOT_SHOWN = {"time_s"}  # of an event as the API shows it: derived


def transcription_file(body: Mapping[str, Any], name: str, title: str, options: Mapping[str, Any]) -> File:
    """The file `name` of a stored body. `options`: `timing` and `strength` of MIDI; `paper`,
    `repeats` and `page` of a score.

    Raises NotFound for another name, and for notes where there are no drums.
    """
    sheet = Sheet(options.get("paper", "a4"), options.get("repeats", "none"))
    match name:
        case "events.csv":
            content, kind, label = events_csv(body), "text/csv", "events"
        case "drums.mid":
            content, kind, label = drums_midi(body, options, title), "audio/midi", "drums"
        case "score.pdf":
            content, kind, label = score_pdf(beat_of(body, title), sheet), "application/pdf", "score"
        case "score.svg":
            content, kind = score_svg(beat_of(body, title), sheet, options.get("page", 1)), "image/svg+xml"
            label = "score"
        case "score.musicxml":
            content, kind = score_musicxml(beat_of(body, title), sheet), "application/vnd.recordare.musicxml+xml"
            label = "score"
        case "map.bsm":
            beat = beat_of(body, title)
            content, kind, label = beat_bsm(beat, body["beat"]["start_s"]), "application/json", "map"
        case _:
            raise NotFound(f"A transcription has no file called {name}.")
    return File(content, kind, f"{file_name(body, title, label)}.{name.rpartition('.')[2]}")


def events_csv(body: Mapping[str, Any]) -> bytes:
    """A row for each hit of a stored body, in time order (seconds, shares 0..1, milliseconds), with a head line.

    A stroke that shares its note with a louder one has no place of its own. Silence has the head line alone.
    """
    notes = {e["id"]: e for e in (body["beat"] or {"events_json": ()})["events_json"]}
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(COLUMNS)
    for event in body["events"]:
        other = (event["alternatives"] or [{"instrument": "", "probability": ""}])[0]
        note = notes.get(event["id"], {})
        row = {**event, "alternative": other["instrument"], "alternative_probability": other["probability"]}
        row |= {name: note.get(name) for name in PLACE} | {"corrected": str(event["corrected"]).lower()}
        table.writerow(["" if row[name] is None else row[name] for name in COLUMNS])
    return text.getvalue().encode()


def drums_midi(body: Mapping[str, Any], options: Mapping[str, Any], title: str) -> bytes:
    """The MIDI file of a stored body. `timing`: "played", every stroke when it was heard, or "quantised", notes on the
    grid (swing stays, feel goes), or as far towards it as `strength` 0..1 says (1 unless given). `map`: a kit of
    kit_maps.py. Its time begins with the grid's first bar. Raises NotFound without drums.
    """
    beat = beat_of(body, title)
    grid, events = beat.grid, list(beat.events)
    if options["timing"] == "quantised":
        events = tightened(grid, events, options.get("strength", 1.0))
    else:
        events = _played(events, body["events"])
    return beat_midi(Beat(grid, in_order(grid, events), {}, meta={"title": title}), options.get("map", "gm"))


def beat_of(body: Mapping[str, Any], title: str) -> Beat:
    """The notes of a stored body as a beat. Raises NotFound without drums."""
    if body["beat"] is None:
        raise NotFound("No drums were found in this recording: there is nothing to play.", code="no_drums")
    grid, events = _grid(body["beat"]["grid_json"]), [_event(row) for row in body["beat"]["events_json"]]
    return Beat(grid, in_order(grid, events), {}, meta={"title": title})


def file_name(body: Mapping[str, Any], title: str, *parts: str) -> str:
    """`title - 96bpm - part…` without an extension; the tempo (quarter notes per minute) where one was found."""
    tempo = [bpm_text(body["bpm"])] if body["bpm"] is not None else []
    return " - ".join([clean(title, "drums"), *tempo, *parts])


def _grid(shown: Mapping[str, Any]) -> Grid:
    return Grid(
        tuple((int(bar), float(bpm)) for bar, bpm in shown["tempo_map"]),
        shown["meter"],
        shown["bars"],
        shown["swing"],
        shown["swing_unit"],
        shown["pickup_steps"],
    )


def _event(shown: Mapping[str, Any]) -> Event:
    return Event(**{name: value for name, value in shown.items() if name not in NOT_SHOWN})


def _played(events: Sequence[Event], heard: Sequence[Mapping[str, Any]]) -> list[Event]:
    """Notes as they were played: strokes that were written as one note are apart again, each with its own time."""
    played_s = {row["id"]: row["time_s"] for row in heard}
    by_drum: dict[str, list[Event]] = {}
    for event in sorted(events, key=lambda e: played_s[e.id]):
        by_drum.setdefault(event.instrument, []).append(event)
    times = {drum: [played_s[e.id] for e in rows] for drum, rows in by_drum.items()}
    out = {event.id: event for event in events}
    for row in heard:
        if row["id"] in out:
            continue
        drum, at = row["instrument"], bisect_left(times[row["instrument"]], row["time_s"])
        near = by_drum[drum][max(0, at - 1) : at + 1]
        main = min(near, key=lambda e: abs(played_s[e.id] - row["time_s"]))
        late_ms = (row["time_s"] - played_s[main.id]) * MS
        out[row["id"]] = replace(
            main,
            id=row["id"],
            velocity=row["velocity"],
            offset_ms=main.offset_ms + late_ms,
            articulation=None,
            confidence=row["confidence"],
        )
        out[main.id] = replace(main, articulation=None)  # its grace note is there as it was played
    return list(out.values())
