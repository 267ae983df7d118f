"""The code version: a hash over the code and weights that results are made of, so that a result knows what made it."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

CODE_SUFFIXES = (".py", ".json")
SHOWN_CHARS = 16


@functools.cache
def code_version() -> str:
    """The first 16 hex digits of the SHA-256 over every module and weight file under `services`, in path order."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.suffix in CODE_SUFFIXES):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(path.read_bytes())
    return digest.hexdigest()[:SHOWN_CHARS]
