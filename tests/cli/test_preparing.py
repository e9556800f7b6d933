"""`change prepare`, `change type`, and what deployments ask of change control, on a database and over HTTP."""

import itertools
import os

import pytest

from tests.cli.running import Cooked, Run

NUMBERS = itertools.count(1)


def new_title() -> str:
    """Make a title that no other change has."""
    return f"Move ledger {os.getpid()} {next(NUMBERS)}"


def test_a_change_is_prepared_and_approved_beforehand(run: Run, desk: str, submitted: Cooked) -> None:
    """What was prepared and approved lets pass the deployment that names it and that it covers, and shows it."""
    made = run(
        *("change", "prepare", new_title(), "--project", "pipeline/*", "--environment", "eu*", "--version", "2.*"),
        *("--description", "Step by step", "--service", new_title(), "--end", "+2h", "--json"),
    )
    change = made.well().json
    shown = run("change", "approve", change["key"]).well().out
    assert f"{change['key']} is Planning." in shown
    assert "prepared for  pipeline/* 2.* → eu*" in shown
    assert "risk          medium: unmapped environment" in shown
    assert "approvals     1 of 1" in shown
    gate = submitted(change=change["key"], label="2.1")
    assert (gate["gatingStatus"], gate["found"], gate["changeKey"]) == ("allowed", "supplied", change["key"])
    shown = run("status", gate["id"]).well().out
    assert "found       The deployment names it; no other one is looked for." in shown


def test_who_is_missing_is_said(run: Run, desk: str) -> None:
    """A change that is not approved says who must still do that; approving it twice is refused in words."""
    key = run("change", "prepare", new_title(), "--json").well().json["key"]
    shown = run("change", "show", key).well().out
    assert "still wanted  Somebody must approve it." in shown
    assert "0 of 1\n" in shown
    run("change", "approve", key).well()
    again = run("change", "approve", key, "--json")
    assert again.code == 2
    assert again.complaint["error"].endswith(f"has approved {key} already, and one person counts once.")


def test_conflicts_are_shown(run: Run, desk: str) -> None:
    """Changes that touch the same service at the same time are shown with their windows, after a warning."""
    service = new_title().replace(" ", "-")
    when = ("--service", service, "--start", "2031-01-01T10:00Z", "--end", "2031-01-01T12:00Z")
    first = run("change", "prepare", new_title(), *when, "--json").well().json
    shown = run("change", "prepare", new_title(), *when).well().out
    assert "It conflicts with 1 other change: the same services at the same time." in shown
    window = "from 2031-01-01 10:00:00 UTC to 2031-01-01 12:00:00 UTC"
    assert f"{first['key']} (earlier, {first['status']}, {window}, {service}): {first['title']}" in shown


def test_a_change_becomes_an_emergency(run: Run, desk: str, submitted: Cooked) -> None:
    """A change is made an emergency; it never becomes a standard one."""
    key = submitted()["changeKey"]
    shown = run("change", "type", key, "emergency", "--comment", "It burns.").well().out
    assert "type          emergency" in shown
    assert "It burns." in shown
    refused = run("change", "type", key, "standard", "--json")
    assert (refused.code, refused.complaint["type"]) == (2, "IllegalTransition")
    listed = run("change", "list", "--open", "--json").well().json["items"]
    assert ("emergency", "medium") in {(change["type"], change["risk"]) for change in listed if change["key"] == key}


def test_a_change_can_be_prepared_as_an_emergency(run: Run, desk: str) -> None:
    """An emergency can be prepared as such."""
    change = run("change", "prepare", new_title(), "--emergency", "--json").well().json
    assert (change["type"], change["wanted"]) == (
        "emergency",
        "Somebody with the permission 'override' must approve it.",
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--project", "shop"], "It is not said in full what the change is for."),
        (["--start", "tomorrow"], "'tomorrow' is no date and time."),
        (["--start", "2031-01-02T00:00Z", "--end", "2031-01-01T00:00Z"], "before"),
    ],
)
def test_what_cannot_be_prepared_is_refused(run: Run, desk: str, options: list[str], said: str) -> None:
    """What is half said, or makes no sense, is refused in words."""
    refused = run("change", "prepare", new_title(), *options, "--json")
    assert (refused.code, refused.complaint["type"]) == (2, "Malformed")
    assert said in refused.complaint["error"]


def test_a_deployment_asks_for_a_type(run: Run, desk: str, submitted: Cooked) -> None:
    """`submit --as` says which type of change it wants."""
    gate = submitted(**{"as": "emergency"})
    assert run("change", "show", gate["changeKey"], "--json").well().json["type"] == "emergency"


def test_a_deployment_names_a_change_that_is_not_there(run: Run, desk: str, submitted: Cooked) -> None:
    """A number without a change gives an invalid gate, and never another change."""
    gate = submitted(change="CHG-999999")
    assert (gate["gatingStatus"], gate["changeKey"], gate["found"]) == ("invalid", "CHG-999999", "missing")
    assert "changeLink" not in gate
    assert "there is no such change request" in gate["reasons"][0]["message"]
