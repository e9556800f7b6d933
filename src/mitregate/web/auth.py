"""Who is asking: a bearer token, a session cookie, or the CLI in this very process."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from mitregate.core.errors import Unproven
from mitregate.core.people import Principal
from mitregate.flows.prove import prove
from mitregate.ports import UnitOfWork
from mitregate.web.office import Office

T = TypeVar("T")

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
    return await office.store.read(_proof(office, scope, with_cookie=with_cookie))


async def enter(office: Office, scope: Mapping[str, Any], ask: Callable[[UnitOfWork, Principal], T]) -> T:
    """Prove who sends the request of *scope*, and read what it asks for, in one go; raises as `identify` does."""
    proof = _proof(office, scope)
    return await office.store.read(lambda uow: ask(uow, proof(uow)))


def _proof(office: Office, scope: Mapping[str, Any], *, with_cookie: bool = False) -> Callable[[UnitOfWork], Principal]:
    if PRINCIPAL_KEY in scope:
        local: Principal = scope[PRINCIPAL_KEY]
        return lambda _: local
    secret = _bearer(scope) or (session(scope) if with_cookie else None)
    if secret is None:
        message = "No token was sent."
        raise Unproven(message, advice=ADVICE)
    return lambda uow: prove(uow, secret, office.ports.now(), origin_of(scope))


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


def _bearer(scope: Mapping[str, Any]) -> str | None:
    value = header(scope, b"authorization")
    if not value:
        return None
    scheme, _, token = value.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        message = f"The authorization scheme {scheme[:20]!r} is not accepted here."
        raise Unproven(message, advice=ADVICE)
    return token.strip()
