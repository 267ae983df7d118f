"""What a job is, to the services that do the work: plain values and the ports they may call."""

from __future__ import annotations

from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job as it is asked for.

    `params` and `inputs` (SHA-256 of each source) are all that its work depends on; `request` is what the API shows of
    it; `audio_s` bounds its time (None: not known before decoding); `reuse_key` names equal work of this owner; `fresh`
    are the assets that exist only because of this request.
    """

    kind: str
    owner: str
    params: dict[str, Any]
    inputs: tuple[str, ...] = ()
    request: dict[str, Any] = field(default_factory=dict)
    audio_s: float | None = None
    reuse_key: str | None = None
    subject: str | None = None
    fresh: tuple[str, ...] = ()
