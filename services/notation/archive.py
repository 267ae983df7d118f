"""ZIP files of our own: the same files give the same bytes, always (fixed time stamps, sorted names)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a ZIP can carry
MODE = 0o100644 << 16
UNIX = 3


def zip_bytes(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A ZIP of (name, content) pairs in the given order, so that a generator's files never lie in memory together.

    Contents are stored: PCM hardly shrinks. All-zero ones (silent stems) are deflated to almost nothing.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system = UNIX
            info.external_attr = MODE
            info.compress_type = zipfile.ZIP_DEFLATED if _hollow(content) else zipfile.ZIP_STORED
            archive.writestr(info, content, compresslevel=1)
    return buffer.getvalue()


def _hollow(content: bytes) -> bool:
    """Whether nearly all of a file is zeros."""
    return content.count(0) > 0.999 * len(content)
