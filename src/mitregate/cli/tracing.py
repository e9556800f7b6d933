"""What was done and what was told: `delivery` and `audit`."""

from typing import Annotated

import typer

from mitregate.cli.desk import answer_pages, answer_to, decoded, path
from mitregate.cli.options import AsJson, Limit
from mitregate.cli.records import Attempt, Delivery, Entry, Page
from mitregate.cli.terminal import moment, say, show, show_card, show_json, show_table
from mitregate.core.jobs import JobState

deliveries = typer.Typer(help="Deliveries: what apps are told, with every try.", rich_markup_mode=None)
audit = typer.Typer(help="The audit log.", rich_markup_mode=None)

DeliveryId = Annotated[str, typer.Argument(help="The delivery's id.", metavar="ID")]


@deliveries.command("list")
def list_deliveries(
    *,
    state: Annotated[JobState | None, typer.Option(help="Only those that stand so.")] = None,
    gate: Annotated[str | None, typer.Option(help="Only those of the gate with this id.")] = None,
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """List deliveries."""
    page = answer_pages(path("deliveries"), {"state": state, "gateId": gate}, limit)
    if json:
        show_json(page)
        return
    found = [decoded(item, Delivery) for item in page.items]
    rows = [(d.id, d.state, d.status, d.provider, str(d.attempts), _next_or_end(d), d.note) for d in found]
    show_table(("ID", "STATE", "TELLS", "BY", "TRIES", "DUE OR ENDED", "NOTE"), rows)
    say_more(page)


@deliveries.command("show")
def show_delivery(delivery: DeliveryId, *, json: AsJson = False) -> None:
    """Show a delivery with all its tries."""
    body = answer_to("GET", path("deliveries", delivery))
    if json:
        show_json(body)
    else:
        _show(decoded(body, Delivery))


@deliveries.command("retry")
def retry_delivery(delivery: DeliveryId, *, json: AsJson = False) -> None:
    """Try a dead delivery again, from the foot of its ladder."""
    body = answer_to("POST", path("deliveries", delivery, "retry"), body={})
    if json:
        show_json(body)
    else:
        show("It is tried again at once.")
        _show(decoded(body, Delivery))


@audit.command("list")
def list_entries(
    *,
    subject: Annotated[str | None, typer.Option(help="Only what was done to this: a key or an id.")] = None,
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """List what was done, by whom, from where, and why."""
    page = answer_pages(path("audit"), {"subject": subject}, limit)
    if json:
        show_json(page)
        return
    found = [decoded(item, Entry) for item in page.items]
    rows = [(str(e.number), moment(e.at), e.actor, e.origin, e.action, e.subject, _details(e)) for e in found]
    show_table(("NO", "AT", "WHO", "FROM", "WHAT", "TO", "DETAIL"), rows)
    say_more(page)


def say_more(page: Page) -> None:
    """Say that a list is not all there is, if so."""
    if page.next is not None:
        say("There are more: raise --limit to see them.", style="dim")


def _show(delivery: Delivery) -> None:
    show_card(
        [
            ("id", delivery.id),
            ("state", delivery.state),
            ("tells", delivery.status),
            ("by", delivery.provider),
            ("to", delivery.lane),
            ("gate", delivery.gate_id),
            ("made", moment(delivery.created_at)),
            ("ended", moment(delivery.finished_at)),
            ("due", moment(delivery.due_at) if delivery.state == JobState.OPEN else ""),
            ("note", delivery.note),
        ]
    )
    if delivery.tries:
        show()
        show_table(("TRY", "AT", "TOOK", "RESULT", "STATUS", "DETAIL"), map(_row, delivery.tries))


def _row(attempt: Attempt) -> tuple[str, ...]:
    status = str(attempt.status) if attempt.status is not None else ""
    took = f"{attempt.duration_ms} ms"
    return (str(attempt.number), moment(attempt.started_at), took, attempt.result, status, attempt.detail)


def _next_or_end(delivery: Delivery) -> str:
    return moment(delivery.due_at if delivery.state == JobState.OPEN else delivery.finished_at)


def _details(entry: Entry) -> str:
    return "\n".join(f"{name}: {value}" for name, value in entry.detail.items() if value)
