"""Runs a list of processes: starts them in order, starts the dead again, forwards their output, stops them all.

One thread and one loop; it forks only to execute, and a child asks the kernel to die with it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

from app.kernel import die_with_parent

TICK_S = 0.1
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0  # before a dead process is started again: doubles, up to the longest
STEADY_S = 10.0  # a process that lived this long starts with the first pause again
STOP_S = 12.0  # for all but the first process, which the others stand on
LAST_STOP_S = 3.0  # for that one
READ_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Program:
    """One process to run: its name in the log, its command, and file descriptors that it inherits."""

    name: str
    command: tuple[str, ...]
    inherits: tuple[int, ...] = ()


class Running:
    """A program and the process that runs it at present."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.due = 0.0
        self._since = 0.0
        self._pause = FIRST_PAUSE_S
        self._rest = b""

    def start(self, cwd: Path, environ: Mapping[str, str]) -> None:
        """Start the process in a group of its own, so that a Ctrl-C in the terminal is ours alone to handle."""
        self._since = time.monotonic()
        self.process = subprocess.Popen(
            self.program.command,
            cwd=cwd,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
            pass_fds=self.program.inherits,
            preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - this process has one thread
        )

    def ended(self) -> int | None:
        """The status of a process that has just ended; the time of its next start is set."""
        if self.process is None or (status := self.process.poll()) is None:
            return None
        if time.monotonic() - self._since >= STEADY_S:
            self._pause = FIRST_PAUSE_S
        self.due = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE_S)
        self.signal(signal.SIGKILL)  # what it left behind in its group
        self.process = None
        return status

    def signal(self, sig: signal.Signals) -> None:
        """Signal the process: TERM to itself, which tells its children; KILL to its whole group."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sig == signal.SIGKILL:
                os.killpg(self.process.pid, sig)
            else:
                os.kill(self.process.pid, sig)

    def say(self, data: bytes) -> None:
        """Forward whole lines of output, each behind the program's name."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        _print(b"".join(self.program.name.encode() + b" | " + line + b"\n" for line in lines))

    def say_rest(self) -> None:
        """Forward a last line without an end."""
        if self._rest:
            self.say(b"\n")


class Supervisor:
    """Runs programs until TERM or INT; a second signal kills."""

    def __init__(self, programs: Sequence[Program], cwd: Path, environ: Mapping[str, str]) -> None:
        self._all = [Running(program) for program in programs]
        self._cwd = cwd
        self._environ = environ
        self._selector = selectors.DefaultSelector()
        self._signals = 0

    def run(self) -> int:
        """0 after an orderly stop, 1 when a second signal made it a kill."""
        for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(sig, self._on_signal)
        while not self._signals:
            for one in self._all:
                if one.process is None and one.due <= time.monotonic():
                    self._start(one)
            self._turn()
        return self._stop()

    def _on_signal(self, _signum: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def _start(self, one: Running) -> None:
        try:
            one.start(self._cwd, self._environ)
        except OSError as err:
            _say(f"{one.program.name} cannot be started: {err.strerror}")
            one.due = time.monotonic() + LONGEST_PAUSE_S
            return
        assert one.process is not None
        assert one.process.stdout is not None
        os.set_blocking(one.process.stdout.fileno(), False)
        self._selector.register(one.process.stdout, selectors.EVENT_READ, one)

    def _turn(self) -> None:
        """Forward what was said, notice who ended."""
        for found, _ in self._selector.select(TICK_S):
            data = os.read(found.fd, READ_BYTES)
            if data:
                found.data.say(data)
            else:
                found.data.say_rest()
                self._selector.unregister(found.fileobj)
                found.fileobj.close()  # type: ignore[union-attr]
        for one in self._all:
            status = one.ended()
            if status is not None and not self._signals:
                _say(
                    f"{one.program.name} ended with status {status}, starts again in {one.due - time.monotonic():.1f} s"
                )

    def _stop(self) -> int:
        """Stop all but the first in reverse order, then the first, on which they stand."""
        first, rest = self._all[:1], self._all[:0:-1]
        orderly = self._end(rest, STOP_S) and self._end(first, LAST_STOP_S)
        if not orderly:
            _say("killed")
        self._turn()
        return 0 if orderly else 1

    def _end(self, some: Sequence[Running], seconds: float) -> bool:
        for one in some:
            one.signal(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while any(one.process for one in some):
            self._turn()
            if self._signals > 1:
                self._kill(self._all)
                return False
            if time.monotonic() > deadline:
                self._kill(some)
        return True

    def _kill(self, some: Sequence[Running]) -> None:
        for one in some:
            one.signal(signal.SIGKILL)
        for one in some:
            if one.process is not None:
                one.process.wait()
                one.ended()


def _say(text: str) -> None:
    _print(f"up | {text}\n".encode())


def _print(data: bytes) -> None:
    with contextlib.suppress(OSError, ValueError):  # a terminal that is gone stops nothing
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
