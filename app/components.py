"""The answers of the API as JSON Schema (2020-12, as OpenAPI 3.1 takes them), shared by all operations."""

from __future__ import annotations

from typing import Any

from services.beats.types import INSTRUMENTS, METERS, ROLES

Json = dict[str, Any]

ID: Json = {"type": "string"}
TEXT: Json = {"type": "string"}
TIME: Json = {"type": "string", "format": "date-time"}
SECONDS: Json = {"type": "number", "minimum": 0}
UNIT: Json = {"type": "number", "minimum": 0, "maximum": 1}
NUMBER: Json = {"type": "number"}
WHOLE: Json = {"type": "integer"}
FLAG: Json = {"type": "boolean"}
ROLE: Json = {"type": "string", "enum": list(ROLES)}
INSTRUMENT: Json = {"type": "string", "enum": list(INSTRUMENTS)}
LINKS: Json = {"type": "object", "additionalProperties": {"type": "string"}}


def ref(name: str) -> Json:
    """A reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def many(items: Json) -> Json:
    """A list of these."""
    return {"type": "array", "items": items}


def maybe(schema: Json) -> Json:
    """This or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def record(required: str, **properties: Json) -> Json:
    """An object; `required` names its certain properties, separated by spaces."""
    return {"type": "object", "properties": properties, "required": required.split()}


SOURCE = record("asset_id start_s end_s", asset_id=ID, start_s=SECONDS, end_s=SECONDS)
PART = record("start_s end_s", start_s=SECONDS, end_s=SECONDS)
SHARES: Json = {"type": "object", "additionalProperties": UNIT}
SECTION = record(
    "name first_bar bars",
    name=TEXT,
    first_bar=WHOLE,
    bars=WHOLE,
    low_pass_hz=maybe({"type": "number", "description": "Where MOTION and TEXTURE end in these bars"}),
)
BY_STEP: Json = {
    "type": "object",
    "additionalProperties": {"type": "object", "additionalProperties": NUMBER},
}
STRIP = record(
    "gain_db pan muted",
    gain_db=NUMBER,
    pan={"type": "number", "description": "-1 left to 1 right"},
    muted=FLAG,
    balance_db={
        "type": "number",
        "description": "Set when the beat is composed, so that the role's hits are heard at its level",
    },
)
MIX = record("roles target_lufs", roles={"type": "object", "additionalProperties": STRIP}, target_lufs=NUMBER)
POOLS: Json = {"type": "object", "additionalProperties": many(ID)}
ROLE_COUNTS: Json = {"type": "object", "additionalProperties": WHOLE, "description": "Sounds in each pool"}

