"""What people do with changes: `change`."""

from typing import Annotated

import typer

from mitregate.cli.change_records import Change
from mitregate.cli.desk import Desk, about, answer, answer_pages, answer_to, ask, decoded, path
from mitregate.cli.instants import read_instant
from mitregate.cli.options import AsJson, Comment, Limit
from mitregate.cli.terminal import moment, plain, show, show_card, show_json, show_table
from mitregate.cli.tracing import say_more
from mitregate.core.changes import ChangeType, Status, Transition
from mitregate.core.errors import Malformed

changes = typer.Typer(help="Changes: what people approve, decline and plan.", rich_markup_mode=None)

Key = Annotated[str, typer.Argument(help="The change's key, such as CHG-42.")]
Instant = "with an offset (2026-01-31T20:00+01:00), `now`, or a while from now (+30m, +2h, +1d12h)"


@changes.command("list")
def list_changes(
    *,
    status: Annotated[Status | None, typer.Option(help="Only those in this status.")] = None,
    is_open: Annotated[bool, typer.Option("--open", help="Only those of which something can still come.")] = False,
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """List changes."""
    query = {"status": status, "open": "true" if is_open else None}
    page = answer_pages(path("changes"), query, limit)
    if json:
        show_json(page)
        return
    found = [decoded(item, Change) for item in page.items]
    rows = [(c.key, c.status, c.type, c.risk, c.title, c.requested_by, c.window, moment(c.updated_at)) for c in found]
    show_table(("KEY", "STATUS", "TYPE", "RISK", "TITLE", "REQUESTED BY", "WINDOW", "UPDATED"), rows)
    say_more(page)


@changes.command("show", short_help="Show a change, and what can be done with it now.")
def show_change(key: Key, *, json: AsJson = False) -> None:
    """Show a change: its gates, decisions, comments, and what can be done with it now."""
    _tell(answer_to("GET", path("changes", key)), json=json)


@changes.command("approve")
def approve(key: Key, *, comment: Comment = None, json: AsJson = False) -> None:
    """Approve a change."""
    _tell(answer_to("POST", path("changes", key, "approve"), body={"comment": comment}), json=json)


@changes.command("decline")
def decline(key: Key, *, comment: Comment = None, json: AsJson = False) -> None:
    """Decline a change; its deployments are prevented."""
    _tell(answer_to("POST", path("changes", key, "decline"), body={"comment": comment}), json=json)


@changes.command("transition")
def transition(
    key: Key,
    step: Annotated[Transition, typer.Argument(help="The transition, as `change show` lists them.", metavar="STEP")],
    *,
    comment: Comment = None,
    json: AsJson = False,
) -> None:
    """Move a change along the workflow by hand."""
    body = {"transition": step.value, "comment": comment}
    _tell(answer_to("POST", path("changes", key, "transition"), body=body), json=json)


@changes.command("prepare", short_help="Open a change before there is a deployment for it.")
def prepare(
    title: Annotated[str, typer.Argument(help="What it is called; a deployment with exactly this title finds it.")],
    *,
    project: Annotated[str | None, typer.Option(help="The project that it is for: a name or a pattern.")] = None,
    environment: Annotated[str | None, typer.Option(help="The environment: a name, an id or a pattern.")] = None,
    version: Annotated[str | None, typer.Option(help="The version: one, or a pattern.")] = None,
    description: Annotated[str, typer.Option(help="What is to be approved.")] = "",
    service: Annotated[list[str] | None, typer.Option(help="A service that it concerns; may be repeated.")] = None,
    start: Annotated[str | None, typer.Option(help=f"When its window opens: {Instant}.")] = None,
    end: Annotated[str | None, typer.Option(help="When its window closes: the same forms.")] = None,
    emergency: Annotated[bool, typer.Option("--emergency", help="It is an emergency.")] = False,
    json: AsJson = False,
) -> None:
    """Open a change before there is a deployment for it, so that it can be approved in time.

    With --project, --environment and --version an approval holds for the deployments that these fit, as soon as they
    name the change (`submit --change`).
    """
    covers = {"project": project, "environment": environment, "version": version}
    if None in covers.values() and any(covers.values()):
        message = "It is not said in full what the change is for."
        raise Malformed(message, advice="Give all of --project, --environment and --version; '*' stands for any.")

    async def keep(desk: Desk) -> bytes:
        given = {name: text for name, text in (("plannedStart", start), ("plannedEnd", end)) if text is not None}
        body = {
            "title": title,
            "description": description,
            "type": (ChangeType.EMERGENCY if emergency else ChangeType.NORMAL).value,
            "services": service or [],
            "covers": covers if project is not None else None,
            **await _read(desk, given),
        }
        return await ask(desk, "POST", path("changes"), body=body)

    _tell(answer(keep), json=json)


@changes.command("type")
def retype(
    key: Key,
    kind: Annotated[ChangeType, typer.Argument(help="`emergency`, or `normal` again.", metavar="TYPE")],
    *,
    comment: Comment = None,
    json: AsJson = False,
) -> None:
    """Make a change that nobody has approved yet an emergency, or a normal one again."""
    body = {"type": kind.value, "comment": comment}
    _tell(answer_to("POST", path("changes", key, "type"), body=body), json=json)


@changes.command("plan", short_help="Plan the window of a change.")
def plan(
    key: Key,
    *,
    start: Annotated[str | None, typer.Option(help=f"When its window opens: {Instant}.")] = None,
    end: Annotated[str | None, typer.Option(help="When its window closes: the same forms.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take the window away.")] = False,
    json: AsJson = False,
) -> None:
    """Plan the window of a change, in place of the one it had; a side that is not given stays open."""
    if clear == (start is not None or end is not None):
        message = "Give --start, --end or both; or --clear alone."
        raise Malformed(message, advice="`mitregate change plan --help` shows the forms.")

    async def keep(desk: Desk) -> bytes:
        given = {name: text for name, text in (("start", start), ("end", end)) if text is not None}
        return await ask(desk, "PUT", path("changes", key, "window"), body=await _read(desk, given))

    _tell(answer(keep), json=json)


async def _read(desk: Desk, given: dict[str, str]) -> dict[str, object]:
    """Read instants; what is relative counts from the server's time, for its clock opens the window."""
    now = (await about(desk)).time
    return {name: read_instant(text, now) for name, text in given.items()}


def _tell(body: bytes, *, json: bool) -> None:
    if json:
        show_json(body)
        return
    change = decoded(body, Change)
    show(f"{change.key} is {change.status}.", style="bold")
    if change.conflicts:
        others = "change" if len(change.conflicts) == 1 else "changes"
        warning = f"It conflicts with {len(change.conflicts)} other {others}: the same services at the same time."
        show(warning, style="bold yellow")
    show_card(
        [
            ("title", change.title),
            ("type", change.kind),
            ("risk", change.hazard),
            ("services", ", ".join(change.services)),
            ("prepared for", change.coverage),
            ("requested by", change.requested_by),
            ("window", change.window),
            ("approvals", change.progress.said if change.progress is not None else ""),
            ("still wanted", change.wanted),
            *(("conflicts with", one.said) for one in change.conflicts),
            ("opened", moment(change.created_at)),
            ("updated", moment(change.updated_at)),
            ("where", change.link),
            ("possible now", ", ".join(change.transitions)),
            *(("decision", _line(d.actor, moment(d.at), d.decision, d.comment)) for d in change.approvals),
            *(("comment", _line(one.author, moment(one.at), one.body)) for one in change.comments),
        ]
    )
    if change.description:
        show()
        show(plain(change.description))
    if change.gates:
        show()
        rows = [(gate.gating_status, gate.deployment, gate.why, gate.id) for gate in change.gates]
        show_table(("STATUS", "DEPLOYMENT", "WHY", "GATE"), rows)


def _line(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
