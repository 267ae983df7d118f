"""The web application. The factory only wires: settings in, doors registered, nothing decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Settings

# Parts of one multipart request: 64 files and their fields, with room to spare; each field at most 512 kB.
MAX_PARTS = 1000
MAX_FIELD_BYTES = 512 * 1024


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application of one process."""
    from flask import Flask

    from app import config, edge, errors, held, keys, logs, metrics, openapi, uploads
    from app.api import BLUEPRINTS
    from app.deps import Deps
    from app.library import Library
    from app.studio import page

    settings = settings or config.load()
    logs.configure(settings.log_level)
    app = Flask(__name__, static_folder=None)
    app.request_class = uploads.SpoolingRequest
    app.config.update(
        openapi.CONFIG,
        MAX_CONTENT_LENGTH=settings.max_upload_bytes,
        MAX_FORM_PARTS=MAX_PARTS,
        MAX_FORM_MEMORY_SIZE=MAX_FIELD_BYTES,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["deps"] = Deps(settings)
    app.extensions["library"] = Library()
    held.configure(settings.held_requests, settings.web_workers, settings.web_threads)
    edge.register(app, settings)
    errors.register(app)
    metrics.register(app)
    app.teardown_request(uploads.discard_spooled)
    api = openapi.make_api()
    api.init_app(app)
    openapi.fill_components(api)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    app.register_blueprint(page)
    keys.ensure_first(app.extensions["deps"])
    return app
