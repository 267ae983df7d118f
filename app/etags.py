"""ETags: what a client last saw, and whether it may change it."""

from __future__ import annotations

import time
from typing import Any

from flask import Response, request

from app.answers import ok
from app.auth import deps
from services import canonical
from services.errors import StaleVersion, VersionRequired


def with_etag(body: Any, state: str) -> Response:
    """A JSON answer under an ETag, or 304 when the client has it. The tag is the state's and the half-life's of its
    signed links: a 304 never keeps links alive that have expired."""
    tag = tag_of(state)
    out = (
        Response(status=304)
        if request.if_none_match.contains(tag) or request.if_none_match.contains_weak(tag)
        else ok(body)
    )
    out.set_etag(tag)
    out.headers["Cache-Control"] = "private, no-cache"
    return out


def tag_of(state: str) -> str:
    """The ETag of a state just now."""
    return f"{state}.{int(time.time()) // max(1, deps().settings.link_s // 2):x}"


def of_body(body: Any) -> str:
    """An ETag from what the body says."""
    return canonical.sha256(body)[:32]


def required_match() -> str:
    """The one ETag in If-Match. Raises VersionRequired without, StaleVersion for a list or `*`."""
    if not request.if_match:
        raise VersionRequired("Send If-Match with the ETag of the state you change, so that nobody's change is lost.")
    tags = list(request.if_match.as_set())
    if len(tags) != 1:
        raise StaleVersion("If-Match must name exactly one ETag.")
    return str(tags[0]).partition(".")[0]
