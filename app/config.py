"""Settings: read once from the environment into one frozen value; `deploy/env.example` lists every one."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from environs import Env, EnvError, validate

APP_ENVS = ("dev", "test", "prod")
KEY_MIN_CHARS = 32


class BadSettings(Exception):
    """The environment holds a value that cannot be used; the message names the variable."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that may differ between two installations. Units are in the names."""

    app_env: Literal["dev", "test", "prod"]
    host: str
    port: int
    data_dir: Path
    mongodb_uri: str
    redis_url: str
    models_dir: Path
    bootstrap_api_key: str
    trusted_proxies: tuple[str, ...]
    cors_origins: tuple[str, ...]
    max_upload_mb: int
    max_audio_s: int
    max_data_gb: float
    min_free_gb: float
    queue_limit: int
    rate_limit: str
    workers: int
    web_workers: int
    web_threads: int
    held_requests: int
    upload_days: float
    staging_days: float
    blob_grace_hours: float
    link_s: int
    log_level: str
    job_kinds_extra: str

    @property
    def run_dir(self) -> Path:
        """Sockets, pid files and secrets of this instance."""
        return self.data_dir / "run"

    @property
    def max_upload_bytes(self) -> int:
        return self.max_upload_mb * 1024 * 1024


def load(environ: dict[str, str] | None = None) -> Settings:
    """The settings of this process's environment, or of `environ` alone. Raises BadSettings."""
    given = dict(os.environ) if environ is None else environ
    env = _Fixed({name: value for name, value in given.items() if value.strip()})  # empty means: not set
    try:
        settings = _read(env)
    except EnvError as err:
        raise BadSettings(str(err)) from None
    if settings.bootstrap_api_key and len(settings.bootstrap_api_key) < KEY_MIN_CHARS:
        raise BadSettings(f"BOOTSTRAP_API_KEY needs at least {KEY_MIN_CHARS} characters")
    for network in settings.trusted_proxies:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise BadSettings(f"TRUSTED_PROXIES: {network} is no address and no network") from None
    return settings


class _Fixed(Env):
    """An Env over a given mapping instead of the process's environment."""

    def __init__(self, environ: dict[str, str]) -> None:
        super().__init__()
        self._environ = environ

    def _get_value(self, env_key: str, default: object) -> object:
        return self._environ.get(env_key, default)


def _read(env: Env) -> Settings:
    positive = validate.Range(min=0, min_inclusive=False)
    data_dir = Path(env.str("DATA_DIR", "var")).absolute()
    return Settings(
        app_env=env.str("APP_ENV", "dev", validate=validate.OneOf(APP_ENVS)),  # type: ignore[arg-type]
        host=env.str("HOST", "0.0.0.0"),  # noqa: S104 - lab users on the internal network reach the port directly
        port=env.int("PORT", 8000, validate=validate.Range(1, 65535)),
        data_dir=data_dir,
        mongodb_uri=env.str("MONGODB_URI", ""),
        redis_url=env.str("REDIS_URL", ""),
        models_dir=Path(env.str("MODELS_DIR", str(data_dir / "models"))).absolute(),
        bootstrap_api_key=env.str("BOOTSTRAP_API_KEY", ""),
        trusted_proxies=tuple(env.list("TRUSTED_PROXIES", ["127.0.0.1"])),
        cors_origins=tuple(env.list("CORS_ORIGINS", [])),
        max_upload_mb=env.int("MAX_UPLOAD_MB", 500, validate=positive),
        max_audio_s=env.int("MAX_AUDIO_S", 7200, validate=positive),
        max_data_gb=env.float("MAX_DATA_GB", 50.0, validate=positive),
        min_free_gb=env.float("MIN_FREE_GB", 1.0, validate=validate.Range(min=0)),
        queue_limit=env.int("QUEUE_LIMIT", 256, validate=positive),
        rate_limit=env.str("RATE_LIMIT", ""),
        workers=env.int("WORKERS", 2, validate=positive),
        web_workers=env.int("WEB_WORKERS", 2, validate=positive),
        web_threads=env.int("WEB_THREADS", 48, validate=positive),
        held_requests=env.int("HELD_REQUESTS", 64, validate=positive),
        upload_days=env.float("UPLOAD_DAYS", 30.0, validate=positive),
        staging_days=env.float("STAGING_DAYS", 1.0, validate=positive),
        blob_grace_hours=env.float("BLOB_GRACE_HOURS", 24.0, validate=positive),
        link_s=env.int("LINK_S", 3600, validate=positive),
        log_level=env.str("LOG_LEVEL", "INFO", validate=validate.OneOf(("DEBUG", "INFO", "WARNING", "ERROR"))),
        job_kinds_extra=env.str("JOB_KINDS_EXTRA", ""),
    )
