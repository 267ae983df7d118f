"""API keys: how one is made, hashed and judged. A key is random, so a keyed SHA-256 of it is stored, never the key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime

from services.accounts.types import ApiKey

SCOPES: tuple[str, ...] = (
    "beats:read", "beats:write", "assets:read", "assets:write", "jobs:read", "jobs:write", "admin",
)  # fmt: skip
DEFAULT_OWNER = "lab"  # one person's lab: keys without a named owner share its sounds
PREFIX_CHARS = 10  # shown in lists, so that a key can be recognised; carries 6 random characters
SECRET_BYTES = 24


def generate() -> str:
    """A fresh key: `sr_` and 39 URL-safe characters (192 bits and a visible prefix)."""
    return f"sr_{secrets.token_hex(3)}_{secrets.token_urlsafe(SECRET_BYTES)}"


def digest(key: str, secret: bytes) -> str:
    """The hex HMAC-SHA256 under which a key is stored; `secret` is the instance's."""
    return hmac.new(secret, key.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def alive(key: ApiKey, at: datetime) -> bool:
    """True while a key is neither revoked nor expired."""
    return key.revoked_at is None and (key.expires_at is None or at < key.expires_at)


def allows(scopes: tuple[str, ...], needed: str) -> bool:
    """True when the scopes hold the needed one; `admin` holds all."""
    return needed in scopes or "admin" in scopes
