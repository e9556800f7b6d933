"""Errors as replies: one table from error class to HTTP status, and RFC 9457 problem details."""

import msgspec

from mitregate.core.errors import (
    Forbidden,
    IllegalTransition,
    Malformed,
    Misconfigured,
    MitregateError,
    Refused,
    Stale,
    StoreError,
    TooLarge,
    Unknown,
    Unproven,
    Unreachable,
    Unsettled,
)
from mitregate.web.quota import REASON, OverQuota
from mitregate.web.throttle import SPAN, TooManyGuesses

STATUS: dict[type[MitregateError], int] = {
    Malformed: 400,
    Unproven: 401,
    Forbidden: 403,
    Unknown: 404,
    Stale: 409,
    IllegalTransition: 409,
    TooLarge: 413,
    TooManyGuesses: 429,
    OverQuota: 429,
    Refused: 400,
    Misconfigured: 500,
    Unreachable: 503,
    Unsettled: 503,
    MitregateError: 500,
}
"""The status of each class; a class that is not here answers as the nearest one above it."""

RETRY_AFTER = "2"
"""Seconds after which to try again what could not be done just now."""

PREFIX = "urn:mitregate:problem:"
"""What the type of a problem begins with; the error's class name follows."""


def status_of(error: MitregateError) -> int:
    """Give the HTTP status that *error* is answered with."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def headers_of(error: MitregateError) -> dict[str, str]:
    """Give the headers that go with *error*."""
    if isinstance(error, Unsettled):
        return {"retry-after": RETRY_AFTER}
    if isinstance(error, TooManyGuesses):
        return {"retry-after": str(round(SPAN.total_seconds()))}
    if isinstance(error, OverQuota):
        return {"retry-after": str(error.wait), "ratelimit-reason": REASON}
    return {"www-authenticate": 'Bearer realm="mitregate"'} if isinstance(error, Unproven) else {}


def message_of(error: MitregateError) -> str:
    """Give what the caller is told of *error*: of the database only that it failed, not where it is or what it said."""
    return StoreError().message if isinstance(error, StoreError) else error.message


def problem(error: MitregateError) -> tuple[int, dict[str, str], bytes]:
    """Write *error* as problem details: status, headers, body (RFC 9457)."""
    status = status_of(error)
    body = {
        "type": PREFIX + type(error).__name__,
        "title": (type(error).__doc__ or "").partition("\n")[0],
        "status": status,
        "detail": message_of(error),
        "advice": error.advice(),
    }
    return status, {"content-type": "application/problem+json", **headers_of(error)}, msgspec.json.encode(body)
