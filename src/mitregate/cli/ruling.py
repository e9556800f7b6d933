"""Change control: what the rules say, and how they changed: `control`."""

from typing import Annotated

import typer

from mitregate.cli.desk import answer_pages, answer_to, decoded, path
from mitregate.cli.options import AsJson, Limit
from mitregate.cli.rule_records import Difference, Edition, Ruling
from mitregate.cli.terminal import moment, show, show_card, show_json, show_table
from mitregate.cli.tracing import say_more
from mitregate.core.deployments import EnvironmentType

control = typer.Typer(help="Change control: what the rules say, and how they changed.", rich_markup_mode=None)

SIGNS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}
"""How each step is shown: its sign, and its colour."""

OUTCOMES = {
    "required": "It is gated: an approved change is required.",
    "not_required": "It is let pass: no change is required.",
    "no_gate": "It is not gated.",
}


@control.command("try", short_help="Say whether a deployment would be gated, and by which rule.")
def try_rules(
    *,
    project: Annotated[str, typer.Option(help="The name of its project, or of its runbook.")],
    environment: Annotated[str, typer.Option(help="The name or id of its environment.")],
    kind: Annotated[EnvironmentType, typer.Option("--type", help="The type of its environment.")] = (
        EnvironmentType.UNMAPPED
    ),
    version: Annotated[str | None, typer.Option(help="What is deployed.")] = None,
    product: Annotated[str | None, typer.Option(help="The tool that deploys, such as GitLab.")] = None,
    service: Annotated[list[str] | None, typer.Option(help="A service that it concerns; may be repeated.")] = None,
    runbook: Annotated[bool, typer.Option("--runbook", help="It is the run of a runbook.")] = False,
    unasked: Annotated[bool, typer.Option("--unasked", help="It does not ask to be gated.")] = False,
    json: AsJson = False,
) -> None:
    """Say of a deployment that is not there yet whether it would be gated, by which rules, and what would hold it."""
    query = {
        "project": project,
        "environment": environment,
        "type": kind.value,
        "version": version,
        "product": product,
        "service": service,
        "runbook": str(runbook).lower(),
        "asks": str(not unasked).lower(),
    }
    body = answer_to("GET", path("rules", "try"), query=query)
    if json:
        show_json(body)
    else:
        _show_ruling(decoded(body, Ruling))


@control.command("history")
def list_revisions(*, limit: Limit = 50, json: AsJson = False) -> None:
    """List the revisions of the rules, with who wrote them and what they changed."""
    page = answer_pages(path("rules", "history"), {}, limit)
    if json:
        show_json(page)
        return
    found = [decoded(item, Edition) for item in page.items]
    rows = [(str(e.revision), moment(e.at), e.actor, "\n".join(map(line, e.changes))) for e in found]
    show_table(("REVISION", "AT", "WHO", "WHAT"), rows)
    say_more(page)


def line(change: Difference) -> str:
    """Name a part that differs, with the sign of what happens to it."""
    return f"{SIGNS[change.step][0]} {change.section}: {change.name}"


def _show_ruling(ruling: Ruling) -> None:
    show(OUTCOMES[ruling.outcome], style="bold")
    show_card(
        [
            ("its project's rule", ruling.left_rule.said if ruling.left_rule else "none: gated when asked"),
            ("its environment's rule", ruling.right_rule.said if ruling.right_rule else "none: gated when asked"),
            ("its change", ruling.title if ruling.outcome == "required" else ""),
            ("tier", str(ruling.tier or "")),
            ("not known", ", ".join(ruling.unknown_services)),
            *(("frozen by", one.said) for one in ruling.frozen_by),
            ("hours", ", ".join(ruling.hours) + ("" if ruling.is_within_hours else " (not now)")),
            ("could start at", moment(ruling.opens_at)),
        ]
    )
