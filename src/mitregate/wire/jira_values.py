"""What the two halves of reading a submission share: the values, the limits, and how text is looked at.

Limits: Jira Deployments API 0.1, https://developer.atlassian.com/cloud/jira/software/rest/api-group-deployments/.
"""

import re
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.deployments import Deployment

TEXT_LIMIT = 255
URL_LIMIT = 2000
ISSUE_KEYS_LIMIT = 100
ASSOCIATIONS_LIMIT = 3
VALUES_LIMIT = 500
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
COMMANDS_LIMIT = 100
"""Ours: the API names none, and more than one makes no sense."""

SCHEMA_VERSION = "1.0"
GATING_COMMAND = "initiate_deployment_gating"

# ASCII, as patterns of an OpenAPI document are; \Z because $ would let a line break at the end pass.
ISSUE_KEY = r"(?a)\A\w{1,255}-\d{1,255}\Z"
ISSUE_ID_OR_KEY = r"(?a)\A(?:\w{1,255}-\d{1,255}|\d{1,255})\Z"

# JSON can spell half a surrogate pair, which is no text and cannot be sent; PostgreSQL cannot keep NUL.
_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")
_WHOLE_NUMBER = re.compile(r"(-?[0-9]{1,19})(?:\.0+)?")
_SHOWN_LENGTH = 60


class UnknownAssociation(Struct, frozen=True, kw_only=True):
    """An association of a type that is not known here, which is not kept; each value is a string or a flat object."""

    association_type: str
    values: tuple[str | dict[str, str], ...]


class Rejected(Struct, frozen=True, kw_only=True):
    """A deployment that is not accepted, with everything that is wrong with it.

    Its identity is given as far as it could be read: an id that could not is empty, a number 0.
    """

    pipeline_id: str
    environment_id: str
    sequence_number: int
    messages: tuple[str, ...]


class Submission(Struct, frozen=True, kw_only=True):
    """What a bulk request holds, each deployment judged by itself, in the request's order."""

    accepted: tuple[Deployment, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    unknown_issue_keys: tuple[str, ...] = ()
    unknown_associations: tuple[UnknownAssociation, ...] = ()


def with_unknown_services(submission: Submission, ids: tuple[str, ...]) -> Submission:
    """Report *ids* of services that nobody here knows; their deployments are accepted all the same, as by Jira."""
    if not ids:
        return submission
    unknown = UnknownAssociation(association_type="serviceIdOrKeys", values=ids)
    return replace(submission, unknown_associations=(*submission.unknown_associations, unknown))


class Numeral(Struct, frozen=True):
    """A JSON number as it was written: no size and no fraction is lost by reading it."""

    text: str


class Shared(Struct, frozen=True, kw_only=True):
    """What all deployments of one request have in common."""

    app_id: str
    properties: dict[str, str]
    product: str | None


def whole_number(value: Any) -> int | None:
    """Read a 64-bit whole number, also from a string, as CircleCI and others send it; None if it is none."""
    written = value.text if isinstance(value, Numeral) else value
    if not isinstance(written, str):
        return None
    matched = _WHOLE_NUMBER.fullmatch(written)
    number = int(matched.group(1)) if matched else INT64_MAX + 1
    return number if INT64_MIN <= number <= INT64_MAX else None


def is_keepable(text: str) -> bool:
    """Tell whether *text* can be kept by every database and sent again: no NUL, no half of a surrogate pair."""
    return _UNKEEPABLE.search(text) is None


def cut(text: str) -> str:
    """Cut *text* to what is kept of it, with `…` at its end: GitLab's descriptions grow with the names in them."""
    return text if len(text) <= TEXT_LIMIT else f"{text[: TEXT_LIMIT - 1]}…"


def clean(text: str) -> str:
    """Replace what cannot be kept or sent."""
    return _UNKEEPABLE.sub("\ufffd", text)


def shown(value: Any) -> str:
    """Show a value in a message: text in quotes, cut to a bearable length; anything else by what it is."""
    match value:
        case str():
            return f"'{clean(value[:_SHOWN_LENGTH])}{'…' if len(value) > _SHOWN_LENGTH else ''}'"
        case Numeral():
            return value.text if len(value.text) <= _SHOWN_LENGTH else "a number of many digits"
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case list():
            return "an array"
        case _:
            return "an object"
