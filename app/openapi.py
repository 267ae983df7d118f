"""The OpenAPI 3.1 document: what each route says about itself, and the components they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask_smorest import Api, Blueprint
from marshmallow import Schema

from app.bodies import FORM_TYPES, JSON_TYPE
from app.components import SCHEMAS
from app.errors import PROBLEM_TYPE

View = TypeVar("View", bound=Callable[..., Any])

TITLE = "SoundRoutine"
VERSION = "1"
FILE = {"type": "string", "format": "binary"}
PROBLEM = {"content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
MEANINGS = {
    400: "The request cannot be read",
    401: "No valid key",
    403: "The key lacks the scope",
    404: "No such object of this owner",
    409: "The object's state does not allow it",
    412: "If-Match names another state",
    413: "Too many bytes, seconds or samples",
    415: "Not decodable audio, or a wrong content type",
    416: "No such byte range",
    422: "A value out of range or an unknown field",
    428: "If-Match is missing",
    429: "Too many requests",
    500: "An unforeseen error",
    503: "Full, busy or a dependency is away; see Retry-After",
    504: "The work took too long",
    507: "The disk budget is used up",
}
CONFIG: dict[str, Any] = {
    "API_TITLE": TITLE,
    "API_VERSION": VERSION,
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/",
    "OPENAPI_JSON_PATH": "openapi.json",
    "API_SPEC_OPTIONS": {
        "info": {
            "description": "Any sound goes in; beats come out. Every failure is a problem document (RFC 9457).",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"apiKey": []}],
    },
}


class Door(Blueprint):  # type: ignore[misc]  # the library has no types
    """A blueprint whose routes keep their types and are in the OpenAPI document."""

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register a view under a path."""
        registered: Callable[[View], View] = super().route(rule, **options)
        return registered


class Docs(Api):  # type: ignore[misc]  # the library has no types
    """flask-smorest's Api without its own error bodies: `app/errors.py` answers every failure."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        """Leave the handlers to `app/errors.py`."""


def make_api() -> Docs:
    """The document with its security schemes and shared components; blueprints are registered into it."""
    return Docs()


def fill_components(api: Docs) -> None:
    """Add what every operation refers to."""
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    api.spec.components.security_scheme("apiKey", {"type": "apiKey", "in": "header", "name": "X-API-Key"})
    for name, schema in SCHEMAS.items():
        api.spec.components.schema(name, schema)


@dataclass(frozen=True, slots=True)
class Contract:
    """What a route says of itself: `answers` maps a status to a component's name or a response object, `files` a file
    field to whether it may repeat; `problems` are the failures beyond 401, 403, 429 and 500."""

    summary: str
    answers: Mapping[int, str | dict[str, Any]]
    problems: tuple[int, ...] = ()
    body: type[Schema] | None = None
    files: Mapping[str, bool] = field(default_factory=dict)
    query: type[Schema] | None = None
    headers: tuple[str, ...] = ()
    public: bool = False


def describe(blueprint: Door, says: Contract) -> Callable[[View], View]:
    """Put a route's contract into the OpenAPI document."""
    responses: dict[str, Any] = {str(code): _answer(code, a) for code, a in says.answers.items()}
    usual = (429, 500) if says.public else (401, 403, 429, 500)
    for code in sorted({*says.problems, *usual}):
        responses.setdefault(str(code), {"description": MEANINGS[code], **PROBLEM})
    doc: dict[str, Any] = {"summary": says.summary, "responses": responses}
    if says.public:
        doc["security"] = []
    if says.body is not None:
        doc["requestBody"] = _body(says.body, says.files)
    parameters: list[Any] = [_HEADERS[h] for h in says.headers]
    if says.query is not None:
        parameters.append({"in": "query", "schema": says.query})
    if parameters:
        doc["parameters"] = parameters
    wrapped: Callable[[View], View] = blueprint.doc(**doc)
    return wrapped


def _answer(code: int, answer: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(answer, dict):
        return answer
    meaning = {200: "Done", 201: "Created", 202: "Accepted: the job"}.get(code, "Answer")
    return {"description": meaning, "content": {JSON_TYPE: {"schema": {"$ref": f"#/components/schemas/{answer}"}}}}


def _body(schema: type[Schema], files: Mapping[str, bool]) -> dict[str, Any]:
    content: dict[str, Any] = {JSON_TYPE: {"schema": schema}}
    if files:
        parts = {name: {"type": "array", "items": FILE} if many else FILE for name, many in files.items()}
        content[FORM_TYPES[0]] = {"schema": {"allOf": [schema, {"type": "object", "properties": parts}]}}
    return {"content": content, "required": True}


_HEADERS: dict[str, dict[str, Any]] = {
    "Prefer": {
        "in": "header",
        "name": "Prefer",
        "schema": {"type": "string"},
        "description": "`wait=N` (0..60 s) or `respond-async`",
        "example": "wait=10",
    },
    "Idempotency-Key": {
        "in": "header",
        "name": "Idempotency-Key",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
        "description": "Makes a repeated POST return the first one's job; kept 24 h",
    },
    "Cache-Control": {
        "in": "header",
        "name": "Cache-Control",
        "schema": {"type": "string"},
        "description": "`no-cache` recomputes instead of reusing an equal result",
    },
    "If-Match": {
        "in": "header",
        "name": "If-Match",
        "schema": {"type": "string"},
        "description": "The ETag of the state that is changed; 428 without, 412 when stale",
    },
    "If-None-Match": {
        "in": "header",
        "name": "If-None-Match",
        "schema": {"type": "string"},
        "description": "304 while the ETag is still the same",
    },
    "Range": {"in": "header", "name": "Range", "schema": {"type": "string"}, "description": "A byte range"},
    "Last-Event-ID": {
        "in": "header",
        "name": "Last-Event-ID",
        "schema": {"type": "string"},
        "description": "Replays the events after this one",
    },
}
