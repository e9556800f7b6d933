"""The rulebook from a file: `apply` and `export`; and what it says: `control`."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from mitregate.cli.desk import Desk, answer, answer_pages, answer_to, decoded, hand_in, path
from mitregate.cli.exits import NO, OK
from mitregate.cli.options import AsJson, Limit
from mitregate.cli.rule_records import Difference, Edition, RulesPlan, Ruling
from mitregate.cli.terminal import moment, plain, say, show, show_card, show_json, show_table
from mitregate.cli.tracing import say_more
from mitregate.core.deployments import EnvironmentType
from mitregate.core.errors import Malformed

control = typer.Typer(help="Change control: what the rules say, and how they changed.", rich_markup_mode=None)

YAML, JSON = "application/yaml", "application/json"

SIGNS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}
"""How each step is shown: its sign, and its colour."""

OUTCOMES = {
    "required": "It is gated: an approved change is required.",
    "not_required": "It is let pass: no change is required.",
    "no_gate": "It is not gated.",
}


def apply(
    file: Annotated[str, typer.Argument(help="The rulebook, YAML or JSON; `-` for standard input.", metavar="FILE")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before anything is changed.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; ends with 1 if something.")
    ] = False,
    json: AsJson = False,
) -> int:
    """Put the rules of a file in force, after showing what that changes.

    Rules that are in force already change nothing. If somebody changes the rules between the plan and its confirmation,
    nothing is written.
    """
    content, kind = _read(file)
    body = answer(lambda desk: _put(desk, content, kind, {"dryRun": "true"}))
    plan = decoded(body, RulesPlan)
    if not json:
        _show_plan(plan)
    if not plan.is_changed or dry_run:
        if json:
            show_json(body)
        return NO if plan.is_changed else OK
    if not yes and not _may(file, json=json):
        say("Nothing has been changed.")
        return NO
    body = answer(lambda desk: _put(desk, content, kind, {"revision": plan.revision}))
    if json:
        show_json(body)
    else:
        show(f"The rules are at revision {decoded(body, RulesPlan).revision} now.")
    return OK


def export(
    *,
    revision: Annotated[int | None, typer.Option(help="The rules as they were at this revision.", min=0)] = None,
    json: AsJson = False,
) -> None:
    """Write the rules to standard output, as a file that `apply` takes."""

    async def read(desk: Desk) -> bytes:
        headers = {"accept": JSON if json else YAML}
        return await hand_in(desk, "GET", path("rules"), headers=headers, query={"revision": revision})

    body = answer(read)
    if json:
        show_json(body)
    else:
        sys.stdout.write(body.decode())


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
    rows = [(str(e.revision), moment(e.at), e.actor, "\n".join(map(_line, e.changes))) for e in found]
    show_table(("REVISION", "AT", "WHO", "WHAT"), rows)
    say_more(page)


async def _put(desk: Desk, content: bytes, kind: str, query: dict[str, object]) -> bytes:
    return await hand_in(desk, "PUT", path("rules"), content=content, headers={"content-type": kind}, query=query)


def _read(file: str) -> tuple[bytes, str]:
    if file == "-":
        return sys.stdin.buffer.read(), YAML
    try:
        return Path(file).read_bytes(), JSON if file.lower().endswith(".json") else YAML
    except OSError as error:
        message = f"The file {file} cannot be read: {error.strerror or error}."
        raise Malformed(message, advice="`mitregate export > rules.yaml` writes one to begin with.") from None


def _may(file: str, *, json: bool) -> bool:
    """Ask whether to go on."""
    if json or file == "-" or not sys.stdin.isatty():
        message = "Nobody can be asked here whether to change this."
        raise Malformed(message, advice="Add --yes to change it, or --dry-run to see what would change.")
    return typer.confirm("Change this?", err=True)


def _show_plan(plan: RulesPlan) -> None:
    if not plan.is_changed:
        show(f"Nothing to change; the rules are at revision {plan.revision}.")
        return
    for change in plan.changes:
        show(plain(_line(change)), style=SIGNS[change.step][1])
        values = (("was", change.before), ("will be", change.after)) if change.step == "change" else ()
        _show_values(values or (("", change.after or change.before),))
    held, freed = plan.held or 0, plan.freed or 0
    show(f"Of {plan.waiting or 0} deployments that wait, {held} would be held and {freed} freed.")


def _show_values(values: Iterable[tuple[str, str]]) -> None:
    for word, value in values:
        show(plain(" ".join(filter(None, ("   ", word, value)))), style="dim")


def _line(change: Difference) -> str:
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
