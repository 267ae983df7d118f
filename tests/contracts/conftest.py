"""Every contract test runs once per store; `needs` names what a test asks for beyond the plain contract."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from db.store import CollectionSpec, Document, Index, Page, Store
from tests.contracts.stand_ins import CANNOT_START, GAPS, NAMES, Place, place

FIELDS = ("owner", "kind", "n", "at", "lease.until", "created_at")
INDEXES = (Index(("owner", "-created_at")), Index(("kind", "n")), Index(("lease.until",)))
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_numbers = itertools.count()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(what): a capability that some stand-ins lack, see stand_ins.GAPS")


@dataclass(frozen=True)
class Shelf:
    """A store and one fresh collection of it."""

    store: Store
    name: str
    spec: CollectionSpec
    cellar: Place

    def insert(self, doc_id: str, **fields: Any) -> Document:
        return self.store.insert(self.name, {"id": doc_id, **fields})

    def get(self, doc_id: str) -> Document | None:
        return self.store.get(self.name, doc_id)

    def page(self, where: dict[str, Any], **options: Any) -> Page:
        return self.store.find(self.name, where, **options)

    def ids(self, where: dict[str, Any], sort: tuple[str, ...] = ("id",), limit: int = 100) -> list[str]:
        return [doc["id"] for doc in self.store.find(self.name, where, sort=sort, limit=limit).items]

    def paged(self, where: dict[str, Any], sort: tuple[str, ...], limit: int) -> list[str]:
        """All matches by walking the pages."""
        found: list[str] = []
        cursor = None
        while True:
            page = self.store.find(self.name, where, sort=sort, cursor=cursor, limit=limit)
            found += [doc["id"] for doc in page.items]
            assert len(page.items) == limit or page.next_cursor is None
            if (cursor := page.next_cursor) is None:
                return found


@pytest.fixture(scope="session", params=NAMES)
def cellar(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(request.param, tmp_path_factory.mktemp(request.param)) as found:
        yield found


@pytest.fixture
def shelf(cellar: Place, request: pytest.FixtureRequest) -> Shelf:
    for marker in request.node.iter_markers("needs"):
        for what in marker.args:
            if reason := GAPS[cellar.name].get(what):
                if what in CANNOT_START:
                    pytest.skip(f"{cellar.name} {reason}")
                request.applymarker(pytest.mark.xfail(reason=f"{cellar.name} {reason}", strict=True))
    spec = CollectionSpec(f"shelf_{next(_numbers)}", FIELDS, INDEXES)
    return Shelf(cellar.open(spec), spec.name, spec, cellar)
