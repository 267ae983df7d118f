"""Lists: a page of documents with the address of the next one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import Response, request

from app.work import ok
from db.store import Document, Page


def listed(name: str, page: Page, shape: Callable[[Document], dict[str, Any]]) -> Response:
    """`{name: [...]}` with `Link: <...>; rel="next"` while there is more."""
    out = ok({name: [shape(doc) for doc in page.items]})
    if page.next_cursor is not None:
        query = urlencode({**request.args, "cursor": page.next_cursor})
        out.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    return out
