"""`explain` and `simulate`: on the database beside a server, and over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mitregate.cli.explain_records import Bounds, Change, Conflict, Found, Span
from mitregate.cli.explaining import read_meant
from mitregate.core.errors import Malformed
from tests.cli.running import Cooked, Run
from tests.core.making import at

NOTHING = (None, None, None)
RULES = """
control:
  projects: [{name: sandbox, control: never}, {name: shop, control: always}]
  environments: [{type: production, control: always}]
workflow: {cab_from: high}
waiting: [{name: all, expires_after: 7d, supersede: true}]
services: [{id: checkout, tier: 1}]
freezes: [{name: year end, when: {start: 2026-01-01, end: 2199-01-03}, reason: Accounts}]
hours: [{name: office, when: {start: 2026-01-05 09:00, length: 8h, rule: FREQ=DAILY}}]
"""
EMPTY = """
{control: {}, workflow: {}, standard: [], waiting: [], services: [], groups: [], hours: [], freezes: []}
"""


@pytest.fixture
def rules(run: Run, desk: str, tmp_path: Path) -> Iterator[None]:
    """Rules in force, which are gone after the test."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    run("apply", str(path), "--yes", "--json").well()
    yield
    path.write_text(EMPTY)
    run("apply", str(path), "--yes", "--json").well()


# --- which deployment is meant ---


@pytest.mark.parametrize(
    ("meant", "gate_id", "deployment"),
    [
        ("01m8", "01m8", NOTHING),
        ("http://gate.test/gates/01m8", "01m8", NOTHING),
        ("https://gate.test/base/gates/01m8/?said=approved#story", "01m8", NOTHING),
        ("shop/eu/7", None, ("shop", "eu", 7)),
        ("team/shop/main/eu/-7", None, ("team/shop/main", "eu", -7)),
    ],
)
def test_a_deployment_is_meant_in_many_ways(
    meant: str, gate_id: str | None, deployment: tuple[str | None, str | None, int | None]
) -> None:
    """A gate's id, a link to its page, and the ids of a deployment are told apart; they are split from the right."""
    assert read_meant(meant, NOTHING) == (gate_id, deployment)


def test_a_deployment_is_meant_by_options() -> None:
    """All three options together mean a deployment, whatever is in its ids."""
    assert read_meant(None, ("a/b", "c/d", 1)) == (None, ("a/b", "c/d", 1))


@pytest.mark.parametrize(
    ("meant", "deployment", "said"),
    [
        (None, NOTHING, "It is not clear which deployment is meant."),
        (None, ("shop", "eu", None), "It is not clear which deployment is meant."),
        ("01m8", ("shop", "eu", 1), "It is not clear which deployment is meant."),
        ("", NOTHING, "It is not clear which deployment is meant."),
        ("shop/eu", NOTHING, "'shop/eu' does not end with the sequence number of a deployment."),
        ("shop/eu/x", NOTHING, "'shop/eu/x' does not end with the sequence number of a deployment."),
    ],
)
def test_it_is_not_clear_which_is_meant(
    meant: str | None, deployment: tuple[str | None, str | None, int | None], said: str
) -> None:
    """What means nothing, or two things, is refused with the ways in which one can say it."""
    with pytest.raises(Malformed) as refused:
        read_meant(meant, deployment)
    assert refused.value.message == said
    assert refused.value.advice().startswith("Give a gate's id or link, PIPELINE/ENVIRONMENT/NUMBER, or")


# --- explaining ---


@pytest.mark.usefixtures("rules")
def test_a_deployment_is_explained(run: Run, submitted: Cooked) -> None:
    """A deployment is explained in sections: why, what would open it, when, its change, the rules, and its story."""
    gate = submitted(environment_type="production", service="checkout")
    run("change", "approve", gate["changeKey"]).well()
    shown = run("explain", gate["id"]).well().out
    headline, *sections = shown.split("\n\n")
    assert headline.startswith(f"{gate['project']} {gate['version']} → {gate['environment']} waits: ")
    titles = [section.partition("\n")[0] for section in sections]
    assert titles == ["Why", "What would open it", "When", "The change", "By which rules", "Story"]
    why, remedy, when, change, rules, story = (section.partition("\n")[2] for section in sections)
    assert "The freeze 'year end' holds until 2199-01-03 23:59:59 UTC (Accounts)." in why
    assert "It opens by itself when the freeze ends" in remedy
    assert "The freeze 'year end' (Accounts) holds until 2199-01-03 23:59:59 UTC." in when
    assert "It has to keep the hours of office: now is" in when
    assert f"key        {gate['changeKey']}" in change
    assert "1: the risk is high, and from high on the CAB is asked" in change
    assert "approve by " in change
    assert "its environment's rule  * (production): always" in rules
    assert f"{gate['changeKey']} was approved (Approve)." in story


