"""Calendars: `freeze import`, `feed`, and `calendar`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mitregate.cli.admission import whose
from mitregate.cli.desk import Desk, answer, answer_to, ask, decoded, hand_in, path
from mitregate.cli.options import AsJson
from mitregate.cli.records import Link
from mitregate.cli.rule_records import Freeze, Freezes, Import
from mitregate.cli.terminal import moment, plain, show, show_json, show_table
from mitregate.core.deployments import EnvironmentType
from mitregate.core.errors import Malformed

feeds = typer.Typer(help="Feeds: calendars elsewhere that are read again and again.", rich_markup_mode=None)

calendar = typer.Typer(help="The calendar that others subscribe to.", rich_markup_mode=None)

CALENDAR = "text/calendar"

SHOWN = 20
"""Spans and days that are shown, at most."""

Words = list[str] | None


def import_file(
    file: Annotated[str, typer.Argument(help="The iCalendar file; `-` for standard input.", metavar="FILE")],
    *,
    name: Annotated[str, typer.Option(help="What the freeze, or the set of holidays, is called.")],
    project: Annotated[Words, typer.Option(help="Only this project, or pattern; may be repeated.")] = None,
    environment: Annotated[Words, typer.Option(help="Only this environment, or pattern; may be repeated.")] = None,
    kind: Annotated[
        list[EnvironmentType] | None, typer.Option("--type", help="Only environments of this type; may be repeated.")
    ] = None,
    service: Annotated[Words, typer.Option(help="Only this service; may be repeated.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; it is shown before the titles of the events.")] = None,
    zone: Annotated[
        str | None,
        typer.Option(help="The zone of whole days, and of events that name none. [default: the calendar's, or UTC]"),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Emergency changes do not pass either.")] = False,
    holidays: Annotated[
        bool, typer.Option("--holidays", help="Take its whole days, as a set of holidays, and freeze nothing.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would come of it.")] = False,
    json: AsJson = False,
) -> None:
    """Freeze what a calendar file says, in place of the freeze of that name if there is one.

    What is over is left out. The same file again changes nothing.
    """
    query = {
        "name": name,
        "project": project,
        "environment": environment,
        "type": [one.value for one in kind] if kind else None,
        "service": service,
        "reason": reason,
        "zone": zone,
        "strict": str(strict).lower(),
        "holidays": str(holidays).lower(),
        "dryRun": str(dry_run).lower(),
    }
    content, headers = _read(file), {"content-type": CALENDAR}
    body = answer(
        lambda desk: hand_in(desk, "POST", path("freezes", "import"), content=content, headers=headers, query=query)
    )
    if json:
        show_json(body)
    else:
        _show_import(decoded(body, Import), name, is_dry=dry_run)


@feeds.command("list")
def list_feeds(*, json: AsJson = False) -> None:
    """List the calendars that the rules subscribe to, and how each fares."""
    found = [freeze for freeze in decoded(answer_to("GET", path("freezes")), Freezes).items if freeze.feed is not None]
    if json:
        show_json({"items": found})
        return
    if not found:
        show("The rules subscribe to no calendar.")
        return
    show_table(("NAME", "READ", "NEXT", "HOLDS", "TROUBLE"), [_row(freeze) for freeze in found])


@feeds.command("read")
def read_feed(
    name: Annotated[str, typer.Argument(help="What the feed is called.", metavar="NAME")], *, json: AsJson = False
) -> None:
    """Have a calendar read as soon as a worker is at hand."""
    answer_to("POST", path("feeds", "read"), query={"name": name})
    if json:
        show_json({"reads": name})
    else:
        show(f"{plain(name)} is read next.")


@calendar.command("link")
def add_link(
    user: Annotated[str | None, typer.Argument(help="Whose: an id or a name; without it, your own.")] = None,
    *,
    label: Annotated[str, typer.Option(help="What it is for.")] = "calendar",
    days: Annotated[int | None, typer.Option(help="How long it is good; without it, until it is removed.")] = None,
    json: AsJson = False,
) -> None:
    """Make an address of the calendar for Outlook, Google or Thunderbird; it is shown this once.

    Whoever knows it sees planned changes and freezes, and nothing else. `token list` and `token remove` know its token.
    """

    async def add(desk: Desk) -> bytes:
        body = {"label": label, "userId": await whose(desk, user), "days": days}
        return await ask(desk, "POST", path("calendar", "link"), body=body)

    body = answer(add)
    if json:
        show_json(body)
        return
    made = decoded(body, Link)
    until = f", until {moment(made.expires_at)}" if made.expires_at else ""
    show(f"Subscribe to this address{until}; it is shown only this once:")
    show()
    # Nothing may break it into lines.
    sys.stdout.write(f"  {made.url}\n")


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        message = f"The file {file} cannot be read: {error.strerror or error}."
        raise Malformed(message, advice="Export the calendar as .ics, and name that file.") from None


def _show_import(found: Import, name: str, *, is_dry: bool) -> None:
    rows = [(moment(span.start), moment(span.end), span.reason) for span in found.coming[:SHOWN]]
    if rows:
        show_table(("FROM", "UNTIL", "REASON"), rows)
    for day in found.days[:SHOWN]:
        show(day.isoformat())
    if (more := len(found.coming) + len(found.days) - SHOWN) > 0:
        show(f"… and {more} more{' in the next year' if found.coming else ''}.")
    left = f"; {found.left_out} are left out" if found.left_out else ""
    done = "would be taken" if is_dry else "are taken"
    show(f"{found.taken} events {done} into {plain(name)}{left}.")
    if is_dry:
        return
    state = "The rules are at revision" if found.is_changed else "That changed nothing; the rules are at revision"
    show(f"{state} {found.revision}.")


def _row(freeze: Freeze) -> tuple[str, ...]:
    feed = freeze.feed
    if feed is None:
        return ()
    trouble = f"since {moment(feed.failing_since)}: {feed.error}" if feed.failing_since is not None else ""
    return (
        freeze.name,
        moment(feed.read_at) or "never",
        moment(feed.due_at),
        "yes" if freeze.holds_now else "no",
        trouble,
    )
