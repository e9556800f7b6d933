"""The fake Jira's search: its language, its pages, and how late it is."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.jira.asking import Caller
from tests.fakes.jira.flavours import CLOUD, DATA_CENTER_9, Flavour
from tests.fakes.jira.jira import FakeJira

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BOTH = pytest.mark.parametrize("flavour", [CLOUD, DATA_CENTER_9], ids=["cloud", "data center"])
TITLE = 'Octopus: Deploy "Shop" version 1.2.3 to "Production"'


def asking_about(*titles: str, flavour: Flavour = CLOUD) -> Caller:
    """Give somebody who asks a Jira with changes of these titles, made a minute apart up to noon."""
    jira = FakeJira(flavour, at=NOON - timedelta(minutes=len(titles) - 1))
    asking = Caller(jira)
    for title in titles:
        asking.request_change(title)
        jira.clock.advance(minutes=1)
    jira.clock.at = NOON
    return asking


@pytest.mark.parametrize(
    ("sought", "is_found"),
    [
        (r"\"Deploy Shop version 1.2.3 to Production\"", True),
        ("production DEPLOYED shops", True),
        (r"\"Shop Deploy\"", False),
        ("deploy -shop", False),
        ("prod*", True),
        (r"Octopus\\: Deploy", True),
        ("1.2", False),
    ],
)
def test_text_is_matched_by_words(sought: str, is_found: bool) -> None:
    """A text search knows words and their stems, and no punctuation: it finds more than the same title."""
    assert asking_about(TITLE).found(f'summary ~ "{sought}"') == (["ITSM-1"] if is_found else [])


def test_a_text_search_finds_other_titles_too() -> None:
    """A phrase made of a title finds other titles that hold its words in a row."""
    asking = asking_about(TITLE, f"Rollback of {TITLE}")
    assert len(asking.found(r'summary ~ "\"Octopus Deploy Shop version 1.2.3 to Production\""')) == 2


@pytest.mark.parametrize(
    ("jql", "keys"),
    [
        ("project = ITSM order by key", ["ITSM-1", "ITSM-2", "ITSM-3"]),
        ("project = ITSM order by key desc", ["ITSM-3", "ITSM-2", "ITSM-1"]),
        ("key in (ITSM-1, ITSM-3) order by created", ["ITSM-1", "ITSM-3"]),
        ('status = "Planning"', ["ITSM-2"]),
        ('project = ITSM and not status = "Planning" order by key', ["ITSM-1", "ITSM-3"]),
        ("statusCategory = Done", []),
        ("project = ITSM and (summary ~ one or summary ~ three) order by key", ["ITSM-1", "ITSM-3"]),
        ("labels = gate", ["ITSM-3"]),
        ("project = ITSM and labels != gate", []),
        ("project = ITSM and labels is empty order by key", ["ITSM-1", "ITSM-2"]),
        ("reporter = currentUser() and key = itsm-1", ["ITSM-1"]),
        ('"Change type" = Normal', ["ITSM-2"]),
        ("cf[10005] = Normal", ["ITSM-2"]),
        ('"Planned start" > "2026-03-02 10:00"', ["ITSM-1"]),
        ('"Planned start" > "2026-03-02 11:00"', []),
        ("resolution is empty and key = ITSM-1", ["ITSM-1"]),
        ("created >= -1m order by key", ["ITSM-2", "ITSM-3"]),
        ('created < "2026-03-02 11:59" order by key', ["ITSM-1"]),
    ],
)
def test_queries_find_what_they_say(jql: str, keys: list[str]) -> None:
    """Each part of the language that a connector needs means what it means in Jira."""
    asking = asking_about("One", "Two", "Three")
    people = asking.jira.people
    people.fill_in("ITSM-1", {"Planned start": datetime(2026, 3, 2, 10, 30, tzinfo=UTC)})
    people.fill_in("ITSM-2", {"Change type": "Normal"})
    people.approve("ITSM-2")
    people.fill_in("ITSM-3", {"labels": ["gate"]})
    assert asking.found(jql) == keys


def test_dates_are_in_the_zone_of_who_asks() -> None:
    """A date without an offset is read in the time zone of the user's profile."""
    asking = asking_about("One")
    assert asking.found('updated >= "2026-03-02 12:00"') == ["ITSM-1"]
    asking.jira.gate.zone = "America/New_York"
    assert asking.found('updated >= "2026-03-02 12:00"') == []
    assert asking.found('updated >= "2026-03-02 07:00"') == ["ITSM-1"]
    assert asking.get("issue/ITSM-1")["fields"]["updated"] == "2026-03-02T07:00:00.000-0500"


