"""Prove: who is asking, by what a request carries: a token, client credentials, or a Connect app's signature."""

import hmac
from collections.abc import Collection
from datetime import datetime
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.errors import Forbidden, Unproven
from mitregate.core.installations import Installation, Module
from mitregate.core.people import MAY, App, AppKind, Permission, Principal, Token, TokenKind, User, fingerprint
from mitregate.ports import Ports, UnitOfWork
from mitregate.wire import connect_jwt
from mitregate.wire.connect_hash import accepted_hashes


class SignedRequest(Struct, frozen=True, kw_only=True):
    """A request that a Connect app says it has signed: the token, and as it came over the wire what that is tied to."""

    token: str
    method: str
    raw_path: bytes
    query_string: bytes


class AppProof(Struct, frozen=True, kw_only=True):
    """An app, proved; `offered` is the sealed secret that proved it, if that was one of its `offered_secrets`."""

    principal: Principal
    offered: str | None = None


def prove(uow: UnitOfWork, secret: str, now: datetime, origin: str = "") -> Principal:
    """Say who holds the token *secret*.

    Raises:
        Unproven: the token is unknown, expired, or good for something else.
    """
    token, holder = _holder(uow, secret)
    if token.kind in {TokenKind.SETUP, TokenKind.FEED}:
        message = "The token is not valid here."
        raise Unproven(message)
    return _proved(token, holder, now, origin)


def prove_link(uow: UnitOfWork, secret: str, now: datetime, origin: str = "") -> Principal:
    """Say who made the calendar's link with that *secret*; whoever asks by it may view, and do nothing else.

    Raises:
        Unproven: the link is not valid, or not any more; or this is a token that is good for more, which must not stand
            in addresses.
    """
    token, holder = _holder(uow, secret)
    if token.kind is not TokenKind.FEED:
        message = "This is not the token of a calendar's link."
        raise Unproven(message, advice="`mitregate calendar link` makes a link; send other tokens in Authorization.")
    person = _proved(token, holder, now, origin)
    return replace(person, permissions=person.permissions & {Permission.VIEW})


def _holder(uow: UnitOfWork, secret: str) -> tuple[Token, App | User | None]:
    found = uow.people.holder(fingerprint(secret))
    if found is None:
        message = "The token is not valid here."
        raise Unproven(message)
    return found


def _proved(token: Token, holder: App | User | None, now: datetime, origin: str) -> Principal:
    if token.expires_at is not None and token.expires_at <= now:
        message = f"The token expired at {token.expires_at:%Y-%m-%d %H:%M:%S} UTC."
        raise Unproven(message, advice="Get a new one: apps from /oauth/token, people by signing in again.")
    match holder:
        case App():
            return _principal(holder, origin)
        case User():
            return Principal(name=holder.name, origin=origin, user_id=holder.id, permissions=MAY[holder.role])
        case None:
            message = "The token's owner does not exist any more."
            raise Unproven(message)


def prove_client(
    uow: UnitOfWork, client_id: str, client_secret: str, now: datetime, origin: str = ""
) -> tuple[App, Principal]:
    """Say which app has these client credentials; the secret may be an earlier one that is still good.

    Raises:
        Unproven: the client id or the secret is wrong.
    """
    app = uow.apps.by_client(client_id)
    expected = [app.secret_hash] if app is not None else [fingerprint("")]
    expected += [secret.hash for secret in app.earlier_secrets if secret.is_good(now)] if app is not None else []
    given = fingerprint(client_secret)
    if not any([hmac.compare_digest(one, given) for one in expected]) or app is None:  # noqa: C419 - all in equal time
        message = "The client id or the client secret is wrong."
        raise Unproven(message, advice="Use the pair that `mitregate app add` printed.")
    return app, _principal(app, origin)


def prove_signature(uow: UnitOfWork, request: SignedRequest, ports: Ports, origin: str = "") -> AppProof:
    """Say which Connect app signed a request, and that it may submit deployments at all.

    Raises:
        Unproven: the token does not prove it; the message says why.
        Forbidden: it does, but the app is disabled, or does not say that it submits deployments.
        Malformed: path or query cannot be hashed.
    """
    key = connect_jwt.read_issuer(request.token)
    app = uow.apps.by_handle(AppKind.CONNECT, key)
    if app is None or app.connect is None:
        message = f"No Connect app with the key {key!r} is installed here."
        raise Unproven(message, advice="Install it with `mitregate app install`; the claim `iss` must be its key.")
    hashes = accepted_hashes(request.method, request.raw_path, request.query_string, urlsplit(ports.base_url).path)
    shared, offered = app.connect.shared_secret, app.connect.offered_secrets
    secrets = {sealed: ports.unseal(sealed) for sealed in (shared, *offered) if sealed is not None}
    now = ports.now()
    connect_jwt.verify(request.token, list(secrets.values()), now=now, hashes=hashes)
    _admit(app, app.connect)
    taken = (sealed for sealed in offered if _is_proved_by(secrets[sealed], request.token, now, hashes))
    return AppProof(principal=_principal(app, origin), offered=next(taken, None))


def _is_proved_by(secret: str, token: str, now: datetime, hashes: Collection[str]) -> bool:
    try:
        connect_jwt.verify(token, [secret], now=now, hashes=hashes)
    except Unproven:
        return False
    return True


def _admit(app: App, installation: Installation) -> None:
    if installation.shared_secret is None:
        message = f"The installation of the app {app.name!r} has not come to its end."
        raise Forbidden(message, advice="Install it again with `mitregate app install`.")
    if not installation.is_enabled:
        message = f"The app {app.name!r} is disabled."
        raise Forbidden(message, advice="An administrator enables it with `mitregate app enable`.")
    if Module.DEPLOYMENT_INFO not in installation.descriptor.modules:
        message = f"The app {app.name!r} does not declare the module {Module.DEPLOYMENT_INFO.value!r}."
        raise Forbidden(message, advice="Declare it in the app's descriptor, then install the app again.")


def _principal(app: App, origin: str) -> Principal:
    return Principal(name=app.name, origin=origin, app_id=app.id, scopes=app.scopes)
