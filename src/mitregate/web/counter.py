"""The counter: what the routes of the native API share: who asks, how pages are cut, which refusals are documented."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Literal, TypeAlias, TypeVar

from litestar.connection import Request
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter, SkipValidation
from msgspec import UNSET, Meta, Struct, UnsetType

from mitregate.core.errors import Malformed
from mitregate.core.people import Principal
from mitregate.web.office import Office

T = TypeVar("T")

Asked: TypeAlias = Request[None, None, State]
"""A request as it comes in."""

Desk: TypeAlias = NamedDependency[SkipValidation[Office]]
"""The office, put into a route."""

Asker: TypeAlias = NamedDependency[SkipValidation[Principal]]
"""Who asks, proved; a route without it is open to everybody."""

Cursor: TypeAlias = Annotated[
    str | None, QueryParameter(description="Where to go on: `next` of the page before.", max_length=64)
]
Limit: TypeAlias = Annotated[int, QueryParameter(description="How many items at most.", ge=1, le=200)]
Id: TypeAlias = Annotated[str, PathParameter(description="Its id.")]

PAGE = 50
"""Items on a page, if nothing else is asked for."""

BEARER = "bearer"
"""The name of the security scheme in the OpenAPI document."""

PROBLEM_JSON = "application/problem+json"


class Problem(Struct, frozen=True, kw_only=True):
    """Problem details (RFC 9457)."""

    type: Annotated[str, Meta(description="The kind of problem: `urn:mitregate:problem:…`.")]
    title: Annotated[str, Meta(description="The kind of problem, in a sentence.")]
    status: int
    detail: Annotated[str, Meta(description="What is wrong with this very request.")]
    advice: Annotated[str, Meta(description="What to do about it.")]
    trace: Annotated[str, Meta(description="What to look for in the server's log.")] | UnsetType = UNSET


SECURED: list[dict[str, list[str]]] = [{BEARER: []}]
"""What a route that asks for a token says in the OpenAPI document."""

Refusal = Literal[400, 401, 403, 404, 409, 413, 429, 500, 503]


def refusals(*statuses: Refusal) -> dict[int, ResponseSpec]:
    """Document with which statuses a route may refuse; 500 and 503 are always among them."""
    return {
        status: ResponseSpec(
            Problem, description=HTTPStatus(status).phrase, media_type=PROBLEM_JSON, generate_examples=False
        )
        for status in sorted({*statuses, 500, 503})
    }


NOTHING = ResponseSpec(None, description=HTTPStatus.NO_CONTENT.phrase, generate_examples=False)
"""What a route documents that sometimes has nothing to say."""


def cut(items: Sequence[T], limit: int) -> tuple[Sequence[T], bool]:
    """Cut a page out of what was read, which is one more than *limit* if there is more; say whether there is."""
    return items[:limit], len(items) > limit


def number(cursor: str | None) -> int | None:
    """Read a cursor that is a number.

    Raises:
        Malformed: it is none.
    """
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        message = "The field 'cursor' is not a cursor that was given out here."
        raise Malformed(message, advice="Use `next` of the page before as it is.")
    return int(cursor)
