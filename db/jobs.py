"""Jobs: the document is the truth. Every change is one conditional write by a rule of `services/jobs/states.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from db.store import Document, Page, Store
from services.errors import NotFound

NAME = "jobs"
NO_JOB = "There is no job with this id."
Rule = Callable[[Document], Document | None]


def insert_job(store: Store, doc: Document) -> Document:
    """Store a new job."""
    return store.insert(NAME, doc)


def job(store: Store, owner: str, job_id: str) -> Document:
    """The owner's job. Raises NotFound, also for another owner's."""
    doc = store.get(NAME, job_id)
    if doc is None or doc["owner"] != owner:
        raise NotFound(NO_JOB)
    return doc


def job_by_id(store: Store, job_id: str) -> Document | None:
    """The job, whoever owns it: for workers and the sweeper only."""
    return store.get(NAME, job_id)


def jobs(store: Store, owner: str, cursor: str | None, limit: int) -> Page:
    """An owner's jobs, newest first."""
    return store.find(NAME, {"owner": owner}, cursor=cursor, limit=limit)


def move(store: Store, job_id: str, rule: Rule) -> Document | None:
    """Apply a rule as one conditional write; None when it did not apply, or the job is gone."""
    return store.mutate(NAME, job_id, rule)


def move_owned(store: Store, owner: str, job_id: str, rule: Rule) -> Document | None:
    """The same for a user's change. Raises NotFound, also for another owner's."""
    job(store, owner, job_id)
    return store.mutate(NAME, job_id, rule)


def fairest(store: Store, queue: str, limit: int) -> tuple[Document, ...]:
    """The jobs of a queue whose turn it is, first one first."""
    return store.find(NAME, {"state": "queued", "queue": queue}, sort=("turn", "created_at"), limit=limit).items


def queued_in(store: Store, queue: str) -> int:
    """How many jobs wait in a queue."""
    return store.count(NAME, {"state": "queued", "queue": queue})


def queued_of(store: Store, queue: str, owner: str) -> int:
    """How many jobs of an owner wait in a queue."""
    return store.count(NAME, {"owner": owner, "state": "queued", "queue": queue})


def first_turn(store: Store, queue: str) -> int | None:
    """The smallest turn that waits in a queue."""
    return _turn(store.find(NAME, {"state": "queued", "queue": queue}, sort=("turn",), limit=1))


def last_turn_of(store: Store, queue: str, owner: str) -> int | None:
    """The largest turn that an owner has waiting in a queue."""
    return _turn(store.find(NAME, {"owner": owner, "state": "queued", "queue": queue}, sort=("-turn",), limit=1))


def ahead_of(store: Store, doc: Document) -> int:
    """How many queued jobs of its queue run before this one."""
    waiting = {"state": "queued", "queue": doc["queue"]}
    earlier = store.count(NAME, {**waiting, "turn": {"lt": doc["turn"]}})
    return earlier + store.count(NAME, {**waiting, "turn": doc["turn"], "created_at": {"lt": doc["created_at"]}})


def lapsed_in(store: Store, queues: tuple[str, ...], at: datetime) -> Iterator[Document]:
    """Running jobs whose lease ended before `at`."""
    where = {"state": "running", "queue": {"in": list(queues)}, "lease.until": {"lte": at}}
    return store.each(NAME, where)


def find_reusable(store: Store, owner: str, reuse_key: str) -> Document | None:
    """The owner's newest succeeded job of equal work."""
    page = store.find(NAME, {"reuse_key": reuse_key, "owner": owner, "state": "succeeded"}, limit=1)
    return page.items[0] if page.items else None


def under_way(store: Store, owner: str, reuse_key: str) -> Document | None:
    """The owner's newest queued or running job of equal work."""
    page = store.find(NAME, {"reuse_key": reuse_key, "owner": owner, "state": {"in": ["queued", "running"]}}, limit=1)
    return page.items[0] if page.items else None


def lately_run(store: Store, owner: str, kind: str, limit: int) -> tuple[Document, ...]:
    """The owner's newest jobs of a kind that succeeded by being computed or not."""
    return store.find(NAME, {"owner": owner, "kind": kind, "state": "succeeded"}, limit=limit).items


def _turn(page: Page) -> int | None:
    return int(page.items[0]["turn"]) if page.items else None
