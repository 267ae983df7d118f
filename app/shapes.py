"""The words that the answers of the API are described with: JSON Schema 2020-12, as OpenAPI 3.1 takes it."""

from __future__ import annotations

from typing import Any

from services.beats.types import INSTRUMENTS, ROLES

Json = dict[str, Any]

ID: Json = {"type": "string"}
TEXT: Json = {"type": "string"}
TIME: Json = {"type": "string", "format": "date-time"}
SECONDS: Json = {"type": "number", "minimum": 0}
UNIT: Json = {"type": "number", "minimum": 0, "maximum": 1}
NUMBER: Json = {"type": "number"}
WHOLE: Json = {"type": "integer"}
FLAG: Json = {"type": "boolean"}
ROLE: Json = {"type": "string", "enum": list(ROLES)}
INSTRUMENT: Json = {"type": "string", "enum": list(INSTRUMENTS)}
LINKS: Json = {"type": "object", "additionalProperties": {"type": "string"}}


def ref(name: str) -> Json:
    """A reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def many(items: Json) -> Json:
    """A list of these."""
    return {"type": "array", "items": items}


def maybe(schema: Json) -> Json:
    """This or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def record(required: str, **properties: Json) -> Json:
    """An object; `required` names its certain properties, separated by spaces."""
    return {"type": "object", "properties": properties, "required": required.split()}
