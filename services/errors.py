"""Every way a request can fail, as values the doors translate.

`services` raises these, `app/errors.py` alone turns them into HTTP problem documents, and `app/tasks.py` alone
stores them in a failed job. A message is one sentence that a musician understands; it never holds a server path
or the text of a foreign exception.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: `field` is its name in the request (`bpm`, `samples[3]`)."""

    field: str
    message: str


class ServiceError(Exception):
    """A failure with a stable `code` (snake_case), one sentence, and the fields it concerns."""

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        errors: tuple[FieldError, ...] = (),
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.errors = errors
        self.retry_after_s = retry_after_s


class Unreadable(ServiceError):
    """The request itself cannot be read (broken JSON, broken multipart): 400."""

    code = "unreadable_request"


class Unauthorized(ServiceError):
    """No valid credentials: 401."""

    code = "unauthorized"


class Forbidden(ServiceError):
    """Valid credentials without the needed scope: 403."""

    code = "forbidden"


class NotFound(ServiceError):
    """No such object, or another owner's: 404."""

    code = "not_found"


class Conflict(ServiceError):
    """The object's state does not allow this, or somebody else won a race: 409."""

    code = "conflict"


class SourceExpired(Conflict):
    """A stage needs an upload whose retention has run out: 409."""

    code = "source_expired"


class Canceled(Conflict):
    """The job was canceled: 409."""

    code = "canceled"


class StaleVersion(ServiceError):
    """`If-Match` names another state than the present one: 412."""

    code = "stale_version"


class VersionRequired(ServiceError):
    """A change without `If-Match`: 428."""

    code = "version_required"


class TooLarge(ServiceError):
    """More bytes, seconds or samples than allowed: 413."""

    code = "too_large"


class NotAudio(ServiceError):
    """Bytes that are not decodable audio of a supported format: 415."""

    code = "not_audio"


class WrongContentType(ServiceError):
    """A body of a type the route does not take: 415."""

    code = "wrong_content_type"


class Invalid(ServiceError):
    """A value out of range, an unknown field, a rule broken: 422."""

    code = "invalid"


class RateLimited(ServiceError):
    """Too many requests of this client: 429."""

    code = "rate_limited"


class Busy(ServiceError):
    """The queue or the streams are full, or a file is still being made: 503 with Retry-After."""

    code = "busy"


class Unavailable(ServiceError):
    """A dependency (store, Redis, worker) does not answer: 503."""

    code = "unavailable"


class DiskFull(ServiceError):
    """The disk or the disk budget is full: 507."""

    code = "disk_full"


class JobCrashed(ServiceError):
    """A job's process died three times, or an unforeseen error ended it: 500."""

    code = "job_crashed"


class JobTimeout(ServiceError):
    """A job took longer than its kind and its audio allow: 504."""

    code = "job_timeout"
