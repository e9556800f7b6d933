"""Views of those who may enter: apps, users, tokens, and the server itself."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import asdict

from mitregate.core.people import App, AppKind, Permission, Role, Scope, Token, TokenKind, User
from mitregate.flows import admit
from mitregate.flows.amend import Amended
from mitregate.flows.deliver import address_of
from mitregate.web.connect_views import ConnectOut, ToldOut, connect_out, told_out
from mitregate.web.installing import Handled
from mitregate.web.jenkins_views import JenkinsOut, jenkins_out
from mitregate.web.views import View, given

Once = Annotated[str, Meta(description="Shown this once and never again.")]


class AboutOut(View, frozen=True, kw_only=True):
    """What the server says of itself."""

    version: str
    cloud_id: Annotated[str, Meta(description="The cloud id that Jira's clients ask for.")]
    base_url: Annotated[str, Meta(description="The address at which people and tools reach this server.")]
    database: Annotated[str, Meta(description="`sqlite` or `postgresql`.")]
    time: Annotated[datetime, Meta(description="The server's clock.")]


class Health(View, frozen=True, kw_only=True):
    """That the server is well."""

    status: str


class MeOut(View, frozen=True, kw_only=True):
    """Who is asking."""

    name: str
    kind: Annotated[str, Meta(description="`user`, `app`, or `local` for whoever works on the database itself.")]
    role: Role | UnsetType = UNSET
    permissions: tuple[Permission, ...]
    scopes: tuple[Scope, ...]


class EarlierSecretOut(View, frozen=True, kw_only=True):
    """A client secret that was replaced."""

    until: Annotated[datetime, Meta(description="The last instant; missing if it is good until it is ended.")] | (
        UnsetType
    ) = UNSET


class AppOut(View, frozen=True, kw_only=True):
    """An app that submits deployments."""

    id: str
    name: str
    kind: Annotated[AppKind, Meta(description="How it proves who it is, and how it is told verdicts.")]
    client_id: Annotated[str, Meta(description="What it gets access tokens with, if it does.")] | UnsetType = UNSET
    scopes: tuple[Scope, ...]
    callback_url: str | UnsetType = UNSET
    earlier_secrets: (
        Annotated[tuple[EarlierSecretOut, ...], Meta(description="Client secrets before its newest.")] | UnsetType
    ) = UNSET
    connect: Annotated[ConnectOut, Meta(description="What there is to a Connect app besides.")] | UnsetType = UNSET
    jenkins: Annotated[JenkinsOut, Meta(description="What there is to a Jenkins server besides.")] | UnsetType = UNSET
    created_at: datetime


class ChangedAppOut(AppOut, frozen=True, kw_only=True):
    """An app as it is now."""

    signing_secret: (
        Annotated[str, Meta(description="Signs its callbacks, if it has its first one; shown this once.")] | UnsetType
    ) = UNSET


class HandledAppOut(AppOut, frozen=True, kw_only=True):
    """A Connect app, and what it answered when it was told what happened to it."""

    told: tuple[ToldOut, ...]


class NewAppOut(AppOut, frozen=True, kw_only=True):
    """An app just added, with its secrets."""

    client_secret: Once
    signing_secret: Annotated[str, Meta(description="Signs its callbacks; shown this once.")] | UnsetType = UNSET
    cloud_id: str


class AppList(View, frozen=True, kw_only=True):
    """All apps, by name."""

    items: tuple[AppOut, ...]


class UserOut(View, frozen=True, kw_only=True):
    """A person."""

    id: str
    name: str
    role: Role
    created_at: datetime


class UserList(View, frozen=True, kw_only=True):
    """All users, by name."""

    items: tuple[UserOut, ...]


class TokenOut(View, frozen=True, kw_only=True):
    """A token, without its secret."""

    id: str
    label: str
    kind: Annotated[
        TokenKind,
        Meta(description="`api` for programs and the CLI, `session` for the pages, `feed` for the calendar alone."),
    ]
    user_id: str
    created_at: datetime
    expires_at: datetime | UnsetType = UNSET


class TokenList(View, frozen=True, kw_only=True):
    """A user's tokens, newest first."""

    items: tuple[TokenOut, ...]


class NewTokenOut(View, frozen=True, kw_only=True):
    """A token just made."""

    id: str
    label: str
    token: Once
    expires_at: datetime | UnsetType = UNSET


class SetUpOut(View, frozen=True, kw_only=True):
    """The first user, with an API token."""

    user: UserOut
    token: Once


def app_out(app: App) -> AppOut:
    """Show an app."""
    return AppOut(
        id=app.id,
        name=app.name,
        kind=app.kind,
        client_id=given(app.client_id if app.secret_hash else None),
        scopes=tuple(sorted(app.scopes)),
        callback_url=given(address_of(app)),
        earlier_secrets=tuple(EarlierSecretOut(until=given(one.until)) for one in app.earlier_secrets) or UNSET,
        connect=given(connect_out(app.connect) if app.connect is not None else None),
        jenkins=given(jenkins_out(app.jenkins) if app.jenkins is not None else None),
        created_at=app.created_at,
    )


def changed_app_out(amended: Amended) -> ChangedAppOut:
    """Show an app that was changed, this once with a new signing secret."""
    return ChangedAppOut(**asdict(app_out(amended.app)), signing_secret=given(amended.signing_secret))


def handled_app_out(handled: Handled) -> HandledAppOut:
    """Show a Connect app with what it was told."""
    return HandledAppOut(**asdict(app_out(handled.app)), told=tuple(told_out(told) for told in handled.told))


def new_app_out(made: admit.NewApp) -> NewAppOut:
    """Show an app just added, this once with its secrets."""
    return NewAppOut(
        **asdict(app_out(made.app)),
        client_secret=made.client_secret,
        signing_secret=given(made.signing_secret),
        cloud_id=made.cloud_id,
    )


def user_out(user: User) -> UserOut:
    """Show a user."""
    return UserOut(id=user.id, name=user.name, role=user.role, created_at=user.created_at)


def token_out(token: Token) -> TokenOut:
    """Show a token, without its secret, of which nothing is kept."""
    return TokenOut(
        id=token.id,
        label=token.label,
        kind=token.kind,
        user_id=token.user_id or "",
        created_at=token.created_at,
        expires_at=given(token.expires_at),
    )


def new_token_out(made: admit.NewToken) -> NewTokenOut:
    """Show a token just made, this once with its secret."""
    token = made.token
    return NewTokenOut(id=token.id, label=token.label, token=made.secret, expires_at=given(token.expires_at))
