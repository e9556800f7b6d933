"""Connect apps: `app install`, `app enable`, `app disable`, `app new-key`, and what `app show` says of one."""

from collections.abc import Iterable
from typing import Annotated

import typer

from mitregate.cli.choosing import choose_app
from mitregate.cli.desk import Desk, about, answer, answer_to, ask, decoded, path
from mitregate.cli.options import AsJson
from mitregate.cli.records import App, ConnectApp, InstallKey, Told
from mitregate.cli.terminal import plain, show, show_card, show_json

Word = Annotated[str, typer.Argument(help="Its id, its app key or its name.")]


def install(
    url: Annotated[str, typer.Argument(help="Where it describes itself, often …/atlassian-connect.json.")],
    *,
    json: AsJson = False,
) -> None:
    """Install a Connect app by its descriptor; one that is installed gets a new secret, and what has changed holds."""

    async def work(desk: Desk) -> tuple[bytes, str]:
        made = await ask(desk, "POST", path("apps", "install"), body={"descriptorUrl": url})
        return made, (await about(desk)).base_url

    installed, base_url = answer(work)
    if json:
        show_json(installed)
        return
    app = decoded(installed, App)
    show(f"The app {plain(app.name)!r} was installed.")
    show()
    called = [("callback", app.callback_url or "")]
    special = fields_of(app.connect) if app.connect is not None else []
    show_card([("id", app.id), ("scopes", " ".join(app.scopes)), *called, *special])
    show()
    show_told(app.told)
    show(f"It was told that this server is at {base_url}, as MITREGATE_BASE_URL says.")


def enable(app: Word, *, json: AsJson = False) -> None:
    """Let a Connect app in again that was disabled; it is told how its gates stand."""
    _switch(app, "enable", json=json)


def disable(app: Word, *, json: AsJson = False) -> None:
    """Keep a Connect app out, and tell it no verdicts, until it is enabled again; what it submitted stays."""
    _switch(app, "disable", json=json)


def make_key(*, json: AsJson = False) -> None:
    """Make a new key that signs what installs and uninstalls Connect apps; earlier ones are served for a while."""
    made = answer_to("POST", path("install-keys"))
    if json:
        show_json(made)
        return
    key = decoded(made, InstallKey)
    show(f"Installations are signed with the key {key.id} from now on; apps fetch its public half at {key.link}.")


def fields_of(app: ConnectApp) -> list[tuple[str, str]]:
    """List what there is to say of a Connect app."""
    newer = "a newer one was sent without an answer; install the app again" if app.is_secret_uncertain else ""
    return [
        ("app key", app.key),
        ("base URL", app.base_url),
        ("descriptor", app.descriptor_url),
        ("modules", " ".join(app.modules)),
        ("state", app.state),
        ("shared secret", newer),
    ]


def show_told(told: Iterable[Told]) -> None:
    """Show what an app answered to what it was told; what it did not take stands out."""
    for each in told:
        show(f"{each.event}: {plain(each.words)}", style="" if each.reception == "taken" else "yellow")


def _switch(word: str, step: str, *, json: bool) -> None:
    async def switch(desk: Desk) -> bytes:
        return await ask(desk, "POST", path("apps", (await choose_app(desk, word)).id, step))

    switched = answer(switch)
    if json:
        show_json(switched)
        return
    app = decoded(switched, App)
    show(f"The app {plain(app.name)!r} is {step}d.")
    show_told(app.told)
