"""Files on their way out: ranges, strong ETags, and a name a person would choose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from flask import Response, send_file

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
    out = send_file(
        deps().blobs.open(file.sha256),
        mimetype=file.media_type,
        conditional=True,
        etag=file.sha256,
        last_modified=file.made_at,
        max_age=0,
    )
    ascii_name = file.filename.encode("ascii", "replace").decode().replace("?", "_").replace('"', "'")
    out.headers["Content-Disposition"] = (
        f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(file.filename, safe='')}"
    )
    out.headers["Accept-Ranges"] = "bytes"
    out.headers["Cache-Control"] = "private, no-cache"
    out.headers["X-Content-Type-Options"] = "nosniff"
    return out
