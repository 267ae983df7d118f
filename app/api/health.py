"""Is the house standing: liveness, readiness, metrics."""

from __future__ import annotations

import threading
import time
from typing import Any

import redis
from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST

from app import metrics, queue
from app.answers import ok
from app.auth import deps, loopback_or_key, open_to_all
from app.deps import Deps
from app.openapi import Contract, Door, describe
from services.errors import ServiceError
from services.models.registry import listing

blp = Door("health", __name__, description="Liveness, readiness, metrics")

DISK_WARN = 0.8  # share of the disk budget at which /ready warns
STARTED = time.time()
_last: dict[str, Any] = {}
_lock = threading.Lock()


def check(d: Deps) -> dict[str, dict[str, Any]]:
    """Ask every dependency; `ok`, and a sentence where something is wrong."""
    found = {"store": _store(d), "redis": _redis(d), "worker": _worker(d), "disk": _disk(d)}
    with _lock:
        _last.clear()
        _last.update(found)
    return found


def _store(d: Deps) -> dict[str, Any]:
    try:
        d.store.ping()
    except ServiceError as err:
        return {"ok": False, "detail": err.message}
    return {"ok": True, "kind": "mongodb" if d.settings.mongodb_uri else "sqlite"}


def _redis(d: Deps) -> dict[str, Any]:
    try:
        d.redis.ping()
    except redis.RedisError:
        return {"ok": False, "detail": "Redis does not answer"}
    return {"ok": True}


def _worker(d: Deps) -> dict[str, Any]:
    alive = queue.workers_alive(d)
    return (
        {"ok": alive > 0, "alive": alive}
        if alive
        else {"ok": False, "alive": 0, "detail": "no worker is alive: jobs wait"}
    )


def _disk(d: Deps) -> dict[str, Any]:
    used, free, limit = d.blobs.usage()
    body: dict[str, Any] = {
        "ok": used < limit and free > d.settings.min_free_gb * 1e9,
        "used_bytes": used,
        "free_bytes": free,
        "limit_bytes": limit,
    }
    if used >= DISK_WARN * limit:
        body["warning"] = f"{used / limit:.0%} of the disk budget is used"
    return body


@blp.route("/health", methods=["GET"])
@describe(blp, Contract("Is the process alive", answers={200: "Health"}, public=True))
@open_to_all
def health() -> Response:
    """Always 200 while the process answers; `checks` is the last known state, asked by /ready."""
    with _lock:
        checks = dict(_last)
    return ok({"status": "ok", "uptime_s": round(time.time() - STARTED, 1), "checks": checks})


@blp.route("/ready", methods=["GET"])
@describe(blp, Contract("Can it take work", answers={200: "Health", 503: "Health"}, public=True))
@open_to_all
def ready() -> Response:
    """200 when store, Redis, a worker and the disk are fine; optional models are listed and never a 503."""
    checks = check(deps())
    fine = all(c["ok"] for c in checks.values())
    return ok(
        {"status": "ready" if fine else "not ready", "checks": {**checks, "models": listing()}}, 200 if fine else 503
    )


@blp.route("/metrics", methods=["GET"])
@describe(
    blp,
    Contract(
        "Prometheus metrics",
        answers={200: {"description": "Text format", "content": {"text/plain": {"schema": {"type": "string"}}}}},
    ),
)
@loopback_or_key
def prometheus() -> Response:
    """Requests by route and status, their times, queue and disk."""
    return Response(metrics.render(deps()), content_type=CONTENT_TYPE_LATEST)
