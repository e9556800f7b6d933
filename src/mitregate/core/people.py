"""People and programs: who is asking, and what they may do."""

import hashlib
import re
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from mitregate.core.errors import Forbidden
from mitregate.core.installations import Installation, JenkinsServer
from mitregate.core.scopes import Scope

__all__ = [
    "MAY",
    "App",
    "AppKind",
    "EarlierSecret",
    "Permission",
    "Principal",
    "Role",
    "Scope",
    "Token",
    "TokenKind",
    "User",
    "fingerprint",
    "is_callback",
]


def fingerprint(secret: str) -> str:
    """Give the SHA-256 of a secret in hex, which is all that is kept of it.

    A plain hash is enough: the secrets are ours, 256 bits of chance, and no dictionary holds them.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


class Permission(StrEnum):
    """What a person may do."""

    VIEW = "view"
    DECIDE = "decide"
    PLAN = "plan"
    OVERRIDE = "override"
    OPERATE = "operate"
    AUDIT = "audit"
    ADMINISTER = "administer"


class Role(StrEnum):
    """What a person is here."""

    ADMIN = "admin"
    CHANGE_MANAGER = "change_manager"
    APPROVER = "approver"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    VIEWER = "viewer"


MAY: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.CHANGE_MANAGER: frozenset({Permission.VIEW, Permission.DECIDE, Permission.PLAN, Permission.OVERRIDE}),
    Role.APPROVER: frozenset({Permission.VIEW, Permission.DECIDE}),
    Role.OPERATOR: frozenset({Permission.VIEW, Permission.OPERATE}),
    Role.AUDITOR: frozenset({Permission.VIEW, Permission.AUDIT}),
    Role.VIEWER: frozenset({Permission.VIEW}),
}


class AppKind(StrEnum):
    """How an app proves who it is, and how it is told verdicts."""

    OAUTH = "oauth"
    CONNECT = "connect"
    JENKINS = "jenkins"


def is_callback(url: str) -> bool:
    """Tell whether *url* is one that verdicts can be told to: http or https, and without a user in it."""
    scheme, _, rest = url.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    is_plain = url.isprintable() and " " not in url
    return scheme in {"http", "https"} and bool(host.strip(":")) and "@" not in host and is_plain


class EarlierSecret(Struct, frozen=True, kw_only=True):
    """A client secret that was replaced and is still good: until an instant, that one included, or until it is ended.

    `hash` is its SHA-256.
    """

    hash: str
    until: datetime | None = None

    def is_good(self, now: datetime) -> bool:
        """Tell whether it still proves its app at *now*."""
        return self.until is None or now <= self.until


class App(Struct, frozen=True, kw_only=True):
    """A client that submits deployments.

    `secret_hash` is the SHA-256 of its client secret, empty where it has none, `earlier_secrets` are those before it,
    the newest first, and `signing_secret` the sealed secret that signs its callbacks. At most one of `connect` and
    `jenkins` is set.
    """

    id: str
    name: str
    client_id: str
    secret_hash: str = ""
    earlier_secrets: tuple[EarlierSecret, ...] = ()
    scopes: frozenset[Scope]
    callback_url: str | None = None
    signing_secret: str | None = None
    connect: Installation | None = None
    jenkins: JenkinsServer | None = None
    created_at: datetime

    @property
    def kind(self) -> AppKind:
        """How the app proves who it is, and how it is told verdicts."""
        if self.connect is not None:
            return AppKind.CONNECT
        return AppKind.JENKINS if self.jenkins is not None else AppKind.OAUTH

    @property
    def handle(self) -> str | None:
        """What the app calls itself on the wire, where it does: its Connect app key, or its Jenkins' uuid."""
        if self.connect is not None:
            return self.connect.descriptor.key
        return self.jenkins.server_uuid if self.jenkins is not None else None

    @property
    def sealed(self) -> tuple[str, ...]:
        """All its secrets that are sealed."""
        connect, jenkins = self.connect, self.jenkins
        secrets = (
            self.signing_secret,
            *((connect.shared_secret, *connect.offered_secrets) if connect is not None else ()),
            *((jenkins.secret, *jenkins.earlier_secrets) if jenkins is not None else ()),
        )
        return tuple(secret for secret in secrets if secret is not None)


class User(Struct, frozen=True, kw_only=True):
    """A person."""

    id: str
    name: str
    role: Role
    created_at: datetime


class TokenKind(StrEnum):
    """What a token is good for."""

    ACCESS = "access"
    API = "api"
    SESSION = "session"
    SETUP = "setup"
    FEED = "feed"


class Token(Struct, frozen=True, kw_only=True):
    """A secret that proves who is asking; only its SHA-256 is kept.

    Exactly one of `app_id` and `user_id` is set, or neither for a set-up token.
    """

    id: str
    hash: str
    kind: TokenKind
    app_id: str | None = None
    user_id: str | None = None
    label: str = ""
    created_at: datetime
    expires_at: datetime | None = None


class Principal(Struct, frozen=True, kw_only=True):
    """Who is asking, proved: a person or an app.

    `name` is what the audit log shows, `origin` where the request came from. An app has `app_id` and `scopes`, a person
    has `permissions`.
    """

    name: str
    origin: str = ""
    app_id: str | None = None
    user_id: str | None = None
    scopes: frozenset[Scope] = frozenset()
    permissions: frozenset[Permission] = frozenset()

    def require(self, permission: Permission) -> None:
        """Refuse whoever has no *permission*.

        Raises:
            Forbidden: the principal lacks it.
        """
        if permission not in self.permissions:
            message = f"{self.name} may not do this: it needs the permission {permission.value!r}."
            raise Forbidden(message)

    def require_scope(self, scope: Scope) -> str:
        """Refuse whoever is not an app with *scope*.

        Returns:
            The id of the app.

        Raises:
            Forbidden: the principal is not an app, or lacks the scope.
        """
        if self.app_id is None or scope not in self.scopes:
            message = f"{self.name} lacks the scope {scope.value!r}."
            raise Forbidden(message)
        return self.app_id
