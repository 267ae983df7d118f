"""Page cursors: where the last page ended, as opaque text.

They hold sort values and never an offset, so pages neither overlap nor lose a document while others are inserted.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from db.documents import from_json, scalar, to_json
from db.filters import Key
from db.store import Document, Page

ALPHABET = re.compile(r"[A-Za-z0-9_-]+")
MAX_CHARS = 16_384  # a cursor holds a few sort values; longer text is nobody's cursor


def encode(keys: tuple[Key, ...], values: tuple[Any, ...]) -> str:
    """The cursor after a document with these sort values."""
    text = to_json([_shape(keys), list(values)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(keys: tuple[Key, ...], cursor: str) -> tuple[Any, ...]:
    """The sort values in a cursor. Raises ValueError when it is broken or was made for another sort order."""
    if len(cursor) > MAX_CHARS or not ALPHABET.fullmatch(cursor):
        raise ValueError("broken cursor")
    try:
        found = from_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
    except (ValueError, binascii.Error, TypeError, AttributeError, RecursionError):
        raise ValueError("broken cursor") from None
    if not isinstance(found, list) or len(found) != 2 or found[0] != _shape(keys) or not isinstance(found[1], list):
        raise ValueError("broken cursor")
    values = tuple(scalar(v) for v in found[1])
    if len(values) != len(keys) or not all(
        isinstance(v, str) for k, v in zip(keys, values, strict=True) if k.field == "id"
    ):
        raise ValueError("broken cursor")
    return values


def _shape(keys: tuple[Key, ...]) -> list[str]:
    return [("-" if k.descending else "") + k.field for k in keys]


def sort_values(keys: tuple[Key, ...], doc: Document) -> tuple[Any, ...]:
    """What a document sorts by; None where a field is missing."""
    return tuple(_reach(doc, k.field) for k in keys)


def _reach(doc: Any, path: str) -> Any:
    for name in path.split("."):
        doc = doc.get(name) if isinstance(doc, dict) else None
    return doc


def page(keys: tuple[Key, ...], found: tuple[Document, ...], limit: int) -> Page:
    """A page of `limit` of one more than that, if there were so many."""
    items = found[:limit]
    return Page(items, encode(keys, sort_values(keys, items[-1])) if len(found) > limit else None)
