"""The normal form of a document: what every store accepts, keeps and gives back.

Python values on the API side, JSON text on SQLite's disk. A datetime is written `{"$date":"2026-11-21T09:00:00.000Z"}`:
tagged, so that it comes back as a datetime, and of fixed width, so that it sorts as text. A key of the caller's that
starts with `$` gets one more `$` on disk, so nobody's data is taken for a tag.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

from db.store import Document
from services.errors import TooLarge

MAX_DEPTH = 90  # levels; MongoDB refuses more than 100, its own wrapping included
MAX_JSON_BYTES = 12 * 1024 * 1024  # MongoDB's limit is 16 MiB of BSON, which is longer than JSON for lists of numbers
MAX_ID_CHARS = 512  # MongoDB has indexed ids of any length since 4.2; nobody needs longer ones
INT64 = range(-(2**63), 2**63)  # what BSON and SQLite hold
DATE_TAG = "$date"
ESCAPED = '"$$'  # how a caller's key that starts with `$` begins on disk


def normal(doc: Document) -> Document:
    """A deep copy in normal form, without `version`: lists for tuples, UTC datetimes cut to ms.

    Raises ValueError for a bad id, NaN, infinity, a number beyond 64 bits, a naive datetime, a lone surrogate or too
    deep nesting; TypeError for a value that is neither JSON nor a datetime.
    """
    doc_id = doc.get("id")
    if not isinstance(doc_id, str) or not 0 < len(doc_id) <= MAX_ID_CHARS:
        raise ValueError("a document needs a string id")
    if "_id" in doc:
        raise ValueError("a document's id is called id")
    copied: Document = _normal(doc, 1)
    copied.pop("version", None)
    return copied


def scalar(value: Any) -> Any:
    """A filter's value in normal form. Raises ValueError for anything that is not a scalar."""
    if isinstance(value, (dict, list, tuple)):
        raise ValueError("a filter compares with single values only")  # noqa: TRY004 - one error for all bad filters
    return _normal(value, 1)


def _normal(value: Any, depth: int) -> Any:
    kind = type(value)  # the usual kinds first: documents hold thousands of numbers and words
    if (kind is float and math.isfinite(value)) or (kind is str and value.isascii()):
        return value
    if kind is dict and depth <= MAX_DEPTH:
        deeper = depth + 1
        return {(k if type(k) is str and k.isascii() else _key(k)): _normal(v, deeper) for k, v in value.items()}
    return _other(value, depth)


def _other(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if value not in INT64:
            raise ValueError("a number in a document has at most 64 bits")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("NaN and infinity are not stored")
        return float(value)
    if isinstance(value, datetime):
        return _moment(value)
    if depth > MAX_DEPTH:
        raise ValueError(f"a document is at most {MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        return {_key(k): _normal(v, depth + 1) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_normal(v, depth + 1) for v in value]
    raise TypeError(f"not a document value: {type(value).__name__}")


def _text(value: str) -> str:
    if not value.isascii():
        value.encode()  # a lone surrogate raises UnicodeEncodeError, which is a ValueError
    return value if type(value) is str else str.__str__(value)


def _key(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a document's keys are strings")
    return _text(value)


def _moment(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a datetime in a document needs a time zone")
    utc = value.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000, fold=0)


def date_text(value: datetime) -> str:
    """The fixed-width text of a normal datetime; sorts as the datetime does, from the year 1 on."""
    return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def date_value(text: str) -> datetime:
    """The inverse of `date_text`. Raises ValueError."""
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)


def to_json(value: Any) -> str:
    """The tagged JSON text of a normal value. Raises TooLarge past MAX_JSON_BYTES."""
    moments = 0

    def tagged(moment: datetime) -> dict[str, str]:
        nonlocal moments
        moments += 1
        return {DATE_TAG: date_text(moment)}

    text = json.dumps(value, default=tagged, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if text.count('"$') > moments:  # a `$` of the caller's begins a key or a text somewhere: take the careful way
        text = json.dumps(_escaped(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if len(text) > MAX_JSON_BYTES or (not text.isascii() and len(text.encode()) > MAX_JSON_BYTES):
        raise TooLarge("That is more than one object can hold.", code="document_too_large")
    return text


def from_json(text: str) -> Any:
    """The inverse of `to_json`."""
    return json.loads(text, object_hook=_untagged if ESCAPED in text else _dated)


def _escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {("$" + k if k.startswith("$") else k): _escaped(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_escaped(v) for v in value]
    if isinstance(value, datetime):
        return {DATE_TAG: date_text(value)}
    return value


def _dated(found: dict[str, Any]) -> Any:
    return date_value(found[DATE_TAG]) if DATE_TAG in found else found


def _untagged(found: dict[str, Any]) -> Any:
    if len(found) == 1 and DATE_TAG in found:
        return date_value(found[DATE_TAG])
    if any(k.startswith("$") for k in found):
        return {k.removeprefix("$"): v for k, v in found.items()}
    return found
