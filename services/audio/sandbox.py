"""A cage for foreign parsers: one forked child that can compute and use the files it was given, and nothing else.

Two layers. Resource limits bound memory, processor time and file size, and leave no free file descriptor. A seccomp
allow-list then refuses every other system call with EPERM: no open, no socket, no fork, no exec. Where libseccomp is
absent only the first layer stands, and `sandbox_kind()` says so. The child dies with its parent and is killed when it
stops reporting.

The caller imports everything the child will need before it forks (`services.audio.decode.preload`): inside, no file
can be opened, so no module can be loaded.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import gc
import json
import os
import resource
import select
import signal
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

try:
    import pyseccomp
except (ImportError, OSError, RuntimeError):  # the wheel is there, libseccomp may not be
    pyseccomp = None

Message = dict[str, Any]
Send = Callable[[Message], None]

# Compute, wait, and use what is open. No kill of any sort: a child must not signal its parent.
_ALLOWED = (
    *("brk", "futex", "getrandom", "madvise", "mremap", "munmap", "restart_syscall", "sched_yield"),
    *("close", "fdatasync", "fstat", "ftruncate", "lseek", "newfstatat"),
    *("pread64", "pwrite64", "read", "readv", "write", "writev"),
    *("clock_gettime", "clock_nanosleep", "getpid", "getrusage", "gettid", "nanosleep"),
    *("exit", "exit_group", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack"),
)
_ALLOWED_WITHOUT_EXEC = ("mmap", "mprotect")  # memory yes, new machine code no
_PROT_EXEC = 4
_PR_SET_PDEATHSIG = 1
_POLL_S = 0.1  # how often the caller is asked whether it still wants the result
_LINE_MAX_BYTES = 65_536  # a child that sends a longer message is out of its mind
_PIPE_BYTES = 65_536
_CRASHED = 70  # exit status of a child whose work raised
_PAGE_BYTES = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class Cage:
    """The bounds of one child. `memory_bytes` counts what it adds to the process it was forked from."""

    keep: tuple[int, ...]  # file descriptors it may use besides its report
    memory_bytes: int
    file_bytes: int
    wall_s: float
    stall_s: float  # longest time without a message


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended, and the largest resident size it reached (its share of the parent's pages included)."""

    how: Literal["done", "crashed", "timeout"]
    peak_rss_bytes: int


def sandbox_kind() -> Literal["seccomp", "rlimits"]:
    """Which layers hold on this machine: both, or resource limits alone (shown by `doctor`). Asked once a process."""
    return "seccomp" if _seccomp_works() else "rlimits"


def run(work: Callable[[Send], None], cage: Cage, hear: Send, watch: Callable[[], None] = lambda: None) -> Ended:
    """Run `work` in a caged child; each message it sends (a JSON object) is given to `hear` in this process.

    `watch` is called at least every 0.1 s; what `hear` or `watch` raises ends the child and reaches the caller.
    Messages are untrusted: `hear` checks what it uses.
    """
    kind = sandbox_kind()
    filled = _fill() if kind == "seccomp" else None
    incoming, outgoing = os.pipe()
    parent = os.getpid()
    pid = _fork()
    if pid == 0:
        _be_child(work, cage, outgoing, (parent, filled))
    os.close(outgoing)
    reaped: list[Ended] = []
    try:
        in_time = _listen(incoming, cage, hear, watch)
        if in_time:
            reaped.append(_reap(pid, "done"))
    finally:
        os.close(incoming)
        if not reaped:
            os.kill(pid, signal.SIGKILL)
            reaped.append(_reap(pid, "timeout"))
    return reaped[0]


def _fork() -> int:
    """Python 3.12 warns of forks beside other threads; ours are idle BLAS threads, and the child uses neither."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _reap(pid: int, how: Literal["done", "timeout"]) -> Ended:
    _, status, usage = os.wait4(pid, 0)
    failed = how == "done" and status != 0
    return Ended("crashed" if failed else how, usage.ru_maxrss * 1024)


def _listen(incoming: int, cage: Cage, hear: Send, watch: Callable[[], None]) -> bool:
    """Deliver messages until the child closes its end (True) or its time is up (False)."""
    poll = select.poll()
    poll.register(incoming, select.POLLIN)
    started = last = time.monotonic()
    waiting = b""
    while True:
        watch()
        ready = poll.poll(_POLL_S * 1000)
        now = time.monotonic()
        if ready:
            data = os.read(incoming, _PIPE_BYTES)
            if not data:
                return True
            last = now
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                hear(_message(line))
        if now - started > cage.wall_s or now - last > cage.stall_s or len(waiting) > _LINE_MAX_BYTES:
            return False


def _message(line: bytes) -> Message:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _be_child(work: Callable[[Send], None], cage: Cage, outgoing: int, inherited: tuple[int, Any]) -> None:
    """The child's whole life; never returns."""
    code = _CRASHED
    try:
        parent, filled = inherited
        gc.disable()  # a collection would touch, and so copy, every page of the parent
        _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == parent:
            _quiet_signals()
            _close_all_but({*cage.keep, outgoing})
            _limit(cage)
            if filled is not None:
                filled.load()
            work(lambda message: _send(outgoing, message))
            code = 0
    finally:
        os._exit(code)


def _send(outgoing: int, message: Message) -> None:
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(outgoing, data) :]


def _quiet_signals() -> None:
    """The parent's handlers (a queue's timeout, a server's shutdown) are none of the child's business."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGUSR1, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)


def _close_all_but(keep: set[int]) -> None:
    """No socket, database or log of the parent stays open; the standard streams become /dev/null."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in {0, 1, 2} - keep:
        os.dup2(null, stream)
    low = 3
    for fd in sorted(fd for fd in keep if fd >= 3):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def _limit(cage: Cage) -> None:
    size_bytes = int(Path("/proc/self/statm").read_bytes().split()[0]) * _PAGE_BYTES
    cpu_s = int(cage.wall_s) + 1
    for what, limit in (
        (resource.RLIMIT_AS, size_bytes + cage.memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, cage.file_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 0),  # what is open stays open, nothing more can be
    ):
        hard = resource.getrlimit(what)[1]
        value = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (value, value))


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


@functools.cache
def _fill() -> Any:
    """The seccomp filter, filled once and loaded by each child."""
    module: ModuleType = pyseccomp
    filled = module.SyscallFilter(defaction=module.ERRNO(errno.EPERM))
    for name in _ALLOWED:
        if module.resolve_syscall(module.Arch.NATIVE, name) >= 0:  # not every machine has every call
            filled.add_rule(module.ALLOW, name)
    for name in _ALLOWED_WITHOUT_EXEC:
        filled.add_rule(module.ALLOW, name, module.Arg(2, module.MASKED_EQ, _PROT_EXEC, 0))
    return filled


@functools.cache
def _seccomp_works() -> bool:
    """Try the filter on a throw-away child: a container's own profile may forbid it."""
    if pyseccomp is None:
        return False
    _libc()
    filled = _fill()
    pid = _fork()
    if pid == 0:
        code = _CRASHED
        try:
            filled.load()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0
