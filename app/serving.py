"""Files on their way out: ranges, strong ETags, and a name a person would choose."""

from __future__ import annotations

import http
import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import wrap_file

from app.auth import deps
from app.uploads import shown_name
from services.errors import StaleVersion

ONE_RANGE = re.compile(r"bytes=([0-9]+-[0-9]*|-[0-9]+)")


@dataclass(frozen=True, slots=True)
class Served:
    """A stored blob with its type and the name under which it is saved."""

    sha256: str
    media_type: str
    filename: str
    made_at: datetime


def serve(file: Served) -> Response:
    """The blob with ranges, HEAD, a strong ETag (its SHA-256) and Content-Disposition. Raises NotFound."""
    blobs = deps().blobs
    size, content = blobs.size(file.sha256), blobs.open(file.sha256)
    out = Response(wrap_file(request.environ, content), mimetype=file.media_type, direct_passthrough=True)
    out.content_length = size
    out.set_etag(file.sha256)
    out.last_modified = file.made_at
    _drop_odd_ranges()
    try:
        out.make_conditional(request, accept_ranges=True, complete_length=size)
    except RequestedRangeNotSatisfiable:
        content.close()
        raise
    if out.status_code == http.HTTPStatus.PRECONDITION_FAILED:
        content.close()
        raise StaleVersion("The file is not the one that If-Match names.")
    name = shown_name(file.filename)
    ascii_name = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "'")
    out.headers["Content-Disposition"] = (
        f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"
    )
    out.headers["Cache-Control"] = "private, no-cache"
    out.headers["X-Content-Type-Options"] = "nosniff"
    return out


def _drop_odd_ranges() -> None:
    """Leave a Range unheard that is not one plain range of bytes, or hangs on a weak tag (RFC 9110, 13.1.5)."""
    weak = request.headers.get("If-Range", "").startswith("W/")
    if weak or not ONE_RANGE.fullmatch(request.headers.get("Range", "bytes=0-")):
        request.environ.pop("HTTP_RANGE", None)
