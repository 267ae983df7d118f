"""Documents and the filter language in MongoDB's form: the part of it that every server does alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from db.filters import Clause, Key
from db.store import Document

# A key with `$` or `.` would be an operator or a path in some statements; the escape character is escaped too.
ESCAPES = (("%", "%25"), ("$", "%24"), (".", "%2E"), ("\0", "%00"))

Query = dict[str, Any]


def packed(doc: Document) -> Query:
    """A normal document as MongoDB keeps it."""
    body = {_escaped(k): _pack(v) for k, v in doc.items() if k != "id"}
    return {"_id": doc["id"], **body}


def unpacked(found: Query) -> Document:
    """The inverse of `packed`, from a client that gives aware datetimes."""
    body = {_unescaped(k): _unpack(v) for k, v in found.items() if k != "_id"}
    return {"id": found["_id"], **body}


def _pack(value: Any) -> Any:
    if isinstance(value, dict):
        return {_escaped(k): _pack(v) for k, v in value.items()}
    return [_pack(v) for v in value] if isinstance(value, list) else value


def _unpack(value: Any) -> Any:
    if isinstance(value, dict):
        return {_unescaped(k): _unpack(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_unpack(v) for v in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC)  # the driver has its own UTC
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)  # and its own 64-bit integer
    return value


def _escaped(key: str) -> str:
    for plain, code in ESCAPES:
        key = key.replace(plain, code)
    return key


def _unescaped(key: str) -> str:
    if "%" in key:
        for plain, code in reversed(ESCAPES):
            key = key.replace(code, plain)
    return key


def _name(field: str) -> str:
    return "_id" if field == "id" else field


def condition(clause: Clause) -> Query:
    """One clause. MongoDB itself lets null and missing be equal; only `exists` has to be taught."""
    name = _name(clause.field)
    if clause.op == "eq":
        return {name: clause.value}
    if clause.op == "in":
        return {name: {"$in": list(clause.value)}}
    if clause.op == "exists":
        # Both halves, since a server that forgets that null equals missing still answers right.
        return {name: {"$exists": True, "$ne": None}} if clause.value else {name: None}
    return {name: {f"${clause.op}": clause.value}}


def where(clauses: tuple[Clause, ...], after: Query | None = None) -> Query:
    """All clauses, and the place where the last page ended."""
    parts = [condition(c) for c in clauses] + ([after] if after else [])
    if not parts:
        return {}
    return parts[0] if len(parts) == 1 else {"$and": parts}


def order(keys: tuple[Key, ...]) -> list[tuple[str, int]]:
    """The keys of an index or a sort."""
    return [(_name(k.field), -1 if k.descending else 1) for k in keys]


def beyond(keys: tuple[Key, ...], values: tuple[Any, ...]) -> Query:
    """Everything that sorts after these values: equal up to some key, and past it there. Null sorts first."""
    branches: list[Query] = []
    for i, key in enumerate(keys):
        same = [{_name(k.field): v} for k, v in zip(keys[:i], values[:i], strict=True)]
        branches.extend({"$and": [*same, past]} if same else past for past in _past(key, values[i]))
    return {"$or": branches}


def _past(key: Key, value: Any) -> list[Query]:
    name = _name(key.field)
    if not key.descending:
        return [{name: {"$exists": True, "$ne": None}}] if value is None else [{name: {"$gt": value}}]
    return [] if value is None else [{name: {"$lt": value}}, {name: None}]
