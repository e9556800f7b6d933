"""Apps, users and tokens in the database."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from typing_extensions import override

from mitregate.core.errors import Stale
from mitregate.core.jobs import Streak
from mitregate.core.people import App, AppKind, Token, User
from mitregate.stores.ledger import Table
from mitregate.stores.rows import (
    Row,
    Values,
    app_of,
    body,
    instant,
    instant_if,
    moment,
    plain,
    token_of,
    user_of,
)


class RememberedTable(Table):
    """What is remembered from one flow to the next, until something of it changes."""

    @override
    def _write(self, query: Callable[..., Any], values: Mapping[str, object]) -> None:
        self._ledger.forget()
        super()._write(query, values)

    @override
    def _change(self, query: Callable[..., Any], values: Mapping[str, object]) -> bool:
        self._ledger.forget()
        return super()._change(query, values)


class AppTable(RememberedTable):
    """The apps that submit deployments."""

    def add(self, app: App) -> None:
        """Keep a new app; `Stale` if one of that name exists."""
        if not self._change(self._q.add_app, {**_values_of(app), **plain(created_at=instant(app.created_at))}):
            raise Stale(f"There is an app named {app.name!r} already.", advice="Choose another name.")

    def keep(self, app: App) -> None:
        """Keep an app in place of what it was; `Stale` if it is gone, or its name is another app's."""
        if not self._change(self._q.keep_app, _values_of(app)):
            message = f"The app {app.name!r} is gone, or there is another one of that name."
            raise Stale(message, advice="Look at the list of apps.")

    def get(self, app_id: str) -> App | None:
        """Read one app, as it was when this transaction first asked for it; anew, if it was disabled then.

        Whoever enables it tells it what was decided until then, so who decides after that must know.
        """
        if app_id not in self._ledger.apps or _is_disabled(self._ledger.apps[app_id]):
            row = self._q.app(self._connection, **plain(id=app_id))
            self._ledger.apps[app_id] = app_of(row) if row else None
        return self._ledger.apps[app_id]

    def lock(self, app_id: str) -> App | None:
        """Read one app to keep it otherwise: locked against other transactions where these run beside this one."""
        self._q.lock_app(self._connection, **plain(app_id=app_id))
        self._ledger.apps.pop(app_id, None)
        return self.get(app_id)

    def by_client(self, client_id: str) -> App | None:
        """Read the app with that OAuth client id."""
        row = self._q.app_by_client(self._connection, **plain(client_id=client_id))
        return app_of(row) if row else None

    def by_handle(self, kind: AppKind, handle: str) -> App | None:
        """Read the app that calls itself *handle*: a Connect app key, or the uuid of a Jenkins server."""
        found = self._ledger.handles.get((kind, handle))
        if found is None:
            row = self._q.app_by_handle(self._connection, **plain(kind=kind.value, handle=handle))
            found = app_of(row) if row else None
            if found is not None:
                self._ledger.handles[kind, handle] = found
        return found

    def all(self) -> list[App]:
        """Read all apps, by name."""
        return [app_of(row) for row in self._q.apps(self._connection)]

    def remove(self, app_id: str) -> None:
        """Forget an app with its tokens and deployments; its open jobs are withdrawn, its gates stay."""
        self._write(self._q.withdraw_jobs_of_app, plain(app_id=app_id, note="The app was removed."))
        self._write(self._q.remove_app, plain(id=app_id))


