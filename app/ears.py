"""The answers about what was heard in a recording, as JSON Schema."""

from __future__ import annotations

from app.shapes import FLAG, ID, LINKS, NUMBER, SECONDS, TEXT, TIME, UNIT, WHOLE, Json, many, maybe, record, ref
from services.beats.types import METERS
from services.transcription.types import DRUMS

ANALYSED: Json = {  # what a list shows of an analysis, too
    "analysis_id": ID,
    "name": TEXT,
    "asset_id": maybe(ID),
    "duration_s": SECONDS,
    "bpm": maybe({**NUMBER, "description": "Quarter notes per minute; null where nothing beats"}),
    "bpm_confidence": UNIT,
    "meter": maybe({"type": "string", "enum": list(METERS)}),
    "key": maybe({**TEXT, "description": "`C# minor`; null for drums, noise and what is too short"}),
    "key_confidence": UNIT,
    "loudness_lufs": maybe({**NUMBER, "description": "Integrated, of the stereo mix (ITU-R BS.1770-4)"}),
    "created_at": TIME,
    "updated_at": TIME,
    "links": LINKS,
}

TRANSCRIBED: Json = {  # what a list shows of a transcription, too
    "transcription_id": ID,
    "title": TEXT,
    "name": TEXT,
    "asset_id": maybe(ID),
    "duration_s": SECONDS,
    "bpm": maybe({**NUMBER, "description": "Quarter notes per minute; null where nothing beats"}),
    "meter": maybe({"type": "string", "enum": list(METERS)}),
    "hits": {**WHOLE, "description": "How many events there are"},
    "separate": TEXT,
    "grid": TEXT,
    "swing": maybe({**NUMBER, "description": "As asked for; null: as heard; `beat.grid_json` says which"}),
    "swing_unit": maybe({**WHOLE, "description": "As asked for, 8 or 16"}),
    "created_at": TIME,
    "updated_at": TIME,
    "links": LINKS,
}
REASON: Json = {
    "type": "string",
    "enum": ["hits", "timing", "beats"],
    "description": "Least certain of a bar: what was struck, on which notes, or where its beats are",
}
DRUM: Json = {"type": "string", "enum": list(DRUMS)}
HINTS = record(
    "bpm_min bpm_max meter first_downbeat_s",
    bpm_min=maybe(NUMBER),
    bpm_max=maybe(NUMBER),
    meter=maybe(TEXT),
    first_downbeat_s=maybe(SECONDS),
)

SCHEMAS: dict[str, Json] = {
    "Analysis": record(
        "analysis_id name duration_s bpm bpm_confidence bpm_alternatives bpm_stability beats_s downbeats_s tempo_map "
        "meter meter_confidence key key_confidence keys tuning_cents loudness_lufs loudness_range_lu true_peak_db "
        "sections warnings hints engines created_at updated_at links",
        **ANALYSED,
        bpm_alternatives={**many(record("bpm score", bpm=NUMBER, score=UNIT)), "description": "Other readings"},
        bpm_stability={**UNIT, "description": "1: a constant tempo"},
        beats_s={**many(SECONDS), "description": "A quarter each; in 6/8 and 12/8 a dotted one, in 7/8 an eighth"},
        downbeats_s={**many(SECONDS), "description": "The beats that begin a bar"},
        tempo_map={
            **many(record("time_s bar bpm", time_s=NUMBER, bar=WHOLE, bpm=NUMBER)),
            "description": "One point where the tempo is constant",
        },
        meter_confidence=UNIT,
        keys={**many(record("key probability", key=TEXT, probability=UNIT)), "description": "The three likeliest"},
        tuning_cents=maybe({**NUMBER, "description": "Above A = 440 Hz"}),
        loudness_range_lu=maybe({**NUMBER, "description": "EBU Tech 3342"}),
        true_peak_db=maybe({**NUMBER, "description": "dBTP"}),
        sections={
            **many(
                record("start_s end_s label confidence", start_s=SECONDS, end_s=SECONDS, label=TEXT, confidence=UNIT)
            ),
            "description": "Those with one label sound alike; the confidence is that of the start",
        },
        warnings=many(TEXT),
        hints=HINTS,
        engines={"type": "object"},
        job_id={**ID, "description": "In a job's answer: the job that made this state"},
        reused_from=maybe(ID),
    ),
    "AnalysisSummary": record(
        "analysis_id name duration_s bpm meter key loudness_lufs created_at updated_at links", **ANALYSED
    ),
    "Transcription": record(
        "transcription_id title name duration_s events beat bpm bpm_confidence tempo_map meter uncertain_bars hits "
        "engines warnings hints separate grid swing swing_unit created_at updated_at links media",
        **TRANSCRIBED,
        media=LINKS,
        events={
            **many(
                record(
                    "id time_s instrument variant velocity confidence alternatives corrected",
                    id=ID,
                    time_s={**NUMBER, "description": "As played, in the recording"},
                    instrument=DRUM,
                    variant=maybe({**TEXT, "description": "low, mid or high of a tom; ghost; flam"}),
                    velocity=UNIT,
                    confidence=UNIT,
                    alternatives=many(record("instrument probability", instrument=DRUM, probability=UNIT)),
                    corrected={**FLAG, "description": "A person has said what it is"},
                )
            ),
            "description": "Every stroke, in time order; empty where there are no drums",
        },
        beat=maybe(
            {
                **record(
                    "start_s grid_json events_json",
                    start_s={**NUMBER, "description": "Where in the recording the grid's bar 0 begins"},
                    grid_json=ref("Grid"),
                    events_json={**many(ref("Event")), "description": "Notes, under the ids of their strokes"},
                ),
                "description": "The score; null where there are no drums",
            }
        ),
        bpm_confidence=UNIT,
        tempo_map={
            **many(record("time_s bar bpm", time_s=NUMBER, bar=WHOLE, bpm=NUMBER)),
            "description": "Of the grid's bars; one point where the tempo is constant",
        },
        uncertain_bars={
            **many(record("bar confidence reason", bar=WHOLE, confidence=UNIT, reason=REASON)),
            "description": "The bars of the grid to look at first, in order",
        },
        warnings=many(TEXT),
        hints=HINTS,
        engines={"type": "object"},
        job_id={**ID, "description": "In a job's answer: the job that made this state"},
        reused_from=maybe(ID),
    ),
    "TranscriptionSummary": record(
        "transcription_id title name duration_s bpm meter hits created_at updated_at links", **TRANSCRIBED
    ),
}
