"""schemathesis over the OpenAPI document: whatever it allows, and much that it does not, is never answered by a 500."""

from __future__ import annotations

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings

from tests.live import KEY, Live

schema = schemathesis.pytest.from_fixture("document")
# Endless streams, and files of beats that no generated id names.
CASES = 12


@pytest.fixture
def document(live: Live) -> schemathesis.BaseSchema:
    raw = requests.get(f"{live.url}/openapi.json", timeout=10).json()
    made = schemathesis.openapi.from_dict(raw)
    made.config.update(base_url=live.url)
    return made


@schema.parametrize()
@settings(
    max_examples=CASES, deadline=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_no_operation_answers_500(case: schemathesis.Case) -> None:
    answer = case.call(headers={"X-API-Key": KEY, "Prefer": "wait=5"}, timeout=30)
    assert answer.status_code != 500, (case.as_curl_command(), answer.text)
    if answer.status_code >= 400:
        assert answer.headers["content-type"][0] == "application/problem+json"
    if answer.status_code not in (401, 405):
        case.validate_response(answer, checks=[schemathesis.checks.not_a_server_error])
