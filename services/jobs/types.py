"""What a job is, to the services that do the work: plain values and the ports they may call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

State = Literal["queued", "running", "succeeded", "failed", "canceled"]
TERMINAL: frozenset[str] = frozenset({"succeeded", "failed", "canceled"})


class Report(Protocol):
    """How a pipeline says how far it is. Raises `services.errors.Canceled` when the job should stop."""

    def __call__(self, stage: str, progress: float) -> None:
        """`stage`: a short word; `progress`: 0..1 over the whole job."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished job leaves: the result body to store, and the blobs (sha256) that it stands on."""

    result: dict[str, Any]
    blobs: tuple[str, ...] = ()
