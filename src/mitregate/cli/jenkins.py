"""Jenkins servers: `app add --jenkins`, `app rotate`, and what `app show` says of one."""

from collections.abc import Iterable
from typing import Annotated

import typer

from mitregate.cli.choosing import choose_app
from mitregate.cli.desk import Desk, answer, answer_to, ask, decoded, path
from mitregate.cli.options import AsJson
from mitregate.cli.records import JenkinsServer, NewJenkins
from mitregate.cli.terminal import plain, show, show_card, show_json
from mitregate.wire.jenkins_site import connection

Word = Annotated[str, typer.Argument(help="Its id, its server id or its name.")]


def add_server(name: str, callback: str | None, *, json: bool) -> None:
    """Add a Jenkins server, and show what to paste there."""
    added = answer_to("POST", path("apps", "jenkins"), body={"name": name, "callbackUrl": callback})
    if json:
        show_json(added)
        return
    made = decoded(added, NewJenkins)
    show(f"The Jenkins server {plain(made.name)!r} was added.")
    _show_what_to_paste(made, "Add Site")


def rotate(
    app: Word,
    *,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Refuse the old secret from now on, as when it has leaked.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Give a Jenkins server another secret, shown this once; the old one is good until Jenkins has used the new one."""

    async def renew(desk: Desk) -> bytes:
        chosen = await choose_app(desk, app)
        return await ask(desk, "POST", path("apps", chosen.id, "rotate"), body={"atOnce": at_once})

    renewed = answer(renew)
    if json:
        show_json(renewed)
        return
    made = decoded(renewed, NewJenkins)
    until = "is refused from now on" if at_once else "is good until Jenkins has used the new one"
    show(f"The Jenkins server {plain(made.name)!r} has another secret; the old one {until}.")
    _show_what_to_paste(made, "the pencil beside the site")


def fields_of(server: JenkinsServer, base_url: str) -> list[tuple[str, str]]:
    """List what there is to say of a Jenkins server, where ours is reached at *base_url*."""
    pasted = connection(base_url, server.server_uuid)
    told = [(f"its {name}", value) for name, value in server.config.items()]
    return [("site name", pasted.site), ("webhook URL", pasted.webhook_url), *told]


def show_warnings(warnings: Iterable[str]) -> None:
    """Show what keeps the plugin from working as it is."""
    for warning in warnings:
        show()
        show(f"Mind: {warning}", style="yellow")


def _show_what_to_paste(made: NewJenkins, where: str) -> None:
    show(f"In Jenkins, under Manage Jenkins > Atlassian Jira Software Cloud > {where}, paste:")
    show()
    show_card([("Site Name", made.site_name), ("Webhook URL", made.webhook_url), ("Secret", made.secret)])
    show()
    show(
        "The secret is shown only this once. It becomes a credential there, of the kind Secret text; choose that, then"
    )
    show("press Test Connection and Save.")
    if made.signing_secret:
        show()
        show_card([("callback", made.callback_url or ""), ("signing secret", made.signing_secret)])
    show_warnings(made.warnings)
