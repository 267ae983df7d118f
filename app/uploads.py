"""Files on their way in: spooled straight into the staging directory, hashed as they pass, adopted or removed."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import tempfile
import unicodedata
from dataclasses import dataclass
from typing import IO, Any, cast

from flask import Request, current_app, g
from werkzeug.formparser import FormDataParser

from app.deps import Deps
from services.audio.sniff import sniff
from services.beats.types import SAMPLES_MAX
from services.errors import DiskFull, TooLarge

HEAD_BYTES = 4096  # enough for every magic number, with an Ogg page or an MP4 `ftyp` box
FILES_MAX = 4 * SAMPLES_MAX  # open at once: past the limit of sounds, but short of the process's descriptors
MEMORY_BYTES = 256 * 1024  # of a part held in memory: a second of stereo, and most one-shots
NAME_CHARS = 200
NO_NAME = "sound"
# Direction overrides would let "gnp.wav" be shown as "vaw.png"; control characters break headers and logs.
UNSHOWN = re.compile("[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class Upload:
    """One received file: its bytes as `content`, or a `path` in the staging directory; the name is the shown one."""

    field: str
    name: str
    path: str | None
    content: bytes | None
    sha256: str
    size: int
    container: str | None
    media_type: str
    repeats: bool = False  # whether the field takes several files: then errors name it with a number

    def begins(self, magic: bytes) -> bool:
        """Whether these are the file's first bytes."""
        return self.head(len(magic)) == magic

    def head(self, count: int) -> bytes:
        """So many of the file's first bytes, or all it has."""
        if self.content is not None or self.path is None:
            return (self.content or b"")[:count]
        with open(self.path, "rb") as file:
            return file.read(count)


class SpooledFile:
    """What Werkzeug writes a file part into: memory while it is small, then a temporary file; and a running SHA-256."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._hash = hashlib.sha256()
        self._file: IO[bytes] = io.BytesIO()
        self.path: str | None = None
        self.head = b""
        self.size = 0

    def write(self, data: bytes) -> int:
        """Append bytes. Raises DiskFull."""
        if len(self.head) < HEAD_BYTES:
            self.head += data[: HEAD_BYTES - len(self.head)]
        self._hash.update(data)
        self.size += len(data)
        try:
            if self.path is None and self.size > MEMORY_BYTES:
                self._roll()
            return self._file.write(data)
        except OSError as err:
            raise _disk(err) from None

    def _roll(self) -> None:
        held = cast("io.BytesIO", self._file).getvalue()
        fd, self.path = tempfile.mkstemp(prefix="upload-", dir=self._directory)
        self._file = os.fdopen(fd, "w+b", buffering=1 << 16)
        self._file.write(held)

    def settle(self) -> str:
        """Flush everything; the SHA-256 in hex. Raises DiskFull."""
        try:
            self._file.flush()
        except OSError as err:
            raise _disk(err) from None
        return self._hash.hexdigest()

    def content(self) -> bytes | None:
        """All bytes of a small part; None for one that lies on disk."""
        return cast("io.BytesIO", self._file).getvalue() if self.path is None else None

    def discard(self) -> None:
        """Close and remove the file, if it was not adopted."""
        try:
            self._file.close()
        except OSError:
            pass  # a full disk may refuse the last flush; the file goes anyway
        if self.path is not None:
            try:
                os.unlink(self.path)
            except FileNotFoundError:
                pass

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()


class SpoolingRequest(Request):
    """A request whose file parts go to the staging directory of the blob store; a broken form raises ValueError."""

    def make_form_data_parser(self) -> FormDataParser:
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        deps = cast("Deps", current_app.extensions["deps"])
        if "spooled" not in g:
            deps.blobs.require_room(total_content_length or 0)
            g.spooled = []
        if len(g.spooled) >= FILES_MAX:
            raise TooLarge(f"A request holds at most {SAMPLES_MAX} files.")
        spooled = SpooledFile(deps.blobs.staging())
        g.spooled.append(spooled)
        return cast("IO[bytes]", spooled)


def received(request: Request, field: str, *, repeats: bool) -> list[Upload]:
    """The uploads of one form field, in order. A part without bytes or name is an upload too."""
    out = []
    for part in request.files.getlist(field):
        spooled = cast("SpooledFile", part.stream)
        sha256 = spooled.settle()
        out.append(
            Upload(
                field,
                shown_name(part.filename or ""),
                spooled.path,
                spooled.content(),
                sha256,
                spooled.size,
                sniff(spooled.head),
                part.mimetype or "",
                repeats,
            )
        )
    return out


def discard_spooled(_: BaseException | None = None) -> None:
    """Remove what no blob store adopted; runs at the end of each request."""
    for spooled in g.pop("spooled", []):
        spooled.discard()


def shown_name(raw: str) -> str:
    """A file name as a person would want to see it: no directories, no control or direction characters, 200 at most."""
    name = unicodedata.normalize("NFC", raw.encode("utf-8", "replace").decode())
    name = UNSHOWN.sub("", re.split(r"[/\\]", name)[-1]).strip(" .")
    if len(name) > NAME_CHARS:
        stem, dot, ending = name.rpartition(".")
        short = dot and len(ending) <= 5
        name = stem[: NAME_CHARS - len(ending) - 1] + dot + ending if short else name[:NAME_CHARS]
    return name or NO_NAME


def distinct(names: list[str]) -> list[str]:
    """The names with ` (2)`, ` (3)` … before the ending of each repeated one."""
    taken: set[str] = set()
    out = []
    for name in names:
        stem, dot, ending = name.rpartition(".")
        stem, ending = (stem, dot + ending) if stem else (name, "")
        candidate, n = name, 1
        while candidate in taken:
            n += 1
            candidate = f"{stem} ({n}){ending}"
        taken.add(candidate)
        out.append(candidate)
    return out


def _disk(err: OSError) -> Any:
    if err.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFull("The server's disk is full: nothing was stored. Try again later.")
    return err