def test_all_ways_lead_to_the_same(run: Run, desk: str, submitted: Cooked) -> None:
    """By its gate, its link, its ids or the options, one is told the same; as JSON, all of it."""
    gate = submitted()
    told = run("explain", gate["id"], "--json").well().json
    assert told["gateId"] == gate["id"]
    assert run("explain", gate["link"], "--json").well().json == told
    where = ("--pipeline", gate["pipelineId"], "--environment", gate["environmentId"], "--sequence", "-7")
    assert run("explain", *where, "--json").well().json == told
    assert run("explain", *where, "--app", told["deployment"]["appId"], "--json").well().json == told
    missing = run("explain", f"{gate['pipelineId']}/eu/9", "--json")
    assert (missing.code, missing.complaint["type"]) == (2, "Unknown")


@pytest.mark.usefixtures("as_app")
def test_an_app_may_ask(run: Run, submitted: Cooked) -> None:
    """An app has its own deployment explained, and another one simulated."""
    gate = submitted()
    assert run("explain", gate["id"]).well().out.count("\n\n") >= 4
    assert "CHG-new" in run("simulate", "--project", "x", "--environment", "y").well().out


# --- simulating ---


@pytest.mark.usefixtures("rules")
def test_a_deployment_is_simulated(run: Run) -> None:
    """What would come of a deployment is told in the same sections, without a story."""
    options = ("--project", "shop", "--environment", "eu", "--type", "production", "--version", "2", "--unasked")
    more = ("--service", "checkout", "--service", "ghost", "--product", "GitLab", "--start", "+1h", "--end", "+2h")
    shown = run("simulate", *options, *more).well().out
    assert shown.startswith("shop 2 → eu would wait: The change request CHG-new waits for approval")
    assert 'title      GitLab: Deploy "shop" version 2 to "eu"' in shown
    assert "planned    from " in shown
    assert "services not known      ghost" in shown
    assert "Story" not in shown
    told = run("simulate", *options, "--as", "emergency", "--at", "2026-03-01T12:00Z", "--json").well().json
    assert (told["change"]["type"], told["endsAt"]) == ("emergency", "2026-03-08T12:00:00Z")
    spared = run("simulate", "--project", "sandbox", "--environment", "eu").well().out
    assert spared.startswith("sandbox → eu would be allowed at once: ")
    assert "by the project's rule 'sandbox: never'" in spared
    none = run("simulate", "--project", "x", "--environment", "y", "--unasked").well().out
    assert none.startswith("x → y would not be gated.\n\nWhy\nIt does not ask to be gated")


@pytest.mark.usefixtures("rules")
def test_a_deployment_that_would_take_a_place(run: Run, submitted: Cooked) -> None:
    """It is told whose place it would take; a number that names nothing is told as well."""
    gate = submitted()
    where = ("--project", gate["project"], "--environment", gate["environment"])
    ids = ("--environment-id", gate["environmentId"], "--app", gate["appId"], "--commit", "r@5e", "--runbook")
    assert f"It takes the place of {gate['project']} " in run("simulate", *where, *ids).well().out
    named = run("simulate", *where, "--change", "CHG-99999").well().out
    assert "there was no such change" in named
    assert "title" not in named


def test_what_cannot_be_simulated(run: Run, desk: str) -> None:
    """An instant without a zone, and an app that is not there, are refused with 2."""
    options = ("--project", "x", "--environment", "y", "--json")
    assert run("simulate", *options, "--at", "2026-03-01T12:00").complaint["type"] == "Malformed"
    assert run("simulate", *options, "--app", "nobody").complaint["type"] == "Unknown"


# --- words ---


def test_the_words_of_a_calendar() -> None:
    """What holds, what comes next, and the hours are told in a sentence each."""
    held = Span(name="x", reason="Why", start=at(-1))
    inside = Bounds(
        frozen=(held, Span(name="y", end=at(1))),
        next_freeze=Span(name="z", start=at(2)),
        hours=("a", "b"),
        is_within_hours=True,
        hours_turn_at=at(3),
    )
    assert inside.said == (
        "The freeze 'x' (Why) holds.",
        "The freeze 'y' holds until 2024-05-06 13:00:00 UTC.",
        "The freeze 'z' begins at 2024-05-06 14:00:00 UTC.",
        "It has to keep the hours of a, b: now is in them; they end at 2024-05-06 15:00:00 UTC.",
    )
    outside = Bounds(frozen=(), hours=("a",), is_within_hours=False)
    assert outside.said == ("It has to keep the hours of a: now is outside of them.",)
    assert Bounds(frozen=(), hours=(), is_within_hours=True).said == ()


def test_the_words_of_a_change() -> None:
    """A window that is open at a side, and conflicts, are told in words."""
    change = Change(key="CHG-1", found=Found(why="x"))
    assert change.window == ""
    late = Change(key="CHG-1", found=Found(why="x"), planned_end=at(1))
    assert late.window == "from any time to 2024-05-06 13:00:00 UTC"
    conflict = Conflict(key="CHG-2", title="Move", status="Planning", services=("a", "b"), is_earlier=True)
    assert conflict.said.startswith("CHG-2 (earlier, Planning, ")
    assert conflict.said.endswith("a, b): Move")
