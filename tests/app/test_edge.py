"""What every request passes: who the client is behind proxies, CORS, rate limits, ids and headers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from flask import Flask, request

from app import config, create_app
from tests.live import KEY, Live


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = create_app(
        config.load(
            {
                "APP_ENV": "test",
                "DATA_DIR": str(tmp_path),
                "BOOTSTRAP_API_KEY": KEY,
                "CORS_ORIGINS": "https://studio.example",
                "TRUSTED_PROXIES": "127.0.0.1,10.1.0.0/16",
                "LOG_LEVEL": "ERROR",
            }
        )
    )
    made.add_url_rule("/who", view_func=lambda: {"client": request.remote_addr, "scheme": request.scheme})
    yield made
    made.extensions["deps"].store.close()


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.1.2.3", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("192.0.2.7", "203.0.113.9", "192.0.2.7"),
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
    ],
)
def test_forwarded_addresses_are_believed_from_trusted_proxies_only(
    app: Flask, peer: str, forwarded: str, client: str
) -> None:
    headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"}
    seen = app.test_client().get("/who", headers=headers, environ_base={"REMOTE_ADDR": peer}).get_json()
    assert seen == {"client": client, "scheme": "http" if peer == "192.0.2.7" else "https"}


def test_cors_is_for_the_named_origins_alone(app: Flask) -> None:
    client = app.test_client()
    asked = {"Access-Control-Request-Method": "POST"}
    good = client.options("/v1/beat", headers={"Origin": "https://studio.example", **asked})
    assert (good.status_code, good.headers["Access-Control-Allow-Origin"]) == (204, "https://studio.example")
    assert "If-Match" in good.headers["Access-Control-Allow-Headers"]
    other = client.options("/v1/beat", headers={"Origin": "https://evil.example", **asked})
    assert "Access-Control-Allow-Origin" not in other.headers
    assert "Access-Control-Allow-Credentials" not in good.headers


def test_every_answer_has_its_request_id_and_forbids_sniffing(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/health", headers={"X-Request-ID": "abc-1"}).headers["X-Request-ID"] == "abc-1"
    made = client.get("/nothing", headers={"X-Request-ID": "not allowed!"})
    assert len(made.headers["X-Request-ID"]) == 32
    assert made.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'self'" in made.headers["Content-Security-Policy"]


def test_a_crash_is_a_neutral_problem(app: Flask) -> None:
    def crash() -> None:
        raise RuntimeError("/secret/path of the server")

    app.add_url_rule("/crash", view_func=crash)
    answer = app.test_client().get("/crash")
    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    assert b"secret" not in answer.data


def test_rate_limits_count_each_client_over_all_processes(tmp_path: Path) -> None:
    live = Live(tmp_path, RATE_LIMIT="20 per minute").ready()
    try:
        answers = [live.get("/v1/styles") for _ in range(25)]
        refused = [a for a in answers if a.status_code == 429]
        assert len(refused) == 5
        assert refused[0].headers["Content-Type"] == "application/problem+json"
        assert int(refused[0].headers["Retry-After"]) >= 1
        assert requests.get(f"{live.url}/health", timeout=5).status_code == 200
    finally:
        live.stop()
