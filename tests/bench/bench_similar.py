"""How fast `GET /v1/samples?similar_to=` is for a large library: `python -m tests.bench.bench_similar`.

One process, SQLite in a temporary folder of this disk, the web application through its test client, so everything but
the socket is in the figures. SOUNDS documents of an owner, of the size that real ones have, and as many of others.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from app import create_app
from app.config import load
from app.library import Library
from db import samples
from services.beats.features import READABLE
from services.beats.types import INSTRUMENTS, ROLES

SOUNDS = 10_000
OTHERS = 10_000
ASKED = 200
BATCH = 500
KEY = "bench-key-0123456789-0123456789-0123456789"


def sound(number: int, chance: random.Random) -> dict[str, Any]:
    """A stored sound with random features."""
    shares = dict.fromkeys(INSTRUMENTS, 1 / len(INSTRUMENTS))
    return {
        "sample_id": f"{number:016x}",
        "asset_id": f"{number:032x}",
        "name": f"sound {number}.wav",
        "blob": f"{number:064x}",
        "role": chance.choice(ROLES),
        "roles": dict.fromkeys(ROLES, 0.2),
        "instrument": chance.choice(INSTRUMENTS),
        "instruments": shares,
        "confidence": 0.5,
        "features": {name: round(10 ** chance.uniform(-2, 3), 6) for name in READABLE},
        "onset_s": 0.005,
        "attack_s": 0.01,
        "source": {"asset_id": f"{number:032x}", "start_s": 0.0, "end_s": 1.0},
        "tags": [],
        "locked": False,
    }


def fill(client: FlaskClient) -> None:
    """The owner's library, and that of another."""
    store, chance = client.application.extensions["deps"].store, random.Random(1)
    for owner, count in ((_owner(client), SOUNDS), ("other", OTHERS)):
        for first in range(0, count, BATCH):
            samples.save_samples(store, owner, [sound(n, chance) for n in range(first, first + BATCH)])


def _owner(client: FlaskClient) -> str:
    store = client.application.extensions["deps"].store
    owner: str = store.find("api_keys", {}, limit=1).items[0]["owner"]
    return owner


def asked_ms(client: FlaskClient, number: int, query: str) -> float:
    """One request, in ms."""
    start = time.perf_counter()
    answer = client.get(f"/v1/samples?similar_to={number:016x}{query}", headers={"X-API-Key": KEY})
    spent = (time.perf_counter() - start) * 1000
    assert answer.status_code == 200, answer.text
    assert answer.json["samples"]
    return spent


def figures(client: FlaskClient, query: str) -> tuple[float, float]:
    """The median and the 95th percentile of ASKED requests, ms."""
    spent = sorted(asked_ms(client, (i * 31) % SOUNDS, query) for i in range(ASKED))
    return statistics.median(spent), spent[int(0.95 * ASKED)]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "APP_ENV": "test",
            "DATA_DIR": str(Path(folder) / "data"),
            "BOOTSTRAP_API_KEY": KEY,
            "LOG_LEVEL": "WARNING",
        }
        client = create_app(load(settings)).test_client()
        fill(client)
        print(f"{SOUNDS} sounds of the owner, {OTHERS} of another, {ASKED} requests each")
        for query in ("", "&role=CORE&limit=100", "&q=sound%2099"):
            client.application.extensions["library"] = Library()
            cold = asked_ms(client, 1, query)
            busy = time.process_time()
            p50, p95 = figures(client, query)
            cpu = (time.process_time() - busy) * 1000 / ASKED
            print(f"similar_to{query}: cold {cold:.0f} ms, p50 {p50:.1f} ms, p95 {p95:.1f} ms, mean CPU {cpu:.1f} ms")


if __name__ == "__main__":
    main()
