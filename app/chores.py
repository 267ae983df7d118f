"""What is tidied regularly: expired keys and uploads, half-made files, and the bytes that no document names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from app.deps import Deps
from db import assets, idempotency, retention
from db.marks import marked
from services import clock
from services.storage.sweep import sweep

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Chore:
    """`run` answers how many things went."""

    name: str
    every_s: float
    run: Callable[[Deps], int]


def forget_keys(deps: Deps) -> int:
    """Remove idempotency keys whose day is over."""
    return idempotency.delete_expired(deps.store, clock.now())


def expire_assets(deps: Deps) -> int:
    """Remove uploads whose retention is over; their bytes go with a later sweep."""
    return assets.delete_expired(deps.store, clock.now())


def empty_staging(deps: Deps) -> int:
    """Remove half-made files that nobody has touched for STAGING_DAYS."""
    return deps.blobs.empty_staging(clock.now() - timedelta(days=deps.settings.staging_days))


def forget_documents(deps: Deps) -> int:
    """Remove cached stages, files, states, sounds and jobs that nothing needs any more."""
    at, s = clock.now(), deps.settings
    cached, kept = at - timedelta(days=s.staging_days), at - timedelta(days=s.upload_days)
    young = at - timedelta(hours=s.blob_grace_hours)
    return (
        retention.forget_stages(deps.store, cached)
        + retention.forget_files(deps.store, kept, young)
        + retention.forget_commits(deps.store, young)
        + retention.forget_trees(deps.store, young)
        + retention.forget_samples(deps.store, kept)
        + retention.forget_jobs(deps.store, kept)
    )


def sweep_blobs(deps: Deps) -> int:
    """Mark and sweep. The age limit is taken before the marking, so that what is stored meanwhile is too young."""
    older_than = clock.now() - timedelta(hours=deps.settings.blob_grace_hours)
    gone = sweep(deps.blobs, marked(deps.store), older_than)
    deps.blobs.recount()
    return gone.deleted


CHORES: tuple[Chore, ...] = (
    Chore("idempotency keys", 10 * MINUTE_S, forget_keys),
    Chore("expired uploads", 10 * MINUTE_S, expire_assets),
    Chore("staging", 30 * MINUTE_S, empty_staging),
    Chore("documents", 60 * MINUTE_S, forget_documents),
    Chore("blobs", 60 * MINUTE_S, sweep_blobs),
)
