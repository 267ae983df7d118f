"""What every request passes: proxies, ids, CORS, rate limits, security headers, one log line."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from flask import Flask, Response, g, request
from flask_limiter import Limiter
from flask_limiter.errors import RateLimitExceeded

from app.config import Settings
from app.errors import answer, problem_of
from app.uploads import UNSHOWN
from services import clock
from services.errors import RateLimited

log = structlog.get_logger()

REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
CSP = (
    "default-src 'self'; media-src 'self' blob:; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
# Swagger UI writes style attributes; its page gets a policy of its own.
DOCS_CSP = CSP.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
CORS_HEADERS = (
    "Authorization, X-API-Key, Content-Type, Prefer, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Range, "
    "Cache-Control"
)
CORS_EXPOSED = "ETag, Location, Link, Retry-After, Content-Disposition, X-Request-ID"

FIRST_ERROR = 400
DRAIN_BYTES = 64 * 1024 * 1024  # of a refused body; a larger one costs its sender the connection
DRAIN_BLOCK = 1 << 16

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class TrustedProxies:
    """Take X-Forwarded-For and -Proto from trusted proxies only; from anybody else they could be forged."""

    def __init__(self, inner: Wsgi, trusted: tuple[str, ...]) -> None:
        self._inner = inner
        self._trusted = tuple(ipaddress.ip_network(t, strict=False) for t in trusted)

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        forwarded = environ.pop("HTTP_X_FORWARDED_FOR", "")
        proto = environ.pop("HTTP_X_FORWARDED_PROTO", "")
        for name in ("HTTP_FORWARDED", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP"):
            environ.pop(name, None)
        if self._trusts(environ.get("REMOTE_ADDR", "")):
            client = forwarded.rpartition(",")[2].strip()  # the last entry is what our own proxy saw
            if _is_ip(client):
                environ["REMOTE_ADDR"] = client
            if proto in ("http", "https"):
                environ["wsgi.url_scheme"] = proto
        return self._inner(environ, start)

    def _trusts(self, address: str) -> bool:
        return _is_ip(address) and any(ipaddress.ip_address(address) in net for net in self._trusted)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def register(app: Flask, settings: Settings) -> None:
    """Hang all of it into the application."""
    app.wsgi_app = TrustedProxies(app.wsgi_app, settings.trusted_proxies)  # type: ignore[assignment,method-assign]
    app.before_request(_begin)
    app.after_request(_headers)
    app.after_request(_drain)
    app.after_request(_cors(frozenset(settings.cors_origins)))
    app.after_request(_log)
    if settings.rate_limit:
        _limit(app, settings)


def _begin() -> Response | None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else clock.new_id()
    g.began = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        return Response(status=204)
    return None


def _headers(out: Response) -> Response:
    out.headers.setdefault("X-Content-Type-Options", "nosniff")
    out.headers.setdefault("Referrer-Policy", "no-referrer")
    out.headers.setdefault("Content-Security-Policy", DOCS_CSP if request.path.startswith("/docs") else CSP)
    out.headers["X-Request-ID"] = g.get("request_id", "")
    return out


def _drain(out: Response) -> Response:
    """Read what is left of a refused upload, within reason: gunicorn cuts a connection with an unread body, and a
    client that keeps it open would take that for a crash."""
    length = request.content_length or 0
    if out.status_code >= FIRST_ERROR and 0 < length <= DRAIN_BYTES:
        unread = request.environ["wsgi.input"]
        while unread.read(DRAIN_BLOCK):
            pass
    return out


def _cors(origins: frozenset[str]) -> Callable[[Response], Response]:
    def add(out: Response) -> Response:
        origin = request.headers.get("Origin", "")
        if origin in origins:
            out.headers["Access-Control-Allow-Origin"] = origin
            out.headers["Access-Control-Expose-Headers"] = CORS_EXPOSED
            out.headers.add("Vary", "Origin")
            if request.method == "OPTIONS":
                out.headers["Access-Control-Allow-Methods"] = "GET, HEAD, POST, PATCH, PUT, DELETE"
                out.headers["Access-Control-Allow-Headers"] = CORS_HEADERS
                out.headers["Access-Control-Max-Age"] = "600"
        return out

    return add


def _log(out: Response) -> Response:
    ms = round((time.perf_counter() - g.get("began", time.perf_counter())) * 1000, 1)
    log.info(
        "request",
        method=request.method,
        path=UNSHOWN.sub("", request.path),
        status=out.status_code,
        ms=ms,
        client=request.remote_addr,
    )
    return out


def _limit(app: Flask, settings: Settings) -> None:
    """RATE_LIMIT per key, else per address; counted in this instance's Redis, so that all processes share it."""
    options: dict[str, Any] = {"storage_uri": "memory://"}
    if settings.redis_url:
        options = {"storage_uri": settings.redis_url}
    else:
        from app.stack import redis_socket

        options = {"storage_uri": f"redis+unix://{redis_socket(settings)}"}
    limiter = Limiter(
        _client,
        default_limits=[settings.rate_limit],
        default_limits_exempt_when=lambda: not request.path.startswith("/v1/"),
        headers_enabled=True,
        swallow_errors=True,  # without Redis nothing is counted, and nothing is refused
        key_prefix=app.extensions["deps"].instance,
        **options,
    )
    limiter.init_app(app)
    app.register_error_handler(RateLimitExceeded, _limited)


def _client() -> str:
    from app.auth import known_key

    return known_key() or request.remote_addr or "unknown"


def _limited(_: RateLimitExceeded) -> Response:
    return answer(problem_of(RateLimited("Too many requests: wait a little and try again.", retry_after_s=1)))
