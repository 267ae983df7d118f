"""Any accepted file to float32 at the house's rate, decoded in a caged child (`sandbox`), kept on disk (`pcm`).

One child decodes all files of a call. It tells the parent of each file's verdict through a pipe; samples go into
nameless files that the parent opened. A child that crashes, hangs or breaks its bounds costs only the file it was
reading: another is forked for the rest. What a child says is checked like any upload.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.audio import sandbox
from services.audio.clip import HOUSE_RATE_HZ, Clip
from services.audio.faults import CODES, Undecodable, to_error
from services.audio.pcm import PcmFile, open_nameless
from services.audio.sniff import CONTAINERS, HEAD_BYTES, sniff
from services.errors import DiskFull, FieldError, ServiceError

CHILD_MEMORY_BYTES = 512 * 1024 * 1024  # on top of the parent's: the largest honest need measured is under 100 MB
WALL_S = 20.0  # for a file of no length; real time / 25 comes on top (the slowest decoder runs at about 1/60)
WALL_SHARE = 1 / 25
STALL_S = 10.0  # a second of audio takes milliseconds; ten seconds without one is a hang
SILENT_SWING = 1e-4  # -80 dB: less movement than this is no sound
_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_ROOM = "There is no room on the disk to decode this audio."
_FLOAT_BYTES = 4
_RATE_SLACK = 1.01  # of the expected size: resampling may add some frames

Watch = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file as it came. `source`: a path, or an open descriptor (its position is neither used nor moved).

    `container` is what `sniff` said; None is refused without a decoder seeing it.
    """

    source: Path | int
    container: str | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one call, counted while decoding. `advice` is a sentence added to a `too_long` refusal."""

    max_s: float
    rate_hz: int = HOUSE_RATE_HZ
    max_channels: int = 2
    max_total_s: float | None = None
    advice: str = ""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What the file was. `bits` only for PCM, FLAC and ALAC; `complete`: nothing was missing or damaged."""

    container: str
    codec: str
    rate_hz: int
    channels: int
    bits: int | None
    complete: bool


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded file. `peak` is the largest sample; `swing` half the distance between lowest and highest."""

    name: str
    pcm: PcmFile
    info: SourceInfo
    peak: float
    swing: float

    @property
    def duration_s(self) -> float:
        return self.pcm.duration_s

    @property
    def silent(self) -> bool:
        """Nothing moves by more than -80 dB: digital silence, or a constant."""
        return self.swing < SILENT_SWING

    def clip(self) -> Clip:
        """All of it in memory: for one-shots."""
        return self.pcm.clip()


@dataclass(frozen=True, slots=True)
class NotDecodable:
    """A file's refusal: TooLarge, NotAudio or Invalid, ready to be raised."""

    name: str
    error: ServiceError


def preload() -> None:
    """Import all that the children need and try the cage: once in a process that will decode or encode."""
    import soundfile  # noqa: F401 - for the encoders' child

    import services.audio.decode_child  # noqa: F401
    from services.audio import libav

    libav.load()
    sandbox.sandbox_kind()


def encoded(path: Path) -> Encoded:
    """A file on disk, its container named from its first bytes."""
    with path.open("rb") as file:
        return Encoded(path, sniff(file.read(HEAD_BYTES)), path.name)


def decode_files(
    files: Sequence[Encoded], limits: Limits, workdir: str | Path, watch: Watch = lambda _: None
) -> list[Decoded | NotDecodable]:
    """Decode all files, in order, one verdict each.

    `watch` is called with the seconds decoded so far at least every 0.1 s; what it raises (a cancel) ends the child
    and reaches the caller. Temporary files have no names and vanish with the results. Raises DiskFull.
    """
    preload()
    with contextlib.ExitStack() as opened:
        run = _Run(limits, watch, [_Item(file) for file in files])
        for item in run.items:
            item.open(str(workdir), opened)
        while run.pending():
            run.fork_once()
        return [item.verdict(limits) for item in run.items]


def all_decoded(results: Sequence[Decoded | NotDecodable], field: str = "samples") -> list[Decoded]:
    """The results if every file could be decoded; else raises the first refusal, with an entry per refused file."""
    refused = [(i, r.error) for i, r in enumerate(results) if isinstance(r, NotDecodable)]
    if refused:
        first = refused[0][1]
        first.errors = tuple(FieldError(f"{field}[{i}]", error.message) for i, error in refused)
        raise first
    return [r for r in results if isinstance(r, Decoded)]


