"""How the rules came about: `rules`."""

import typer

from mitregate.cli.desk import answer_pages, decoded, path
from mitregate.cli.options import AsJson, Limit
from mitregate.cli.rule_records import Difference, Edition
from mitregate.cli.terminal import moment, show_json, show_table
from mitregate.cli.tracing import say_more

rules = typer.Typer(help="The rules: how they came about.", rich_markup_mode=None)

SIGNS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}
"""How each step is shown: its sign, and its colour."""


@rules.command("history")
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
