"""The native door: the API of version 1 under `/api/v1`, its documentation, and the pages."""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from litestar import Litestar, Router
from litestar.connection import ASGIConnection, Request
from litestar.datastructures import MutableScopeHeaders, State
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.static_files import create_static_files_router
from litestar.types import Message, Scope

from mitregate.core.people import Principal
from mitregate.web import api_calendar_link, api_server, pages, pages_session, plain, reference
from mitregate.web.auth import identify
from mitregate.web.office import Office
from mitregate.web.outcry import COMPLAINTS
from mitregate.web.rendering import HERE, make_template_config
from mitregate.web.routes import make_api
from mitregate.web.throttle import Throttle
from mitregate.web.visitors import Visitor, refuse_forgery, visitor_of

BODY_LIMIT = 1024 * 1024
"""Bytes in a body, at most."""

FILE = re.compile(r"/static/[A-Za-z0-9_-][A-Za-z0-9._-]{0,60}")
"""What the path of a static file looks like."""

TYPED = re.compile(r":[a-z]+\}")
"""How a parameter ends in the path of a route, but not in the path that the framework gives with a request."""

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Headers of every reply. With `no-referrer` browsers would call the origin of our own forms `null`."""


HSTS = "max-age=31536000"
"""For a year browsers ask for this host by https alone, if that is how people reach it (RFC 6797)."""


def make_native(office: Office) -> Litestar:
    """Make the app that answers for *office* with the native API and the pages."""
    throttle = Throttle(office.ports.now)
    return Litestar(
        [
            make_api(),
            *api_calendar_link.AT_THE_ROOT,
            *api_server.PROBES,
            *reference.ROUTES,
            _make_pages(),
            _make_static(),
        ],
        dependencies={
            "office": Provide(lambda: office, sync_to_thread=False),
            "principal": Provide(_prove),
            "visitor": Provide(_visit),
            "guesses": Provide(lambda: throttle, sync_to_thread=False),
        },
        state=State({"office": office}),
        exception_handlers=COMPLAINTS,
        template_config=make_template_config(office.base_path),
        request_max_body_size=BODY_LIMIT,
        before_send=[_finish(office)],
        # The office logs by itself, and the document is made by `reference`, without the framework's own pages.
        logging_config=None,
        openapi_config=None,
    )


def _make_pages() -> Router:
    return Router(
        "/",
        route_handlers=[*pages.ROUTES, *pages_session.ROUTES],
        guards=[refuse_forgery],
        include_in_schema=False,
    )


def _make_static() -> Router:
    return create_static_files_router(
        "/static", directories=[HERE / "static"], include_in_schema=False, guards=[_refuse_odd_names]
    )


def _refuse_odd_names(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Refuse what no file of ours is called, before the system is asked for it: it fails over NUL and long names."""
    if not FILE.fullmatch(connection.scope["path"]):
        raise NotFoundException


async def _prove(request: Request[Any, Any, State]) -> Principal:
    return await identify(request.app.state.office, request.scope)


async def _visit(request: Request[Any, Any, State]) -> Visitor:
    return await visitor_of(request.app.state.office, request)


def _methods(scope: Scope) -> Iterable[str]:
    """List the methods of a path that was asked for them: the framework names those of its first handler alone."""
    if scope.get("method") != "OPTIONS":
        return ()
    known = scope["litestar_app"].route_handler_method_map.items()
    return next((methods for path, methods in known if TYPED.sub("}", path) == scope["path_template"]), ())


def _has_host_for_itself(base_url: str) -> bool:
    """Tell whether people reach the server over https on the usual port.

    What HSTS says of a host holds for all its ports, on which there may be something else that speaks plain HTTP.
    """
    parts = urlsplit(base_url)
    return parts.scheme == "https" and parts.port in {None, 443}


def _finish(office: Office) -> Callable[[Message, Scope], Awaitable[None]]:
    """Make what puts the last touches to every reply: headers, and links as they are seen from outside."""

    async def finish(message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        headers = MutableScopeHeaders.from_message(message)
        for name, value in HEADERS.items():
            headers[name] = value
        if _has_host_for_itself(office.ports.base_url):
            headers["strict-transport-security"] = HSTS
        if "allow" in headers:
            headers["allow"] = plain.allow(_methods(scope) or headers["allow"].split(", "))
        if headers.get("location", "").startswith("/"):
            headers["location"] = office.base_path + headers["location"]
        if not scope["path"].startswith("/static/") and "cache-control" not in headers:
            headers["cache-control"] = "no-store"

    return finish
