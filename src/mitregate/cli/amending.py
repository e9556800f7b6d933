"""Apps and users changed in place: `app change`, `app new-secret`, `app end-secrets`, `user change`."""

from typing import Annotated

import msgspec
import typer

from mitregate.cli.choosing import choose_app, choose_scope, choose_user
from mitregate.cli.desk import Desk, about, answer, ask, decoded, hand_in, path
from mitregate.cli.instants import read_instant
from mitregate.cli.options import AsJson
from mitregate.cli.records import App, NewApp, User
from mitregate.cli.terminal import moment, plain, show, show_card, show_json
from mitregate.core.errors import Malformed
from mitregate.core.people import Role

Word = Annotated[str, typer.Argument(help="Its id, name, client id or server id.")]


def change_app(
    app: Word,
    *,
    scope: Annotated[
        list[str] | None, typer.Option(help="read, write, delete or a full scope; repeat it for more.")
    ] = None,
    callback: Annotated[
        str | None,
        typer.Option("--callback", "--callback-url", help="The URL that is called with each new gating status."),
    ] = None,
    no_callback: Annotated[bool, typer.Option("--no-callback", help="Call it back no more.")] = False,
    json: AsJson = False,
) -> None:
    """Change what an app may do, and where it is called back; what is not said stays as it is.

    A new address is told how the gates of the app stand. The secret that signs its callbacks stays; the first callback
    of an app comes with one, which is shown this once.
    """
    if not scope and callback is None and not no_callback:
        raise Malformed("It is not said what to change.", advice="Give --scope, --callback or --no-callback.")
    if callback is not None and no_callback:
        raise Malformed("--callback does not go with --no-callback.", advice="Give one of them.")
    scopes = {"scopes": [choose_scope(word) for word in scope]} if scope else {}
    address = {"callbackUrl": callback} if callback is not None or no_callback else {}

    async def work(desk: Desk) -> bytes:
        where = path("apps", (await choose_app(desk, app)).id)
        # What is None is said here, not left out: no callback any more.
        content = msgspec.json.encode({**scopes, **address})
        return await hand_in(desk, "PATCH", where, content=content, headers={"content-type": "application/json"})

    body = answer(work)
    if json:
        show_json(body)
        return
    changed = decoded(body, App)
    show(f"The app {plain(changed.name)!r} is as follows now.")
    show()
    show_card(
        [
            ("scopes", " ".join(changed.scopes)),
            ("callback", changed.callback_url or "none"),
            ("signing secret", changed.signing_secret or ""),
        ]
    )
    if changed.signing_secret:
        show()
        show("The signing secret is shown only this once.")


def renew_secret(
    app: Word,
    *,
    old_until: Annotated[
        str | None,
        typer.Option(help="How long the old one is good: +24h, 2026-01-31T19:00Z. Until `end-secrets` if left out."),
    ] = None,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Refuse the old one, and all access tokens, as after a leak.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Give an app another client secret, shown this once; the old one is good beside it, for a while or until ended."""

    async def work(desk: Desk) -> bytes:
        until = read_instant(old_until, (await about(desk)).time) if old_until is not None else None
        where = path("apps", (await choose_app(desk, app)).id, "secret")
        return await ask(desk, "POST", where, body={"oldUntil": until, "atOnce": at_once})

    body = answer(work)
    if json:
        show_json(body)
        return
    made = decoded(body, NewApp)
    show(f"The app {plain(made.name)!r} has another client secret, shown only this once:")
    show()
    show_card([("client id", made.client_id), ("client secret", made.client_secret)])
    show()
    if at_once:
        show("The old one is refused from now on, and so are the access tokens that were got with it.")
    elif made.earlier_secrets and made.earlier_secrets[0].until is not None:
        show(f"The old one is good until {moment(made.earlier_secrets[0].until)}.")
    else:
        show("The old one is good until it is ended, when all that use it have the new one:")
        show()
        show(f"  mitregate app end-secrets {made.id}")


def end_secrets(app: Word, *, json: AsJson = False) -> None:
    """Refuse all client secrets of an app but the newest; access tokens got with them are good for their hour."""

    async def work(desk: Desk) -> bytes:
        return await ask(desk, "DELETE", path("apps", (await choose_app(desk, app)).id, "earlier-secrets"))

    body = answer(work)
    if json:
        show_json(body)
    else:
        show(f"Of the client secrets of {plain(decoded(body, App).name)!r} only the newest is good now.")


def change_user(
    user: Annotated[str, typer.Argument(help="Their id or name.")],
    *,
    role: Annotated[Role, typer.Option(help="What they may do from now on.")],
    json: AsJson = False,
) -> None:
    """Give a user another role, which holds at once."""

    async def work(desk: Desk) -> bytes:
        return await ask(desk, "PATCH", path("users", (await choose_user(desk, user)).id), body={"role": role.value})

    body = answer(work)
    if json:
        show_json(body)
        return
    changed = decoded(body, User)
    show(f"The user {plain(changed.name)!r} is {changed.role} now.")
