"""`change`: on the database beside a server, and over HTTP."""

from datetime import datetime, timedelta

import pytest

from tests.cli.running import Cooked, Run


def test_approving_opens_the_gate(run: Run, desk: str, submitted: Cooked) -> None:
    """An approved change is Implementing, keeps the remark, and its gate is allowed."""
    gate = submitted()
    change = run("change", "approve", gate["changeKey"], "--comment", "Go ahead.", "--json").well().json
    assert change["status"] == "Implementing"
    assert "Go ahead." in {comment["body"] for comment in change["comments"]}
    assert run("status", gate["id"], "--json").well().json["gatingStatus"] == "allowed"


def test_declining_shuts_it_for_good(run: Run, desk: str, submitted: Cooked) -> None:
    """A declined change is Declined, and its gate is prevented."""
    gate = submitted()
    shown = run("change", "decline", gate["changeKey"], "--comment", "Not today.").well().out
    assert f"{gate['changeKey']} is Declined." in shown
    assert "Not today." in shown
    assert "prevented" in shown
    again = run("change", "approve", gate["changeKey"], "--json")
    assert (again.code, again.complaint["type"]) == (2, "IllegalTransition")


def test_a_change_is_shown_and_listed(run: Run, desk: str, submitted: Cooked) -> None:
    """A change is listed by its status, and shown with its gates and what can be done with it."""
    key = submitted(label="1.2.3")["changeKey"]
    shown = run("change", "show", key).well().out
    assert "possible now  Approve, Decline" in shown
    assert "1.2.3" in shown
    listed = run("change", "list", "--status", "Peer review / change manager approval", "--json").well().json["items"]
    assert key in {change["key"] for change in listed}
    assert key in run("change", "list", "--limit", "200").well().out
    assert [change["key"] for change in run("change", "list", "--status", "Closed", "--json").json["items"]] == []


def test_long_lists_are_cut(run: Run, desk: str, submitted: Cooked) -> None:
    """A list is cut at its limit; JSON says where it goes on, and people are told that there is more."""
    submitted()
    submitted()
    page = run("change", "list", "--limit", "1", "--json").well().json
    assert len(page["items"]) == 1
    assert page["next"]
    assert "raise --limit" in run("change", "list", "--limit", "1").err


def test_moving_by_hand(run: Run, desk: str, submitted: Cooked) -> None:
    """A transition is taken by its name in Jira's words; one that does not exist there is refused."""
    key = submitted()["changeKey"]
    moved = run("change", "transition", key, "Cancel", "--comment", "Never mind.", "--json").well().json
    assert moved["status"] == "Canceled"
    assert run("change", "transition", key, "Approve", "--json").complaint["type"] == "IllegalTransition"
    assert run("change", "transition", key, "Fly", "--json").complaint["type"] == "Malformed"


def test_planning(run: Run, desk: str, submitted: Cooked) -> None:
    """A window is planned from now or by the calendar, in place of the one before, and taken away again."""
    key = submitted()["changeKey"]
    window = run("change", "plan", key, "--start", "+1h", "--end", "+3h30m", "--json").well().json
    start, end = (datetime.fromisoformat(window[name]) for name in ("plannedStart", "plannedEnd"))
    assert end - start == timedelta(hours=2, minutes=30)
    fixed = run("change", "plan", key, "--end", "2030-01-31T20:00:00+01:00", "--json").well().json
    assert fixed["plannedEnd"].startswith("2030-01-31T19:00:00")
    assert "plannedStart" not in fixed
    assert "any time … 2030-01-31 19:00:00 UTC" in run("change", "show", key).out
    assert "plannedEnd" not in run("change", "plan", key, "--clear", "--json").well().json


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--clear", "--start", "now"],
        ["--start", "2030-01-31T20:00:00"],
        ["--start", "tomorrow"],
        ["--start", "+soon"],
        ["--start", "+2h", "--end", "+1h"],
    ],
    ids=lambda options: " ".join(options) or "nothing",
)
def test_windows_that_make_no_sense(run: Run, desk: str, submitted: Cooked, options: list[str]) -> None:
    """A window that is unclear, naive or the wrong way round is refused with 2, and with advice."""
    ended = run("change", "plan", submitted()["changeKey"], *options, "--json")
    assert (ended.code, ended.complaint["type"]) == (2, "Malformed")
    assert ended.complaint["advice"]


def test_a_change_that_is_not_there(run: Run, desk: str) -> None:
    """A key that no change has ends with 2."""
    assert run("change", "show", "CHG-999999", "--json").complaint["type"] == "Unknown"
    assert run("change", "show", "../../about", "--json").complaint["type"] == "Unknown"
    assert run("change", "approve", "CHG-999999").code == 2
