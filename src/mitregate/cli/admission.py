"""Who may enter: `app`, `user` and `token`."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlsplit

import typer
from msgspec import Raw

from mitregate import settings
from mitregate.cli import amending, connect
from mitregate.cli import jenkins as servers
from mitregate.cli.choosing import choose, choose_app, choose_scope, choose_user, handle_of, items
from mitregate.cli.desk import Desk, about, address_of, answer, answer_to, ask, decoded, path
from mitregate.cli.options import AsJson
from mitregate.cli.records import App, NewApp, Page, Token, Told, User
from mitregate.cli.terminal import moment, plain, program, show, show_card, show_json, show_table
from mitregate.core.errors import Malformed
from mitregate.core.people import Role, Scope
from mitregate.wire.addresses import SETTING, may_be_called
from mitregate.wire.jenkins_site import connection

apps = typer.Typer(help="Apps: the CI/CD tools that submit deployments.", rich_markup_mode=None)
users = typer.Typer(help="Users: the people who decide, plan and look on.", rich_markup_mode=None)
tokens = typer.Typer(help="Tokens: what people's programs prove with who they are.", rich_markup_mode=None)

AppWord = Annotated[str, typer.Argument(help="Its id, name, client id, app key or server id.")]


@apps.command("add")
def add_app(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    *,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="read, write, delete or a full scope; repeat it for more. All three by default."),
    ] = None,
    callback: Annotated[
        str | None, typer.Option(help="The URL that is called with each new gating status, signed.")
    ] = None,
    jenkins: Annotated[
        bool, typer.Option("--jenkins", help="Add a Jenkins with the plugin 2.x, and show what to paste there.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Add an app; its client id and secrets are shown this once."""
    if jenkins:
        if scope:
            raise Malformed(
                "--scope does not go with --jenkins.", advice="What the plugin needs, it gets: read and write."
            )
        servers.add_server(name, callback, json=json)
        return
    body = {
        "name": name,
        "scopes": [choose_scope(word) for word in scope] if scope else None,
        "callbackUrl": callback,
    }
    added = answer_to("POST", path("apps"), body=body)
    if json:
        show_json(added)
    else:
        _introduce(decoded(added, NewApp))


def _introduce(app: NewApp) -> None:
    show(f"The app {plain(app.name)!r} was added.")
    show()
    show_card(
        [
            ("client id", app.client_id),
            ("client secret", app.client_secret),
            ("cloud id", app.cloud_id),
            ("scopes", " ".join(app.scopes)),
            ("callback", app.callback_url or ""),
            ("signing secret", app.signing_secret or ""),
        ]
    )
    host = urlsplit(app.callback_url or "").hostname
    if host is not None and _is_internal(host):
        show()
        show(
            f"{host} is not a public address: it is called only if {SETTING}, where the server runs, lists its network."
        )
    show()
    show("The secrets are shown only this once. To submit as this app:")
    show()
    show(f"  export MITREGATE_CLIENT_ID={app.client_id}")
    show(f"  export MITREGATE_CLIENT_SECRET={app.client_secret}")
    kind = "--environment production --environment-type production"
    show(f"  {program()} submit --pipeline shop {kind} --sequence 1 --label 1.0")
    show()
    # Not among the lines above: with the URL and no token, commands for people would go there as the app.
    show(f"Where the pipeline runs, set MITREGATE_URL={address_of(settings.load())} as well.")


def _is_internal(host: str) -> bool:
    """Tell whether a host, as far as it is written as an address, may not be called without leave."""
    try:
        return not may_be_called(host, ())
    except ValueError:
        return host == "localhost"


@apps.command("list")
def list_apps(*, json: AsJson = False) -> None:
    """List the apps."""
    body = answer_to("GET", path("apps"))
    if json:
        show_json(body)
        return
    found = items(body, App)
    rows = [
        (a.id, a.name, _kind(a), handle_of(a), _short(a.scopes), a.callback_url or "", moment(a.created_at))
        for a in found
    ]
    show_table(("ID", "NAME", "KIND", "KNOWN AS", "SCOPES", "CALLBACK", "ADDED"), rows)


def _kind(app: App) -> str:
    """Say what kind of app it is, and how it stands if it is not let in."""
    return f"{app.kind}, {app.connect.state}" if app.connect and app.connect.state != "enabled" else app.kind


@apps.command("show")
def show_app(app: AppWord, *, json: AsJson = False) -> None:
    """Show an app, and for a Jenkins server what to paste there; its secrets are not known any more."""

    async def read(desk: Desk) -> tuple[Raw, App, str]:
        page = decoded(await ask(desk, "GET", path("apps")), Page)
        found = [decoded(item, App) for item in page.items]
        chosen = choose(found, app, "app", also=handle_of)
        return page.items[found.index(chosen)], chosen, (await about(desk)).base_url

    body, chosen, base_url = answer(read)
    if json:
        show_json(bytes(body))
        return
    show_card(
        [
            ("id", chosen.id),
            ("name", chosen.name),
            ("kind", chosen.kind),
            ("client id", chosen.client_id),
            ("scopes", _short(chosen.scopes)),
            ("callback", chosen.callback_url or ""),
            *(("earlier secret", f"good until {moment(one.until) or 'it is ended'}") for one in chosen.earlier_secrets),
            ("added", moment(chosen.created_at)),
            *(servers.fields_of(chosen.jenkins, base_url) if chosen.jenkins is not None else []),
            *(connect.fields_of(chosen.connect) if chosen.connect is not None else []),
        ]
    )
    if chosen.jenkins is not None:
        servers.show_warnings(connection(base_url, chosen.jenkins.server_uuid).warnings)


