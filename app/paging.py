"""Lists: a page of documents with the address of the next one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import Response, request

from app.answers import ok
from db.store import Document, Page
from services.errors import FieldError, Invalid


def listed(name: str, find: Callable[[], Page], shape: Callable[[Document], dict[str, Any]]) -> Response:
    """`{name: [...]}` with `Link: <...>; rel="next"` while there is more. Raises Invalid for a broken cursor."""
    try:
        page = find()
    except ValueError:
        message = "is not a cursor of this list: take it from a Link header"
        raise Invalid(f"cursor {message}", errors=(FieldError("cursor", message),)) from None
    out = ok({name: [shape(doc) for doc in page.items]})
    if page.next_cursor is not None:
        query = urlencode({**request.args, "cursor": page.next_cursor})
        out.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    return out
