"""The values of the accounts room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored key. `prefix` is its visible beginning; `hash` the HMAC-SHA256 of the whole, hex."""

    id: str
    owner: str
    name: str
    prefix: str
    hash: str
    scopes: tuple[str, ...]
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
