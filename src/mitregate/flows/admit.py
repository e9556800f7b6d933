"""Admit: who may enter, and with what. Apps, users, tokens, and the first set-up of an installation."""

import base64
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.audit import Action
from mitregate.core.errors import Forbidden, Malformed, Stale, Unknown, Unproven
from mitregate.core.people import (
    App,
    Permission,
    Principal,
    Role,
    Scope,
    Token,
    TokenKind,
    User,
    fingerprint,
    is_callback,
)
from mitregate.flows.act import Act
from mitregate.flows.prove import prove, prove_client
from mitregate.ports import UnitOfWork

ACCESS_LIFE = timedelta(hours=1)
"""How long an OAuth access token is good for (as Atlassian's)."""

SESSION_LIFE = timedelta(hours=12)
"""How long a person stays signed in to the pages."""

NAME_LIMIT = 100
"""Characters in the name of an app, a user or a token, at most."""

PREFIX = {
    TokenKind.ACCESS: "mga_",
    TokenKind.API: "mgt_",
    TokenKind.SESSION: "mgs_",
    TokenKind.SETUP: "mgsetup_",
    TokenKind.FEED: "mgf_",
}
"""What each kind of token begins with, so that a leaked one can be recognized."""

CLOUD_ID = "cloud_id"


class NewApp(Struct, frozen=True, kw_only=True):
    """An app just added, with the secrets that are never shown again."""

    app: App
    client_secret: str
    signing_secret: str | None
    cloud_id: str


class NewToken(Struct, frozen=True, kw_only=True):
    """A token just made, with the secret that is never shown again."""

    token: Token
    secret: str


class Installation(Struct, frozen=True, kw_only=True):
    """What an installation is known by; `setup_token` as long as it has no user."""

    cloud_id: str
    setup_token: str | None


def settle_in(act: Act, *, offer_setup: bool) -> Installation:
    """Make sure that an installation has its cloud id, and if wanted a one-time set-up token while it has no user.

    A set-up token offered earlier and never used is no longer good.
    """
    cloud_id = act.uow.meta(CLOUD_ID)
    if cloud_id is None:
        cloud_id = act.ports.new_id()
        act.uow.set_meta(CLOUD_ID, cloud_id)
    if not offer_setup or act.uow.people.users():
        return Installation(cloud_id=cloud_id, setup_token=None)
    made = _make_token(act, TokenKind.SETUP)
    previous = act.uow.meta("setup_token_id")
    if previous is not None:
        act.uow.people.remove_token(previous)
    act.uow.people.add_token(made.token)
    act.uow.set_meta("setup_token_id", made.token.id)
    return Installation(cloud_id=cloud_id, setup_token=made.secret)


def set_up(act: Act, secret: str, name: str) -> tuple[User, NewToken]:
    """Make the first user, an administrator, with an API token, in exchange for the set-up token.

    Raises:
        Unproven: the set-up token is wrong or was used already.
        Malformed: the name is empty or too long.
    """
    token = act.uow.people.token(fingerprint(secret))
    is_offered = token is not None and token.kind is TokenKind.SETUP and not act.uow.people.users()
    # Whoever comes second, in another process, finds it offered still, and waits here for the first.
    if token is None or not is_offered or not act.uow.people.remove_token(token.id):
        message = "This set-up token is not valid, or was used already."
        advice = "The server prints the token when it starts and has no user yet; once it has one, use an API token."
        raise Unproven(message, advice=advice)
    first = Principal(name=_checked(name), origin=act.principal.origin, permissions=frozenset(Permission))
    act = replace(act, principal=first)
    user = add_user(act, name, Role.ADMIN)
    return user, add_token(act, user.id, "first token")


def grant_access(act: Act, client_id: str, client_secret: str) -> tuple[App, NewToken]:
    """Exchange an app's client credentials for an access token (OAuth 2.0, RFC 6749 §4.4).

    Raises:
        Unproven: the client id or the secret is wrong.
    """
    app, _ = prove_client(act.uow, client_id, client_secret, act.now)
    made = _make_token(act, TokenKind.ACCESS, ACCESS_LIFE)
    made = replace(made, token=replace(made.token, app_id=app.id))
    act.uow.people.add_token(made.token)
    return app, made


