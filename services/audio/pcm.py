"""Decoded audio on disk: float32 frames in a file without a name, read in pieces.

An hour of stereo is 1.3 GB: it never lies in memory. The file has no name, so it is gone with its last descriptor,
whatever happens to the process.
"""

from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.audio.clip import Clip, Samples

_FLOAT_BYTES = 4


def open_nameless(folder: str) -> int:
    """A descriptor of a new empty file in `folder` that no name leads to."""
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as err:
        if err.errno not in {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL}:
            raise
    fd, path = tempfile.mkstemp(dir=folder)  # a file system without O_TMPFILE (overlayfs of old kernels, NFS)
    Path(path).unlink()
    return fd


@dataclass(slots=True)
class PcmFile:
    """An `AudioSource` over interleaved float32 frames in an open file, which it owns and closes.

    Reading is by position: several readers do not disturb each other, also in forked children.
    """

    fd: int
    rate_hz: int
    channels: int
    frames: int

    @property
    def duration_s(self) -> float:
        return self.frames / self.rate_hz

    def read(self, start: int, count: int) -> Samples:
        """Frames start..start+count (fewer at the end, none past it), float32 (channels, n), contiguous."""
        start = min(max(0, start), self.frames)
        count = min(max(0, count), self.frames - start)
        frames = np.empty((count, self.channels), np.float32)
        view = frames.data.cast("B") if count else memoryview(b"")
        at, got = start * self.channels * _FLOAT_BYTES, 0
        while got < len(view):
            n = os.preadv(self.fd, [view[got:]], at + got)
            if n == 0:
                raise OSError(errno.EIO, "decoded audio is shorter than it was")
            got += n
        return np.ascontiguousarray(frames.T)

    def clip(self) -> Clip:
        """All of it in memory: for one-shots."""
        return Clip(self.read(0, self.frames), self.rate_hz)

    def close(self) -> None:
        """Give the disk space back; reading afterwards raises OSError. Closing twice does nothing."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()
