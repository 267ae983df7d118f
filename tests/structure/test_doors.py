"""Every route declares who may use it, is in the OpenAPI document, and has an error that the table knows."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from openapi_spec_validator import validate

from app import config, create_app
from app.errors import STATUS
from services import errors
from services.accounts.keys import SCOPES

PAGE = re.compile(r"^/(studio/static/|docs(/|$)|$)")
GUARDS = {"open", "loopback or any key", *SCOPES}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app(
        config.load(
            {"APP_ENV": "test", "DATA_DIR": str(tmp_path_factory.mktemp("doors")), "BOOTSTRAP_API_KEY": "k" * 40}
        )
    )


@pytest.fixture(scope="module")
def document(app: Flask) -> dict:
    return app.test_client().get("/openapi.json").get_json()


def api_routes(app: Flask) -> list[tuple[str, str, object]]:
    """(method, rule, view) of everything but the page, the documentation and its document."""
    return [
        (method, rule.rule, app.view_functions[rule.endpoint])
        for rule in app.url_map.iter_rules()
        if not PAGE.match(rule.rule) and rule.rule != "/openapi.json"
        for method in rule.methods - {"HEAD", "OPTIONS"}
    ]


def test_every_route_declares_a_guard(app: Flask) -> None:
    undeclared = [(m, r) for m, r, view in api_routes(app) if getattr(view, "guard", None) not in GUARDS]
    assert undeclared == []


def test_everything_under_v1_needs_a_key(app: Flask) -> None:
    client = app.test_client()
    for method, rule, _ in api_routes(app):
        if rule.startswith("/v1"):
            answer = client.open(re.sub(r"<[^>]+>", "x", rule), method=method)
            assert (answer.status_code, answer.mimetype) == (401, "application/problem+json"), (method, rule)


def test_the_document_is_valid_openapi_3_1(document: dict) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_the_document_holds_every_route_and_no_other(app: Flask, document: dict) -> None:
    served = {(m.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)) for m, rule, _ in api_routes(app)}
    told = {(m, path) for path, item in document["paths"].items() for m in item if m != "parameters"}
    assert told == served


def test_every_operation_says_what_it_does_and_answers_problems(document: dict) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            assert operation["summary"], path
            assert any(status.startswith("2") for status in operation["responses"]), path
            assert "500" in operation["responses"], path


def test_every_error_of_the_house_has_a_status() -> None:
    found = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.ServiceError)]
    assert set(found) - set(STATUS) == {errors.ServiceError}


def test_subclasses_of_errors_elsewhere_are_answered_too() -> None:
    """An error class defined in a room is translated by its nearest known parent."""
    from app.errors import problem_of
    from services.models.registry import DamagedModel

    assert problem_of(DamagedModel("x"))["status"] == 503
