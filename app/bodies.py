"""Request bodies: JSON, multipart or a plain form into one checked dict, with every mistake named by its field."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from flask import Request
from marshmallow import RAISE, Schema, ValidationError, fields, validate
from werkzeug.datastructures import MultiDict

from app.uploads import Upload, received
from services.errors import FieldError, Invalid, Unreadable, WrongContentType

DECIMAL = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?")
WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
JSON_MAX_BYTES = 2 * 1024 * 1024  # the largest sensible one, a thousand edits, is a tenth of it
ERRORS_MAX = 50  # entries of `errors`: nobody reads more
JSON_TYPE = "application/json"
FORM_TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")


def within(low: float, high: float) -> validate.Range:
    """A range, refused in words."""
    return validate.Range(low, high, error=f"must be {low:g} to {high:g}")


WORDS: dict[str, Any] = {
    "required": "is missing",
    "invalid": "is not a number",
    "special": "is not a number",
    "null": "is missing",
}
WHOLE_WORDS: dict[str, Any] = {**WORDS, "invalid": "is not a whole number"}


class Number(fields.Float):
    """A finite number; a form's text is read as one, a boolean is not."""

    default_error_messages = WORDS

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> float:
        if isinstance(value, bool) or (isinstance(value, str) and not DECIMAL.fullmatch(value.strip())):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Whole(fields.Integer):
    """A whole number; a form's text is read as one, a boolean or 4.5 is not."""

    default_error_messages = WHOLE_WORDS

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        text = isinstance(value, str) and WHOLE.fullmatch(value.strip())
        whole = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e18
        if not text and not (whole and value == int(value)):
            raise self.make_error("invalid", input=value)
        return int(value)


class JsonObject(fields.Dict):
    """An object; in a form, the text of one."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        out: Any = super()._deserialize(_parsed(self, value), attr, data, **kwargs)  # type: ignore[no-untyped-call]
        return out


class JsonList(fields.List[Any]):
    """A list; in a form, the text of one (repeated fields arrive as a list already)."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        return super()._deserialize(_parsed(self, value), attr, data, **kwargs)


def _parsed(field: fields.Field[Any], value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return _loaded(value)
    except (ValueError, RecursionError):
        raise field.make_error("invalid") from None


def parse(
    request: Request, schema: Schema, files: tuple[str, ...] = ()
) -> tuple[dict[str, Any], dict[str, list[Upload]]]:
    """The checked fields and the uploads of a request. Raises Unreadable, WrongContentType or Invalid."""
    mimetype = request.mimetype
    if mimetype == JSON_TYPE:
        return check(schema, _json_object(request)), {}
    if mimetype in FORM_TYPES:
        return _form(request, schema, files)
    if not mimetype and not request.content_length:
        return check(schema, {}), {}
    raise WrongContentType(
        f"Send {JSON_TYPE} or multipart/form-data; this address does not take {mimetype or 'an untyped body'}."
    )


def parse_query(request: Request, schema: Schema) -> dict[str, Any]:
    """The checked query parameters, signed-link claims left out. Raises Invalid."""
    signed = {"owner", "expires", "hash", "signature"} if "signature" in request.args else set()
    return check(schema, {k: v for k, v in request.args.items() if k not in signed})


def check(schema: Schema, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The schema's answer to a mapping. Raises Invalid with one `errors` entry per mistake."""
    try:
        out: dict[str, Any] = schema.load(raw, unknown=RAISE)
    except ValidationError as err:
        mistakes = tuple(_flat("", err.messages))[:ERRORS_MAX]
        first = mistakes[0]
        raise Invalid(f"{first.field}: {first.message}", errors=mistakes) from None
    return out


def _json_object(request: Request) -> dict[str, Any]:
    request.max_content_length = JSON_MAX_BYTES
    try:
        body = _loaded(request.get_data())
    except (ValueError, RecursionError):
        raise Unreadable("The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise Invalid("The body must be a JSON object.", errors=(FieldError("", "must be a JSON object"),))
    return body


def _loaded(text: str | bytes) -> Any:
    """A JSON value without NaN and without half a surrogate pair, which no store and no UTF-8 can hold."""
    value = json.loads(text, parse_constant=_no_constant)
    if (b"\\ud" if isinstance(text, bytes) else "\\ud") in text.lower():  # type: ignore[operator]
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _form(request: Request, schema: Schema, files: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, list[Upload]]]:
    try:
        form: MultiDict[str, str] = request.form
    except ValueError:
        raise Unreadable("The multipart body is broken or was cut off.") from None
    lists = {name for name, f in schema.fields.items() if isinstance(f, fields.List)}
    raw: dict[str, Any] = {}
    mistakes: list[FieldError] = []
    for name, values in form.lists():
        if name in lists and not (len(values) == 1 and values[0].lstrip().startswith("[")):
            raw[name] = values
        elif len(values) > 1:
            mistakes.append(FieldError(name, "was sent more than once"))
        else:
            raw[name] = values[0]
    mistakes += [FieldError(name, "is not a file field of this request") for name in request.files if name not in files]
    if mistakes:
        raise Invalid(f"{mistakes[0].field} {mistakes[0].message}", errors=tuple(mistakes))
    return check(schema, raw), {
        # plural fields take several files
        name: received(request, name, repeats=name.endswith("s"))
        for name in files
    }


def _flat(path: str, messages: Any) -> list[FieldError]:
    """Marshmallow's nested messages as `a[3].b` with one sentence each."""
    if isinstance(messages, dict):
        out: list[FieldError] = []
        for key, inner in messages.items():
            if isinstance(key, int):
                at = f"{path}[{key}]"
            elif key in ("_schema", "value", "key") and path:
                at = path
            else:
                at = f"{path}.{key}" if path else str(key)
            out += _flat(at, inner)
        return out
    texts = messages if isinstance(messages, list) else [messages]
    return [FieldError(path, str(t).rstrip(".")) for t in texts]