class PeopleTables(RememberedTable):
    """Users and tokens."""

    def add_user(self, user: User) -> None:
        """Keep a new user; `Stale` if one of that name exists."""
        values = plain(id=user.id, name=user.name, role=user.role.value, created_at=instant(user.created_at))
        if not self._change(self._q.add_user, values):
            raise Stale(f"There is a user named {user.name!r} already.", advice="Choose another name.")

    def user(self, user_id: str) -> User | None:
        """Read one user."""
        row = self._q.user(self._connection, **plain(id=user_id))
        return user_of(row) if row else None

    def users(self) -> list[User]:
        """Read all users, by name."""
        return [user_of(row) for row in self._q.users(self._connection)]

    def keep_user(self, user: User) -> None:
        """Keep a user in place of what it was, under the same name; `Stale` if it is gone."""
        if not self._change(self._q.keep_user, plain(id=user.id, role=user.role.value)):
            raise Stale(f"The user {user.name!r} is gone.", advice="Look at the list of users.")

    def remove_user(self, user_id: str) -> None:
        """Forget a user with all tokens."""
        self._write(self._q.remove_user, plain(id=user_id))

    def add_token(self, token: Token) -> None:
        """Keep a token."""
        values = plain(
            id=token.id,
            hash=token.hash,
            kind=token.kind.value,
            app_id=token.app_id,
            user_id=token.user_id,
            label=token.label,
            created_at=instant(token.created_at),
            expires_at=instant_if(token.expires_at),
        )
        self._write(self._q.add_token, values)

    def token(self, token_hash: str) -> Token | None:
        """Read the token with that hash, expired or not."""
        row = self._q.token(self._connection, **plain(hash=token_hash))
        return token_of(row) if row else None

    def holder(self, token_hash: str) -> tuple[Token, App | User | None] | None:
        """Read the token with that hash, expired or not, with the app or user that holds it."""
        found = self._ledger.holders.get(token_hash)
        if found is None:
            row = self._q.holder(self._connection, **plain(hash=token_hash))
            found = (token_of(row[:8]), _holder_of(row)) if row else None
            if found is not None:
                self._ledger.holders[token_hash] = found
        return found

    def tokens(self, user_id: str) -> list[Token]:
        """Read a user's API and session tokens, newest first."""
        return [token_of(row) for row in self._q.tokens_of_user(self._connection, **plain(user_id=user_id))]

    def remove_token(self, token_id: str) -> bool:
        """Forget a token; say whether it was there."""
        return self._change(self._q.remove_token, plain(id=token_id))

    def remove_tokens_of(self, app_id: str) -> None:
        """Forget all tokens of an app."""
        self._write(self._q.remove_tokens_of_app, plain(app_id=app_id))

    def purge_tokens(self, now: datetime) -> int:
        """Forget the tokens that expired before *now*; say how many."""
        purged = list(self._q.purge_tokens(self._connection, **plain(now=instant(now))))
        self._ledger.has_written |= bool(purged)
        return len(purged)


class HostTable(Table):
    """How the hosts fare that are called."""

    def streak(self, host: str) -> Streak | None:
        """Read the failures that came from *host*; None if the last try there went well."""
        row = self._q.streak(self._connection, **plain(host=host))
        return Streak(since=moment(row[0]), last=moment(row[1])) if row else None

    def keep(self, host: str, streak: Streak) -> None:
        """Keep the failures of *host* in place of what was known of it."""
        values = plain(host=host, failing_since=instant(streak.since), failed_at=instant(streak.last))
        self._write(self._q.keep_streak, values)

    def forget(self, host: str) -> None:
        """Forget the failures of *host*: a try went well."""
        self._write(self._q.forget_host, plain(host=host))


def _is_disabled(app: App | None) -> bool:
    return app is not None and app.connect is not None and not app.connect.is_enabled


def _values_of(app: App) -> Values:
    special = app.connect or app.jenkins or app.earlier_secrets or None
    return plain(
        id=app.id,
        name=app.name,
        client_id=app.client_id,
        secret_hash=app.secret_hash,
        scopes=body(sorted(app.scopes)),
        callback_url=app.callback_url,
        signing_secret=app.signing_secret,
        kind=app.kind.value,
        handle=app.handle,
        body=body(special) if special is not None else None,
    )


def _holder_of(row: Row) -> App | User | None:
    if row[8] is not None:
        return app_of(row[8:18])
    return user_of(row[18:]) if row[18] is not None else None