def add_app(act: Act, name: str, scopes: frozenset[Scope], callback_url: str | None) -> NewApp:
    """Add an app, with client credentials, and with a signing secret if it wants to be called back.

    Raises:
        Forbidden: the principal does not administer.
        Malformed: the name is empty or too long, there is no scope, or the callback is not an http(s) URL.
        Stale: there is an app of that name.
    """
    act.principal.require(Permission.ADMINISTER)
    name = _checked(name)
    check_scopes(scopes)
    if any(app.name == name for app in act.uow.apps.all()):
        message = f"There is an app named {name!r} already."
        raise Stale(message, advice="Choose another name, or remove that app first.")
    client_secret = act.ports.new_secret()
    signing_secret = new_signing_secret(act) if callback_url is not None else None
    app = App(
        id=act.ports.new_id(),
        name=name,
        client_id=act.ports.new_id(),
        secret_hash=fingerprint(client_secret),
        scopes=scopes,
        callback_url=checked_callback(callback_url) if callback_url is not None else None,
        signing_secret=act.ports.seal(signing_secret) if signing_secret is not None else None,
        created_at=act.now,
    )
    act.uow.apps.add(app)
    detail = {"name": name, "scopes": " ".join(sorted(scopes)), "callback": callback_url or ""}
    act.record(Action.APP_ADDED, app.id, detail)
    return NewApp(
        app=app,
        client_secret=client_secret,
        signing_secret=signing_secret,
        cloud_id=act.uow.meta(CLOUD_ID) or "",
    )


def add_user(act: Act, name: str, role: Role) -> User:
    """Add a user; refused as `add_app`."""
    act.principal.require(Permission.ADMINISTER)
    name = _checked(name)
    if any(user.name == name for user in act.uow.people.users()):
        message = f"There is a user named {name!r} already."
        raise Stale(message, advice="Choose another name.")
    user = User(id=act.ports.new_id(), name=name, role=role, created_at=act.now)
    act.uow.people.add_user(user)
    act.record(Action.USER_ADDED, user.id, {"name": name, "role": role.value})
    return user


def remove_user(act: Act, user_id: str) -> None:
    """Remove a user with all tokens; what the user decided stays on record.

    Raises:
        Forbidden: the principal does not administer, or would remove itself.
        Unknown: there is no such user.
    """
    act.principal.require(Permission.ADMINISTER)
    user = _user(act.uow, user_id)
    if user_id == act.principal.user_id:
        message = "Nobody can remove themselves."
        raise Forbidden(message, advice="Ask another administrator.")
    act.uow.people.remove_user(user_id)
    act.record(Action.USER_REMOVED, user_id, {"name": user.name})


def add_token(act: Act, user_id: str, label: str, life: timedelta | None = None) -> NewToken:
    """Make an API token for a user: for oneself, or for anybody as an administrator.

    Raises:
        Forbidden: the principal is somebody else and does not administer.
        Malformed: the label is too long.
        Unknown: there is no such user.
    """
    return _add_token(act, TokenKind.API, user_id, label or "token", life)


def add_link(act: Act, user_id: str, label: str, life: timedelta | None = None) -> NewToken:
    """Make a token that is good for reading the calendar and nothing else; refused as `add_token`."""
    return _add_token(act, TokenKind.FEED, user_id, label or "calendar", life)


def _add_token(act: Act, kind: TokenKind, user_id: str, label: str, life: timedelta | None) -> NewToken:
    if user_id != act.principal.user_id:
        act.principal.require(Permission.ADMINISTER)
    user = _user(act.uow, user_id)
    made = _make_token(act, kind, life)
    made = replace(made, token=replace(made.token, user_id=user_id, label=_checked(label)))
    act.uow.people.add_token(made.token)
    act.record(Action.TOKEN_ADDED, made.token.id, {"user": user.name, "label": label, "kind": kind.value})
    return made


