"""Requests that hold a thread while they wait: counted per process, so that /health always finds a free one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_slots: threading.BoundedSemaphore | None = None


def configure(held_requests: int, web_workers: int, web_threads: int) -> None:
    """Share the bound evenly over the web processes, and leave each a sixth of its threads for quick requests."""
    global _slots
    free = max(2, web_threads // 6)
    _slots = threading.BoundedSemaphore(max(1, min(held_requests // web_workers, web_threads - free)))


def take() -> bool:
    """Take a slot without waiting; False when all are held."""
    return _slots is None or _slots.acquire(blocking=False)


def give() -> None:
    """Give a slot back."""
    if _slots is not None:
        _slots.release()


@contextmanager
def slot() -> Iterator[bool]:
    """A slot for the time of a block; yields False when none was free."""
    got = take()
    try:
        yield got
    finally:
        if got:
            give()
