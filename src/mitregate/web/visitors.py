"""Visitors: who looks at a page, and what keeps others from sending forms in their name.

Every form carries a token that only a page of ours could have put there: an HMAC under the session's secret, or before
signing in under the secret of a cookie for the visit. A form from another origin is refused whatever it carries.
"""

import hashlib
import hmac
from typing import Any

from litestar.connection import ASGIConnection, Request
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import SkipValidation
from msgspec import Struct

from mitregate.core.errors import Forbidden, Unproven
from mitregate.core.people import Permission, Principal
from mitregate.flows.admit import SESSION_LIFE
from mitregate.web.auth import SESSION_COOKIE, cookie, header, identify, session
from mitregate.web.office import Office

VISIT_COOKIE = "mitregate_visit"
"""The cookie of somebody who has not signed in yet."""

FORM_TOKEN = "form_token"  # noqa: S105 - the name of a field
"""The field of every form that carries its token."""


class Visitor(Struct, frozen=True, kw_only=True):
    """Who looks at a page; `form_token` goes into every form."""

    principal: Principal
    form_token: str

    @property
    def may_decide(self) -> bool:
        """Whether the visitor approves and declines."""
        return Permission.DECIDE in self.principal.permissions

    @property
    def may_plan(self) -> bool:
        """Whether the visitor plans and moves changes."""
        return Permission.PLAN in self.principal.permissions

    @property
    def may_operate(self) -> bool:
        """Whether the visitor retries deliveries."""
        return Permission.OPERATE in self.principal.permissions

    @property
    def may_audit(self) -> bool:
        """Whether the visitor reads the audit log."""
        return Permission.AUDIT in self.principal.permissions


Guest = NamedDependency[SkipValidation[Visitor]]
"""The visitor, put into a page's route."""


async def visitor_of(office: Office, request: Request[Any, Any, Any]) -> Visitor:
    """Say who looks at a page.

    Raises:
        Unproven: nobody who is signed in.
    """
    secret = session(request.scope)
    if not secret:
        raise Unproven
    principal = await identify(office, request.scope, with_cookie=True)
    return Visitor(principal=principal, form_token=token_for(secret))


def token_for(secret: str) -> str:
    """Make the token that the forms of a session or a visit carry."""
    return hmac.new(secret.encode(), b"mitregate form", hashlib.sha256).hexdigest()


async def refuse_forgery(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Refuse a form that did not come from a page of ours.

    Raises:
        Forbidden: it is from another origin, or its token is missing or wrong.
    """
    if connection.scope.get("method") not in {"POST", "PUT", "DELETE", "PATCH"}:
        return
    office: Office = connection.app.state.office
    if not _is_from_here(connection.scope, office.ports.base_url):
        message = "This form was sent from another site."
        raise Forbidden(message, advice="Go to the page here and send its form.")
    request: Request[Any, Any, Any] = Request(connection.scope, connection.receive, connection.send)
    sent = (await request.form()).get(FORM_TOKEN)
    secret = visit_secret(connection.scope)
    expected = token_for(secret) if secret is not None else ""
    is_ours = isinstance(sent, str) and hmac.compare_digest(sent.encode(), expected.encode())
    if not expected or not is_ours:
        message = "This form is not from a page that was shown to you, or you have signed in or out since."
        raise Forbidden(message, advice="Load the page again, then send the form once more.")


def visit_secret(scope: Any) -> str | None:
    """Read the secret that forms are bound to: the session's, or before signing in the visit's."""
    if secret := session(scope):
        return secret
    return cookie(scope, VISIT_COOKIE) or None


def visit_cookie(office: Office, secret: str) -> Cookie:
    """Make the cookie of a visit, which ends with the browser."""
    return _cookie(office, VISIT_COOKIE, secret, None)


def session_cookie(office: Office, secret: str) -> Cookie:
    """Make the cookie of a session."""
    return _cookie(office, SESSION_COOKIE, secret, round(SESSION_LIFE.total_seconds()))


def no_session_cookie(office: Office) -> Cookie:
    """Make the cookie that ends a session."""
    return _cookie(office, SESSION_COOKIE, "", 0)


def _cookie(office: Office, name: str, value: str, max_age: int | None) -> Cookie:
    return Cookie(
        key=name,
        value=value,
        max_age=max_age,
        httponly=True,
        samesite="strict",
        secure=office.ports.base_url.startswith("https://"),
        path=office.base_path or "/",
    )


def _is_from_here(scope: Any, base_url: str) -> bool:
    if header(scope, b"sec-fetch-site") not in {"", "same-origin", "none"}:
        return False
    origin = header(scope, b"origin")
    host = header(scope, b"host")
    # A proxy may speak https where we hear http, so the scheme of the host we were called by is not compared.
    ours = {"/".join(base_url.split("/")[:3]), f"http://{host}", f"https://{host}"}
    return not origin or origin in ours
