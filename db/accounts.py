"""API keys: one document per key."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

from db.store import Document, DuplicateId, Store
from services import clock
from services.accounts.types import ApiKey

NAME = "api_keys"
LAST_USED_EVERY = timedelta(seconds=60)  # a write per request would cost more than the request


def insert_key(store: Store, key: ApiKey) -> bool:
    """Store a key; False when its id exists."""
    try:
        store.insert(NAME, {**asdict(key), "scopes": list(key.scopes), "created_at": clock.now(), "schema": 1})
    except DuplicateId:
        return False
    return True


def key_by_hash(store: Store, key_hash: str) -> ApiKey | None:
    """The key with this keyed hash."""
    page = store.find(NAME, {"hash": key_hash}, limit=1)
    return _key(page.items[0]) if page.items else None


def all_keys(store: Store) -> list[ApiKey]:
    """Every key, oldest first."""
    return [_key(d) for d in store.each(NAME, {})]


def any_key(store: Store) -> bool:
    """True when at least one key is stored."""
    return store.count(NAME, {}) > 0


def revoke_key(store: Store, key_id: str, at: datetime) -> bool:
    """Mark a key revoked; False when there is none."""
    return store.mutate(NAME, key_id, lambda d: {**d, "revoked_at": d.get("revoked_at") or at}) is not None


def revive_key(store: Store, key_id: str, scopes: tuple[str, ...]) -> None:
    """Make a key valid again with these scopes (the bootstrap key at each start)."""
    store.mutate(
        NAME,
        key_id,
        lambda d: (
            None
            if d.get("revoked_at") is None and d["scopes"] == list(scopes)
            else {**d, "revoked_at": None, "scopes": list(scopes)}
        ),
    )


def note_use(store: Store, key: ApiKey, at: datetime) -> None:
    """Remember that a key was used, at most once a minute."""
    if key.last_used_at is None or at - key.last_used_at >= LAST_USED_EVERY:
        store.mutate(NAME, key.id, lambda d: {**d, "last_used_at": at})


def _key(doc: Document) -> ApiKey:
    return ApiKey(
        id=doc["id"],
        owner=doc["owner"],
        name=doc["name"],
        prefix=doc["prefix"],
        hash=doc["hash"],
        scopes=tuple(doc["scopes"]),
        expires_at=doc.get("expires_at"),
        last_used_at=doc.get("last_used_at"),
        revoked_at=doc.get("revoked_at"),
    )
