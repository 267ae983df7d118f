"""The web page at `/` and the API reference at `/docs`: two templates and their files, nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, make_response, render_template, send_from_directory

from app.auth import open_to_all

STATIC = Path(__file__).resolve().parent / "static"
SWAGGER = Path(__file__).resolve().parents[1] / "static" / "swagger"
# Scripts and styles only from files of ours; blob: is what the reader just recorded or dropped.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The reference sets style attributes while it draws.
DOCS_POLICY = PAGE_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
CACHE_S = 0  # revalidated by ETag: a new version is seen at the next load

page = Blueprint("page", __name__, template_folder="templates")


@page.get("/")
@open_to_all
def index() -> Response:
    """The page that makes and plays beats."""
    return _page("index.html", PAGE_POLICY)


@page.get("/docs")
@open_to_all
def docs() -> Response:
    """The API reference, drawn from /openapi.json."""
    return _page("docs.html", DOCS_POLICY)


@page.get("/studio/static/<path:name>")
@open_to_all
def static(name: str) -> Response:
    """A script or style of the page."""
    return send_from_directory(STATIC, name, max_age=CACHE_S)


@page.get("/docs/assets/<path:name>")
@open_to_all
def docs_asset(name: str) -> Response:
    """A file of the vendored Swagger UI."""
    return send_from_directory(SWAGGER, name, max_age=CACHE_S)


def _page(template: str, policy: str) -> Response:
    out = make_response(render_template(template))
    out.headers["Content-Security-Policy"] = policy
    out.headers["Permissions-Policy"] = "microphone=(self), camera=(), geolocation=()"
    return out


@page.after_request
def harden(response: Response) -> Response:
    """What every answer of this blueprint says to browsers."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    return response
