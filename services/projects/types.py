"""A saved state is a commit, named by the hash of what it says (git's object model)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services import canonical, clock


@dataclass(frozen=True, slots=True)
class Commit:
    """`tree`: names to hashes of what was saved (`{"beat": sha256}`); `parents`: commit hashes, none at the root."""

    tree: dict[str, str]
    parents: tuple[str, ...]
    author: str
    at: datetime
    message: str

    @property
    def sha(self) -> str:
        """Hex SHA-256 of the canonical JSON of `{tree, parents, author, at, message}`."""
        return canonical.sha256(
            {
                "tree": self.tree,
                "parents": list(self.parents),
                "author": self.author,
                "at": clock.iso(self.at),
                "message": self.message,
            }
        )


@dataclass(frozen=True, slots=True)
class Head:
    """`commit`: the present state; `redo`: what undo left behind, the next one last; `number`: commits so far."""

    commit: str
    redo: tuple[str, ...] = ()
    number: int = 1
