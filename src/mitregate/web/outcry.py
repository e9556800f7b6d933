"""Outcry: every error of the native API and the pages as a reply, whoever raised it.

Under `/api/` and for the probes errors leave as problem details (RFC 9457), on the pages as a page. What nobody
foresaw leaves with a trace id alone; what happened stands in the log under that id.
"""

import re
import secrets
from collections.abc import Callable
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Response
from litestar.connection import Request
from litestar.exceptions import HTTPException
from litestar.params import ParameterKwarg

from mitregate.core.errors import Malformed, MitregateError, TooLarge, Unknown, Unproven
from mitregate.web.auth import PRINCIPAL_KEY
from mitregate.web.counter import PROBLEM_JSON, Problem
from mitregate.web.problems import PREFIX, headers_of, message_of, problem
from mitregate.web.rendering import Message, render_message, to_sign_in

AnyRequest = Request[Any, Any, Any]
Complaint = Callable[[AnyRequest, Any], Response[Any]]

log = structlog.get_logger()

FOR_PROGRAMS = re.compile(r"/(api/|calendar\.ics$|healthz$|readyz$)")
"""Paths whose errors are for programs; all others are pages."""

FORM_OF_A_CHANGE = re.compile(r"(?P<change>/changes/[^/]+)/[^/]+")

UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(?P<field>[^`]*)`")
MISSING_FIELD = re.compile(r"Object missing required field `(?P<field>[^`]*)`")

ADVICE = {
    HTTPStatus.METHOD_NOT_ALLOWED: "Use one of the methods in the Allow header.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "Send the body in the form that the API's documentation names.",
}


def on_error(request: AnyRequest, error: MitregateError) -> Response[Any]:
    """Answer with an error of our own."""
    status, headers, body = problem(error)
    # Whoever asks in this very process is the one who would read the log.
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and PRINCIPAL_KEY not in request.scope:
        log.warning("request.unsettled", path=request.scope["path"], error=type(error).__name__, detail=error.message)
    if FOR_PROGRAMS.match(request.scope["path"]):
        return _json(status, headers, body)
    if isinstance(error, Unproven):
        return to_sign_in(request)
    form = FORM_OF_A_CHANGE.fullmatch(request.scope["path"]) if status != HTTPStatus.NOT_FOUND else None
    change = form["change"] if form else ""
    said = Message(status=status, said=message_of(error), advice=error.advice(), change=change)
    return render_message(said, headers_of(error))


def on_framework_error(request: AnyRequest, error: HTTPException) -> Response[Any]:
    """Answer with an error that the framework found: no such path, a wrong method, a body not understood."""
    status = error.status_code
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return on_surprise(request, error)
    if status == HTTPStatus.NOT_FOUND:
        return on_error(request, Unknown("There is nothing at this address.", advice="Check the address."))
    if status == HTTPStatus.BAD_REQUEST:
        return on_error(request, Malformed(_explain(request, error)))
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return on_error(request, TooLarge())
    phrase = HTTPStatus(status).phrase
    advice = ADVICE.get(HTTPStatus(status), "Correct the request and send it again.")
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    if not FOR_PROGRAMS.match(request.scope["path"]):
        return render_message(Message(status=status, said=f"{phrase}.", advice=advice), headers)
    name = "".join(word.capitalize() for word in phrase.split())
    return _json(status, headers, _encode(name=name, title=f"{phrase}.", status=status, advice=advice))


def on_surprise(request: AnyRequest, error: Exception) -> Response[Any]:
    """Answer with what nobody foresaw; the traceback stays in the log."""
    trace = secrets.token_hex(8)
    log.error("request.failed", path=request.scope["path"], trace=trace, exc_info=error)
    said, advice = "Something went wrong in Mitregate.", f"Look for {trace} in the server's log."
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    if not FOR_PROGRAMS.match(request.scope["path"]):
        return render_message(Message(status=status, said=said, advice=advice), {})
    return _json(status, {}, _encode(name="MitregateError", title=said, status=status, advice=advice, trace=trace))


def on_depth(request: AnyRequest, error: RecursionError) -> Response[Any]:
    """Answer to a body that is nested deeper than the decoder follows."""
    if request.method not in {"POST", "PUT"}:
        return on_surprise(request, error)
    return on_error(request, Malformed("The body is nested too deeply."))


COMPLAINTS: dict[int | type[Exception], Complaint] = {
    MitregateError: on_error,
    HTTPException: on_framework_error,
    RecursionError: on_depth,
    Exception: on_surprise,
}
"""Who answers for which error."""


def _encode(
    *, name: str, title: str, status: int, advice: str, trace: str | msgspec.UnsetType = msgspec.UNSET
) -> bytes:
    said = Problem(type=PREFIX + name, title=title, status=status, detail=title, advice=advice, trace=trace)
    return msgspec.json.encode(said)


def _json(status: int, headers: dict[str, str], body: bytes) -> Response[Any]:
    extra = {name: value for name, value in headers.items() if name != "content-type"}
    return Response(body, status_code=status, headers=extra, media_type=PROBLEM_JSON)


def _explain(request: AnyRequest, error: HTTPException) -> str:
    """Say which fields were not understood."""
    found = error.extra if isinstance(error.extra, list) else []
    told = [_about_field(request, each) for each in found if isinstance(each, dict)]
    return " ".join(told) or f"The request was not understood: {error.detail}."


def _about_field(request: AnyRequest, found: dict[str, Any]) -> str:
    text = str(found.get("message", ""))
    if match := UNKNOWN_FIELD.search(text):
        return f"There is no field {match['field']!r} here."
    if match := MISSING_FIELD.search(text):
        return f"The field {match['field']!r} is missing."
    key = _on_the_wire(request, str(found.get("key", "")))
    what = "The body" if key in {"", "data"} else f"The field {key!r}"
    words = _words_of(request, key)
    hint = f"; it is one of {', '.join(words)}" if words else ""
    return f"{what} was not understood: {text[:1].lower()}{text[1:]}{hint}."


def _words_of(request: AnyRequest, key: str) -> list[str]:
    """List the words that a parameter can be, if it is one of a few."""
    for parameter in request.route_handler.parsed_fn_signature.parameters.values():
        named = parameter.kwarg_definition
        if key in {parameter.name, named.name if isinstance(named, ParameterKwarg) else None}:
            kinds = (parameter.annotation, *(inner.annotation for inner in parameter.inner_types))
            return [
                word.value for kind in kinds if isinstance(kind, type) and issubclass(kind, StrEnum) for word in kind
            ]
    return []


def _on_the_wire(request: AnyRequest, key: str) -> str:
    """Name a parameter as the caller knows it."""
    parameter = request.route_handler.parsed_fn_signature.parameters.get(key)
    named = parameter.kwarg_definition if parameter is not None else None
    return (named.name or key) if isinstance(named, ParameterKwarg) else key
