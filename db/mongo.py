"""The document store over MongoDB 6 or newer, by pymongo.

It keeps to what every server does alike: string ids, whole documents written by `insert_one` and `replace_one`, filters
on single values; no update operators, no transactions, no aggregation but counts. A write is acknowledged once a
majority has it in its journal.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bson.errors import BSONError
from pymongo import MongoClient
from pymongo import errors as driver
from pymongo.collection import Collection

from db import cursor as cursors
from db import mongo_query as query
from db.documents import normal
from db.filters import clauses, sort_keys
from db.store import CollectionSpec, Document, DuplicateId, Filter, Page, VersionConflict
from db.swap import SwapStore
from services.errors import DiskFull, ServiceError, TooLarge, Unavailable

DATABASE = "soundroutine"  # where the URI names none
ANSWER_MS = 5_000  # a server that has not been found by then is down
SOCKET_MS = 20_000  # the slowest single statement is a count over a whole collection
DUPLICATE = 11000  # MongoDB's DuplicateKey
OUT_OF_DISK = (14031,)  # MongoDB's OutOfDiskSpace
OUT_OF_SIZE = (10334, 17280, 17419, 17420)  # BSONObjectTooLarge and its relatives
REFUSED = (13, 18, 91, 189, 11600, 11602, 13435, 13436)  # not authorised, shutting down, not the primary

Client = MongoClient[dict[str, Any]]


def connect(uri: str) -> Client:
    """A client with this house's promises; it connects when first used."""
    return MongoClient(
        uri,
        tz_aware=True,
        w="majority",
        journal=True,
        appname=DATABASE,
        serverSelectionTimeoutMS=ANSWER_MS,
        connectTimeoutMS=ANSWER_MS,
        socketTimeoutMS=SOCKET_MS,
    )


class MongoStore(SwapStore):
    """A `db.store.Store` in the database that the URI names. Safe from several threads, processes and across forks."""

    def __init__(self, uri: str, database: str | None = None, *, client: Callable[[str], Client] = connect) -> None:
        super().__init__()
        self._uri, self._database, self._connect = uri, database, client
        self._lock = threading.Lock()
        self._clients: dict[int, Client] = {}  # by pid; a parent's stays in a child unused: closing it would write

    def ensure(self, spec: CollectionSpec) -> None:
        self._declare(spec)
        with self._answering(spec.name) as documents:
            for index in spec.indexes:
                keys = query.order(sort_keys(spec, index.fields))
                documents.create_index(keys, name="_".join(f"{name}_{way}" for name, way in keys))

    def insert(self, collection: str, doc: Document) -> Document:
        fresh = {**normal(doc), "version": 1}
        try:
            with self._answering(collection) as documents:
                documents.insert_one(query.packed(fresh))
        except driver.DuplicateKeyError:
            raise DuplicateId(fresh["id"]) from None
        return fresh

    def insert_new(self, collection: str, docs: Sequence[Document]) -> None:
        if not docs:
            return
        try:
            with self._answering(collection) as documents:
                documents.insert_many([query.packed({**normal(doc), "version": 1}) for doc in docs], ordered=False)
        except driver.BulkWriteError as err:
            if any(one["code"] != DUPLICATE for one in err.details["writeErrors"]):
                raise

    def get(self, collection: str, doc_id: str) -> Document | None:
        with self._answering(collection) as documents:
            found = documents.find_one({"_id": doc_id})
        return None if found is None else query.unpacked(found)

    def replace(self, collection: str, doc: Document, expected_version: int) -> Document:
        fresh = {**normal(doc), "version": expected_version + 1}
        with self._answering(collection) as documents:
            done = documents.replace_one({"_id": fresh["id"], "version": expected_version}, query.packed(fresh))
        if done.matched_count != 1:
            raise VersionConflict(fresh["id"])
        return fresh

    def delete(self, collection: str, doc_id: str, expected_version: int | None = None) -> bool:
        where = {"_id": doc_id} if expected_version is None else {"_id": doc_id, "version": expected_version}
        with self._answering(collection) as documents:
            done = documents.delete_one(where)
        if done.deleted_count == 1:
            return True
        if expected_version is not None and self.get(collection, doc_id) is not None:
            raise VersionConflict(doc_id)
        return False

    def find(
        self,
        collection: str,
        where: Filter,
        *,
        sort: tuple[str, ...] = ("-created_at",),
        cursor: str | None = None,
        limit: int = 20,
    ) -> Page:
        spec = self._spec(collection)
        keys = sort_keys(spec, sort)
        if limit < 1:
            raise ValueError("a page holds at least one document")
        after = query.beyond(keys, cursors.decode(keys, cursor)) if cursor is not None else None
        matching = query.where(clauses(spec, where), after)
        with self._answering(collection) as documents:
            found = list(documents.find(matching).sort(query.order(keys)).limit(limit + 1))
        return cursors.page(keys, tuple(query.unpacked(doc) for doc in found), limit)

    def count(self, collection: str, where: Filter) -> int:
        matching = query.where(clauses(self._spec(collection), where))
        with self._answering(collection) as documents:
            return documents.count_documents(matching)

    def ping(self) -> None:
        with self._translated():
            self._client().admin.command("ping")

    def close(self) -> None:
        with self._lock:
            client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def _client(self) -> Client:
        client = self._clients.get(os.getpid())
        if client is None:
            with self._lock:
                client = self._clients.get(os.getpid()) or self._connect(self._uri)
                self._clients[os.getpid()] = client
        return client

    @contextmanager
    def _answering(self, collection: str) -> Iterator[Collection[dict[str, Any]]]:
        name = self._spec(collection).name
        with self._translated():
            client = self._client()
            database = client[self._database] if self._database else client.get_default_database(DATABASE)
            yield database[name]

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (driver.PyMongoError, BSONError) as err:
            meaning = translated(err)
            if meaning is None:
                raise
            raise meaning from err


def translated(err: Exception) -> ServiceError | None:
    """What a driver error means to the house; None when it is the caller's affair (a duplicate, a wrong statement)."""
    code = err.code if isinstance(err, driver.OperationFailure) else None
    if code in OUT_OF_DISK:
        return DiskFull("The disk is full.")
    if isinstance(err, driver.DocumentTooLarge) or code in OUT_OF_SIZE:
        return TooLarge("That is more than one object can hold.", code="document_too_large")
    down = (driver.ConnectionFailure, driver.WTimeoutError, driver.ExecutionTimeout, driver.WriteConcernError)
    if isinstance(err, down) or code in REFUSED:
        return Unavailable("The document store does not answer; try again.")
    return None
