"""Keys: random, hashed under a secret, valid until they are not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services import clock
from services.accounts.keys import SCOPES, alive, allows, digest, generate
from services.accounts.types import ApiKey

KEY = ApiKey("1", "lab", "phone", "sr_abc", "hash", ("beats:read",))


def test_keys_differ_and_begin_alike() -> None:
    made = {generate() for _ in range(200)}
    assert len(made) == 200
    assert all(key.startswith("sr_") and len(key) >= 32 for key in made)


def test_the_hash_depends_on_the_key_and_the_secret() -> None:
    assert digest("a", b"1") == digest("a", b"1")
    assert len({digest("a", b"1"), digest("b", b"1"), digest("a", b"2")}) == 3
    assert "a" * 40 not in digest("a" * 40, b"1")


def test_a_hash_of_broken_text_is_a_hash() -> None:
    assert len(digest("\udcff", b"1")) == 64


def test_a_key_ends_by_its_time_or_by_revocation() -> None:
    at = clock.now()
    assert alive(KEY, at)
    assert alive(replace(KEY, expires_at=at + timedelta(seconds=1)), at)
    assert not alive(replace(KEY, expires_at=at), at)
    assert not alive(replace(KEY, revoked_at=at), at)


def test_admin_holds_every_scope() -> None:
    assert allows(("beats:read",), "beats:read")
    assert not allows(("beats:read",), "beats:write")
    assert all(allows(("admin",), scope) for scope in SCOPES)