def remove_token(act: Act, token_id: str) -> None:
    """Revoke a token: one's own, or anybody's as an administrator; with an API token all sessions of its user end.

    Whoever got hold of the token may have signed in with it.

    Raises:
        Unknown: there is no such token to be seen.
    """
    own = act.uow.people.tokens(act.principal.user_id) if act.principal.user_id is not None else []
    if token_id not in {token.id for token in own}:
        act.principal.require(Permission.ADMINISTER)
    owned = (token for user in act.uow.people.users() for token in act.uow.people.tokens(user.id))
    token = next((token for token in owned if token.id == token_id), None)
    if not act.uow.people.remove_token(token_id):
        message = f"There is no token {token_id!r}."
        raise Unknown(message, advice="`mitregate token list` shows the tokens of a user with their ids.")
    if token is not None and token.kind is TokenKind.API:
        _sign_out_everywhere(act.uow, token.user_id or "")
    act.record(Action.TOKEN_REMOVED, token_id, {})


def sign_in(act: Act, secret: str) -> tuple[Principal, NewToken]:
    """Begin a person's session on the pages, in exchange for an API token.

    Raises:
        Unproven: the token is not a person's API token, or is not valid any more.
    """
    principal = prove(act.uow, secret, act.now)
    token = act.uow.people.token(fingerprint(secret))
    if principal.user_id is None or token is None or token.kind is not TokenKind.API:
        message = "Only people can sign in, with an API token of theirs; this token is none."
        raise Unproven(message, advice="Use an API token of a user.")
    made = _make_token(act, TokenKind.SESSION, SESSION_LIFE)
    made = replace(made, token=replace(made.token, user_id=principal.user_id, label="page"))
    act.uow.people.add_token(made.token)
    return principal, made


def sign_out(uow: UnitOfWork, secret: str) -> None:
    """End the session that the token *secret* stands for, if there is one."""
    token = uow.people.token(fingerprint(secret))
    if token is not None and token.kind is TokenKind.SESSION:
        uow.people.remove_token(token.id)


def _sign_out_everywhere(uow: UnitOfWork, user_id: str) -> None:
    for token in uow.people.tokens(user_id):
        if token.kind is TokenKind.SESSION:
            uow.people.remove_token(token.id)


def purge(act: Act) -> int:
    """Forget expired tokens; say how many."""
    return act.uow.people.purge_tokens(act.now)


def _make_token(act: Act, kind: TokenKind, life: timedelta | None = None) -> NewToken:
    secret = PREFIX[kind] + act.ports.new_secret()
    token = Token(
        id=act.ports.new_id(),
        hash=fingerprint(secret),
        kind=kind,
        created_at=act.now,
        expires_at=act.now + life if life is not None else None,
    )
    return NewToken(token=token, secret=secret)


def _user(uow: UnitOfWork, user_id: str) -> User:
    user = uow.people.user(user_id)
    if user is None:
        message = f"There is no user {user_id!r}."
        raise Unknown(message, advice="`mitregate user list` shows the users with their ids.")
    return user


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        message = f"A name has 1 to {NAME_LIMIT} printable characters."
        raise Malformed(message)
    return name


def check_scopes(scopes: frozenset[Scope]) -> None:
    """Refuse an app that may do nothing, as `Malformed`."""
    if not scopes:
        message = "An app needs at least one scope."
        raise Malformed(message, advice=f"Scopes are: {', '.join(Scope)}.")


def checked_callback(url: str) -> str:
    """Refuse an address that verdicts cannot be told to, as `Malformed`."""
    if not is_callback(url):
        message = f"The callback {url!r} is not an http or https URL without a user in it."
        raise Malformed(message, advice="Give it as in https://ci.example.com/hooks/gate.")
    return url


def new_signing_secret(act: Act) -> str:
    """Make a secret in the form of the Standard Webhooks specification."""
    return "whsec_" + base64.b64encode(act.ports.new_secret().encode()).decode()
