"""Who asks, and may they: keys in headers, signed media links, and the guard that every route declares."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

import structlog
from flask import current_app, g, request

from app.deps import Deps
from db import accounts
from services import clock
from services.accounts.keys import alive, allows, digest
from services.errors import Forbidden, ServiceError, Unauthorized

View = TypeVar("View", bound=Callable[..., Any])
LOOPBACK = ("127.0.0.1", "::1")
SIGNED = ("owner", "expires", "hash", "signature")
KEY_MAX_CHARS = 512


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner whose objects this request may touch, and with which scopes."""

    owner: str
    scopes: tuple[str, ...]
    key_id: str | None = None
    until: int | None = None  # unix seconds: a link makes no links that outlive it


def deps() -> Deps:
    """The application's outside powers."""
    return cast("Deps", current_app.extensions["deps"])


def caller() -> Caller:
    """The caller of this request; only inside a guarded route."""
    return cast("Caller", g.caller)


def guard(scope: str, *, media: bool = False) -> Callable[[View], View]:
    """Let a route run only for a key with `scope`; with `media` also for a signed link to this very path."""

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            g.caller = _from_link() if media and "signature" in request.args else _from_key(scope)
            structlog.contextvars.bind_contextvars(owner=g.caller.owner)
            return view(*args, **kwargs)

        guarded.guard = scope  # type: ignore[attr-defined]
        return cast("View", guarded)

    return wrap


def open_to_all(view: View) -> View:
    """Declare that a route needs no key."""
    view.guard = "open"  # type: ignore[attr-defined]
    return view


def loopback_or_key(view: View) -> View:
    """Let a route run from this machine without a key, from elsewhere with one of any scope."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if request.remote_addr not in LOOPBACK:  # a proxied client shows with its own address (app/edge.py)
            g.caller = _from_key(None)
        return view(*args, **kwargs)

    guarded.guard = "loopback or any key"  # type: ignore[attr-defined]
    return cast("View", guarded)


def _presented() -> str:
    header = request.headers.get("Authorization", "")
    if header[:7].lower() == "bearer ":
        return header[7:].strip()
    return request.headers.get("X-API-Key", "").strip()


def known_key() -> str:
    """The id of the presented key, if it is one of ours: whom a rate limit counts. Guessed keys count by address."""
    text, d = _presented(), deps()
    key = accounts.key_by_hash(d.store, digest(text, d.secret())) if 0 < len(text) <= KEY_MAX_CHARS else None
    return key.id if key else ""


def _from_key(scope: str | None) -> Caller:
    text = _presented()
    if not text:
        raise Unauthorized("This address needs an API key: send it as `Authorization: Bearer <key>` or `X-API-Key`.")
    d, now = deps(), clock.now()
    key = accounts.key_by_hash(d.store, digest(text, d.secret())) if len(text) <= KEY_MAX_CHARS else None
    if key is None or not alive(key, now):
        raise Unauthorized("This API key is not known, has expired or was revoked.")
    if scope is not None and not allows(key.scopes, scope):
        raise Forbidden(f"This API key lacks the scope {scope}.")
    with contextlib.suppress(ServiceError):  # a full disk must not keep anybody from reading
        accounts.note_use(d.store, key, now)
    return Caller(key.owner, key.scopes, key.id)


def _from_link() -> Caller:
    if request.method not in ("GET", "HEAD"):
        raise Unauthorized("A media link can only be read.")
    args = request.args
    owner, expires, hashed = args.get("owner", ""), args.get("expires", ""), args.get("hash", "")
    rest = {k: v for k, v in args.items() if k not in SIGNED}
    want = _signature(request.path, rest, (owner, expires, hashed))
    if not hmac.compare_digest(want.encode(), args.get("signature", "").encode()):
        raise Unauthorized("This link is not signed by this server.")
    if not expires.isdecimal() or time.time() > int(expires):
        raise Unauthorized("This link has expired: ask for the object again to get a fresh one.")
    g.pinned_hash = hashed
    return Caller(owner, (), until=int(expires))


def media_url(path: str, content_hash: str, query: Mapping[str, str] | None = None) -> str:
    """The signed twin of a path for `<audio>`, DAWs and shared pages: GET and HEAD, for LINK_S seconds."""
    rest = dict(query or {})
    # Rounded up to a minute, so that the same object asked for twice gives the same URL and browsers can cache it.
    until = (int(time.time()) + deps().settings.link_s) // 60 * 60 + 60
    expires = str(min(until, caller().until or until))
    owner = caller().owner
    signed = {"owner": owner, "expires": expires, "hash": content_hash}
    signature = _signature(path, rest, (owner, expires, content_hash))
    return f"{path}?{urlencode({**rest, **signed, 'signature': signature})}"


def _signature(path: str, rest: Mapping[str, str], claims: tuple[str, str, str]) -> str:
    text = "\n".join([path, urlencode(sorted(rest.items())), *claims])
    return hmac.new(deps().secret() + b"media", text.encode(), hashlib.sha256).hexdigest()
