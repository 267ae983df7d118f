"""What the tests of whole flows share beside the running instance."""

from __future__ import annotations

import pytest

from app.config import load
from app.deps import Deps
from tests.live import Live


@pytest.fixture(scope="module")
def deps(live: Live) -> Deps:
    """The outside powers of the running instance, as a worker of it has them."""
    return Deps(load({**live.env}))
