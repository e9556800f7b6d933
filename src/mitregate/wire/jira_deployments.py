"""The Jira Deployments API 0.1 as bytes: submissions in, replies out, and the paths between them.

A request is refused as a whole only where it cannot be told apart into deployments; otherwise each of them is accepted
or rejected by itself (https://developer.atlassian.com/cloud/jira/software/rest/api-group-deployments/).

This module is what others import; its parts are `jira_exact` (the fast reading), `jira_validation` (the tolerant one),
`jira_replies` and `jira_routes`.
"""

import json
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import parse_qsl

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from mitregate.core.deployments import Deployment
from mitregate.core.errors import Malformed, TooLarge
from mitregate.wire.jira_exact import read_exactly
from mitregate.wire.jira_replies import write_deployment, write_errors, write_gating_status, write_submission
from mitregate.wire.jira_routes import Operation, Target, WrongMethod, route
from mitregate.wire.jira_validation import judge
from mitregate.wire.jira_values import (
    TEXT_LIMIT,
    Numeral,
    Rejected,
    Shared,
    Submission,
    UnknownAssociation,
    is_keepable,
    shown,
    with_unknown_services,
)

__all__ = [
    "Operation",
    "Rejected",
    "Submission",
    "Target",
    "UnknownAssociation",
    "WrongMethod",
    "read_properties",
    "read_submission",
    "route",
    "with_unknown_services",
    "write_deployment",
    "write_errors",
    "write_gating_status",
    "write_submission",
]

DEPLOYMENTS_LIMIT = 100
PROPERTIES_LIMIT = 5
NAMED_LIMIT = 100
"""Properties that are looked at, be they null: whoever sends hundreds of thousands must not take our time."""

MODEST = 100_000
"""JSON values that are made into objects at once, at most: a value of one byte becomes a hundred bytes of memory. One
deployment with all that the schema admits has fewer than ten thousand, be all its texts made of commas."""


def read_submission(body: bytes, app_id: str) -> Submission:
    """Read the body of `POST …/bulk`.

    Args:
        body: the request's body.
        app_id: who submits; becomes part of every deployment's key.

    Returns:
        The deployments that are accepted and those that are rejected, in the request's order.

    Raises:
        Malformed: the request as a whole cannot be understood (400).
        TooLarge: it holds more than 100 deployments, or one of them more than anybody needs (413).
    """
    try:
        return _read(body, app_id)
    except RecursionError:
        raise Malformed("The body is nested too deeply.") from None


def read_properties(query_string: bytes) -> dict[str, str]:
    """Read which deployments `DELETE …/bulkByProperties` means: those that carry all these properties.

    Names that begin with `_` are controls of Jira's own and are passed over, and so is `jwt`, which carries a token.

    Raises:
        Malformed: no property is given, one is given with two values, or it is no text.
    """
    properties: dict[str, str] = {}
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise Malformed("The query is not UTF-8 with everything outside of ASCII percent-encoded.") from None
    for name, value in pairs:
        if name.startswith("_") or name == "jwt":
            continue
        if not is_keepable(name + value):
            raise Malformed("A property in the query has a NUL character.")
        if properties.setdefault(name, value) != value:
            raise Malformed(f"The property {shown(name)} is given with two values, which no deployment has.")
    if not properties:
        raise Malformed("At least one property must be given in the query, such as ?accountId=account-123.")
    return properties


# --- the request as a whole ---


class _Envelope(Struct, rename="camel"):
    """What is around the deployments; each value stays as it is: JSON text, or read if the text is odd."""

    deployments: list[Raw]
    properties: dict[str, Raw] | None = None
    provider_metadata: dict[str, Raw] | None = None


_ENVELOPES = msgspec.json.Decoder(_Envelope)
_STRINGS = msgspec.json.Decoder(str)
_NUL = b"\\u0000"


def _read(body: bytes, app_id: str) -> Submission:
    deployments, properties, product = _open(body)
    if not deployments:
        raise Malformed("'deployments' must hold at least one deployment.")
    if len(deployments) > DEPLOYMENTS_LIMIT:
        raise TooLarge(
            f"The request holds {len(deployments)} deployments; at most {DEPLOYMENTS_LIMIT} are taken at once."
        )
    shared = Shared(app_id=app_id, properties=_properties(properties), product=_product(product))
    may_have_nul = _NUL in body
    accepted: list[Deployment] = []
    rejected: list[Rejected] = []
    unknown: list[UnknownAssociation] = []
    for item in deployments:
        if isinstance(item, Raw) and not (may_have_nul and _NUL in bytes(item)):
            exact = read_exactly(item, shared)
            if exact is not None:
                accepted.append(exact)
                continue
        judged, strange = judge(_value(item), shared)
        unknown += strange
        if isinstance(judged, Deployment):
            accepted.append(judged)
        else:
            rejected.append(judged)
    return Submission(accepted=tuple(accepted), rejected=tuple(rejected), unknown_associations=tuple(unknown))


def _open(body: bytes) -> tuple[list[Any], Mapping[str, Any], Any]:
    """Take the request apart into deployments, properties and product, which may still be JSON text."""
    # msgspec does not look at the encoding of what it passes over.
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError:
            raise Malformed("The body is not UTF-8.") from None
    if not _is_modest(body):
        return _open_vast(body)
    try:
        envelope = _ENVELOPES.decode(body)
    except msgspec.DecodeError:
        return _open_loosely(_loosely(body))
    product = (envelope.provider_metadata or {}).get("product")
    return envelope.deployments, envelope.properties or {}, product