class _Item:
    """One file on its way through."""

    def __init__(self, file: Encoded) -> None:
        self.file = file
        self.fault: str | None = None if file.container in CONTAINERS else "not_audio"
        self.told: dict[str, Any] | None = None
        self.source = self.target = -1

    @property
    def pending(self) -> bool:
        return self.fault is None and self.told is None

    def open(self, workdir: str, opened: contextlib.ExitStack) -> None:
        if not self.pending:
            return
        if isinstance(self.file.source, int):
            self.source = self.file.source
        else:
            self.source = os.open(self.file.source, os.O_RDONLY | os.O_CLOEXEC)
            opened.callback(os.close, self.source)
        try:
            self.target = open_nameless(workdir)
        except OSError as err:
            if err.errno in _FULL:
                raise DiskFull(_NO_ROOM) from None
            raise
        opened.callback(self._drop)

    def _drop(self) -> None:
        if self.target >= 0:
            os.close(self.target)

    def verdict(self, limits: Limits) -> Decoded | NotDecodable:
        if self.told is None:
            bounds = {"max_s": limits.max_s, "max_total_s": limits.max_total_s or limits.max_s}
            return NotDecodable(self.file.name, to_error(self.fault or "damaged", limits.advice, **bounds))
        told, kept = self.told, self.told["kept"]
        frames = os.fstat(self.target).st_size // (_FLOAT_BYTES * kept)
        pcm = PcmFile(self.target, limits.rate_hz, kept, frames)
        self.target = -1  # the PcmFile owns it now
        info = SourceInfo(
            self.file.container or "", told["codec"], told["rate_hz"], told["channels"], told["bits"], told["complete"]
        )
        return Decoded(self.file.name, pcm, info, told["peak"], told["swing"])


class _Run:
    """Forks children until every file has its verdict."""

    def __init__(self, limits: Limits, watch: Watch, items: list[_Item]) -> None:
        self.limits, self.watch, self.items = limits, watch, items
        self.done_s = self.now_s = 0.0
        self.current: int | None = None

    def pending(self) -> list[int]:
        return [i for i, item in enumerate(self.items) if item.pending]

    def fork_once(self) -> None:
        """One child for all pending files. If it ends early, the file it was reading gets a refusal."""
        todo = self.pending()
        self.current = todo[0]
        fds = tuple(fd for i in todo for fd in (self.items[i].source, self.items[i].target))
        cage = sandbox.Cage(
            keep=fds,
            memory_bytes=CHILD_MEMORY_BYTES,
            file_bytes=int(self.limits.max_s * self.limits.rate_hz * 2 * _FLOAT_BYTES * _RATE_SLACK) + 2**20,
            wall_s=WALL_S + len(todo) * self.limits.max_s * WALL_SHARE,
            stall_s=STALL_S,
        )
        ended = sandbox.run(lambda send: _decode_all(self, todo, send), cage, self._hear, self._tick)
        if self.items[self.current].pending:
            self.items[self.current].fault = "slow" if ended.how == "timeout" else "damaged"

    def _tick(self) -> None:
        self.watch(self.done_s + self.now_s)

    def _hear(self, message: sandbox.Message) -> None:
        match message:
            case {"begin": int(i)} if 0 <= i < len(self.items) and self.items[i].pending:
                self.current, self.now_s = i, 0.0
            case {"at_s": int() | float() as at_s}:
                self.now_s = float(at_s)
            case {"fault": "disk_full"}:
                raise DiskFull(_NO_ROOM)
            case {"fault": str(code)} if self.current is not None:
                self.items[self.current].fault = code if code in CODES else "damaged"
            case {"done": dict(told)} if self.current is not None:
                self._finish(self.items[self.current], told)

    def _finish(self, item: _Item, told: dict[str, Any]) -> None:
        item.told = _checked(told, self.limits)
        if item.told is None:
            item.fault = "damaged"
            return
        self.done_s += os.fstat(item.target).st_size / (_FLOAT_BYTES * item.told["kept"] * self.limits.rate_hz)
        self.now_s = 0.0
        if self.limits.max_total_s is not None and self.done_s > self.limits.max_total_s:
            item.told, item.fault = None, "too_long_total"


def _checked(told: dict[str, Any], limits: Limits) -> dict[str, Any] | None:
    """The child's account of a file if each value has its type and range, else None."""
    numbers = all(isinstance(told.get(k), int) for k in ("rate_hz", "channels", "kept"))
    levels = all(isinstance(told.get(k), int | float) for k in ("peak", "swing"))
    bits = told.get("bits") is None or isinstance(told["bits"], int)
    words = isinstance(told.get("codec"), str) and isinstance(told.get("complete"), bool)
    return told if numbers and levels and bits and words and 1 <= told["kept"] <= limits.max_channels else None


def _decode_all(run: _Run, todo: list[int], send: sandbox.Send) -> None:
    """The child's work: each pending file in turn."""
    from services.audio.decode_child import Order, decode

    limits = run.limits
    for i in todo:
        item = run.items[i]
        send({"begin": i})
        order = Order(
            item.source, item.target, item.file.container or "", limits.rate_hz, limits.max_channels, limits.max_s
        )
        try:
            send({"done": decode(order, lambda at_s: send({"at_s": at_s}))})
        except Undecodable as err:
            send({"fault": err.code})
        except OSError as err:
            send({"fault": "disk_full" if err.errno in _FULL else "damaged"})
        except MemoryError:
            send({"fault": "damaged"})
