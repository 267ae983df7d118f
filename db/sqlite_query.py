"""The filter language as SQL. Field names come from a checked CollectionSpec, values are always bound.

Every field is read through one expression that turns null and missing into minus infinity: below every number, as in
MongoDB's order, and comparable, so that a page after a null is an index range like any other.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from db.documents import DATE_TAG, date_text
from db.filters import Clause, Key
from db.store import CollectionSpec

NOTHING = -math.inf
FIRST_TEXT = ""  # SQLite orders every number below every text
FIRST_DATE = f'{{"{DATE_TAG}":"'
AFTER_DATES = FIRST_DATE + "~"
SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}

Sql = tuple[str, list[Any]]


def expression(field: str) -> str:
    """The SQL of a declared field: the same text in indexes, conditions and sort orders, or no index would be used."""
    if field == "id":
        return "id"
    path = "".join(f'."{name}"' for name in field.split("."))
    return f"ifnull(json_extract(doc,'${path}'),-9e999)"


def bound(value: Any) -> Any:
    """A normal scalar as SQLite compares it."""
    if value is None:
        return NOTHING
    if isinstance(value, datetime):
        return f'{FIRST_DATE}{date_text(value)}"}}'
    return int(value) if isinstance(value, bool) else value


def condition(clause: Clause) -> Sql:
    """One clause as SQL with its values."""
    field = expression(clause.field)
    if clause.op == "eq":
        return f"{field}=?", [bound(clause.value)]
    if clause.op == "in":
        return f"{field} in ({','.join('?' * len(clause.value))})", [bound(v) for v in clause.value]
    if clause.op == "exists":
        return f"{field}{'>' if clause.value else '='}?", [NOTHING]
    within, limits = _own_type(field, clause.value)
    return f"{field}{SIGNS[clause.op]}? and {within}", [bound(clause.value), *limits]


def _own_type(field: str, value: Any) -> Sql:
    """A range never matches another type, as in MongoDB; written as ranges, so that an index serves it too."""
    if isinstance(value, datetime):
        return f"{field}>? and {field}<?", [FIRST_DATE, AFTER_DATES]
    if isinstance(value, str):
        return f"{field}>=? and {field} not between ? and ?", [FIRST_TEXT, FIRST_DATE, AFTER_DATES]
    return f"{field}>? and {field}<?", [NOTHING, FIRST_TEXT]


def where(clauses: tuple[Clause, ...], after: Sql | None = None) -> Sql:
    """All clauses, and the place where the last page ended."""
    parts = [condition(c) for c in clauses] + ([after] if after else [])
    if not parts:
        return "", []
    return " where " + " and ".join(f"({sql})" for sql, _ in parts), [v for _, values in parts for v in values]


def order(keys: tuple[Key, ...]) -> str:
    """The columns of an index or the terms of an order by."""
    return ",".join(expression(k.field) + (" desc" if k.descending else "") for k in keys)


def beyond(keys: tuple[Key, ...], values: tuple[Any, ...]) -> Sql:
    """Everything that sorts after these values: equal up to some key, and past it there."""
    fields, bounds = [expression(k.field) for k in keys], [bound(v) for v in values]
    steps: list[str] = []
    flat: list[Any] = [bounds[0]]
    for i, key in enumerate(keys):
        steps.append(" and ".join([f"{f}=?" for f in fields[:i]] + [f"{fields[i]}{'<' if key.descending else '>'}?"]))
        flat.extend(bounds[: i + 1])
    # The first condition follows from the others; it is there because SQLite enters an index by it, and not by an `or`
    # or by row values of expressions.
    return f"{fields[0]}{'<=' if keys[0].descending else '>='}? and ({' or '.join(f'({s})' for s in steps)})", flat


def tables(spec: CollectionSpec, index_keys: list[tuple[Key, ...]]) -> list[str]:
    """The statements that make a collection and its indexes where they are missing."""
    columns = "id text primary key not null, version integer not null, doc text not null"
    made = [f'create table if not exists "{spec.name}" ({columns}) strict']
    for keys in index_keys:
        name = "_".join([spec.name, *(("d" if k.descending else "a") + "_" + k.field.replace(".", "__") for k in keys)])
        made.append(f'create index if not exists "{name}" on "{spec.name}" ({order(keys)})')
    return made
