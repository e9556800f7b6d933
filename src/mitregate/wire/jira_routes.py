"""The paths of the Jira Deployments API 0.1, in all three forms in which tools know them.

The path is taken apart before it is decoded: ids may hold `/` (as `%2F`), spaces, plus signs and anything else.
"""

import re
from enum import StrEnum
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from mitregate.core.errors import Malformed
from mitregate.wire.jira_values import is_keepable, shown, whole_number


class Operation(StrEnum):
    """What is asked for."""

    SUBMIT = "submit"
    READ = "read"
    DELETE = "delete"
    DELETE_BY_PROPERTIES = "delete_by_properties"
    GATING_STATUS = "gating_status"


class Target(Struct, frozen=True, kw_only=True):
    """What a request aims at.

    `cloud_id` is None under `/rest/…`, where the site is the host. The ids and the number are set where the operation
    is about one deployment, else empty and 0.
    """

    operation: Operation
    cloud_id: str | None = None
    pipeline_id: str = ""
    environment_id: str = ""
    sequence_number: int = 0


class WrongMethod(Struct, frozen=True, kw_only=True):
    """The path exists, but not with this method; `allowed` is for the header `Allow` of a 405."""

    allowed: tuple[str, ...]


_BULK = {"POST": Operation.SUBMIT}
_BULK_BY_PROPERTIES = {"DELETE": Operation.DELETE_BY_PROPERTIES}
_ONE = {"GET": Operation.READ, "DELETE": Operation.DELETE}
_GATING_STATUS = {"GET": Operation.GATING_STATUS}


def route(method: str, raw_path: bytes) -> Target | WrongMethod | None:
    """Find what a request aims at.

    Args:
        method: the HTTP method, in capitals.
        raw_path: the path as it came over the wire, not decoded; a query behind it is passed over.

    Returns:
        The target; the methods that exist on the path if this one does not; None if the path is none of this API.

    Raises:
        Malformed: an id is not UTF-8 or holds NUL, or the sequence number is no whole number of 64 bits.
    """
    segments = raw_path.partition(b"?")[0].split(b"/")
    if segments[-1] == b"":
        segments.pop()
    match segments:
        case [b"", b"rest", b"deployments", b"0.1", *rest]:
            return _operation(method, None, rest)
        case [b"", b"jira", b"deployments", b"0.1", b"cloud", cloud_id, *rest]:
            return _operation(method, cloud_id, rest)
        case [b"", b"ex", b"jira", cloud_id, b"rest", b"deployments", b"0.1", *rest]:
            return _operation(method, cloud_id, rest)
    return None


def _operation(method: str, cloud_id: bytes | None, rest: list[bytes]) -> Target | WrongMethod | None:
    match rest:
        case [b"bulk"]:
            return _target(method, _BULK, cloud_id)
        case [b"bulkByProperties"]:
            return _target(method, _BULK_BY_PROPERTIES, cloud_id)
        case [b"pipelines", pipeline, b"environments", environment, b"deployments", number]:
            return _target(method, _ONE, cloud_id, (pipeline, environment, number))
        case [b"pipelines", pipeline, b"environments", environment, b"deployments", number, b"gating-status"]:
            return _target(method, _GATING_STATUS, cloud_id, (pipeline, environment, number))
    return None


def _target(
    method: str,
    operations: dict[str, Operation],
    cloud_id: bytes | None,
    key: tuple[bytes, bytes, bytes] = (b"", b"", b"0"),
) -> Target | WrongMethod:
    operation = operations.get(method)
    if operation is None:
        return WrongMethod(allowed=tuple(operations))
    pipeline_id, environment_id, number = (_decoded(segment) for segment in key)
    return Target(
        operation=operation,
        cloud_id=None if cloud_id is None else _decoded(cloud_id),
        pipeline_id=pipeline_id,
        environment_id=environment_id,
        sequence_number=_sequence_number(number),
    )


def _decoded(segment: bytes) -> str:
    try:
        text = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise Malformed("The path is not UTF-8.") from None
    if not is_keepable(text):
        raise Malformed("The path holds a NUL character.")
    return text


_NUMBER = re.compile(r"-?[0-9]+")


def _sequence_number(text: str) -> int:
    number = whole_number(text) if _NUMBER.fullmatch(text) else None
    if number is None:
        raise Malformed(f"The deployment sequence number must be a whole number of 64 bits, not {shown(text)}.")
    return number