apps.command("change", short_help="Change what an app may do, and where it is called back.")(amending.change_app)
apps.command("new-secret", short_help="Give an app another client secret.")(amending.renew_secret)
apps.command("end-secrets", short_help="Refuse the earlier client secrets of an app.")(amending.end_secrets)
apps.command("rotate")(servers.rotate)
apps.command("install", short_help="Install a Connect app, or install it again.")(connect.install)
apps.command("enable", short_help="Let a disabled Connect app in again.")(connect.enable)
apps.command("disable", short_help="Keep a Connect app out until it is enabled again.")(connect.disable)
apps.command("new-key", short_help="Make a new key that signs installations.")(connect.make_key)


@apps.command("remove", short_help="Remove an app with its deployments and tokens.")
def remove_app(app: AppWord, *, json: AsJson = False) -> None:
    """Remove an app with its deployments and tokens; what waits for it is given up. A Connect app is told so."""

    async def remove(desk: Desk) -> tuple[App, bytes]:
        chosen = await choose_app(desk, app)
        return chosen, await ask(desk, "DELETE", path("apps", chosen.id))

    chosen, said = answer(remove)
    _say_removed(chosen, "app", json=json, told=decoded(said, App).told if said else ())


@users.command("add")
def add_user(
    name: Annotated[str, typer.Argument(help="What the audit log calls them.")],
    *,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.APPROVER,
    json: AsJson = False,
) -> None:
    """Add a user."""
    added = answer_to("POST", path("users"), body={"name": name, "role": role.value})
    if json:
        show_json(added)
        return
    user = decoded(added, User)
    show(f"The user {plain(user.name)!r} was added as {user.role}; the id is {user.id}.")
    show("A user needs a token to sign in or to use the API:")
    show()
    show(f"  {program()} token add {user.id}")


@users.command("list")
def list_users(*, json: AsJson = False) -> None:
    """List the users."""
    body = answer_to("GET", path("users"))
    if json:
        show_json(body)
        return
    rows = [(user.id, user.name, user.role, moment(user.created_at)) for user in items(body, User)]
    show_table(("ID", "NAME", "ROLE", "ADDED"), rows)


users.command("change")(amending.change_user)


@users.command("remove")
def remove_user(user: Annotated[str, typer.Argument(help="Their id or name.")], *, json: AsJson = False) -> None:
    """Remove a user with all tokens; what they decided stays on record."""

    async def remove(desk: Desk) -> User:
        chosen = await choose_user(desk, user)
        await ask(desk, "DELETE", path("users", chosen.id))
        return chosen

    _say_removed(answer(remove), "user", json=json)


@tokens.command("add")
def add_token(
    user: Annotated[str | None, typer.Argument(help="Whose: an id or a name; without it, your own.")] = None,
    *,
    label: Annotated[str, typer.Option(help="What it is for.")] = "token",
    days: Annotated[int | None, typer.Option(help="How long it is good; without it, until it is removed.")] = None,
    json: AsJson = False,
) -> None:
    """Make an API token; it is shown this once."""

    async def add(desk: Desk) -> bytes:
        body = {"label": label, "userId": await whose(desk, user), "days": days}
        return await ask(desk, "POST", path("tokens"), body=body)

    added = answer(add)
    if json:
        show_json(added)
        return
    token = decoded(added, Token)
    until = f", until {moment(token.expires_at)}" if token.expires_at else ""
    show(f"The token {plain(token.label)!r} was made{until}; it is shown only this once:")
    show()
    show(f"  export MITREGATE_TOKEN={token.token}")


@tokens.command("list")
def list_tokens(
    user: Annotated[str | None, typer.Argument(help="Whose: an id or a name; without it, your own.")] = None,
    *,
    json: AsJson = False,
) -> None:
    """List tokens; the secrets are not known any more."""

    async def read(desk: Desk) -> bytes:
        return await ask(desk, "GET", path("tokens"), query={"userId": await whose(desk, user)})

    body = answer(read)
    if json:
        show_json(body)
        return
    rows = [(one.id, one.kind, one.label, moment(one.created_at), moment(one.expires_at)) for one in items(body, Token)]
    show_table(("ID", "KIND", "LABEL", "MADE", "GOOD UNTIL"), rows)


@tokens.command("remove")
def remove_token(token: Annotated[str, typer.Argument(help="Its id.")], *, json: AsJson = False) -> None:
    """Revoke a token."""
    answer_to("DELETE", path("tokens", token))
    if json:
        show_json({"id": token, "removed": True})
    else:
        show(f"The token {plain(token)!r} was removed.")


async def whose(desk: Desk, name: str | None) -> str | None:
    """Find whose tokens are meant; None for one's own, which whoever works on the local database has not.

    Raises:
        Malformed: nobody is named, and there is no own.
    """
    if name is None and desk.is_local:
        message = "It is not said whose tokens are meant."
        raise Malformed(message, advice="Name a user; `mitregate user list` shows them.")
    return (await choose_user(desk, name)).id if name is not None else None


def _say_removed(removed: App | User, what: str, *, json: bool, told: Sequence[Told] = ()) -> None:
    if json:
        answers = {"told": told} if told else {}
        show_json({"id": removed.id, "name": removed.name, "removed": True, **answers})
    else:
        show(f"The {what} {plain(removed.name)!r} was removed.")
        connect.show_told(told)


def _short(scopes: Sequence[str]) -> str:
    return " ".join(Scope(scope).short for scope in scopes)
