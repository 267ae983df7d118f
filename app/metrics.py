"""Prometheus metrics. Counters live in files that the web processes share (PROMETHEUS_MULTIPROC_DIR)."""

from __future__ import annotations

import os
import time

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from app import queue
from app.deps import Deps

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # anybody may send any word
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
REQUESTS = Counter("soundroutine_requests_total", "HTTP requests", ("route", "method", "status"))
DURATION = Histogram("soundroutine_request_seconds", "Seconds until a response is ready", ("route",), buckets=SECONDS)


def register(app: Flask) -> None:
    """Count and time every request by its route."""
    app.before_request(_start)
    app.after_request(_count)


def _start() -> None:
    g.started = time.perf_counter()


def _count(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "none"
    method = request.method if request.method in METHODS else "other"
    REQUESTS.labels(route, method, str(response.status_code)).inc()
    DURATION.labels(route).observe(time.perf_counter() - g.get("started", time.perf_counter()))
    return response


def render(deps: Deps) -> bytes:
    """All metrics in the text format: this instance's requests, and gauges read now."""
    registry = CollectorRegistry()
    gauges = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has no types
    else:
        registry.register(REQUESTS)
        registry.register(DURATION)
    used, free, limit = deps.blobs.usage()
    for name, text, value in (
        ("soundroutine_workers_alive", "Workers that gave a sign lately", queue.workers_alive(deps)),
        ("soundroutine_jobs_queued", "Jobs that wait", queue.queued(deps)),
        ("soundroutine_data_bytes", "Bytes of blobs", used),
        ("soundroutine_disk_free_bytes", "Free bytes on the data disk", free),
        ("soundroutine_data_limit_bytes", "The disk budget", limit),
    ):
        Gauge(name, text, registry=gauges).set(value)
    return bytes(generate_latest(registry)) + bytes(generate_latest(gauges))