SCHEMAS: dict[str, Json] = {
    "Problem": record(
        "type title status detail code",
        type=TEXT,
        title=TEXT,
        status=WHOLE,
        detail=TEXT,
        code=TEXT,
        instance=TEXT,
        retry_after_s=WHOLE,
        errors=many(record("field message", field=TEXT, message=TEXT)),
    ),
    "Grid": record(
        "bpm tempo_map meter steps_per_bar bars swing swing_unit step_s bar_starts_s duration_s pickup_steps",
        bpm=NUMBER,
        tempo_map=many(many(NUMBER)),
        meter={"type": "string", "enum": list(METERS)},
        steps_per_bar=WHOLE,
        bars=WHOLE,
        swing=NUMBER,
        swing_unit=WHOLE,
        step_s=SECONDS,
        bar_starts_s=many(SECONDS),
        duration_s=SECONDS,
        pickup_steps=WHOLE,
    ),
    "Event": record(
        "id bar step tick offset_ms time_s duration_steps role instrument velocity probability muted source confidence",
        id=ID,
        bar=WHOLE,
        step=WHOLE,
        tick={"type": "integer", "minimum": 0, "maximum": 239},
        offset_ms=NUMBER,
        time_s=SECONDS,
        duration_steps=NUMBER,
        role=ROLE,
        instrument=INSTRUMENT,
        sample_id=maybe(ID),
        pitch=maybe(WHOLE),
        velocity=UNIT,
        articulation=maybe(TEXT),
        variant=maybe({**TEXT, "description": "low, mid or high of a pitched set"}),
        probability=UNIT,
        muted=FLAG,
        source=TEXT,
        confidence=UNIT,
    ),
    "Sample": record(
        "sample_id name role roles instrument instruments confidence features",
        sample_id=ID,
        name=TEXT,
        asset_id=maybe(ID),
        role=ROLE,
        roles=SHARES,
        pool_role=maybe(ROLE),
        reason=TEXT,
        instrument=INSTRUMENT,
        instruments=SHARES,
        confidence=UNIT,
        features={"type": "object", "additionalProperties": NUMBER},
        processing=many({"type": "object"}),
        benched=maybe(TEXT),
        source=maybe(SOURCE),
        onset_s=SECONDS,
        attack_s=SECONDS,
        locked=FLAG,
        trim={**PART, "description": "What is heard of the stored sound"},
        gain_db=NUMBER,
        pan={"type": "number", "minimum": -1, "maximum": 1},
        alternatives={**many(PART), "description": "Other hits in the stored sound"},
        quality=UNIT,
        loudness_db={"type": "number", "description": "Against the loudest sound of the same source"},
        tags=many(TEXT),
        similarity={**UNIT, "description": "To the sound of `similar_to`: 1 where nothing differs"},
    ),
    "Meta": record(
        "style seed engines pools role_counts samples warnings reused_from",
        style=TEXT,
        seed=WHOLE,
        engines={"type": "object"},
        pools=POOLS,
        role_counts=ROLE_COUNTS,
        samples=many(ref("Sample")),
        timings_ms={"type": "object"},
        warnings=many(TEXT),
        reused_from=maybe(ID),
    ),
    "Beat": record(
        "job_id grid_json events_json meta sections mix links media",
        job_id=ID,
        title=TEXT,
        version=WHOLE,
        grid_json=ref("Grid"),
        events_json=many(ref("Event")),
        meta=ref("Meta"),
        sections=many(SECTION),
        mix=MIX,
        links=LINKS,
        media=LINKS,
        takes={**many(ref("Take")), "description": "Of a regenerate with `takes`: the first is the beat's head"},
    ),
    "Take": record("version commit seed links media", version=WHOLE, commit=ID, seed=WHOLE, links=LINKS, media=LINKS),
    "Skeleton": record(
        "grid_json events_json meta sections",
        job_id=ID,
        reused_from=maybe(ID),
        grid_json=ref("Grid"),
        events_json=many(ref("Event")),
        meta=record(
            "style seed parameters engines pools role_counts warnings",
            style=TEXT,
            why=TEXT,
            seed=WHOLE,
            parameters={"type": "object"},
            engines={"type": "object"},
            code_version=TEXT,
            pools=POOLS,
            role_counts=ROLE_COUNTS,
            samples=many(ref("Sample")),
            warnings=many(TEXT),
            benched={"type": "object", "additionalProperties": TEXT},
        ),
        sections=many(SECTION),
    ),
    "BeatSummary": record(
        "beat_id title style bpm bars created_at updated_at links",
        beat_id=ID,
        job_id=ID,
        title=TEXT,
        style=TEXT,
        bpm=NUMBER,
        bars=WHOLE,
        created_at=TIME,
        updated_at=TIME,
        links=LINKS,
    ),
    "Version": record(
        "version commit parents message at head links media",
        version=WHOLE,
        commit=ID,
        parents=many(ID),
        message=TEXT,
        at=TIME,
        head=FLAG,
        links=LINKS,
        media=LINKS,
    ),
    "Groove": record(
        "groove_id name bpm meter swing swing_unit offset_ms velocity created_at links",
        groove_id=ID,
        job_id=ID,
        reused_from=maybe(ID),
        name=TEXT,
        asset_id=maybe(ID),
        bpm={**NUMBER, "description": "Quarter notes per minute"},
        meter={"type": "string", "enum": list(METERS)},
        swing=NUMBER,
        swing_unit=WHOLE,
        offset_ms={**BY_STEP, "description": "Lateness against the swung grid, by role and step of the bar"},
        velocity={**BY_STEP, "description": "0..1, by role and step of the bar"},
        created_at=TIME,
        links=LINKS,
    ),
    "Slice": record(
        "sample_id onset_s start_s end_s attack_s peak_db quality duplicate_of",
        sample_id=ID,
        onset_s=SECONDS,
        start_s=SECONDS,
        end_s=SECONDS,
        attack_s=SECONDS,
        peak_db=NUMBER,
        quality=UNIT,
        duplicate_of=maybe(ID),
    ),
    "Slices": record("slices warnings", asset_id=ID, job_id=ID, slices=many(ref("Slice")), warnings=many(TEXT)),
    "Roles": record("samples", job_id=ID, samples=many(ref("Sample"))),
    "Style": record(
        "name title description bpm_min bpm_max feel meters swing",
        name=TEXT,
        title=TEXT,
        description=TEXT,
        bpm_min=NUMBER,
        bpm_max=NUMBER,
        feel={"type": "string", "enum": ["full", "half"]},
        meters=many(TEXT),
        swing=NUMBER,
    ),
    "Asset": record(
        "asset_id kind sha256 bytes media_type created_at expires_at links media",
        asset_id=ID,
        kind=TEXT,
        name=TEXT,
        sha256=TEXT,
        bytes=WHOLE,
        media_type=TEXT,
        duration_s=maybe(SECONDS),
        channels=maybe(WHOLE),
        rate_hz=maybe(WHOLE),
        retention=TEXT,
        created_at=TIME,
        expires_at=maybe(TIME),
        links=LINKS,
        media=LINKS,
    ),
    "Waveform": record("asset_id duration_s peaks", asset_id=ID, duration_s=SECONDS, peaks=many(many(NUMBER))),
    "Link": record("url expires_at", url=TEXT, expires_at=TIME),
    "Job": record(
        "job_id kind state stage progress attempt created_at links",
        job_id=ID,
        kind=TEXT,
        state={"type": "string", "enum": ["queued", "running", "succeeded", "failed", "canceled"]},
        stage=maybe(TEXT),
        progress=UNIT,
        queue_position=maybe(WHOLE),
        eta_s=maybe(NUMBER),
        attempt=WHOLE,
        worker_alive=FLAG,
        error=maybe(ref("Problem")),
        result=maybe({"type": "object"}),
        timings_ms={"type": "object"},
        reused_from=maybe(ID),
        created_at=TIME,
        updated_at=TIME,
        links=LINKS,
    ),
    "Health": record("status checks", status=TEXT, checks={"type": "object"}),
}

for _name, _item in (
    ("Beats", "BeatSummary"),
    ("Versions", "Version"),
    ("Jobs", "Job"),
    ("Assets", "Asset"),
    ("Styles", "Style"),
    ("Samples", "Sample"),
    ("Grooves", "Groove"),
):
    SCHEMAS[_name] = record(_name.lower(), **{_name.lower(): many(ref(_item))})
