"""Who is asking: a bearer token, a session cookie, or the CLI in this very process."""

import base64
from collections.abc import Mapping
from typing import Any

from mitregate.core.errors import Unproven
from mitregate.core.people import Principal
from mitregate.flows.prove import prove
from mitregate.web.office import Office

PRINCIPAL_KEY = "mitregate.principal"
"""Where a caller inside this process puts who it is, in the ASGI scope; nothing from the network gets there."""

SESSION_COOKIE = "mitregate_session"
"""The cookie that carries a person's session."""

ADVICE = "Send a token in the Authorization header, as `Bearer <token>`."


async def identify(office: Office, scope: Mapping[str, Any], *, with_cookie: bool = False) -> Principal:
    """Prove who sends the request of *scope*.

    Args:
        office: where tokens are known.
        scope: the ASGI scope of the request.
        with_cookie: whether the session cookie counts as well; for pages only, whose forms carry a token of their own.

    Raises:
        Unproven: there is no token, it is of another kind (Basic), or it is not valid.
    """
    if PRINCIPAL_KEY in scope:
        local: Principal = scope[PRINCIPAL_KEY]
        return local
    secret = _bearer(scope) or (session(scope) if with_cookie else None)
    if secret is None:
        message = "No token was sent."
        raise Unproven(message, advice=ADVICE)
    return await office.read(prove, secret, office.ports.now(), origin_of(scope))


def session(scope: Mapping[str, Any]) -> str | None:
    """Read the session token out of the request's cookies."""
    return cookie(scope, SESSION_COOKIE)


def cookie(scope: Mapping[str, Any], name: str) -> str | None:
    """Read one cookie of a request; ours hold nothing that needs quoting.

    Not by `http.cookies`: before Python 3.12.6 a header full of backslashes keeps that busy for seconds
    (https://nvd.nist.gov/vuln/detail/CVE-2024-7592).
    """
    pairs = (pair.partition("=") for pair in header(scope, b"cookie").split(";"))
    return next((value.strip() for key, _, value in pairs if key.strip() == name), None)


def origin_of(scope: Mapping[str, Any]) -> str:
    """Name the address that a request came from."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def header(scope: Mapping[str, Any], name: bytes) -> str:
    """Read one header of a request; empty if it was not sent."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def authorization(scope: Mapping[str, Any]) -> tuple[str, str]:
    """Read the scheme and the credentials of the header Authorization; both are empty if it was not sent."""
    scheme, _, credentials = header(scope, b"authorization").partition(" ")
    return scheme, credentials.strip()


def basic(credentials: str) -> tuple[str, str] | None:
    """Read name and password out of the credentials of the scheme Basic (RFC 7617); None if they are none."""
    try:
        name, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (name, password) if colon else None


def unaccepted(scheme: str, advice: str) -> Unproven:
    """Say that credentials of that scheme prove nothing here."""
    return Unproven(f"The authorization scheme {scheme[:20]!r} is not accepted here.", advice=advice)


def _bearer(scope: Mapping[str, Any]) -> str | None:
    scheme, token = authorization(scope)
    if not scheme and not token:
        return None
    if scheme.lower() != "bearer" or not token:
        raise unaccepted(scheme, ADVICE)
    return token