@BOTH
@pytest.mark.parametrize(
    ("jql", "message"),
    [
        ("colour = red", "Field 'colour' does not exist or you do not have permission to view it."),
        ("project = NONE", "The value 'NONE' does not exist for the field 'project'."),
        ("status = Odd", "The value 'Odd' does not exist for the field 'status'."),
        ("key in (ITSM-1, ITSM-9)", "An issue with key 'ITSM-9' does not exist for field 'key'."),
        ("summary = One", "The operator '=' is not supported by the 'summary' field."),
        ("project = ITSM and", "Error in the JQL Query: Expecting a field name before the end of the query."),
        ("project ITSM", "Error in the JQL Query: Expecting operator but got 'ITSM'. (line 1, character 9)"),
        ("project in (ITSM", "Error in the JQL Query: Expecting ')' before the end of the query."),
        (r'summary ~ "\"one"', "Unable to parse the text '\"one' for field 'summary'."),
        (
            "issue.property[x].y = 1",
            "Field 'issue.property[x].y' does not exist or you do not have permission to view it.",
        ),
    ],
)
def test_wrong_queries_are_refused_in_words(flavour: Flavour, jql: str, message: str) -> None:
    """A query that Jira would not run is answered with 400 and Jira's sentence."""
    asking = asking_about("One", flavour=flavour)
    where = "search/jql" if flavour.is_cloud else "search"
    assert asking.ask("POST", where, {"jql": jql}) == (400, {"errorMessages": [message], "errors": {}})


def test_properties_can_be_searched_where_an_app_had_them_indexed() -> None:
    """What is kept in a property can be searched only after it was declared."""
    asking = asking_about("One")
    asking.ask("PUT", "issue/ITSM-1/properties/gate", {"id": "7"})
    asking.jira.site.indexed_properties.add("gate")
    assert asking.found('issue.property[gate].id = "7"') == ["ITSM-1"]


def test_cloud_wants_bounds_and_gives_tokens() -> None:
    """On Cloud a search has bounds and pages with tokens, and gives nothing but ids unless told."""
    asking = asking_about("One", "Two", "Three")
    for jql in ("", "order by created desc"):
        status, said = asking.ask("POST", "search/jql", {"jql": jql})
        assert (status, said["errorMessages"]) == (
            400,
            ["Unbounded JQL queries are not allowed here. Please add a search restriction to your query."],
        )
    wish = {"jql": "project = ITSM order by key", "maxResults": 2}
    first = asking.post("search/jql", wish)
    assert [set(hit) for hit in first["issues"]] == [{"id"}, {"id"}]
    assert not first["isLast"]
    rest = asking.post("search/jql", wish | {"nextPageToken": first["nextPageToken"]})
    assert (len(rest["issues"]), rest["isLast"], "nextPageToken" in rest, "total" in rest) == (1, True, False, False)
    other = {"jql": "project = ITSM", "nextPageToken": first["nextPageToken"]}
    assert asking.ask("POST", "search/jql", other)[0] == 400
    assert asking.ask("POST", "search/jql", wish | {"maxResults": 0})[0] == 400
    assert asking.ask("POST", "search/jql", wish | {"startAt": 0})[0] == 400
    assert asking.ask("GET", "search?jql=project=ITSM")[0] == 410
    query = "jql=project%3DITSM%20order%20by%20key&fields=summary&maxResults=1"
    assert asking.get(f"search/jql?{query}")["issues"][0]["fields"] == {"summary": "One"}


def test_data_center_counts() -> None:
    """On Data Center a search pages by numbers, knows the total, and may be lenient about values."""
    asking = asking_about("One", "Two", "Three", flavour=DATA_CENTER_9)
    said = asking.post("search", {"jql": "order by key", "startAt": 1, "maxResults": 1, "fields": ["summary"]})
    assert (said["total"], said["startAt"], [hit["key"] for hit in said["issues"]]) == (3, 1, ["ITSM-2"])
    lenient = asking.post("search", {"jql": "key in (ITSM-1, ITSM-9)", "validateQuery": False})
    assert [hit["key"] for hit in lenient["issues"]] == ["ITSM-1"]
    assert lenient["warningMessages"] == ["An issue with key 'ITSM-9' does not exist for field 'key'."]
    assert asking.ask("POST", "search/jql", {"jql": "project = ITSM"})[0] in {404, 405}


def test_a_search_can_be_late() -> None:
    """With a lag a search knows neither a new issue nor a change nor a deletion, unless it is to reconcile."""
    asking = asking_about("One")
    jira = asking.jira
    jira.site.lag = timedelta(seconds=30)
    assert asking.found("project = ITSM") == []
    wish = {"jql": "project = ITSM", "fields": ["status"], "reconcileIssues": [int(jira.issue("ITSM-1").id)]}
    assert len(asking.post("search/jql", wish)["issues"]) == 1
    jira.clock.advance(seconds=30)
    assert asking.found("project = ITSM") == ["ITSM-1"]
    jira.people.approve("ITSM-1")
    assert asking.found("status = Planning") == []
    jira.clock.advance(seconds=30)
    assert asking.found("status = Planning") == ["ITSM-1"]
    jira.people.delete("ITSM-1")
    assert asking.found("project = ITSM") == ["ITSM-1"]
    jira.clock.advance(seconds=30)
    assert asking.found("project = ITSM") == []


def test_what_cannot_be_seen_is_not_found() -> None:
    """Issues of a project that is hidden from who asks are not found."""
    asking = asking_about("One")
    asking.jira.site.add_project("OPS")
    asking.jira.people.raise_change("OPS", "Another")
    asking.jira.gate.hidden_projects.add("OPS")
    assert asking.found("created > -1h") == ["ITSM-1"]