def _open_loosely(request: Any) -> tuple[list[Any], Mapping[str, Any], Any]:
    if not isinstance(request, dict):
        raise Malformed(f"The body must be a JSON object, not {shown(request)}.")
    if "deployments" not in request:
        raise Malformed("'deployments' is required.")
    deployments = request["deployments"]
    if not isinstance(deployments, list):
        raise Malformed(f"'deployments' must be an array, not {shown(deployments)}.")
    properties = _object_or_null(request, "properties")
    return deployments, properties, _object_or_null(request, "providerMetadata").get("product")


def _object_or_null(request: dict[str, Any], name: str) -> dict[str, Any]:
    value = request.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Malformed(f"'{name}' must be an object, not {shown(value)}.")
    return value


def _properties(properties: Mapping[str, Any]) -> dict[str, str]:
    """Check the properties; numbers, which GitHub for Jira sends, become text, and nulls are dropped."""
    _check_number(len(properties), NAMED_LIMIT)
    read: dict[str, str] = {}
    for name, item in properties.items():
        value = _value(item)
        if ":" in name or name.startswith("_"):
            raise Malformed(f"The property name {shown(name)} may neither hold ':' nor begin with '_'.")
        if value is None:
            continue
        if isinstance(value, list | dict):
            raise Malformed(f"The property {shown(name)} must be a string, not {shown(value)}.")
        text = value if isinstance(value, str) else value.text if isinstance(value, Numeral) else shown(value)
        if max(len(name), len(text)) > TEXT_LIMIT:
            raise Malformed(f"The property {shown(name)} is longer than {TEXT_LIMIT} characters.")
        if not is_keepable(name + text):
            raise Malformed(f"The property {shown(name)} has a NUL character or half of a surrogate pair.")
        read[name] = text
    _check_number(len(read), PROPERTIES_LIMIT)
    return read


def _check_number(number: int, limit: int) -> None:
    if number > limit:
        raise Malformed(f"'properties' has more than {PROPERTIES_LIMIT} entries ({number}).")


def _product(item: Any) -> str | None:
    """Read the name of the sending tool; it only informs, so whatever is no text is no name."""
    product = _value(item)
    return product[:TEXT_LIMIT] if isinstance(product, str) and is_keepable(product) else None


# --- a body of millions of values, which must not become millions of objects ---

_NOTHING = Raw(b"null")


class _Vast(Struct, rename="camel"):
    """What is around the deployments, with each value as JSON text, however many values that holds."""

    deployments: Raw | UnsetType = UNSET
    properties: Raw = _NOTHING
    provider_metadata: Raw = _NOTHING


_VASTS = msgspec.json.Decoder(_Vast)
_FIRST = msgspec.json.Decoder(
    # Of an array that is read as a struct, items that have no field are passed over without being made into anything.
    msgspec.defstruct("_First", [(f"item{n}", Raw, None) for n in range(DEPLOYMENTS_LIMIT + 1)], array_like=True)
)


def _is_modest(text: bytes | Raw) -> bool:
    """Tell whether JSON text has few values: before each stands a comma, or the bracket that it is the first within."""
    if len(text) <= MODEST:
        return True
    whole = bytes(text)
    return whole.count(b",") + whole.count(b"[") + whole.count(b"{") <= MODEST


def _open_vast(body: bytes) -> tuple[list[Any], Mapping[str, Any], Any]:
    """Take a request of any number of values apart as `_open` does, in memory that does not grow with that number."""
    try:
        vast = _VASTS.decode(body)
    except msgspec.ValidationError:
        raise Malformed("The body must be a JSON object.") from None
    except msgspec.DecodeError:
        raise Malformed("The body is not JSON.") from None
    around = {"properties": _modest(vast.properties), "providerMetadata": _modest(vast.provider_metadata)}
    if not isinstance(vast.deployments, Raw):
        return _open_loosely(around)
    try:
        items = msgspec.structs.astuple(_FIRST.decode(vast.deployments))
    except msgspec.ValidationError:
        raise Malformed("'deployments' must be an array.") from None
    if items[-1] is not None:
        raise TooLarge(f"The request holds more than {DEPLOYMENTS_LIMIT} deployments.")
    return _open_loosely({**around, "deployments": [_within_reason(item) for item in items if item is not None]})


def _modest(text: Raw) -> Any:
    return _value(_within_reason(text))


def _within_reason(text: Raw) -> Raw:
    if not _is_modest(text):
        raise TooLarge(f"A single part of the request holds more than {MODEST} values.")
    return text


# --- JSON read loosely: numbers as they are written, halves of surrogate pairs let through ---


def _value(item: Any) -> Any:
    """Read what is still JSON text."""
    if not isinstance(item, Raw):
        return item
    try:
        return _STRINGS.decode(item)
    except msgspec.DecodeError:
        return _loosely(bytes(item))


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


_LOOSE = json.JSONDecoder(parse_int=Numeral, parse_float=Numeral, parse_constant=_refuse_constant)


def _loosely(text: bytes) -> Any:
    try:
        return _LOOSE.decode(text.decode())
    except ValueError:
        raise Malformed("The body is not JSON.") from None
