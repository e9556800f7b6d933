"""The fake Jira's fetching of many issues at once."""

from datetime import UTC, datetime, timedelta

from tests.fakes.jira.asking import Caller
from tests.fakes.jira.flavours import DATA_CENTER_10
from tests.fakes.jira.jira import FakeJira

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WHERE = "issue/bulkfetch"


def test_what_is_not_there_is_left_out() -> None:
    """Issues come as they are now, by old keys too and once each; deleted and hidden ones are left out."""
    asking = Caller(FakeJira(at=NOON))
    jira = asking.jira
    jira.site.lag = timedelta(hours=1)
    for key in ("OTHER", "SECRET"):
        jira.site.add_project(key)
    jira.gate.hidden_projects.add("SECRET")
    keys = [jira.people.raise_change("ITSM", f"Change {number}") for number in range(4)]
    jira.people.delete(keys[0])
    jira.people.move(keys[1], "SECRET")
    moved = jira.people.move(keys[2], "OTHER")
    wish = {"issueIdsOrKeys": [*reversed(keys), moved, "ITSM-99"], "fields": ["status"], "properties": ["p"]}
    said = asking.post(WHERE, wish)
    assert [issue["key"] for issue in said["issues"]] == [moved, keys[3]]
    assert said["issues"][1]["fields"]["status"]["name"] == "Peer review / change manager approval"


def test_it_takes_so_many_at_once() -> None:
    """More than a hundred, none, or what it does not know is refused; Data Center has nothing of the kind."""
    asking = Caller(FakeJira(at=NOON))
    wishes: list[dict[str, object]] = [
        {"issueIdsOrKeys": ["A-1"] * 101},
        {"issueIdsOrKeys": []},
        {"issueIdsOrKeys": ["A-1"], "jql": "x"},
    ]
    for wish in wishes:
        assert asking.ask("POST", WHERE, wish)[0] == 400
    assert Caller(FakeJira(DATA_CENTER_10)).ask("POST", WHERE, {"issueIdsOrKeys": ["A-1"]})[0] == 405
