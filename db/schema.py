"""Every collection of the product, its filterable fields and its indexes."""

from __future__ import annotations

from db.store import CollectionSpec, Index

COLLECTIONS: tuple[CollectionSpec, ...] = (
    CollectionSpec(
        "api_keys", ("owner", "hash", "created_at", "revoked_at"), (Index(("hash",)), Index(("owner", "-created_at")))
    ),
    CollectionSpec(
        "assets",
        ("owner", "sha256", "kind", "created_at", "expires_at", "retention"),
        (Index(("owner", "-created_at")), Index(("sha256",)), Index(("expires_at",))),
    ),
    CollectionSpec("asset_facts", ("created_at",)),
    CollectionSpec(
        "jobs",
        ("owner", "kind", "state", "queue", "turn", "created_at", "lease.until", "reuse_key", "subject"),
        (
            Index(("owner", "-created_at")),
            Index(("state", "queue", "turn", "created_at")),
            Index(("state", "lease.until")),
            Index(("owner", "state")),
            Index(("reuse_key", "-created_at")),
        ),
    ),
    CollectionSpec("idempotency", ("owner", "created_at", "expires_at"), (Index(("expires_at",)),)),
    CollectionSpec("analyses", ("owner", "created_at"), (Index(("owner", "-created_at")),)),
    CollectionSpec("transcriptions", ("owner", "created_at"), (Index(("owner", "-created_at")),)),
    CollectionSpec("grooves", ("owner", "created_at"), (Index(("owner", "-created_at")),)),
    CollectionSpec("results", ("owner", "created_at"), (Index(("owner", "-created_at")),)),
    CollectionSpec("beats", ("owner", "created_at", "updated_at", "title"), (Index(("owner", "-created_at")),)),
    CollectionSpec("commits", ("owner", "beat_id", "number", "created_at"), (Index(("beat_id", "-number")),)),
    CollectionSpec("trees", ("owner", "created_at"), ()),
    CollectionSpec(
        "samples",
        ("owner", "sample_id", "role", "instrument", "created_at", "updated_at"),
        (Index(("owner", "-created_at")), Index(("owner", "updated_at"))),
    ),
    CollectionSpec("corrections", ("owner", "updated_at"), (Index(("owner", "-updated_at")),)),
    CollectionSpec("correction_counts", ("owner", "created_at"), ()),
    CollectionSpec("stages", ("owner", "created_at"), (Index(("created_at",)),)),
    CollectionSpec("files", ("owner", "beat_id", "commit", "created_at"), (Index(("beat_id",)),)),
    CollectionSpec("leases", ("until",), ()),
)
