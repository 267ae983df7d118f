"""What several rooms' tests share: one live instance for the whole run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live import Live


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A running instance on embedded defaults; tests share it and leave it running."""
    instance = Live(tmp_path_factory.mktemp("live"))
    try:
        yield instance.ready()
    finally:
        instance.stop()
