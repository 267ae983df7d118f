"""Kinds of jobs for tests of the engine: named by JOB_KINDS_EXTRA, honoured only with APP_ENV=test."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from app.kinds import Kind
from app.tasks import JobContext
from services.errors import FieldError, Invalid
from services.jobs.types import Outcome


def _note(context: JobContext, what: str) -> None:
    """Append to the file that the test named, in one write: who worked on what, and when."""
    path = context.params.get("log")
    if path:
        line = f"{what} {context.job['id']} {context.job['attempt']} {os.getpid()} {time.time():.4f}\n"
        with Path(path).open("a") as f:
            f.write(line)


def echo(context: JobContext) -> Outcome:
    _note(context, "start")
    context.report("echo", 0.5)
    time.sleep(context.params.get("take_s", 0.0))
    body = f"echo {context.params.get('word', '')}".encode()
    sha = context.blobs.put(body)
    return Outcome({"said": context.params.get("word"), "at": time.time(), "sha256": sha}, (sha,))


def sleep(context: JobContext) -> Outcome:
    """Sleep in small pieces, reporting; with `only_first`, later attempts do not sleep."""
    _note(context, "start")
    seconds = context.params["seconds"]
    if context.params.get("only_first") and context.job["attempt"] > 1:
        seconds = 0.0
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        context.report("sleep", 1 - left / seconds)
        time.sleep(min(0.02, left))
    _note(context, "end")
    return Outcome({"slept_s": seconds, "attempt": context.job["attempt"]})


def deaf(context: JobContext) -> Outcome:
    """Work without ever reporting, so that only the last write can find out that the job is another's by now."""
    _note(context, "start")
    if context.job["attempt"] == 1:
        for _ in range(round(context.params["seconds"] / 0.02)):
            time.sleep(0.02)
    _note(context, "end")
    return Outcome({"attempt": context.job["attempt"]})


def spin(context: JobContext) -> Outcome:
    """Sit in native code that no Python signal handler can interrupt."""
    _note(context, "start")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM})
    import hashlib

    until = time.monotonic() + context.params["seconds"]
    while time.monotonic() < until:
        hashlib.pbkdf2_hmac("sha256", b"x", b"y", 300_000)
    return Outcome({"spun": True})


def crash(context: JobContext) -> Outcome:
    """Die as a segfault or the OOM killer would have it; with `only_first`, later attempts live."""
    _note(context, "start")
    if context.params.get("only_first") and context.job["attempt"] > 1:
        return Outcome({"attempt": context.job["attempt"]})
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def refuse(context: JobContext) -> Outcome:
    raise Invalid("The word is too long.", errors=(FieldError("word", "too long"),))


def trip(context: JobContext) -> Outcome:
    raise RuntimeError("secret path /etc/shadow")


def fat(context: JobContext) -> Outcome:
    """Keep so much memory that the child is replaced after the job."""
    _HELD.append(bytearray(b"x") * (context.params["mb"] << 20))
    return Outcome({"pid": os.getpid()})


_HELD: list[bytearray] = []


def who(context: JobContext) -> Outcome:
    _note(context, "start")
    return Outcome({"pid": os.getpid(), "parent": os.getppid()})


def measured(context: JobContext) -> Outcome:
    """Know the length of the audio after a moment: the time limit then follows it."""
    context.measure(context.params["audio_s"])
    time.sleep(context.params["seconds"])
    return Outcome({"ok": True})


KINDS = {
    name: Kind(f"tests.job_kinds:{name}", timeout_s=lambda audio_s: 60.0)
    for name in ("echo", "sleep", "deaf", "crash", "refuse", "trip", "fat", "who")
} | {
    "spin": Kind("tests.job_kinds:spin", timeout_s=lambda audio_s: 60.0),
    "hurry": Kind("tests.job_kinds:spin", timeout_s=lambda audio_s: 1.0),
    "measured": Kind("tests.job_kinds:measured", timeout_s=lambda audio_s: audio_s),
}
