"""What happens to a job, as it happens: a capped Redis stream per job that feeds waiting requests and SSE.

It is a convenience on top of the job's document: every reader survives its loss, and nothing is decided by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import redis
import structlog

from app.deps import Deps
from db.store import Document
from services import clock
from services.jobs.states import ended

KEEP_EVENTS = 500  # per job; older ones are trimmed
KEEP_S = 3600  # seconds after the last event of a job that has not ended
KEEP_ENDED_S = 120  # after it has: long enough for a reader to come back, short enough for thousands of jobs an hour
START = "0-0"

log = structlog.get_logger()


class Happening(NamedTuple):
    """One event: its id in the stream, `snapshot`, `progress` or `state`, and JSON data."""

    id: str
    event: str
    data: dict[str, Any]


def shown(job: Document) -> dict[str, Any]:
    """The part of a job's document that events carry."""
    return {
        "job_id": job["id"],
        "kind": job["kind"],
        "state": job["state"],
        "stage": job["stage"],
        "progress": job["progress"],
        "attempt": job["attempt"],
        "error": job["error"],
        "created_at": clock.iso(job["created_at"]),
        "updated_at": clock.iso(job["updated_at"]),
    }


def key(deps: Deps, job_id: str) -> str:
    """The Redis key of a job's stream."""
    return deps.key("events", job_id)


def announce(deps: Deps, job: Document) -> None:
    """Publish a job's new state."""
    _publish(deps, job["id"], Happening("*", "state", shown(job)), KEEP_ENDED_S if ended(job) else KEEP_S)


def progress(deps: Deps, job_id: str, stage: str, fraction: float) -> None:
    """Publish how far a running job is."""
    data = {"job_id": job_id, "stage": stage, "progress": round(fraction, 4)}
    _publish(deps, job_id, Happening("*", "progress", data), KEEP_S)


def _publish(deps: Deps, job_id: str, what: Happening, keep_s: int) -> None:
    name = key(deps, job_id)
    pipe = deps.redis.pipeline(transaction=False)
    pipe.xadd(name, {"event": what.event, "data": json.dumps(what.data)}, maxlen=KEEP_EVENTS, approximate=True)
    pipe.expire(name, keep_s)
    try:
        pipe.execute()
    except redis.RedisError as err:
        log.warning("event not published", job=job_id, reason=type(err).__name__)


def read(deps: Deps, job_id: str, after: str, block_s: float) -> list[Happening]:
    """The events after an id, waiting at most `block_s` for the first. Raises redis.RedisError."""
    name = key(deps, job_id)
    block_ms = max(1, round(block_s * 1000))
    found: Any = deps.redis.xread({name: after}, block=block_ms)
    return [_happening(entry) for _, entries in _streams(found) for entry in entries]


def last_id(deps: Deps, job_id: str) -> str:
    """The id of a job's newest event. Raises redis.RedisError."""
    newest: Any = deps.redis.xrevrange(key(deps, job_id), count=1)
    return newest[0][0].decode() if newest else START


def knows(deps: Deps, job_id: str, event_id: str) -> bool:
    """Whether the stream still holds an event, so that what came after it is whole. Raises redis.RedisError."""
    try:
        return bool(deps.redis.xrange(key(deps, job_id), event_id, event_id))
    except redis.ResponseError:
        return False  # not an id of a stream


def is_end(happening: Happening) -> bool:
    """Whether it is the last event of its job."""
    return happening.event == "state" and ended(happening.data)


def _streams(found: Any) -> Iterator[tuple[bytes, Any]]:
    yield from found.items() if isinstance(found, dict) else (found or [])


def _happening(entry: Any) -> Happening:
    event_id, fields = entry
    return Happening(event_id.decode(), fields[b"event"].decode(), json.loads(fields[b"data"]))
