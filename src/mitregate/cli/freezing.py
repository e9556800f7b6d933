"""Freezes: `freeze`, and `gate override`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer

from mitregate.cli import calendars
from mitregate.cli.desk import Desk, about, answer, answer_to, ask, decoded, path
from mitregate.cli.gates import find_gate, show_gate
from mitregate.cli.instants import read_instant
from mitregate.cli.options import AsJson, Environment, Pipeline, Sequence
from mitregate.cli.records import Gate
from mitregate.cli.rule_records import Freeze, Freezes
from mitregate.cli.terminal import moment, say, show, show_json, show_table
from mitregate.cli.waiting import GateId
from mitregate.core.deployments import EnvironmentType

freezes = typer.Typer(help="Freezes: times in which nothing may start.", rich_markup_mode=None)
gates = typer.Typer(help="Gates, beyond `status` and `wait`.", rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="What the freeze is called.", metavar="NAME")]
Words = list[str] | None


@freezes.command("list")
def list_freezes(*, json: AsJson = False) -> None:
    """List all freezes: which hold now, until when, and when they begin next."""
    body = answer_to("GET", path("freezes"))
    if json:
        show_json(body)
        return
    found = decoded(body, Freezes).items
    if not found:
        show("There is no freeze.")
        return
    rows = [(f.name, "yes" if f.holds_now else "no", _end(f), _next(f), f.reason) for f in found]
    show_table(("NAME", "HOLDS", "UNTIL", "NEXT", "REASON"), rows)
    for one in found:
        if one.feed is not None and one.feed.error:
            say(f"{one.name} could not be read since {moment(one.feed.failing_since)}: {one.feed.error}")


@freezes.command("add", short_help="Freeze deployments.")
def add_freeze(
    name: Name,
    *,
    start: Annotated[
        str | None, typer.Option(help="When it begins: 2026-12-20, 2026-12-20 18:00, `now`, +2h. Now if left out.")
    ] = None,
    end: Annotated[
        str | None, typer.Option(help="Its last instant: the same forms; a day alone is meant whole. Open if left out.")
    ] = None,
    length: Annotated[str | None, typer.Option(help="How long it lasts: 8h, 1h30m, 2d.")] = None,
    rule: Annotated[str | None, typer.Option(help="How it comes again: FREQ=WEEKLY;BYDAY=FR (RFC 5545).")] = None,
    zone: Annotated[str | None, typer.Option(help="The time zone of what has no offset. [default: UTC]")] = None,
    day: Annotated[Words, typer.Option(help="A whole day; may be repeated.")] = None,
    holidays: Annotated[Words, typer.Option(help="A set of days of the rulebook; may be repeated.")] = None,
    project: Annotated[Words, typer.Option(help="Only this project, or pattern; may be repeated.")] = None,
    environment: Annotated[Words, typer.Option(help="Only this environment, or pattern; may be repeated.")] = None,
    kind: Annotated[
        list[EnvironmentType] | None, typer.Option("--type", help="Only environments of this type; may be repeated.")
    ] = None,
    service: Annotated[Words, typer.Option(help="Only this service; may be repeated.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; it is shown to those who wait.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Emergency changes do not pass either.")] = False,
    json: AsJson = False,
) -> None:
    """Freeze deployments: nothing that it reaches may start, from its beginning to its end or until `freeze end`.

    It holds at once, also for what was allowed and has not started.
    """
    reach = {"projects": project, "environments": environment, "types": kind, "services": service}

    async def add(desk: Desk) -> bytes:
        edges = {"start": await _edge(desk, start, rule or end or length), "end": await _edge(desk, end)}
        when = _given({**edges, "length": length, "rule": rule, "zone": zone, "days": day})
        body = {"when": when or None, "holidays": holidays, "reach": _given(reach) or None, "reason": reason}
        return await ask(
            desk, "POST", path("freezes"), body={"name": name, **body, "spares_emergencies": False if strict else None}
        )

    body = answer(add)
    if json:
        show_json(body)
        return
    added = decoded(body, Freeze)
    until = f", until {_end(added)}" if added.holds_until else " until somebody ends it"
    show(f"{added.name} holds now{until}." if added.holds_now else f"{added.name} begins {_next(added) or 'never'}.")


freezes.command("import", short_help="Freeze what a calendar file says.")(calendars.import_file)


@freezes.command("end")
def end_freeze(name: Name, *, json: AsJson = False) -> None:
    """End a freeze and take it out of the rules; what it held back may go at once."""
    answer_to("DELETE", path("freezes"), query={"name": name})
    if json:
        show_json({"ended": name})
    else:
        show(f"{name} is ended.")


@gates.command("override", short_help="Let one deployment start in spite of a freeze.")
def override(
    gate: GateId = None,
    *,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the gate, the change and the audit log.")],
    pipeline: Pipeline = None,
    environment: Environment = None,
    sequence: Sequence = None,
    json: AsJson = False,
) -> None:
    """Let one deployment start in spite of the freezes that hold it now; when they come again, they hold it.

    The gate is given by its id, or by all of --pipeline, --environment and --sequence.
    """

    async def lift(desk: Desk) -> bytes:
        found = decoded(await find_gate(desk, gate, (pipeline, environment, sequence)), Gate)
        return await ask(desk, "POST", path("gates", found.id, "override"), body={"reason": reason})

    body = answer(lift)
    if json:
        show_json(body)
    else:
        show_gate(decoded(body, Gate))


def _given(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value}


async def _edge(desk: Desk, text: str | None, others: str | None = None) -> str | None:
    """Read an edge; what is relative counts from the server's time, and what has no zone is left to the server."""
    if text is None and others is None:
        return None
    written = (text or "now").strip()
    if not (written.startswith("+") or written.lower() == "now"):
        return written
    instant: datetime = read_instant(written, (await about(desk)).time)
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _end(freeze: Freeze) -> str:
    return moment(freeze.holds_until)


def _next(freeze: Freeze) -> str:
    return " … ".join(filter(None, (moment(freeze.next_from), moment(freeze.next_until))))
