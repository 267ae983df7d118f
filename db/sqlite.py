"""The embedded document store: one SQLite file, a table of JSON documents per collection.

WAL and `synchronous=FULL`: readers never wait for writers, and what was acknowledged survives a power cut. Every write
is one statement, so every write is atomic and conditional writes have exactly one winner.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from db import cursor as cursors
from db import sqlite_query as query
from db.documents import from_json, normal, to_json
from db.filters import clauses, sort_keys
from db.sqlite_pool import BUSY_S, Pool
from db.store import CollectionSpec, Document, DuplicateId, Filter, Page, VersionConflict
from db.swap import SwapStore

ROWS_AT_ONCE = 200  # two values each; SQLite takes 32,766 in one statement, but a writer holds up the others


def batched(rows: list[tuple[str, str]], size: int) -> Iterator[list[tuple[str, str]]]:
    """The rows in pieces of at most `size`."""
    for first in range(0, len(rows), size):
        yield rows[first : first + size]


class SqliteStore(SwapStore):
    """A `db.store.Store` in one file. Safe from several threads and processes, and across forks."""

    def __init__(self, path: Path, *, busy_s: float = BUSY_S) -> None:
        super().__init__()
        self._pool = Pool(path, busy_s)

    def ensure(self, spec: CollectionSpec) -> None:
        self._declare(spec)
        with self._pool.writing() as connection:
            for statement in query.tables(spec, [sort_keys(spec, index.fields) for index in spec.indexes]):
                connection.execute(statement)

    def insert(self, collection: str, doc: Document) -> Document:
        spec, fresh = self._spec(collection), normal(doc)
        row = (fresh["id"], _packed(fresh))
        try:
            with self._pool.writing() as connection:
                connection.execute(f'insert into "{spec.name}" (id,version,doc) values (?,1,?)', row)  # noqa: S608
        except sqlite3.IntegrityError:
            raise DuplicateId(fresh["id"]) from None
        return {**fresh, "version": 1}

    def insert_new(self, collection: str, docs: Sequence[Document]) -> None:
        spec = self._spec(collection)
        rows = [(fresh["id"], _packed(fresh)) for fresh in map(normal, docs)]
        for batch in batched(rows, ROWS_AT_ONCE):
            sql = f'insert or ignore into "{spec.name}" (id,version,doc) values {",".join(["(?,1,?)"] * len(batch))}'  # noqa: S608
            with self._pool.writing() as connection:
                connection.execute(sql, [value for row in batch for value in row])

    def get(self, collection: str, doc_id: str) -> Document | None:
        spec = self._spec(collection)
        with self._pool.reading() as connection:
            row = connection.execute(f'select id,version,doc from "{spec.name}" where id=?', (doc_id,)).fetchone()  # noqa: S608
        return _unpacked(row) if row else None

    def replace(self, collection: str, doc: Document, expected_version: int) -> Document:
        spec, fresh = self._spec(collection), normal(doc)
        row = (_packed(fresh), fresh["id"], expected_version)
        with self._pool.writing() as connection:
            done = connection.execute(f'update "{spec.name}" set version=version+1,doc=? where id=? and version=?', row)  # noqa: S608
        if done.rowcount != 1:
            raise VersionConflict(fresh["id"])
        return {**fresh, "version": expected_version + 1}

    def delete(self, collection: str, doc_id: str, expected_version: int | None = None) -> bool:
        spec = self._spec(collection)
        sql = f'delete from "{spec.name}" where id=? and version=ifnull(?,version)'  # noqa: S608
        with self._pool.writing() as connection:
            done = connection.execute(sql, (doc_id, expected_version))
        if done.rowcount == 1:
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
        matching, values = query.where(clauses(spec, where), after)
        sql = f'select id,version,doc from "{spec.name}"{matching} order by {query.order(keys)} limit ?'  # noqa: S608
        with self._pool.reading() as connection:
            rows = connection.execute(sql, (*values, limit + 1)).fetchall()
        return cursors.page(keys, tuple(_unpacked(row) for row in rows), limit)

    def count(self, collection: str, where: Filter) -> int:
        spec = self._spec(collection)
        matching, values = query.where(clauses(spec, where))
        with self._pool.reading() as connection:
            found: int = connection.execute(f'select count(*) from "{spec.name}"{matching}', values).fetchone()[0]  # noqa: S608
        return found

    def ping(self) -> None:
        with self._pool.reading() as connection:
            connection.execute("select count(*) from sqlite_schema").fetchone()

    def close(self) -> None:
        self._pool.close()


def _packed(doc: Document) -> str:
    return to_json({k: v for k, v in doc.items() if k != "id"})


def _unpacked(row: tuple[str, int, str]) -> Document:
    return {"id": row[0], **from_json(row[2]), "version": row[1]}
