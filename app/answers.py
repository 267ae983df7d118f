"""The plain JSON answer."""

from __future__ import annotations

from typing import Any

from flask import Response, json


def ok(body: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(json.dumps(body), status=status, mimetype="application/json")
