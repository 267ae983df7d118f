"""The closed filter language and sort orders, checked against the declared fields before any driver sees them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from db.documents import scalar
from db.store import CollectionSpec, Filter

NAME = re.compile(r"[a-z][a-z0-9_]*")
FIELD = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
RANGES = ("gt", "gte", "lt", "lte")
MAX_IN = 10_000  # values; SQLite binds at most 32,766 in one statement


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition; `op` is eq, in, exists or one of RANGES; values are in normal form."""

    field: str
    op: str
    value: Any


@dataclass(frozen=True, slots=True)
class Key:
    """One sort key."""

    field: str
    descending: bool


def checked(spec: CollectionSpec) -> CollectionSpec:
    """The spec itself. Raises ValueError for a name unfit for a query or an undeclared index field."""
    if not NAME.fullmatch(spec.name):
        raise ValueError(f"not a collection name: {spec.name!r}")
    for name in spec.fields:
        if not FIELD.fullmatch(name):
            raise ValueError(f"not a field name: {name!r}")
    for index in spec.indexes:
        sort_keys(spec, index.fields)
    return spec


def clauses(spec: CollectionSpec, where: Filter) -> tuple[Clause, ...]:
    """The conditions of a filter. Raises ValueError for an undeclared field, an unknown operator or a wrong value."""
    found: list[Clause] = []
    for name, condition in where.items():
        _declared(spec, name)
        if not isinstance(condition, Mapping):
            found.append(Clause(name, "eq", scalar(condition)))
            continue
        if not condition:
            raise ValueError(f"an empty condition on {name}")
        found.extend(_clause(name, op, value) for op, value in condition.items())
    return tuple(found)


def sort_keys(spec: CollectionSpec, sort: tuple[str, ...]) -> tuple[Key, ...]:
    """The sort keys, closed by `id` in the direction of the last one. Raises ValueError for an undeclared field."""
    keys = tuple(Key(name.removeprefix("-"), name.startswith("-")) for name in sort)
    for key in keys:
        _declared(spec, key.field)
    if any(key.field == "id" for key in keys):
        return keys
    return (*keys, Key("id", keys[-1].descending if keys else False))


def _declared(spec: CollectionSpec, name: str) -> None:
    if name != "id" and name not in spec.fields:
        raise ValueError(f"{spec.name} declares no field {name!r}")


def _clause(name: str, op: str, value: Any) -> Clause:
    if op in RANGES:
        bound = scalar(value)
        if bound is None or isinstance(bound, bool):
            raise ValueError(f"{op} on {name} needs a number, a string or a datetime")
        return Clause(name, op, bound)
    if op == "in":
        if not isinstance(value, (list, tuple, set, frozenset)) or len(value) > MAX_IN:
            raise ValueError(f"in on {name} needs a list of at most {MAX_IN} values")
        return Clause(name, op, tuple(scalar(v) for v in value))
    if op == "exists":
        if not isinstance(value, bool):
            raise ValueError(f"exists on {name} needs true or false")
        return Clause(name, op, value)
    raise ValueError(f"unknown operator {op!r} on {name}")
