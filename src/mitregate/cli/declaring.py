"""Settings as code: `apply` and `export`."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from mitregate.cli.connect import show_told
from mitregate.cli.desk import Desk, answer, decoded, hand_in, path
from mitregate.cli.exits import NO, OK
from mitregate.cli.options import AsJson
from mitregate.cli.rule_records import Difference
from mitregate.cli.ruling import SIGNS, line
from mitregate.cli.setting_records import Left, Removal, Secrets, SettingsPlan
from mitregate.cli.terminal import plain, say, show, show_card, show_json
from mitregate.core.errors import Malformed

YAML, JSON = "application/yaml", "application/json"


def apply(
    file: Annotated[str, typer.Argument(help="The settings, YAML or JSON; `-` for standard input.", metavar="FILE")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before anything is changed.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; ends with 1 if something.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove apps and users that are not in the file, if it lists any.")
    ] = False,
    json: AsJson = False,
) -> int:
    """Put the settings of a file in force, after showing what that changes: rules, apps and users.

    A section that is in the file is the truth, one that is not stays as it is. What is in force already changes
    nothing. If somebody changes something between the plan and its confirmation, nothing is written. The secrets of
    new apps are shown at the end, this once.
    """
    content, kind = _read(file)
    pruned = "true" if prune else "false"
    body = answer(lambda desk: _put(desk, content, kind, {"dryRun": "true", "prune": pruned}))
    plan = decoded(body, SettingsPlan)
    if not json:
        _show_plan(plan)
    if not plan.is_changed or dry_run:
        if json:
            show_json(body)
        return NO if plan.is_changed else OK
    if not yes and not _may(file, json=json):
        say("Nothing has been changed.")
        return NO
    body = answer(lambda desk: _put(desk, content, kind, {"prune": pruned}, seen=plan.version))
    if json:
        show_json(body)
    else:
        _show_done(decoded(body, SettingsPlan))
    return OK


def export(
    *,
    revision: Annotated[
        int | None, typer.Option(help="The rules as they were at this revision, without apps and users.", min=0)
    ] = None,
    json: AsJson = False,
) -> None:
    """Write the settings to standard output, as a file that `apply` takes; apps and users for administrators alone."""

    async def read(desk: Desk) -> bytes:
        headers = {"accept": JSON if json else YAML}
        return await hand_in(desk, "GET", path("settings"), headers=headers, query={"revision": revision})

    body = answer(read)
    if json:
        show_json(body)
    else:
        sys.stdout.write(body.decode())


async def _put(desk: Desk, content: bytes, kind: str, query: dict[str, object], seen: str | None = None) -> bytes:
    headers = {"content-type": kind} | ({"if-match": f'"{seen}"'} if seen is not None else {})
    return await hand_in(desk, "PUT", path("settings"), content=content, headers=headers, query=query)


def _read(file: str) -> tuple[bytes, str]:
    if file == "-":
        return sys.stdin.buffer.read(), YAML
    try:
        return Path(file).read_bytes(), JSON if file.lower().endswith(".json") else YAML
    except OSError as error:
        message = f"The file {file} cannot be read: {error.strerror or error}."
        raise Malformed(message, advice="`mitregate export > settings.yaml` writes one to begin with.") from None


def _may(file: str, *, json: bool) -> bool:
    """Ask whether to go on."""
    if json or file == "-" or not sys.stdin.isatty():
        message = "Nobody can be asked here whether to change this."
        raise Malformed(message, advice="Add --yes to change it, or --dry-run to see what would change.")
    return typer.confirm("Change this?", err=True)


def _show_plan(plan: SettingsPlan) -> None:
    if plan.is_changed:
        _show_changes(plan.changes, plan.removals)
        held, freed = plan.held or 0, plan.freed or 0
        show(f"Of {plan.waiting or 0} deployments that wait, {held} would be held and {freed} freed.")
    else:
        show(f"Nothing to change; the rules are at revision {plan.revision}.")
    _show_left(plan.left)
    if plan.untouched:
        show(f"Not in the file, so left as they are: {', '.join(plan.untouched)}.", style="dim")


def _show_changes(changes: Iterable[Difference], removals: Iterable[Removal]) -> None:
    lost = {("remove", "apps", one.app): one for one in removals}
    for change in changes:
        show(plain(line(change)), style=SIGNS[change.step][1])
        values = (("was", change.before), ("will be", change.after)) if change.step == "change" else ()
        for word, value in values or (("", change.after or change.before),):
            show(plain(" ".join(filter(None, ("   ", word, value)))), style="dim")
        if (one := lost.get((change.step, change.section, change.name))) is not None:
            show(f"    with its {one.deployments} deployments; the {one.waiting} that wait are given up", style="red")


def _show_left(left: Iterable[Left]) -> None:
    names = [f"{one.section}: {one.name}" for one in left]
    if names:
        show("Not in the file, but left; --prune removes them:", style="yellow")
        for name in names:
            show(plain(f"  {name}"))


def _show_done(done: SettingsPlan) -> None:
    show(f"The settings are in force; the rules are at revision {done.revision} now.")
    for told in done.told:
        show(plain(f"{told.app}:"))
        show_told((told,))
    for secrets in done.secrets:
        show()
        show(plain(f"The secrets of the app {secrets.name!r} are shown only this once:"))
        show()
        show_card(_fields(secrets))


def _fields(secrets: Secrets) -> list[tuple[str, str]]:
    return [
        ("client id", secrets.client_id),
        ("client secret", secrets.client_secret),
        ("Site Name", secrets.site_name),
        ("Webhook URL", secrets.webhook_url),
        ("Secret", secrets.secret),
        ("signing secret", secrets.signing_secret),
    ]
