"""Files on their way out: ranges, strong ETags, and a name a person would choose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import wrap_file

from app.auth import deps


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
    try:
        out.make_conditional(request, accept_ranges=True, complete_length=size)
    except RequestedRangeNotSatisfiable:
        content.close()
        raise
    ascii_name = file.filename.encode("ascii", "replace").decode().replace("?", "_").replace('"', "'")
    out.headers["Content-Disposition"] = (
        f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(file.filename, safe='')}"
    )
    out.headers["Cache-Control"] = "private, no-cache"
    out.headers["X-Content-Type-Options"] = "nosniff"
    return out
