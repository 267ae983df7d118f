"""One table from the house's errors to problem documents (RFC 9457); the only place that names a status for them."""

from __future__ import annotations

import http
from typing import Any

import structlog
from flask import Flask, Response, json, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from services import errors as e

log = structlog.get_logger()

STATUS: dict[type[e.ServiceError], int] = {
    e.Unreadable: 400,
    e.Unauthorized: 401,
    e.Forbidden: 403,
    e.NotFound: 404,
    e.Conflict: 409,
    e.SourceExpired: 409,
    e.Canceled: 409,
    e.StaleVersion: 412,
    e.TooLarge: 413,
    e.NotAudio: 415,
    e.WrongContentType: 415,
    e.Invalid: 422,
    e.VersionRequired: 428,
    e.RateLimited: 429,
    e.JobCrashed: 500,
    e.Busy: 503,
    e.Unavailable: 503,
    e.JobTimeout: 504,
    e.DiskFull: 507,
}

NEUTRAL = "Something went wrong on our side. The request can be sent again; the log holds the details."
PROBLEM_TYPE = "application/problem+json"


def problem_of(err: e.ServiceError) -> dict[str, Any]:
    """The problem document of a failure: `type, title, status, detail, code`, and `errors` where fields are named."""
    status = next(STATUS[kind] for kind in type(err).__mro__ if kind in STATUS)  # a room's own error is its parent's
    doc = problem(status, err.code, err.message)
    if err.errors:
        doc["errors"] = [{"field": f.field, "message": f.message} for f in err.errors]
    if err.retry_after_s is not None:
        doc["retry_after_s"] = err.retry_after_s
    return doc


def problem(status: int, code: str, detail: str) -> dict[str, Any]:
    """A problem document with the status's own title."""
    return {
        "type": f"/docs#problem-{code.replace('_', '-')}",
        "title": _title(status),
        "status": status,
        "detail": detail,
        "code": code,
    }


def _title(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def answer(doc: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """A problem document as a response, with `instance`, and `Retry-After` where it says so."""
    body = {**doc, "instance": request.path}
    out = Response(json.dumps(body), status=doc["status"], mimetype=PROBLEM_TYPE, headers=headers)
    if doc.get("retry_after_s") is not None:
        out.headers["Retry-After"] = str(doc["retry_after_s"])
    if doc["status"] == http.HTTPStatus.UNAUTHORIZED:
        out.headers["WWW-Authenticate"] = 'Bearer realm="SoundRoutine"'
    return out


def register(app: Flask) -> None:
    """Hang the handlers into the application: ours, Werkzeug's, and whatever nobody foresaw."""
    app.register_error_handler(e.ServiceError, lambda err: answer(problem_of(err)))
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unforeseen)


def _http(err: HTTPException) -> Response:
    status = err.code or 500
    if isinstance(err, RequestEntityTooLarge):
        return answer(problem(413, "too_large", "The request is larger than this server takes."))
    details = {
        400: "The request could not be read.",
        404: "There is nothing at this address.",
        405: "This address does not take that method.",
        406: "None of the asked formats can be given.",
        415: "The body is of a type that this address does not take.",
        429: "Too many requests: wait a little and try again.",
    }
    detail = details.get(status, _title(status) + ".")
    codes = {
        400: "unreadable_request",
        404: "not_found",
        405: "method_not_allowed",
        415: "wrong_content_type",
        429: "rate_limited",
    }
    keep = {k: v for k, v in err.get_headers(None) if k in ("Allow", "Retry-After", "Content-Range")}
    return answer(problem(status, codes.get(status, f"http_{status}"), detail), keep)


def _unforeseen(err: Exception) -> Response:
    log.error("unforeseen", exc_info=err, path=request.path)
    return answer(problem(500, "internal", NEUTRAL))
