"""What a reply means: a value, or an error of the classes that the server itself raises."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

from mitregate.client.values import Fault
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
from mitregate.wire.http import Reply
from mitregate.wire.retries import read_retry_after

S = TypeVar("S")

KINDS: dict[str, type[MitregateError]] = {
    kind.__name__.lower(): kind
    for kind in (
        MitregateError,
        Refused,
        Malformed,
        Unproven,
        Forbidden,
        Unknown,
        Stale,
        IllegalTransition,
        TooLarge,
        Misconfigured,
        Unsettled,
        Unreachable,
        StoreError,
    )
}
"""Errors by the last word of the `type` in a problem reply (RFC 9457), without regard to case."""

BY_STATUS: dict[int, type[MitregateError]] = {
    401: Unproven,
    403: Forbidden,
    404: Unknown,
    408: Unsettled,
    409: Stale,
    413: TooLarge,
    429: Unsettled,
}
"""Errors by HTTP status, where the reply does not say more; else 4xx is `Malformed` and 5xx `Unsettled`."""

NEVER = datetime.max.replace(tzinfo=UTC)


def is_success(reply: Reply) -> bool:
    """Tell whether a reply is a success."""
    return 200 <= reply.status < 300


def decoded(reply: Reply, kind: type[S]) -> S:
    """Read the value in a reply.

    Raises:
        MitregateError: the reply is no success.
        Misconfigured: it is one, but not of the Deployments API.
    """
    if not is_success(reply):
        raise error_of(reply)
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        said = f"{reply.status}, {len(reply.body)} bytes: {error}"
        message = f"The answer is not what the Deployments API says ({said.rstrip('.')})."
        raise Misconfigured(message, advice="Check the address: something else may answer there.") from None


def error_of(reply: Reply) -> MitregateError:
    """Make an error of a reply that is no success: of the class that the server raised, if the reply names it.

    An `Unsettled` one has the pause that the server asks for, if it does, in `retry_after`.
    """
    if 300 <= reply.status < 400:
        elsewhere = reply.headers.get("location", "another address")
        message = f"The server sends us on to {elsewhere}."
        return Misconfigured(message, advice="Use the address where the server itself answers.")
    fallback = BY_STATUS.get(reply.status, Unsettled if reply.status >= 500 else Malformed)
    problem = _read_problem(reply.body)
    kind = KINDS.get(problem.type.rpartition(":")[2].replace("-", "").lower(), fallback)
    said = problem.detail or problem.error_description or " ".join(problem.errorMessages) or problem.message
    message = said or problem.title or f"The server answered {reply.status}."
    if issubclass(kind, Unsettled):
        pause = _retry_after(reply)
        advice = problem.advice or (f"Try again in {pause:g} s." if pause else None)
        return kind(message, advice=advice, retry_after=pause)
    advice = problem.advice or ("Check what the client was given to prove who asks." if kind is Unproven else None)
    return kind(message, advice=advice)


class _Problem(Struct):
    """Every shape of error body that is sent: RFC 9457, OAuth, Jira's platform, Atlassian's gateway."""

    type: str = ""
    title: str = ""
    detail: str = ""
    advice: str | None = None
    error_description: str = ""
    errorMessages: tuple[str, ...] = ()  # noqa: N815  as it is on the wire
    message: str = ""


def _read_problem(body: bytes) -> _Problem:
    try:
        return msgspec.json.decode(body, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        faults = msgspec.json.decode(body, type=tuple[Fault, ...])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Problem()
    return _Problem(detail=" ".join(fault.message for fault in faults))


def _retry_after(reply: Reply) -> float | None:
    # A date is counted from the server's own clock, which the reply tells; where it does not, no date is a pause.
    try:
        there = parsedate_to_datetime(reply.headers.get("date", ""))
    except (ValueError, OverflowError):
        there = NEVER
    pause = read_retry_after(reply, there if there.tzinfo is not None else there.replace(tzinfo=UTC))
    return None if pause is None else pause.total_seconds()
