"""What PyAV needs to work inside the cage: all its modules loaded beforehand, and files that are only descriptors."""

from __future__ import annotations

import errno
import functools
import importlib
import io
import os
import pkgutil
from typing import Any

import av


@functools.cache
def load() -> None:
    """Import every part of PyAV: it loads some only when a file needs them, and the cage lets nothing be opened."""
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith(("__main__", "datasets")):  # a command line, and a downloader of samples
            importlib.import_module(module.name)


class FdFile(io.RawIOBase):
    """An open descriptor as the file object libav reads or writes: by position, without touching its own."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd, self._at = fd, 0

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, count: int = -1) -> bytes:
        data = os.pread(self._fd, os.fstat(self._fd).st_size if count < 0 else count, self._at)
        self._at += len(data)
        return data

    def write(self, data: Any) -> int:
        count = os.pwrite(self._fd, data, self._at)
        self._at += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence)
        at = offset + (os.fstat(self._fd).st_size if start is None else start)
        if at < 0:
            raise OSError(errno.EINVAL, "before the start of the file")
        self._at = at
        return at

    def tell(self) -> int:
        return self._at
