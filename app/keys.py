"""Keys at the start of an instance: the bootstrap key, or a first key made and shown once."""

from __future__ import annotations

import os
from datetime import datetime

from app.deps import Deps
from db import accounts
from services import clock
from services.accounts.keys import DEFAULT_OWNER, PREFIX_CHARS, SCOPES, digest, generate
from services.accounts.types import ApiKey

BOOTSTRAP = "bootstrap-"


def create(
    deps: Deps,
    name: str,
    *,
    owner: str = DEFAULT_OWNER,
    scopes: tuple[str, ...] = SCOPES,
    expires_at: datetime | None = None,
) -> tuple[str, ApiKey]:
    """Make and store a key; the key itself is returned this once."""
    text = generate()
    key = ApiKey(clock.new_id(), owner, name, text[:PREFIX_CHARS], digest(text, deps.secret()), scopes, expires_at)
    accounts.insert_key(deps.store, key)
    return text, key


def ensure_bootstrap(deps: Deps) -> None:
    """Store BOOTSTRAP_API_KEY, as it is, with all scopes; idempotent. One that is set no longer opens nothing."""
    text = deps.settings.bootstrap_api_key
    hashed = digest(text, deps.secret()) if text else ""
    own = f"{BOOTSTRAP}{hashed[:16]}"
    for key in accounts.all_keys(deps.store):
        if key.id.startswith(BOOTSTRAP) and key.id != own and key.revoked_at is None:
            accounts.revoke_key(deps.store, key.id, clock.now())
    if text and not accounts.insert_key(
        deps.store, ApiKey(own, DEFAULT_OWNER, "bootstrap", text[:4] + "…", hashed, SCOPES)
    ):
        accounts.revive_key(deps.store, own, SCOPES)


def ensure_first(deps: Deps) -> str | None:
    """Without a bootstrap key: at the very first start make a key and keep it in DATA_DIR/run/first-key (mode 0600).

    Returns the key while that file is there, so that the page and the demo can be opened on this machine.
    """
    ensure_bootstrap(deps)
    if deps.settings.bootstrap_api_key:
        return deps.settings.bootstrap_api_key
    path = deps.settings.run_dir / "first-key"
    if path.exists():
        return path.read_text().strip()
    if accounts.any_key(deps.store):
        return None
    text, _ = create(deps, "first")
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        f.write(text + "\n")
    return text
